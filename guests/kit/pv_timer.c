/*
 * The timer under PV: VCPUOP_set_singleshot_timer, which takes the hypervisor's time in
 * nanoseconds; VIRQ_TIMER says that it is due. Source: xen/vcpu.h, struct vcpu_time_info.
 */
#include "kit/hypercall.h"
#include "kit/insn.h"
#include "kit/platform.h"
#include "kit/pv.h"

#include <xen/vcpu.h>

static u64 period; /* in nanoseconds; 0: one shot */
static u64 deadline;

/* A number of ticks in nanoseconds, as the hypervisor scales them. */
static u64 scale(u64 ticks)
{
    const volatile struct vcpu_time_info *t = &PV_SHARED->vcpu_info[0].time;

    ticks = t->tsc_shift < 0 ? ticks >> -t->tsc_shift : ticks << t->tsc_shift;
    return (u64)((unsigned __int128)ticks * t->tsc_to_system_mul >> 32);
}

u64 pv_now(void)
{
    const volatile struct vcpu_time_info *t = &PV_SHARED->vcpu_info[0].time;
    u64 time;
    u32 version;

    do {
        version = t->version;
        time = t->system_time + scale(rdtsc() - t->tsc_timestamp);
    } while (version & 1 || version != t->version);
    return time;
}

static void arm(void)
{
    struct vcpu_set_singleshot_timer timer = {.timeout_abs_ns = deadline};

    hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, (u64)&timer);
}

static void due(void)
{
    if (period) {
        deadline += period;
        arm();
    }
    if (timer_handler)
        timer_handler();
}

void pv_timer_init(void)
{
    hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0, 0);
    pv_bind_virq(VIRQ_TIMER, due);
}

void pv_timer_once(u64 ticks)
{
    period = 0;
    deadline = pv_now() + scale(ticks);
    arm();
}

void pv_timer_periodic(u64 ticks)
{
    period = scale(ticks);
    deadline = pv_now() + period;
    arm();
}

void pv_timer_stop(void)
{
    period = 0;
    hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_stop_singleshot_timer, 0, 0);
}
