/*
 * Channel 0's ticks: IRQ 0.
 *
 * Late ticks. A tick whose request was still pending when the next one came is lost, as on the bare
 * machine, if the guest ran or slept: it had interrupts off. If it waited for the processor, or the
 * hypervisor looked late, the tick is owed: it is told later, at four times the rate, or at once
 * when the guest would go to sleep (it might wait for its turn again before the next), so that a
 * guest that counts ticks has the right time all the same. What is owed is at most a second's.
 * Ticks that nobody listens to are not owed, and none is computed until somebody listens again;
 * but many a guest masks the line while it handles a tick, and then one more is the controller's to
 * remember, those while the guest waits for its turn are owed, and what was owed before stays so.
 * No two are closer than PIT_MIN_US, whatever was programmed, so that no guest keeps the processor
 * busy with its timer alone.
 */
#include "pit_tick.h"

#include "domain.h"
#include "irq.h"
#include "sched.h"
#include "timer.h"
#include "trace.h"

enum { PIT_MIN_US = 50, CATCH_UP = 4 };

static bool is_periodic(const struct pit_channel *c)
{
    return c->mode == PIT_RATE || c->mode == PIT_SQUARE;
}

/* Ticks since counting began. */
static s64 ticks(const struct pit_channel *c, u64 clock)
{
    return (s64)((clock - c->start) / c->reload);
}

static s64 owed(struct pit *p, u64 clock)
{
    const struct pit_channel *c = &p->channel[0];
    s64 most = 1 + PIT_HZ / c->reload, all = ticks(c, clock);

    if (all - p->told > most)
        p->told = all - most;
    return all - p->told;
}

void pit_tick_arm(struct pit *p, u64 now)
{
    const struct pit_channel *c = &p->channel[0];
    u64 clock = pit_clock(p, now), clocks;

    timer_cancel(&p->timer);
    if (!c->running || (!is_periodic(c) && p->one_told) || c->mode == PIT_ONE_SHOT ||
        c->mode == PIT_TRIGGERED_STROBE)
        return;
    if (!is_periodic(c))
        clocks = clock - c->start < c->reload ? c->reload - (clock - c->start) : 0;
    else if (owed(p, clock) && p->taken)
        clocks = c->reload / CATCH_UP;
    else
        clocks = c->reload - (clock - c->start) % c->reload;
    u64 deadline = device_clock_deadline(&p->clock, now, clocks);
    if (is_periodic(c))
        deadline = MAX(deadline, now + us_to_ticks(PIT_MIN_US));
    timer_set(&p->timer, deadline);
}

/* The guest could have taken a tick, had it been its turn. */
static bool waits_its_turn(const struct pit *p)
{
    const struct vcpu *v = p->domain->vcpu[0];

    return v->state == VCPU_RUNNABLE && sched_current() != v;
}

/* A tick that nobody hears, `first` since somebody did. The timer goes on until one has come while
 * the guest could have listened. */
static void unheard(struct pit *p, bool first, u64 now)
{
    bool waits = waits_its_turn(p);

    if (first || !waits)
        p->told++;
    if (first || waits)
        pit_tick_arm(p, now);
    else
        p->kept = owed(p, pit_clock(p, now));
}

static void fire(struct timer *t, u64 now)
{
    struct pit *p = container_of(t, struct pit, timer);
    struct pit_channel *c = &p->channel[0];
    bool heard = irq_heard(p->domain, IRQ_TIMER), first = !p->unheard, told = false;

    (void)pit_count(p, 0, now); /* a new count may be due */
    u64 clock = pit_clock(p, now);
    if (is_periodic(c) ? !owed(p, clock) : clock - c->start < c->reload) {
        pit_tick_arm(p, now); /* too early */
        return;
    }
    if (heard || first)
        told = irq_pulse(p->domain, IRQ_TIMER);
    p->taken = told;
    p->unheard = !heard;
    if (told) {
        ledger_count(&p->domain->ledger, LC_DELIVERED_TIMER);
        TRACE(p->domain, DELIVERED_TIMER);
    }
    if (!is_periodic(c)) {
        p->one_told = true;
        return;
    }
    if (!heard) {
        unheard(p, first, now);
        return;
    }
    if (told || !waits_its_turn(p))
        p->told++;
    pit_tick_arm(p, now);
}

void pit_listen(struct pit *p, u64 now)
{
    struct pit_channel *c = &p->channel[0];

    p->unheard = false;
    if (!c->running || !is_periodic(c) || p->timer.deadline)
        return;
    (void)pit_count(p, 0, now);
    p->told = ticks(c, pit_clock(p, now)) - p->kept;
    p->kept = 0;
    pit_tick_arm(p, now);
}

void pit_before_sleep(struct pit *p, u64 now)
{
    if (p->timer.deadline && is_periodic(&p->channel[0]) && owed(p, pit_clock(p, now)) &&
        irq_heard(p->domain, IRQ_TIMER))
        fire(&p->timer, now);
}

void pit_tick_init(struct pit *p)
{
    p->timer.fire = fire;
}

void pit_tick_stop(struct pit *p)
{
    timer_cancel(&p->timer);
    p->told = p->kept = 0;
    p->one_told = false;
    if (p->channel[0].mode == PIT_TERMINAL)
        irq_set(p->domain, IRQ_TIMER, false); /* OUT is low until the count has run out */
}

void pit_tick_loaded(struct pit *p, bool later)
{
    if (!later) {
        p->told = p->kept = 0;
        p->one_told = false;
    }
}
