/*
 * A vcpu's VMCS: made, filled with what never changes, and given back.
 *
 * Invariant: vmcs_of of a processor names the vcpu whose VMCS is current there. A VMCS stays with
 * the processor that it was made on until it is cleared (one processor runs guests so far).
 */
#include "insn.h"
#include "domain.h"
#include "frame.h"
#include "layout.h"
#include "log.h"
#include "pcpu.h"
#include "vmx.h"
#include "x86.h"

/* Exceptions that exit whatever the mode. #DB and #AC: delivering one can raise the next for ever,
 * without an instruction boundary at which the hypervisor would get the processor back. #MC is the
 * machine's. */
enum { EXCEPTIONS = 1 << VEC_DB | 1 << VEC_AC | 1 << VEC_MC };
enum { TSS_LIMIT = 0x67 };

void vmwrite_failed(u64 field, u64 value)
{
    panic("VMWRITE of 0x%lx to field 0x%lx failed: %s", value, field,
          vmx_instruction_error((u32)vmread(VMCS_INSTRUCTION_ERROR)));
}

/* A page for VMXON or a VMCS, with the revision identifier in its first word. */
static u64 *vmx_region(struct domain *d)
{
    u64 *region = hv_alloc_pages(d, 0);

    if (region)
        region[0] = vmx_cap.revision;
    return region;
}

void vmx_switch_on(void)
{
    u64 *region = vmx_region(NULL);

    if (!region)
        refuse("There is no memory for VT-x: give the machine more.");
    u64 address = va_to_mpa(region).v;
    if (!vmxon(&address))
        panic("VMXON failed");
    if (vmx_cap.vpid)
        vmx_flush_all();
}

void vmx_make_current(struct vcpu *v)
{
    struct pcpu *p = this_pcpu();

    if (likely(p->vmcs_of == v))
        return;
    if (!vmptrld(&vmx_of(v)->vmcs_address.v))
        panic("VMPTRLD failed for vcpu %u of %s", v->id, v->domain->config.name);
    p->vmcs_of = v;
    vmx_note_write(VMCS_NO_FIELD, 0); /* another VMCS: all of it */
}

/* A tag that no other living vcpu has, and never 0, the hypervisor's own. A dead one's translations
 * are flushed when its tag is taken again. */
static u16 vpid_of(const struct vcpu *v)
{
    _Static_assert(DOMAIN_MAX * DOMAIN_MAX_VCPUS < 0xffff, "a tag for each");
    return (u16)(1 + v->domain->id * DOMAIN_MAX_VCPUS + v->id);
}

/*
 * Tour 22: where an exit arrives. The VMCS is a page in which the processor keeps two worlds: the
 * guest's state, loaded at an entry and stored at an exit, and the host's, loaded at an exit. This
 * is the host's. Note what is not in it: general registers (entry.asm moves those), and the host's
 * RSP, which entry.asm writes each time.
 */

/* "Host-State Area": where an exit arrives. */
static void write_host_state(void)
{
    struct descriptor_table table;

    vmwrite(VMCS_HOST_CR0, read_cr0());
    vmwrite(VMCS_HOST_CR3, read_cr3());
    vmwrite(VMCS_HOST_CR4, read_cr4());
    vmwrite(VMCS_HOST_CS_SELECTOR, SEL_CS64);
    vmwrite(VMCS_HOST_SS_SELECTOR, SEL_DS);
    vmwrite(VMCS_HOST_DS_SELECTOR, 0);
    vmwrite(VMCS_HOST_ES_SELECTOR, 0);
    vmwrite(VMCS_HOST_FS_SELECTOR, 0);
    vmwrite(VMCS_HOST_GS_SELECTOR, 0);
    vmwrite(VMCS_HOST_TR_SELECTOR, SEL_TSS);
    vmwrite(VMCS_HOST_FS_BASE, 0);
    vmwrite(VMCS_HOST_GS_BASE, 0);
    vmwrite(VMCS_HOST_TR_BASE, (u64)&this_pcpu()->tss);
    sgdt(&table);
    vmwrite(VMCS_HOST_GDTR_BASE, table.base);
    sidt(&table);
    vmwrite(VMCS_HOST_IDTR_BASE, table.base);
    vmwrite(VMCS_HOST_SYSENTER_CS, 0);
    vmwrite(VMCS_HOST_SYSENTER_ESP, 0);
    vmwrite(VMCS_HOST_SYSENTER_EIP, 0);
    vmwrite(VMCS_HOST_RIP, (u64)vmx_exit_point);
    if (vmx_cap.efer)
        vmwrite(VMCS_HOST_EFER, rdmsr(MSR_EFER));
}

