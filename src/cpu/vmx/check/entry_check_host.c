/*
 * "Checks on Host Control Registers, MSRs, and SSP", "... Host Segment and Descriptor-Table
 * Registers", "Checks Related to Address-Space Size". A broken rule is VM-instruction error 8.
 *
 * The hypervisor always runs in IA-32e mode, so the rules for processors outside it are not here.
 */
#include "checks.h"

enum { SELECTOR_RPL_TI = 7 };
#define EFER_KNOWN (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)

static void check_registers(struct entry_check *c, u64 exit)
{
    const struct entry_machine *m = c->machine;

    need_bits(c, RULE_HOST_CR0, VMCS_HOST_CR0, m->cr0_fixed0, m->cr0_fixed1);
    need_bits(c, RULE_HOST_CR4, VMCS_HOST_CR4, m->cr4_fixed0, m->cr4_fixed1);
    need_width(c, RULE_HOST_CR3, VMCS_HOST_CR3);
    need_canonical(c, RULE_HOST_SYSENTER, VMCS_HOST_SYSENTER_ESP);
    need_canonical(c, RULE_HOST_SYSENTER, VMCS_HOST_SYSENTER_EIP);
    if (exit & EXITC_LOAD_PAT)
        need_pat(c, RULE_HOST_PAT, VMCS_HOST_PAT);
    if (exit & EXITC_LOAD_EFER) {
        u64 efer = get(c, VMCS_HOST_EFER);
        u64 mode = exit & EXITC_HOST_64BIT ? EFER_LMA | EFER_LME : 0;
        need_bits(c, RULE_HOST_EFER_RESERVED, VMCS_HOST_EFER, 0, EFER_KNOWN);
        need(c, RULE_HOST_EFER_SIZE, VMCS_HOST_EFER, (efer & (EFER_LMA | EFER_LME)) == mode);
    }
}

static void check_segments(struct entry_check *c, u64 exit)
{
    static const u16 bases[] = {VMCS_HOST_FS_BASE, VMCS_HOST_GS_BASE, VMCS_HOST_TR_BASE,
                                VMCS_HOST_GDTR_BASE, VMCS_HOST_IDTR_BASE};

    for (u32 f = VMCS_HOST_ES_SELECTOR; f <= VMCS_HOST_TR_SELECTOR; f += FIELD_STEP)
        need(c, RULE_HOST_SELECTOR, f, !(get(c, f) & SELECTOR_RPL_TI));
    need(c, RULE_HOST_CS_NULL, VMCS_HOST_CS_SELECTOR, get(c, VMCS_HOST_CS_SELECTOR));
    need(c, RULE_HOST_TR_NULL, VMCS_HOST_TR_SELECTOR, get(c, VMCS_HOST_TR_SELECTOR));
    if (!(exit & EXITC_HOST_64BIT))
        need(c, RULE_HOST_SS_NULL, VMCS_HOST_SS_SELECTOR, get(c, VMCS_HOST_SS_SELECTOR));
    for (size_t i = 0; i < ARRAY_SIZE(bases); i++)
        need_canonical(c, RULE_HOST_BASE, bases[i]);
}

void check_host(struct entry_check *c)
{
    u64 exit = get(c, VMCS_EXIT_CONTROLS);

    check_registers(c, exit);
    check_segments(c, exit);
    need(c, RULE_HOST_SIZE, VMCS_EXIT_CONTROLS, exit & EXITC_HOST_64BIT);
    if (!(exit & EXITC_HOST_64BIT))
        return;
    need(c, RULE_HOST_PAE, VMCS_HOST_CR4, get(c, VMCS_HOST_CR4) & CR4_PAE);
    need_canonical(c, RULE_HOST_RIP, VMCS_HOST_RIP);
}
