/*
 * nmi_op, and how an NMI that a vcpu sends itself arrives: through vector 2 of the trap table,
 * which both this call and CALLBACKTYPE_nmi set. Source: xen/nmi.h, xen/vcpu.h (VCPUOP_send_nmi).
 */
#include "errno.h"
#include "hypercall.h"
#include "sched.h"
#include "segment.h"

#include <xen/nmi.h>

s64 pv_set_nmi_handler(struct virt_vcpu *x, u64 address)
{
    if (!canonical(address))
        return -EINVAL;
    x->gate[VEC_NMI] = (struct pv_gate){
        .address = address, .cs = FLAT_KERNEL_CS, .flags = pv_gate_flags(x, BOUNCE_MASK)};
    return 0;
}

void pv_send_nmi(struct vcpu *v)
{
    v->virt->nmi_pending = true;
    v->kicked = 1; /* the run loop delivers it */
}

/* One that comes while its handler runs waits for the handler's iret. */
void pv_deliver_nmi(struct vcpu *v)
{
    if (v->virt->at_iret & IRET_ENDS_NMI)
        return;
    v->virt->nmi_pending = false;
    if (!v->virt->gate[VEC_NMI].address)
        return;
    v->virt->at_iret |= IRET_ENDS_NMI;
    pv_bounce_trap(v, VEC_NMI, 0);
}

static s64 do_nmi_op(u32 command, u64 argument)
{
    struct virt_vcpu *x = pv_current()->virt;
    struct xennmi_callback c;

    switch (command) {
    case XENNMI_register_callback:
        return pv_copy_from(&c, argument, sizeof(c)) ? pv_set_nmi_handler(x, c.handler_address)
                                                     : -EFAULT;
    case XENNMI_unregister_callback:
        return pv_set_nmi_handler(x, 0);
    default:
        return -ENOSYS;
    }
}
HYPERCALL(__HYPERVISOR_nmi_op, do_nmi_op, LC_HC_OTHER);
