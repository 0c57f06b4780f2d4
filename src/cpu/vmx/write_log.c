/*
 * Page-modification logging: whenever the processor sets a dirty flag in the second stage it writes
 * the page's guest-physical address to a page of ours, from the last entry to the first, and exits
 * when there is none left. Source: SDM, "Page-Modification Logging".
 *
 * Invariant: the entries behind the index in the VMCS are those not yet handed to paging_logged.
 */
#include "domain.h"
#include "errno.h"
#include "frame.h"
#include "layout.h"
#include "paging.h"
#include "vmx.h"

enum { LOG_ENTRIES = PAGE_SIZE / sizeof(u64) };

int vmx_log_init(struct vcpu *v)
{
    struct vmx_vcpu *x = vmx_of(v);

    if (x->log)
        return 0;
    x->log = hv_alloc_pages(v->domain, 0);
    if (!x->log)
        return -ENOMEM;
    vmx_make_current(v);
    vmwrite(VMCS_PML_ADDRESS, va_to_mpa(x->log).v);
    vmwrite(VMCS_PML_INDEX, LOG_ENTRIES - 1);
    return 0;
}

/* The index is that of the next entry to be written: 0xffff once the first is. */
void vmx_log_collect(struct vcpu *v)
{
    const struct vmx_vcpu *x = vmx_of(v);

    if (!x->log)
        return;
    vmx_make_current(v);
    for (u16 i = (u16)(vmread(VMCS_PML_INDEX) + 1); i < LOG_ENTRIES; i++)
        paging_logged(v->domain, x->log[i]);
    vmwrite(VMCS_PML_INDEX, LOG_ENTRIES - 1);
}

void vmx_log_destroy(struct vcpu *v)
{
    if (vmx_of(v)->log)
        hv_free_pages(v->domain, vmx_of(v)->log, 0);
}