/* The controls that do not depend on the guest's mode; control_regs.c writes the others. */
static void write_controls(struct vmx_vcpu *x)
{
    vmwrite(VMCS_PIN_CONTROLS, vmx_cap.pin);
    vmwrite(VMCS_EXIT_CONTROLS, vmx_cap.exit);
    vmwrite(VMCS_EXCEPTION_BITMAP, EXCEPTIONS);
    vmwrite(VMCS_PF_ERROR_MASK, 0);
    vmwrite(VMCS_PF_ERROR_MATCH, 0);
    vmwrite(VMCS_CR3_TARGET_COUNT, 0);
    vmwrite(VMCS_EXIT_MSR_STORE_COUNT, 0);
    vmwrite(VMCS_EXIT_MSR_LOAD_COUNT, 0);
    vmwrite(VMCS_ENTRY_MSR_LOAD_COUNT, 0);
    vmwrite(VMCS_ENTRY_EVENT, 0);
    vmwrite(VMCS_TSC_OFFSET, 0);
    if (vmx_cap.vpid)
        vmwrite(VMCS_VPID, x->vpid);
}

/* The guest's state that the domain builder does not set. */
static void write_guest_state(void)
{
    vmwrite(VMCS_LINK_POINTER, ~0ULL);
    vmwrite(VMCS_GUEST_DEBUGCTL, 0);
    vmwrite(VMCS_GUEST_DR7, DR7_RESET);
    vmwrite(VMCS_GUEST_ACTIVITY, 0);
    vmwrite(VMCS_GUEST_INTERRUPTIBILITY, 0);
    vmwrite(VMCS_GUEST_PENDING_DEBUG, 0);
    vmwrite(VMCS_GUEST_SYSENTER_CS, 0);
    vmwrite(VMCS_GUEST_SYSENTER_ESP, 0);
    vmwrite(VMCS_GUEST_SYSENTER_EIP, 0);
    vmwrite(VMCS_GUEST_GDTR_BASE, 0);
    vmwrite(VMCS_GUEST_GDTR_LIMIT, 0);
    vmwrite(VMCS_GUEST_IDTR_BASE, 0);
    vmwrite(VMCS_GUEST_IDTR_LIMIT, 0);
}

struct virt_vcpu *vmx_create(struct vcpu *v)
{
    struct vmx_vcpu *x = hv_alloc(v->domain, sizeof(*x));
    u64 *vmcs = vmx_region(v->domain);

    if (!x || !vmcs) {
        if (x)
            hv_free(v->domain, x, sizeof(*x));
        hv_free_pages(v->domain, vmcs, 0);
        return NULL;
    }
    x->vmcs = vmcs;
    x->vmcs_address = va_to_mpa(vmcs);
    x->vpid = vpid_of(v);
    x->all.context = x->vpid;
    x->common.dirty = DIRTY_PAGING;
    if (vmx_cap.vpid)
        vmx_flush_vpid(x->vpid);
    v->virt = &x->common;
    if (!vmclear(&x->vmcs_address.v))
        panic("VMCLEAR failed");
    vmx_make_current(v);
    write_controls(x);
    write_host_state();
    write_guest_state();
    return &x->common;
}

void vmx_destroy(struct vcpu *v)
{
    struct vmx_vcpu *x = vmx_of(v);

    if (!vmclear(&x->vmcs_address.v))
        panic("VMCLEAR failed");
    if (this_pcpu()->vmcs_of == v)
        this_pcpu()->vmcs_of = NULL;
    vmx_log_destroy(v);
    hv_free_pages(v->domain, x->vmcs, 0);
    hv_free(v->domain, x, sizeof(*x));
}
