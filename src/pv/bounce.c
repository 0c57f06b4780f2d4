/*
 * Sending a guest to its kernel's handler: the frame that the Xen ABI lays on the kernel's stack,
 * from the top: ss, rsp, rflags, cs (the event mask above it), rip, the error code if there is
 * one, gs, fs, es, ds for the failsafe callback, r11, rcx. Source: xen/arch-x86/xen-x86_64.h.
 *
 * Invariants
 *  - A handler starts with RF, NT, TF and AC clear, on selectors of the hypervisor's flat segments.
 *  - A kernel without a stack that can be written, or without the handler, is a crashed one.
 */
#include "pv.h"

#include "insn.h"
#include "log.h"
#include "sched.h"
#include "segment.h"
#include "virt.h"
#include "x86.h"

enum { SELECTOR_MASK = 0xffff, CS_EVENT_MASK_SHIFT = 32, STACK_ALIGN = 16 };
#define FLAGS_CLEARED (RFLAGS_VM | RFLAGS_RF | RFLAGS_NT | RFLAGS_TF | RFLAGS_AC)

/* The longest frame: the last five words are always there. */
enum frame_words { FRAME_RIP = 7, FRAME_CS, FRAME_RFLAGS, FRAME_RSP, FRAME_SS, FRAME_WORDS };

static void __attribute__((noinline)) crash(struct vcpu *v, const char *what)
{
    virt_report(v, NULL);
    domain_end(v->domain, END_CRASH, 0, "%s (rip %lx, rsp %lx)", what, v->regs.rip, v->regs.rsp);
}

/* What goes below rip; returns the index of the lowest word. */
static inline unsigned push_lower(const struct regs *r, u64 *f, u32 flags, u32 error)
{
    unsigned at = FRAME_RIP;

    if (flags & BOUNCE_ERROR)
        f[--at] = error;
    if (unlikely(flags & BOUNCE_FAILSAFE)) {
        f[--at] = read_gs();
        f[--at] = read_fs();
        f[--at] = read_es();
        f[--at] = read_ds();
    }
    f[--at] = r->r11;
    f[--at] = r->rcx;
    return at;
}

void pv_bounce(struct vcpu *v, u64 address, u16 cs, u32 flags, u32 error)
{
    struct virt_vcpu *x = v->virt;
    struct regs *r = &v->regs;
    u64 masked = x->info->evtchn_upcall_mask, sp = r->rsp, f[FRAME_WORDS];
    unsigned at;

    if (unlikely(!address)) {
        crash(v, "it has no handler for what happened to it");
        return;
    }
    f[FRAME_RIP] = r->rip;
    f[FRAME_CS] = (r->cs & SELECTOR_MASK) | masked << CS_EVENT_MASK_SHIFT;
    f[FRAME_RFLAGS] = (r->rflags & ~(RFLAGS_IF | RFLAGS_IOPL)) | (masked ? 0 : RFLAGS_IF);
    f[FRAME_RSP] = r->rsp;
    f[FRAME_SS] = r->ss;
    at = push_lower(r, f, flags, error);
    if (x->kernel_mode) {
        f[FRAME_CS] &= ~(u64)SELECTOR_RPL;
    } else {
        pv_to_kernel(v);
        sp = x->kernel_sp;
    }
    sp = (sp & ~(u64)(STACK_ALIGN - 1)) - (FRAME_WORDS - at) * sizeof(u64);
    if (unlikely(!pv_copy_to(sp, &f[at], (FRAME_WORDS - at) * sizeof(u64)))) {
        crash(v, "its kernel stack cannot be written");
        return;
    }
    if (flags & BOUNCE_MASK)
        x->info->evtchn_upcall_mask = 1;
    r->rip = address;
    r->cs = cs;
    r->rflags &= ~FLAGS_CLEARED;
    r->rsp = sp;
    r->ss = FLAT_KERNEL_SS;
    r->vector = 0;
}

void pv_bounce_trap(struct vcpu *v, u8 vector, u32 error)
{
    const struct trap_info *t = &v->virt->trap[vector];
    u32 flags =
        VECTORS_WITH_ERROR_CODE >> vector & 1 && vector < VEC_FIRST_EXTERNAL ? BOUNCE_ERROR : 0;

    ledger_count(&v->domain->ledger, LC_DELIVERED_FAULT);
    if (TI_GET_IF(t))
        flags |= BOUNCE_MASK;
    pv_bounce(v, t->address, t->cs, flags, error);
}

void pv_bounce_page_fault(struct vcpu *v, u64 cr2, u32 error)
{
    v->virt->info->arch.cr2 = cr2;
    error &= ~PF_U;
    if (!v->virt->kernel_mode)
        error |= PF_U;
    /* What is mapped in the hypervisor's slots is not the guest's to know. */
    if (unlikely(!pv_range_ok(cr2, 1)))
        error |= PF_P;
    pv_bounce_trap(v, VEC_PF, error);
}

void pv_deliver_events(struct vcpu *v)
{
    ledger_count(&v->domain->ledger, LC_DELIVERED_INTERRUPT);
    pv_bounce(v, v->virt->event.address, FLAT_KERNEL_CS, BOUNCE_MASK, 0);
}

void virt_deliver_pending(struct vcpu *v)
{
    const struct vcpu_info *info = v->virt->info;

    if (unlikely(info->evtchn_upcall_pending && !info->evtchn_upcall_mask) &&
        v->virt->event.address)
        pv_deliver_events(v);
}
