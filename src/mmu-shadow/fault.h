/*
 * A page fault's way: the quick one (quick.c), which knows from the shadow how far the guest's
 * tables go, and the whole one (fill.c), which always works: it walks the guest's tables. Both end
 * in one of two: the leaf is filled, or the guest gets its fault.
 */
#ifndef SHADOW_FAULT_H
#define SHADOW_FAULT_H

#include "domain.h"
#include "paging.h"
#include "shadow.h"
#include "trace.h"

/* fill.c: whose page fault is it? By a walk of the guest's tables. */
enum paging_result shadow_walk_and_fill(struct vcpu *v, const struct exit *e,
                                        struct paging_fault *out);
/* The guest permits the access e to gpa, and has set its A and D; s is the level 1 shadow for it.
 * entry: the guest's, or DIRECT_ENTRY. Fills the leaf; or says what else is to be done: a device is
 * there, or a table of the guest's that is to be written to, or there is no memory. */
enum paging_result shadow_fill(struct vcpu *v, const struct exit *e, struct shadow *s, u64 entry,
                               u64 gpa, struct paging_fault *out);
/* smap.c. With CR4.SMAP: sets mode.smap for the access that has faulted. */
void __attribute__((cold)) shadow_judge_smap(struct vcpu *v, const struct exit *e);
/* A write of the kernel's, with CR0.WP = 0, that no leaf of s may permit: entry as in shadow_fill.
 */
bool __attribute__((cold)) shadow_write_by_emulation(const struct vcpu *v, const struct exit *e,
                                                     const struct shadow *s, u64 entry);
/* While the trace is on: the last step of shadow_reflect. */
enum paging_result __attribute__((cold))
shadow_trace_reflect(const struct vcpu *v, const struct paging_fault *out);

/*
 * Tour 43: the guest's own. The guest's tables have no such page, so the guest shall have its
 * fault: with the error code that its tables give, which is not always the one that the processor
 * gave for ours. The fault is injected at the next entry, and the guest's handler runs. One exit
 * for a page fault that the bare machine, and ept, deliver without.
 */

/* PAGING_INJECT, with what the guest is to see. why: as of walk_error. */
static inline enum paging_result shadow_reflect(struct vcpu *v, const struct exit *e, u32 why,
                                                struct paging_fault *out)
{
    out->cr2 = e->gva;
    out->error = walk_error(&v->paging->mode, e->error, why);
    ledger_count(&v->domain->ledger, LC_SHADOW_REFLECT);
    return trace_wants(TRACE_ALL) ? shadow_trace_reflect(v, out) : PAGING_INJECT;
}

/* quick.c: the walk r, for gva, has ended with a fault of the guest's. The next fault near it shall
 * be found without a walk. */
void shadow_prepare_reflecting(struct vcpu *v, u64 gva, const struct walk_result *r);

/* stop_shadowing.c: an event's delivery, which cannot be emulated, writes to the table in f, at
 * gva: the frame has to stop being a table. */
enum paging_result shadow_pushed_on(struct vcpu *v, u64 gva, struct frame *f,
                                    struct paging_fault *out);

#endif
