/*
 * CR0, CR3, CR4 and EFER: what the guest sees, and what the processor runs with.
 *
 * A bit is owned if the guest's write to it exits; it reads the read shadow there. Paging says
 * which bits it needs (paging_get_controls), VT-x which must be 1; the rest belongs to the guest.
 */
#include "guest_access.h"
#include "insn.h"
#include "layout.h"
#include "domain.h"
#include "paging.h"
#include "vmx.h"
#include "x86.h"

/* CR4 bits that a guest sets as it likes; a write to any other exits (control_access.c). */
#define CR4_FREE                                                                                   \
    (CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE | CR4_OSFXSR |   \
     CR4_OSXMMEXCPT | CR4_UMIP | CR4_FSGSBASE | CR4_PCIDE | CR4_SMEP | CR4_SMAP)
enum { PDPTE_COUNT = 4, PDPTE_STEP = 2, PAE_CR3_LOW = 31 };

static u64 apply_cr0(struct vcpu *v, struct vmx_vcpu *x, const struct paging_controls *c)
{
    u64 cr0 = virt_get(v, VREG_CR0);
    /* Caches stay on for everybody. */
    const u64 caching = CR0_CD | CR0_NW;
    u64 real = ((cr0 | c->cr0_force_set | vmx_cap.cr0_required) & vmx_cap.cr0_fixed1) & ~caching;

    x->cr0_mask =
        c->cr0_owned | c->cr0_force_set | caching | ~vmx_cap.cr0_fixed1 | vmx_cap.cr0_required;
    x->cr0_shadow = cr0;
    vmwrite(VMCS_GUEST_CR0, real);
    vmwrite(VMCS_CR0_MASK, x->cr0_mask);
    vmwrite(VMCS_CR0_SHADOW, cr0);
    return real;
}

static void apply_cr4(struct vcpu *v, struct vmx_vcpu *x, const struct paging_controls *c)
{
    u64 cr4 = virt_get(v, VREG_CR4);
    u64 real = (cr4 | c->cr4_force_set | vmx_cap.cr4_required) & ~c->cr4_force_clear;

    x->cr4_mask =
        ~CR4_FREE | c->cr4_owned | c->cr4_force_set | c->cr4_force_clear | vmx_cap.cr4_required;
    x->cr4_shadow = cr4;
    vmwrite(VMCS_GUEST_CR4, real & vmx_cap.cr4_fixed1);
    vmwrite(VMCS_CR4_MASK, x->cr4_mask);
    vmwrite(VMCS_CR4_SHADOW, cr4);
}

/* Without the EFER controls, an entry and an exit set LMA and LME by themselves; SCE and NXE go
 * through the MSR-load areas when guest and hypervisor differ in them. */
static void switch_efer_by_list(struct vmx_vcpu *x, u64 real)
{
    u64 host = rdmsr(MSR_EFER);
    unsigned count = ((real ^ host) & (EFER_SCE | EFER_NXE)) ? 1 : 0;

    x->guest_efer = (struct vmx_msr_entry){.index = MSR_EFER, .value = real};
    x->host_efer = (struct vmx_msr_entry){.index = MSR_EFER, .value = host};
    vmwrite(VMCS_ENTRY_MSR_LOAD_ADDRESS, va_to_mpa(&x->guest_efer).v);
    vmwrite(VMCS_EXIT_MSR_LOAD_ADDRESS, va_to_mpa(&x->host_efer).v);
    vmwrite(VMCS_ENTRY_MSR_LOAD_COUNT, count);
    vmwrite(VMCS_EXIT_MSR_LOAD_COUNT, count);
}

static void apply_efer(struct vcpu *v, struct vmx_vcpu *x, const struct paging_controls *c,
                       u64 real_cr0)
{
    u64 efer = virt_get(v, VREG_EFER);
    u64 real = efer | c->efer_force_set;

    /* "Checks on Guest Control Registers, Debug Registers, and MSRs": with paging on LME = LMA. The
     * processor pages (shadow) while the guest, LME already set, believes that it does not yet. */
    if (real_cr0 & CR0_PG && !(efer & EFER_LMA))
        real &= ~EFER_LME;
    x->efer = efer;
    x->efer_owned = c->efer_force_set != 0 || !vmx_cap.efer;
    if (vmx_cap.efer)
        vmwrite(VMCS_GUEST_EFER, real);
    else
        switch_efer_by_list(x, real);
    vmwrite(VMCS_ENTRY_CONTROLS, vmx_cap.entry | (efer & EFER_LMA ? (u32)ENTRYC_IA32E_GUEST : 0));
    vmwrite(VMCS_MSR_BITMAP, vmx_msr_bitmap(!x->efer_owned).v);
}

