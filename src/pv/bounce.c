/*
 * What is bounced to a guest's kernel, and what becomes of one that cannot take it. The frame
 * itself is laid by bounce.asm.
 */
#include "layout.h"
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

/* bounce.asm: the gate leads nowhere. A system call that no callback is for is what it is on a
 * processor without such calls. */
void pv_no_handler(struct vcpu *v, const struct pv_gate *gate)
{
    const struct virt_vcpu *x = v->virt;

    if (gate == &x->syscall || gate == &x->syscall32) {
        v->regs.rip -= SYSCALL_BYTES;
        pv_bounce_trap(v, VEC_UD, 0);
    } else if (gate == &x->sysenter) {
        pv_bounce_trap(v, VEC_GP, 0);
    } else {
        crash(v, "it has no handler for what happened to it");
    }
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

void pv_bounce_soft(struct vcpu *v, u8 vector)
{
    struct pv_gate gate = v->virt->gate[vector];

    gate.flags &= (u8)~BOUNCE_ERROR;
    ledger_count(&v->domain->ledger, LC_DELIVERED_FAULT);
    TRACE(v->domain, DELIVERED_FAULT, vector, 0, 0, v->regs.rip);
    pv_bounce(v, &gate, 0);
}

static inline void page_fault(struct vcpu *v, u64 cr2, u32 error)
{
    struct virt_vcpu *x = v->virt;

    error = (error & ~PF_U) | (x->kernel_mode ? 0 : PF_U);
    x->info->arch.cr2 = cr2;
    pv_bounce_trap(v, VEC_PF, error);
}

/* At an address of the hypervisor's: a page of the LDT's that is to be brought, or what is mapped
 * there is not the guest's to know, but for the M2P. */
static void __attribute__((noinline, cold)) fault_beyond(struct vcpu *v, u64 cr2, u32 error)
{
    bool by_processor = !(error & (PF_U | PF_RSVD));

    if (by_processor && pv_ldt_fault(v, &cr2))
        return;
    if (!pv_range_ok(cr2, 1) && cr2 >= M2P_BASE + M2P_SLOT_BYTES)
        error |= PF_P;
    page_fault(v, cr2, error);
}

void pv_bounce_page_fault(struct vcpu *v, u64 cr2, u32 error)
{
    if (unlikely(!pv_range_ok(cr2, 1)))
        fault_beyond(v, cr2, error);
    else
        page_fault(v, cr2, error);
}

void pv_deliver_events(struct vcpu *v)
{
    ledger_count(&v->domain->ledger, LC_DELIVERED_INTERRUPT);
    TRACE(v->domain, DELIVERED_INTERRUPT);
    pv_bounce(v, &v->virt->event, 0);
}

void virt_deliver_pending(struct vcpu *v)
{
    const struct vcpu_info *info = v->virt->info;

    if (unlikely(v->virt->segments_lost)) {
        v->virt->segments_lost = false;
        pv_bounce(v, &v->virt->failsafe, 0);
    }
    if (unlikely(v->virt->nmi_pending))
        pv_deliver_nmi(v);
    if (unlikely(info->evtchn_upcall_pending && !info->evtchn_upcall_mask))
        pv_deliver_events(v);
}
