/*
 * After a triple fault: the faults that led to it, by letting the guest fall once more with every
 * exception exiting. A fault leaves the guest where it was before, so it happens again; only what
 * follows an interrupt or a trap need not.
 *
 * Invariant: a replay ends after a number of exits and a time, whatever the guest does.
 */
#include "insn.h"
#include "paging.h"
#include "trace.h"
#include "vmx.h"
#include "x86.h"

enum { REPLAY_EXITS = 24, REPLAY_TICKS = 100000 };

/* The interrupt whose delivery led to the fall, once more: the VMCS still has all of it but the bit
 * that says so. */
static void repeat_event(void)
{
    u64 event = vmread(VMCS_ENTRY_EVENT);

    if (event)
        vmwrite(VMCS_ENTRY_EVENT, event | EVENT_VALID);
}

/* The exit was for memory that is the hypervisor's affair, and it has been seen to. */
static bool fixed(struct vcpu *v, struct exit *e)
{
    struct paging_fault f;

    if (e->reason != (paging_needs_second_stage ? EXIT_STAGE2 : EXIT_PAGE_FAULT))
        return false;
    enum paging_result result = paging_fault(v, e, &f);
    if (result == PAGING_INJECT)
        e->error = f.error;
    return result == PAGING_FIXED;
}

/* Notes the fault, and lets it be delivered. False: it was the last. */
static bool deliver(struct vcpu *v, const struct exit *e, struct virt_fault *f)
{
    struct virt_vcpu *x = v->virt;
    u8 vector = e->reason == EXIT_PAGE_FAULT ? VEC_PF : e->vector;

    *f = (struct virt_fault){.vector = vector,
                             .during = x->has_event,
                             .during_vector = x->has_event ? x->event.vector : 0,
                             .error = e->error,
                             .address = e->gva};
    if (f->during && f->during_vector == VEC_DF)
        return false;
    if (vector == VEC_PF)
        virt_inject_page_fault(v, e->gva, e->error);
    else
        virt_inject_fault(v, vector, e->error);
    return true;
}

unsigned vmx_replay(struct vcpu *v, struct virt_fault *fault, unsigned room)
{
    struct virt_vcpu *x = v->virt;
    u64 exceptions = vmread(VMCS_EXCEPTION_BITMAP);
    unsigned n = 0;
    struct exit e;

    x->has_event = false;
    vmwrite(VMCS_GUEST_ACTIVITY, ACTIVITY_ACTIVE);
    vmwrite(VMCS_EXCEPTION_BITMAP, ~0u);
    if (trace_newest_is_interrupt(v))
        repeat_event();
    for (unsigned i = 0; i < REPLAY_EXITS && n < room; i++) {
        vmx_enter_once(v, rdtsc() + REPLAY_TICKS, &e);
        if (fixed(v, &e))
            continue;
        if ((e.reason != EXIT_PAGE_FAULT && e.reason != EXIT_EXCEPTION) ||
            !deliver(v, &e, &fault[n++]))
            break;
    }
    vmwrite(VMCS_EXCEPTION_BITMAP, exceptions);
    x->has_event = false;
    return n;
}
