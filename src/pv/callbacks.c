/*
 * Where a guest's kernel wants to be entered: its trap table, callbacks and kernel stack, and the
 * way back from there (iret). Source: xen/xen.h, xen/callback.h, xen/arch-x86/xen-x86_64.h.
 *
 * Invariants: every address kept is canonical; every selector kept has privilege level 3.
 */
#include "errno.h"
#include "insn.h"
#include "log.h"
#include "hypercall.h"
#include "sched.h"
#include "segment.h"
#include "virt.h"
#include "x86.h"

#include <xen/callback.h>
#include <string.h>

enum { VECTORS = 256, IOPL_MASK = 3 };

static struct pv_gate gate_of(const struct virt_vcpu *x, const struct trap_info *t)
{
    bool error = t->vector < VEC_FIRST_EXTERNAL && VECTORS_WITH_ERROR_CODE >> t->vector & 1;

    return (struct pv_gate){
        .address = t->address,
        .cs = FLAT_KERNEL_CS, /* whatever it names: as under Xen */
        .flags = pv_gate_flags(x, (TI_GET_IF(t) ? BOUNCE_MASK : 0) | (error ? BOUNCE_ERROR : 0)),
        .dpl = TI_GET_DPL(t),
    };
}

/* The list is as long as the guest makes it: a vector may be in it more than once, and the last one
 * counts. */
static s64 do_set_trap_table(u64 list, u64 unused)
{
    struct vcpu *v = pv_current();
    struct virt_vcpu *x = v->virt;
    struct trap_info t;

    if (!list) {
        memset(x->gate, 0, sizeof(*x->gate) * VECTORS);
        return 0;
    }
    for (u64 i = 0;; i++, list += sizeof(t)) {
        if (pv_time_is_up(i))
            return pv_again(v, __HYPERVISOR_set_trap_table, list, unused);
        if (!pv_copy_from(&t, list, sizeof(t)))
            return -EFAULT;
        if (!t.address)
            return 0;
        if (!canonical(t.address))
            return -EINVAL;
        x->gate[t.vector] = gate_of(x, &t);
    }
}
HYPERCALL(__HYPERVISOR_set_trap_table, do_set_trap_table, LC_HC_SET_TRAP_TABLE);

static s64 register_callback(struct virt_vcpu *x, const struct callback_register *c)
{
    struct pv_gate gate = {
        .address = c->address,
        .cs = FLAT_KERNEL_CS,
        .flags = pv_gate_flags(x, c->flags & CALLBACKF_mask_events ? BOUNCE_MASK : 0),
    };

    if (!canonical(c->address))
        return -EINVAL;
    switch (c->type) {
    case CALLBACKTYPE_event: /* always with events masked */
        gate.flags |= BOUNCE_MASK;
        x->event = gate;
        return 0;
    case CALLBACKTYPE_failsafe:
        gate.flags |= BOUNCE_OTHER_FRAME | BOUNCE_SELECTORS;
        x->failsafe = gate;
        return 0;
    case CALLBACKTYPE_syscall:
        x->syscall = gate;
        return 0;
    case CALLBACKTYPE_syscall32:
        x->syscall32 = gate;
        return 0;
    case CALLBACKTYPE_sysenter:
        x->sysenter = gate;
        return 0;
    case CALLBACKTYPE_nmi:
        return pv_set_nmi_handler(x, c->address);
    default:
        return -ENOSYS;
    }
}

static s64 unregister_callback(struct virt_vcpu *x, const struct callback_unregister *c)
{
    switch (c->type) {
    case CALLBACKTYPE_event:
    case CALLBACKTYPE_failsafe:
    case CALLBACKTYPE_syscall:
    case CALLBACKTYPE_syscall32:
    case CALLBACKTYPE_sysenter:
        return -EINVAL;
    case CALLBACKTYPE_nmi:
        return pv_set_nmi_handler(x, 0);
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
        return pv_copy_from(&u, argument, sizeof(u)) ? unregister_callback(pv_current()->virt, &u)
                                                     : -EFAULT;
    default:
        return -ENOSYS;
    }
}
HYPERCALL(__HYPERVISOR_callback_op, do_callback_op, LC_HC_CALLBACK_OP);

static s64 do_set_callbacks(u64 event, u64 failsafe, u64 syscall)
{
    const struct callback_register c[] = {
        {.type = CALLBACKTYPE_event, .address = event},
        {.type = CALLBACKTYPE_failsafe, .address = failsafe},
        {.type = CALLBACKTYPE_syscall, .address = syscall},
    };

    /* As under Xen: one that is not canonical is left as it was, and no error. */
    for (unsigned i = 0; i < ARRAY_SIZE(c); i++)
        register_callback(pv_current()->virt, &c[i]);
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

HYPERCALL(__HYPERVISOR_iret, pv_iret, LC_HC_IRET);

void pv_at_iret(struct vcpu *v, u64 rflags)
{
    struct virt_vcpu *x = v->virt;

    if (x->at_iret & IRET_SETS_IOPL)
        x->iopl = rflags >> PV_RFLAGS_IOPL_SHIFT & IOPL_MASK;
    if (x->at_iret & IRET_ENDS_NMI && x->nmi_pending)
        v->kicked = 1; /* the run loop delivers it */
    x->at_iret &= (u8)~IRET_ENDS_NMI;
}

static void show_iopl(struct pv_gate *gate, bool show)
{
    gate->flags &= (u8)~BOUNCE_IOPL;
    if (show)
        gate->flags |= BOUNCE_OTHER_FRAME | BOUNCE_IOPL;
    else if (!(gate->flags & BOUNCE_SELECTORS))
        gate->flags &= (u8)~BOUNCE_OTHER_FRAME;
}

void pv_show_iopl(struct domain *d, bool show)
{
    for (unsigned i = 0; i < d->vcpu_count; i++) {
        struct virt_vcpu *x = d->vcpu[i]->virt;
        struct pv_gate *callback[] = {&x->event, &x->failsafe, &x->syscall, &x->syscall32,
                                      &x->sysenter};

        x->at_iret = (u8)((x->at_iret & ~IRET_SETS_IOPL) | (show ? IRET_SETS_IOPL : 0));
        for (unsigned n = 0; n < ARRAY_SIZE(callback); n++)
            show_iopl(callback[n], show);
        for (unsigned n = 0; n < VECTORS; n++)
            show_iopl(&x->gate[n], show);
    }
}

s64 pv_iret_unreadable(struct vcpu *v)
{
    pv_report_fall(v);
    domain_end(v->domain, END_CRASH, 0, "its iret frame at %lx cannot be read", v->regs.rsp);
    return 0;
}

s64 pv_iret_no_table(struct vcpu *v)
{
    pv_report_fall(v);
    domain_end(v->domain, END_CRASH, 0, "iret to user mode without a user page table");
    return 0;
}