static void apply_cr3(struct vcpu *v, struct vmx_vcpu *x, const struct paging_controls *c)
{
    u64 cr3 = virt_get(v, VREG_CR3);

    x->cr3_owned = c->intercept_cr3;
    x->cr3 = cr3;
    if (!c->intercept_cr3) {
        vmwrite(VMCS_GUEST_CR3, cr3);
        if (vmx_cap.vpid)
            vmx_flush_vpid(x->vpid);
        return;
    }
    if (x->cr3_written == c->cr3)
        return;
    /* One VPID serves all of a vcpu's roots, so a change of root flushes it. */
    x->cr3_written = c->cr3;
    vmwrite(VMCS_GUEST_CR3, c->cr3);
    if (vmx_cap.vpid)
        vmx_flush_vpid(x->vpid);
}

void vmx_show(struct vcpu *v, enum virt_reg r, u64 value, u64 root)
{
    struct vmx_vcpu *x = vmx_of(v);

    x->common.reg[r] = value;
    x->common.valid |= 1u << r;
    if (r == VREG_CR0)
        x->cr0_shadow = value;
    else
        x->cr4_shadow = value;
    vmwrite(r == VREG_CR0 ? VMCS_CR0_SHADOW : VMCS_CR4_SHADOW, value);
    vmx_load_root(x, x->cr3, root);
}

void vmx_set_root(struct vcpu *v, u64 cr3, u64 root)
{
    vmx_load_root(vmx_of(v), cr3, root);
}

/* "Loading Page-Directory-Pointer-Table Entries": under EPT the VMCS holds them, and a MOV to CR
 * that the hypervisor completes must load them. */
static void load_pdptes(struct vcpu *v)
{
    u64 pdpte[PDPTE_COUNT] = {0};
    u64 cr3 = (u32)virt_get(v, VREG_CR3) & ~(u64)PAE_CR3_LOW;

    guest_phys_read(v->domain, pdpte, cr3, sizeof(pdpte));
    for (unsigned i = 0; i < PDPTE_COUNT; i++)
        vmwrite(VMCS_GUEST_PDPTE0 + i * PDPTE_STEP, pdpte[i]);
}

static void apply_execution_controls(struct vmx_vcpu *x, const struct paging_controls *c)
{
    u32 intercepts = PROC_INVLPG_EXITING | PROC_CR3_LOAD_EXITING | PROC_CR3_STORE_EXITING;
    u32 proc = vmx_cap.proc;
    u32 exceptions = (u32)vmread(VMCS_EXCEPTION_BITMAP) & ~(1u << VEC_PF);

    if (c->intercept_cr3)
        proc |= intercepts;
    if (c->intercept_pf)
        exceptions |= 1u << VEC_PF;
    x->proc = proc | (x->proc & (PROC_INTERRUPT_WINDOW | PROC_NMI_WINDOW));
    vmwrite(VMCS_PROC_CONTROLS, x->proc);
    vmwrite(VMCS_EXCEPTION_BITMAP, exceptions);
    if (vmx_cap.proc & PROC_SECONDARY)
        vmwrite(VMCS_PROC_CONTROLS2, vmx_cap.proc2 | (c->log_writes ? (u32)PROC2_PML : 0));
    if (c->use_ept)
        vmwrite(VMCS_EPT_POINTER,
                vmx_ept_pointer(c->stage2_root) | (c->keep_flags ? (u64)EPTP_ACCESSED_DIRTY : 0));
}

/*
 * Tour 24: two values for one register. A guest believes that it has paging off; shadow paging
 * needs it on. So a control register has a value that the processor runs with, a mask of bits that
 * the hypervisor owns, and a shadow that the guest reads in their place. `paging_get_controls` is
 * how a mode of paging says which bits it needs: two implementations, the same VMCS.
 */
void vmx_apply_control_registers(struct vcpu *v, u32 dirty)
{
    struct vmx_vcpu *x = vmx_of(v);
    const u32 mode = 1u << VREG_CR0 | 1u << VREG_CR4 | 1u << VREG_EFER;
    struct paging_controls c = {0};

    paging_get_controls(v, &c);
    if (dirty & (mode | DIRTY_PAGING)) {
        u64 real_cr0 = apply_cr0(v, x, &c);

        apply_execution_controls(x, &c);
        apply_cr4(v, x, &c);
        apply_efer(v, x, &c, real_cr0);
        if (c.use_ept && virt_get(v, VREG_CR0) & CR0_PG && virt_get(v, VREG_CR4) & CR4_PAE &&
            !(virt_get(v, VREG_EFER) & EFER_LMA))
            load_pdptes(v);
    }
    apply_cr3(v, x, &c);
}
