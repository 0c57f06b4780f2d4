/*
 * The two page tables of a vcpu, the flushes of tlb.h, and the hypervisor's slots in a guest's L4.
 *
 * Invariants
 *  - The loaded root is always a validated L4 of the current domain's, or the hypervisor's own.
 *  - In the kernel's table runs the kernel, in the user's the user programs; the GS base of the
 * other mode is in IA32_KERNEL_GS_BASE.
 *  - CR4.PGE is 0, so that G in an entry means nothing, and there is no PCID: each load of CR3
 * drops every translation.
 */
#include "boot_steps.h"
#include "insn.h"
#include "layout.h"
#include "log.h"
#include "pv.h"
#include "table.h"
#include "tlb.h"

/* The first of the slots is the M2P's. An L4 has it when it becomes the kernel's root, so that user
 * programs, which run on others, do not see it. With VMASST_TYPE_m2p_strict it has it from the
 * beginning, and loses it when it becomes the user's: one that was both shows it to nobody but the
 * kernel. Source: xen/xen.h. */
void pv_show_m2p(const struct domain *d, u64 l4, bool show)
{
    u64 *entry = (u64 *)mpa_to_va(mpa_of(l4)) + HYPERVISOR_FIRST_SLOT;

    if (show || pv_assisted(d, VMASST_TYPE_m2p_strict))
        *(volatile u64 *)entry = show ? hypervisor_l4[HYPERVISOR_FIRST_SLOT] : 0;
}

void l4_fill(const struct domain *d, u64 *l4)
{
    for (unsigned i = HYPERVISOR_FIRST_SLOT; i <= HYPERVISOR_LAST_SLOT; i++)
        l4[i] = hypervisor_l4[i];
    l4[PERDOMAIN_SLOT] = d->pv->window_l4e;
    for (unsigned i = HYPERVISOR_FIRST_SLOT + 1; i <= HYPERVISOR_LAST_SLOT; i++)
        ASSERT(!(l4[i] & PTE_U)); /* linear.c relies on it */
    if (!pv_assisted(d, VMASST_TYPE_m2p_strict))
        l4[HYPERVISOR_FIRST_SLOT] = 0;
}

void l4_linear_noted(const struct domain *d)
{
    const struct vcpu *v = pv_current();

    if (v && v->domain == d)
        pv_set_reach(d);
}

void l4_clear(u64 *l4)
{
    for (unsigned i = HYPERVISOR_FIRST_SLOT; i <= HYPERVISOR_LAST_SLOT; i++)
        l4[i] = 0;
}

u64 pv_active_root(void)
{
    const struct vcpu *v = pv_current();

    if (!v)
        return va_to_mpa(hypervisor_l4).v;
    return v->virt->kernel_mode ? v->virt->kernel_root : v->virt->user_root;
}

void pv_kernel_root_begin(const struct vcpu *v)
{
    if (!v->virt->kernel_mode)
        write_cr3(v->virt->kernel_root);
}

void pv_kernel_root_end(const struct vcpu *v)
{
    if (!v->virt->kernel_mode)
        write_cr3(v->virt->user_root);
}

void pv_load_root(struct vcpu *v)
{
    ASSERT(v == pv_current());
    (void)v;
    tlb_flush_all();
}

void tlb_hw_flush_all(void)
{
    write_cr3(pv_active_root());
    page_note_flush();
}

/* A root that is not loaded has no translations. */
void tlb_hw_flush_root(mfn_t root)
{
    if (root.v == pv_active_root() >> PAGE_SHIFT)
        write_cr3(pv_active_root());
}

void tlb_hw_flush_page(mfn_t root, u64 gva)
{
    if (root.v == pv_active_root() >> PAGE_SHIFT)
        invlpg(gva);
}
