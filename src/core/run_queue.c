/*
 * The run queue: round robin. Pure bookkeeping, no clock and no privileged instruction.
 *
 * Invariants: the queue holds each runnable vcpu exactly once, the running one included, at its
 * head; a blocked vcpu or one that is down is on no queue; a vcpu of a doomed domain is never put
 * on it.
 */
#include "sched.h"

#include "domain.h"
#include "pcpu.h"
#include "trace.h"

static void enqueue(struct vcpu *v)
{
    struct pcpu *cpu = this_pcpu();

    v->run_next = NULL;
    if (cpu->queue_tail)
        cpu->queue_tail->run_next = v;
    else
        cpu->queue_head = v;
    cpu->queue_tail = v;
}

static void dequeue(struct vcpu *v)
{
    struct pcpu *cpu = this_pcpu();
    struct vcpu **at = &cpu->queue_head, *before = NULL;

    while (*at && *at != v) {
        before = *at;
        at = &(*at)->run_next;
    }
    if (!*at)
        return;
    *at = v->run_next;
    if (cpu->queue_tail == v)
        cpu->queue_tail = before;
    v->run_next = NULL;
}

void sched_wake(struct vcpu *v)
{
    if (v->state == VCPU_RUNNABLE || v->domain->doomed)
        return;
    v->state = VCPU_RUNNABLE;
    enqueue(v);
}

void sched_block(struct vcpu *v)
{
    if (v->state != VCPU_RUNNABLE)
        return;
    v->state = VCPU_BLOCKED;
    ledger_count(&v->domain->ledger, LC_BLOCKED);
    TRACE(v->domain, BLOCKED);
    dequeue(v);
}

void sched_remove(struct vcpu *v)
{
    if (v->state == VCPU_RUNNABLE)
        dequeue(v);
    v->state = VCPU_DOWN;
}

void sched_yield_vcpu(struct vcpu *v)
{
    if (v->state != VCPU_RUNNABLE)
        return;
    dequeue(v);
    enqueue(v);
}

unsigned run_queue_check(void)
{
    const struct vcpu *last = NULL;
    unsigned bad = 0, count = 0;

    for (const struct vcpu *v = this_pcpu()->queue_head; v && count < DOMAIN_MAX * DOMAIN_MAX_VCPUS;
         v = v->run_next, count++) {
        bad += v->state != VCPU_RUNNABLE || v->domain->doomed;
        last = v;
    }
    return bad + (last != this_pcpu()->queue_tail);
}
