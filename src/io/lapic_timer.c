/*
 * The local APIC's timer: one-shot, periodic, TSC deadline. Source: SDM, "APIC Timer".
 *
 * Late ticks are merged: periods that went by entirely while nobody looked are one interrupt, and
 * lateness does not shift the beat. Periods are at least MIN_PERIOD_US.
 */
#include "domain.h"
#include "lapic_parts.h"
#include "sched.h"
#include "trace.h"

enum { MIN_PERIOD_US = 50 }; /* a shorter one would keep the processor busy with timers alone */
/* "Divide Configuration Register": bits 1, 0 and 3 */
enum { DIVIDE_LOW = 3, DIVIDE_HIGH = 1 << 3, DIVIDE_BY_1 = 7 };

/* log2 of the divisor. */
static unsigned divide_shift(const struct lapic *l)
{
    unsigned code = (l->divide & DIVIDE_LOW) | (l->divide & DIVIDE_HIGH) >> 1;

    return code == DIVIDE_BY_1 ? 0 : code + 1;
}

static u64 period(const struct lapic *l)
{
    return (u64)l->initial << divide_shift(l);
}

static void fire(struct timer *t, u64 now)
{
    struct lapic *l = container_of(t, struct vcpu, timer)->lapic;

    l->deadline = 0;
    lapic_timer_expired(l);
    if (!(l->lvt[LAPIC_LVT_TIMER] & LVT_PERIODIC))
        return;
    u64 p = MAX(period(l), us_to_ticks(MIN_PERIOD_US));
    l->started += (now - l->started) / p * p;
    timer_set(t, l->started + p);
}

void lapic_start_timer(struct lapic *l)
{
    if (l->lvt[LAPIC_LVT_TIMER] & LVT_DEADLINE)
        return;
    timer_cancel(&l->vcpu->timer);
    if (!l->initial)
        return;
    u64 p = period(l);
    if (l->lvt[LAPIC_LVT_TIMER] & LVT_PERIODIC)
        p = MAX(p, us_to_ticks(MIN_PERIOD_US));
    l->started = sched_now();
    l->vcpu->timer.fire = fire;
    timer_set(&l->vcpu->timer, l->started + p);
}

/* "A write to the LVT Timer Register that changes the timer mode disarms the local APIC timer"
 * where TSC deadline mode begins or ends. */
void lapic_timer_mode(struct lapic *l, u32 old_lvt)
{
    u32 changed = l->lvt[LAPIC_LVT_TIMER] ^ old_lvt;

    if (changed & LVT_DEADLINE) {
        l->initial = 0;
        l->deadline = 0;
        timer_cancel(&l->vcpu->timer);
    } else if (changed & LVT_PERIODIC) {
        lapic_start_timer(l);
    }
}

u64 lapic_deadline(const struct lapic *l)
{
    return l->deadline;
}

void lapic_set_deadline(struct lapic *l, u64 tsc)
{
    if ((l->lvt[LAPIC_LVT_TIMER] & LVT_TIMER_MODE) != LVT_DEADLINE || l->mode == LAPIC_DISABLED)
        return;
    l->deadline = tsc;
    timer_cancel(&l->vcpu->timer);
    if (!tsc)
        return;
    l->vcpu->timer.fire = fire;
    timer_set(&l->vcpu->timer, tsc);
}

void lapic_timer_expired(struct lapic *l)
{
    u32 lvt = l->lvt[LAPIC_LVT_TIMER];

    if (lvt & LVT_MASKED)
        return;
    ledger_count(&l->vcpu->domain->ledger, LC_DELIVERED_TIMER);
    TRACE(l->vcpu->domain, DELIVERED_TIMER);
    lapic_request(l, lvt & LVT_VECTOR);
}

u32 lapic_current_count(const struct lapic *l)
{
    u64 gone;

    if (!l->initial)
        return 0;
    gone = (sched_now() - l->started) >> divide_shift(l);
    if (l->lvt[LAPIC_LVT_TIMER] & LVT_PERIODIC)
        gone %= l->initial;
    return gone >= l->initial ? 0 : l->initial - (u32)gone;
}
