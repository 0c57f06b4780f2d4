/*
 * Round robin with slices, and the run loop of every mode.
 *
 * Invariants: the run queue holds each runnable vcpu exactly once, the running one included, at its
 * this_pcpu()->queue_head; a blocked vcpu is on no queue; IF=0 throughout, interrupts are taken in
 * a guest, in idle, or never.
 */
#include "sched.h"

#include "console.h"
#include "domain.h"
#include "event.h"
#include "insn.h"
#include "lives.h"
#include "log.h"
#include "machine.h"
#include "pcpu.h"
#include "timer.h"
#include "trace.h"
#include "virt.h"

enum { REAP_US = 1000 };

u64 sched_slice;

bool sched_time_is_up(void)
{
    return sched_now() >= this_pcpu()->until;
}

u64 sched_now(void)
{
    return rdtsc();
}

struct vcpu *sched_current(void)
{
    return this_pcpu()->current;
}

/* Takes the loaded vcpu off the processor and puts `next` (may be NULL) on it. */
static void switch_to(struct vcpu *next)
{
    struct pcpu *cpu = this_pcpu();

    if (cpu->current) {
        TRACE(cpu->current->domain, DESCHEDULED);
        virt_vcpu_put(cpu->current);
    }
    cpu->current = next;
    if (!next)
        return;
    virt_vcpu_load(next);
    ledger_count(&next->domain->ledger, LC_SCHEDULED);
    TRACE(next->domain, SCHEDULED);
    next->slice_end = rdtsc() + sched_slice;
    if (!next->domain->ledger.first_entry)
        next->domain->ledger.first_entry = rdtsc();
}

/* Waits for the next timer. Deterministic: nothing else can wake the machine. */
static void idle(void)
{
    u64 next = timer_next();

    if (next == ~0ULL) {
        domain_end_sleepers();
        return;
    }
    timer_arm_hardware(next);
    wait_for_interrupt();
    timer_run(rdtsc());
}

static void look_at_clock_at(struct vcpu *v)
{
    u64 next = timer_next();

    this_pcpu()->until = MIN(v->slice_end, next);
}

/* The slice is over or a timer is due, or was: fires what is. False: it is another's turn, or that
 * of the dead. */
static bool time_is_up(struct vcpu *v, u64 now)
{
    timer_run(now);
    if (now >= v->slice_end) {
        if (v->run_next)
            sched_yield_vcpu(v);
        v->slice_end = now + sched_slice;
    }
    look_at_clock_at(v);
    return this_pcpu()->queue_head == v && !lives_reap_due();
}

/*
 * Tour 14: enter, exit, handle, charge. The heart, six lines. Deliver what is pending, let the
 * guest run until `until` at the latest, handle the exit, charge the ticks to the counter that the
 * exit names. Whatever a guest does, it is one of these exits; whatever it costs, it is in its
 * ledger. All that follows in this tour happens inside `virt_vcpu_run` and `virt_handle_exit`.
 */

/* Runs v until something else than v is due. A vcpu that is not runnable is not at the head. */
static void run(struct vcpu *v)
{
    const struct pcpu *cpu = this_pcpu();
    struct ledger *ledger = &v->domain->ledger;
    struct exit e;
    u64 now = rdtsc();

    look_at_clock_at(v);
    while (likely(cpu->queue_head == v)) {
        if (unlikely(now >= cpu->until) && !time_is_up(v, now))
            return;
        virt_deliver_pending(v);
        virt_vcpu_run(v, cpu->until, &e);
        virt_handle_exit(v, &e);
        now = rdtsc();
        ledger_add(ledger, e.counter, now - e.tsc);
        if (trace_wants(TRACE_ALL))
            virt_trace_exit(v, &e, now - e.tsc);
    }
}

/* What the dead have left is cleared away for a while, short against a slice, and no longer than to
 * the next timer. */
static void reap(void)
{
    switch_to(NULL);
    this_pcpu()->until = MIN(rdtsc() + us_to_ticks(REAP_US), timer_next());
    if (!domain_reap())
        machine_end();
    timer_run(rdtsc());
}

/*
 * Tour 13: the only loop. The hypervisor has no threads. This loop runs from the end of the boot
 * until the last domain has ended: bury who has ended, sleep if nobody can run, else load the vcpu
 * at the head of the queue and run it. Interrupts are off here, always; they arrive while a guest
 * runs, or in `idle`.
 */
void sched_run(void)
{
    for (;;) {
        if (lives_reap_due() || !lives_started())
            reap();
        if (!this_pcpu()->queue_head) {
            switch_to(NULL);
            if (!lives_reap_due())
                idle();
            continue;
        }
        if (this_pcpu()->current != this_pcpu()->queue_head)
            switch_to(this_pcpu()->queue_head);
        run(this_pcpu()->queue_head);
    }
}
