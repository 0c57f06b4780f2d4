/*
 * A guest's time: vcpu_time_info, and its timers. Source: xen/xen.h; xen/vcpu.h.
 *
 * Invariant: while vcpu_time_info is written its version is odd.
 */
#include "errno.h"
#include "event.h"
#include "insn.h"
#include "hypercall.h"
#include "sched.h"
#include "time_scale.h"
#include "timer.h"
#include "wall_clock.h"

/* Later than any machine runs, and its ticks still fit into 64 bits. */
#define FAR_FUTURE_NS (1ULL << 56)
#define PERIOD_MIN_NS 1000000ULL
#define PERIOD_MAX_NS ((1ULL << 62) - 1) /* of Xen's */
/* What set_timer_op takes for a mistake: a time that long after now, or with bit 63. */
#define HUGE_NS (1ULL << 50)
enum { HUGE_TIMEOUT_NS = 100000000 };

void pv_time_update(struct vcpu *v)
{
    struct vcpu_time_info *t = &v->virt->info->time;
    struct time_scale s = time_scale_of(tsc_khz);
    u64 now = rdtsc();

    t->version |= 1;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    t->tsc_timestamp = now;
    t->system_time = system_time_ns(now);
    t->tsc_to_system_mul = s.mul;
    t->tsc_shift = s.shift;
    t->flags = XEN_PVCLOCK_TSC_STABLE_BIT;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    t->version++;
    if (unlikely(v->virt->time_gva && v == pv_current())) {
        pv_kernel_root_begin(v);
        (void)pv_copy_to(v->virt->time_gva, t, sizeof(*t));
        pv_kernel_root_end(v);
    }
}

/* What the clock on the wall showed when system time was 0. */
void pv_wall_clock(struct domain *d)
{
    const u64 second = 1000000000;
    struct shared_info *s = d->pv->shared;
    u64 now = sched_now(), ns = wall_clock(now) * second - system_time_ns(now);

    s->wc_sec = (u32)(ns / second);
    s->wc_sec_hi = (u32)(ns / second >> 32);
    s->wc_nsec = (u32)(ns % second);
    s->wc_version = 2; /* even: it is whole */
}

static void on_timer(struct timer *t, u64 now)
{
    (void)now;
    event_raise(container_of(t, struct vcpu, timer), EVENT_TIMER);
}

static void on_period(struct timer *t, u64 now)
{
    struct virt_vcpu *x = container_of(t, struct virt_vcpu, periodic);

    event_raise(x->owner, EVENT_TIMER);
    x->period_last = now;
    timer_set(t, now + x->period_ticks);
}

static void on_poll_timeout(struct timer *t, u64 now)
{
    struct virt_vcpu *x = container_of(t, struct virt_vcpu, poll_timer);

    (void)now;
    x->polling = false;
    sched_wake(x->owner);
}

void pv_timer_init(struct vcpu *v)
{
    v->timer.fire = on_timer;
    v->virt->periodic.fire = on_period;
    v->virt->poll_timer.fire = on_poll_timeout;
}

void pv_timer_cancel(struct vcpu *v)
{
    timer_cancel(&v->virt->periodic);
    timer_cancel(&v->virt->poll_timer);
}

/* A time counts as signed, as under Xen: with bit 63 it is past. The run loop arms the hardware for
 * what is first now. */
static void set(struct vcpu *v, struct timer *t, u64 ns)
{
    timer_set(t, system_time_to_tsc((s64)ns < 0 ? 0 : MIN(ns, FAR_FUTURE_NS)));
    v->kicked = 1;
}

void pv_set_timer(struct vcpu *v, u64 deadline_ns)
{
    set(v, &v->timer, deadline_ns);
}

void pv_set_poll_timer(struct vcpu *v, u64 deadline_ns)
{
    set(v, &v->virt->poll_timer, deadline_ns);
}

/* A period after it last came: at once, if that is past. */
s64 pv_set_periodic(struct vcpu *v, u64 period_ns)
{
    struct virt_vcpu *x = v->virt;

    if (period_ns < PERIOD_MIN_NS || period_ns > PERIOD_MAX_NS)
        return -EINVAL;
    x->period_ticks = mul_div(MIN(period_ns, FAR_FUTURE_NS), tsc_khz, 1000000);
    timer_set(&x->periodic, x->period_last + x->period_ticks);
    v->kicked = 1;
    return 0;
}

/* As under Xen a time that is far too late, such as one that a guest has got by a wrong
 * subtraction, comes soon: neither never, nor at once and again and again. */
static s64 do_set_timer_op(u64 ns)
{
    struct vcpu *v = pv_current();
    u64 now = system_time_ns(rdtsc());

    if (!ns)
        timer_cancel(&v->timer);
    else if ((s64)ns < 0 || (ns > now && ns - now >= HUGE_NS))
        pv_set_timer(v, now + HUGE_TIMEOUT_NS);
    else
        pv_set_timer(v, ns);
    return 0;
}
HYPERCALL(__HYPERVISOR_set_timer_op, do_set_timer_op, LC_HC_SET_TIMER_OP);
