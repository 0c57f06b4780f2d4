/*
 * Where a guest's kernel wants to be entered: its trap table, callbacks and kernel stack, and the
 * way back from there (iret). Source: xen/xen.h, xen/callback.h, xen/arch-x86/xen-x86_64.h.
 *
 * Invariants: every address kept is canonical; every selector kept has privilege level 3.
 */
#include "errno.h"
#include "insn.h"
#include "log.h"
#include "pv.h"
#include "sched.h"
#include "segment.h"
#include "virt.h"
#include "x86.h"

#include <xen/callback.h>
#include <string.h>

enum { VECTORS = 256, LEGACY_INT80 = 0x80 };

static s64 do_set_trap_table(u64 list)
{
    struct virt_vcpu *x = pv_current()->virt;
    struct trap_info t;

    if (!list) {
        memset(x->trap, 0, sizeof(t) * VECTORS);
        return 0;
    }
    for (unsigned i = 0; i < VECTORS; i++, list += sizeof(t)) {
        if (!pv_copy_from(&t, list, sizeof(t)))
            return -EFAULT;
        if (!t.address)
            return 0;
        if (!canonical(t.address))
            return -EINVAL;
        t.cs |= SELECTOR_RPL;
        x->trap[t.vector] = t;
    }
    return 0;
}
HYPERCALL(__HYPERVISOR_set_trap_table, do_set_trap_table, LC_HC_SET_TRAP_TABLE);

static s64 register_callback(struct virt_vcpu *x, const struct callback_register *c)
{
    struct pv_callback callback = {c->address, c->flags & CALLBACKF_mask_events};

    if (!canonical(c->address))
        return -EINVAL;
    switch (c->type) {
    case CALLBACKTYPE_event:
        x->event = callback;
        return 0;
    case CALLBACKTYPE_failsafe:
        x->failsafe = callback;
        return 0;
    case CALLBACKTYPE_syscall:
        x->syscall = callback;
        return 0;
    case CALLBACKTYPE_nmi: /* none are ever sent */
        return 0;
    default:
        return -ENOSYS;
    }
}

static s64 unregister_callback(const struct callback_unregister *c)
{
    switch (c->type) {
    case CALLBACKTYPE_event:
    case CALLBACKTYPE_failsafe:
    case CALLBACKTYPE_syscall:
        return -EINVAL;
    case CALLBACKTYPE_nmi:
        return 0;
    default:
        return -ENOSYS;
    }
}

static s64 do_callback_op(u32 command, u64 argument)
{
    struct callback_register c;
    struct callback_unregister u;

    switch (command) {
    case CALLBACKOP_register:
        return pv_copy_from(&c, argument, sizeof(c)) ? register_callback(pv_current()->virt, &c)
                                                     : -EFAULT;
    case CALLBACKOP_unregister:
        return pv_copy_from(&u, argument, sizeof(u)) ? unregister_callback(&u) : -EFAULT;
    default:
        return -ENOSYS;
    }
}
HYPERCALL(__HYPERVISOR_callback_op, do_callback_op, LC_HC_CALLBACK_OP);

static s64 do_set_callbacks(u64 event, u64 failsafe, u64 syscall)
{
    struct virt_vcpu *x = pv_current()->virt;

    if (!canonical(event) || !canonical(failsafe) || !canonical(syscall))
        return -EINVAL;
    x->event.address = event;
    x->failsafe.address = failsafe;
    x->syscall.address = syscall;
    return 0;
}
HYPERCALL(__HYPERVISOR_set_callbacks, do_set_callbacks, LC_HC_SET_CALLBACKS);

/* In long mode the stack segment is always the flat one. */
static s64 do_stack_switch(u64 ss, u64 sp)
{
    (void)ss;
    pv_current()->virt->kernel_sp = sp;
    return 0;
}
HYPERCALL(__HYPERVISOR_stack_switch, do_stack_switch, LC_HC_STACK_SWITCH);

/* Flags that a guest's iret may set; IF is always on, IOPL always 0, in ring 3. */
#define FLAGS_OF_GUEST                                                                             \
    (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_TF | RFLAGS_DF |           \
     RFLAGS_OF | RFLAGS_NT | RFLAGS_RF | RFLAGS_AC | RFLAGS_ID)

/* Leaves the kernel's frame at rsp for what it says. */
static s64 do_iret(void)
{
    struct vcpu *v = pv_current();
    struct virt_vcpu *x = v->virt;
    struct regs *r = &v->regs;
    struct iret_context c;

    if (unlikely(!pv_copy_from(&c, r->rsp, sizeof(c)))) {
        virt_report(v, NULL);
        domain_end(v->domain, END_CRASH, 0, "its iret frame at %lx cannot be read", r->rsp);
        return 0;
    }
    if ((c.cs & SELECTOR_RPL) == SELECTOR_RPL) {
        if (unlikely(!x->user_root)) {
            virt_report(v, NULL);
            domain_end(v->domain, END_CRASH, 0, "iret to user mode without a user page table");
            return 0;
        }
        pv_to_user(v);
    }
    r->rip = c.rip;
    r->cs = (u16)(c.cs | SELECTOR_RPL);
    r->rflags = (c.rflags & FLAGS_OF_GUEST) | RFLAGS_IF | RFLAGS_FIXED;
    r->rsp = c.rsp;
    r->ss = (u16)(c.ss | SELECTOR_RPL);
    x->info->evtchn_upcall_mask = !(c.rflags & RFLAGS_IF);
    if (c.flags & VGCF_in_syscall) {
        r->cs = FLAT_USER_CS;
        r->ss = FLAT_USER_SS;
        r->rcx = c.rip;
        r->r11 = r->rflags;
    } else {
        r->rcx = c.rcx;
        r->r11 = c.r11;
        r->vector = 0;
    }
    return (s64)c.rax;
}
HYPERCALL(__HYPERVISOR_iret, do_iret, LC_HC_IRET);
