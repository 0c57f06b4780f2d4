/*
 * Flushes of translations tagged by VPID or by EPT pointer ("Operations that Invalidate Cached
 * Mappings").
 */
#include "domain.h"
#include "log.h"
#include "pcpu.h"
#include "vmx.h"

static void invalidate_vpid(enum invvpid_type type, u16 vpid, u64 gva)
{
    const struct vmx_invalidate what = {.context = vpid, .address = gva};

    if (!invvpid(type, &what))
        panic("INVVPID of type %u, VPID %u failed", type, vpid);
}

static void invalidate_ept(enum invept_type type, u64 eptp)
{
    const struct vmx_invalidate what = {.context = eptp};

    if (!invept(type, &what))
        panic("INVEPT of type %u failed", type);
}

void vmx_flush_vpid(u16 vpid)
{
    invalidate_vpid(INVVPID_ONE, vpid, 0);
}

/* Without VPID every entry and exit flushes linear translations. */
void vmx_flush_page(mfn_t root, u64 gva)
{
    struct vcpu *v = this_pcpu()->vmcs_of;

    if (vmx_cap.ept) {
        /* A guest-physical address cannot be flushed by itself. */
        vmx_flush_root(root);
        return;
    }
    if (!vmx_cap.vpid)
        return;
    /* The loaded vcpu's own root is the usual case; another's VPID is not known here. */
    if (v && v->virt->live && v->domain->vcpu_count == 1)
        invalidate_vpid(INVVPID_ADDRESS, vmx_of(v)->vpid, gva);
    else
        invalidate_vpid(INVVPID_ALL, 0, 0);
}

void vmx_flush_root(mfn_t root)
{
    if (vmx_cap.ept)
        invalidate_ept(INVEPT_ONE, vmx_ept_pointer(root));
    else if (vmx_cap.vpid)
        invalidate_vpid(INVVPID_ALL, 0, 0);
}

void vmx_flush_all(void)
{
    if (vmx_cap.ept)
        invalidate_ept(INVEPT_ALL, 0);
    if (vmx_cap.vpid)
        invalidate_vpid(INVVPID_ALL, 0, 0);
}
