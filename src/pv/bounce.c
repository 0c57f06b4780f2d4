/*
 * What is bounced to a guest's kernel, and what becomes of one that cannot take it. The frame
 * itself is laid by bounce.asm.
 */
#include "log.h"
#include "pv.h"
#include "sched.h"
#include "trace.h"
#include "virt.h"
#include "x86.h"

static void crash(struct vcpu *v, const char *what)
{
    pv_report_fall(v);
    domain_end(v->domain, END_CRASH, 0, "%s (rip %lx, rsp %lx)", what, v->regs.rip, v->regs.rsp);
}

/* bounce.asm: the gate leads nowhere. */
void pv_no_handler(struct vcpu *v)
{
    crash(v, "it has no handler for what happened to it");
}

/* bounce.asm: a word of the frame could not be stored. */
void pv_no_stack(struct vcpu *v)
{
    crash(v, "its kernel stack cannot be written");
}

/* The same while the trace is on; apart, so that the usual way has nothing to keep across a call.
 */
static void __attribute__((noinline, cold)) bounce_traced(struct vcpu *v, u8 vector, u32 error)
{
    TRACE(v->domain, DELIVERED_FAULT, vector, error, vector == VEC_PF ? v->virt->info->arch.cr2 : 0,
          v->regs.rip);
    pv_bounce(v, &v->virt->gate[vector], error);
}

void pv_bounce_trap(struct vcpu *v, u8 vector, u32 error)
{
    ledger_count(&v->domain->ledger, LC_DELIVERED_FAULT);
    if (trace_wants(TRACE_ALL))
        bounce_traced(v, vector, error);
    else
        pv_bounce(v, &v->virt->gate[vector], error);
}

void pv_bounce_page_fault(struct vcpu *v, u64 cr2, u32 error)
{
    struct virt_vcpu *x = v->virt;

    error = (error & ~PF_U) | (x->kernel_mode ? 0 : PF_U);
    /* What is mapped in the hypervisor's slots is not the guest's to know. */
    if (unlikely(!pv_range_ok(cr2, 1)))
        error |= PF_P;
    x->info->arch.cr2 = cr2;
    pv_bounce_trap(v, VEC_PF, error);
}

void pv_deliver_events(struct vcpu *v)
{
    if (unlikely(!v->virt->event.address))
        return;
    ledger_count(&v->domain->ledger, LC_DELIVERED_INTERRUPT);
    TRACE(v->domain, DELIVERED_INTERRUPT);
    pv_bounce(v, &v->virt->event, 0);
}

void virt_deliver_pending(struct vcpu *v)
{
    const struct vcpu_info *info = v->virt->info;

    if (unlikely(v->virt->nmi_pending))
        pv_deliver_nmi(v);
    if (unlikely(info->evtchn_upcall_pending && !info->evtchn_upcall_mask))
        pv_deliver_events(v);
}
