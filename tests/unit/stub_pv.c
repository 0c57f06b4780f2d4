/*
 * For host tests of src/pv/, with stub_pv_copy.c: the running domain is the only one.
 */
#include "stub_pv.h"

#include "sched.h"

unsigned stub_pv_woken, stub_pv_drained;
struct pcpu host_pcpu;
u64 stub_pv_now;

void sched_wake(struct vcpu *v)
{
    v->state = VCPU_RUNNABLE;
    stub_pv_woken++;
}

u64 sched_now(void)
{
    return stub_pv_now;
}

/* The running domain is the only one. */
struct domain *domain_by_id(u16 id)
{
    struct domain *d = host_pcpu.current->domain;

    return d->id == id ? d : NULL;
}

bool sched_time_is_up(void)
{
    return sched_now() >= host_pcpu.until;
}

bool pv_store_notify(struct domain *d)
{
    (void)d;
    return true;
}

void pv_console_drain(struct domain *d)
{
    (void)d;
    stub_pv_drained++;
}
