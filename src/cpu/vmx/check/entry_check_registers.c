/*
 * "Checks on Guest Control Registers, Debug Registers, and MSRs", "... Descriptor-Table Registers",
 * "... RIP, RFLAGS, and SSP", "... Page-Directory-Pointer-Table Entries". A broken rule is an exit
 * with reason 33.
 */
#include "checks.h"

enum {
    TABLE_LIMIT_BITS = 16,
    PDPTES = 4,
    PDPTE_STEP = 2,
    PAE_CR3_LOW = 31,
    RIGHTS_L = 1 << 13,
    CANONICAL_BITS = 48,
};
#define EFER_KNOWN (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)
/* "IA32_DEBUGCTL MSR": LBR, BTF, TR, BTS, BTINT, BTS_OFF_OS, BTS_OFF_USR, the freezes, UNCORE_PMI,
 * FREEZE_WHILE_SMM, RTM */
#define DEBUGCTL_KNOWN 0xffc3ULL
/* Bit 1 is always 1; the others that are reserved are always 0. */
#define RFLAGS_KNOWN                                                                               \
    (RFLAGS_CF | RFLAGS_FIXED | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_TF |        \
     RFLAGS_IF | RFLAGS_DF | RFLAGS_OF | RFLAGS_IOPL | RFLAGS_NT | RFLAGS_RF | RFLAGS_VM |         \
     RFLAGS_AC | RFLAGS_VIF | RFLAGS_VIP | RFLAGS_ID)
#define PDPTE_RESERVED 0x1e6ULL

static void check_control_registers(struct entry_check *c, u64 entry, u64 cr0, u64 cr4)
{
    const struct entry_machine *m = c->machine;
    bool unrestricted = secondary_controls(c) & PROC2_UNRESTRICTED_GUEST;
    u64 free = CR0_NW | CR0_CD | (unrestricted ? CR0_PE | CR0_PG : 0);

    need_bits(c, RULE_GUEST_CR0, VMCS_GUEST_CR0, m->cr0_fixed0 & ~free, m->cr0_fixed1 | free);
    need(c, RULE_GUEST_PG_PE, VMCS_GUEST_CR0, cr0 & CR0_PE || !(cr0 & CR0_PG));
    need_bits(c, RULE_GUEST_CR4, VMCS_GUEST_CR4, m->cr4_fixed0, m->cr4_fixed1);
    if (entry & ENTRYC_IA32E_GUEST) {
        need(c, RULE_GUEST_IA32E_PG, VMCS_GUEST_CR0, cr0 & CR0_PG);
        need(c, RULE_GUEST_IA32E_PAE, VMCS_GUEST_CR4, cr4 & CR4_PAE);
    } else {
        need(c, RULE_GUEST_PCIDE, VMCS_GUEST_CR4, !(cr4 & CR4_PCIDE));
    }
    need_width(c, RULE_GUEST_CR3, VMCS_GUEST_CR3);
}

static void check_msrs(struct entry_check *c, u64 entry, u64 cr0)
{
    u64 efer = get(c, VMCS_GUEST_EFER);

    if (entry & ENTRYC_LOAD_DEBUG) {
        need_bits(c, RULE_GUEST_DEBUGCTL, VMCS_GUEST_DEBUGCTL, 0, DEBUGCTL_KNOWN);
        need(c, RULE_GUEST_DR7, VMCS_GUEST_DR7, !(get(c, VMCS_GUEST_DR7) >> 32));
    }
    need_canonical(c, RULE_GUEST_SYSENTER, VMCS_GUEST_SYSENTER_ESP);
    need_canonical(c, RULE_GUEST_SYSENTER, VMCS_GUEST_SYSENTER_EIP);
    if (entry & ENTRYC_LOAD_PAT)
        need_pat(c, RULE_GUEST_PAT, VMCS_GUEST_PAT);
    if (!(entry & ENTRYC_LOAD_EFER))
        return;
    need_bits(c, RULE_GUEST_EFER_RESERVED, VMCS_GUEST_EFER, 0, EFER_KNOWN);
    need(c, RULE_GUEST_EFER_LMA, VMCS_GUEST_EFER,
         !(efer & EFER_LMA) == !(entry & ENTRYC_IA32E_GUEST));
    if (cr0 & CR0_PG)
        need(c, RULE_GUEST_EFER_LME, VMCS_GUEST_EFER, !(efer & EFER_LMA) == !(efer & EFER_LME));
}

static void check_tables(struct entry_check *c)
{
    need_canonical(c, RULE_TABLE_BASE, VMCS_GUEST_GDTR_BASE);
    need_canonical(c, RULE_TABLE_BASE, VMCS_GUEST_IDTR_BASE);
    need(c, RULE_TABLE_LIMIT, VMCS_GUEST_GDTR_LIMIT,
         !(get(c, VMCS_GUEST_GDTR_LIMIT) >> TABLE_LIMIT_BITS));
    need(c, RULE_TABLE_LIMIT, VMCS_GUEST_IDTR_LIMIT,
         !(get(c, VMCS_GUEST_IDTR_LIMIT) >> TABLE_LIMIT_BITS));
}

void check_rip_and_flags(struct entry_check *c)
{
    bool long_mode = get(c, VMCS_ENTRY_CONTROLS) & ENTRYC_IA32E_GUEST;
    u64 rip = get(c, VMCS_GUEST_RIP), rflags = get(c, VMCS_GUEST_RFLAGS);
    u64 event = get(c, VMCS_ENTRY_EVENT);
    u32 type = event >> EVENT_TYPE_SHIFT & EVENT_TYPE_MASK;

    /* RIP need not be canonical to the last bit: the bits above the width must only be equal. */
    if (long_mode && get(c, VMCS_GUEST_CS_RIGHTS) & RIGHTS_L)
        need(c, RULE_RIP_64, VMCS_GUEST_RIP,
             rip >> CANONICAL_BITS == 0 || rip >> CANONICAL_BITS == 0xffff);
    else
        need(c, RULE_RIP_32, VMCS_GUEST_RIP, !(rip >> 32));
    need_bits(c, RULE_RFLAGS_RESERVED, VMCS_GUEST_RFLAGS, RFLAGS_FIXED, RFLAGS_KNOWN);
    need(c, RULE_RFLAGS_VM, VMCS_GUEST_RFLAGS,
         !(rflags & RFLAGS_VM) || (!long_mode && get(c, VMCS_GUEST_CR0) & CR0_PE));
    if (event & EVENT_VALID && type == VIRT_INTERRUPT)
        need(c, RULE_RFLAGS_IF, VMCS_GUEST_RFLAGS, rflags & RFLAGS_IF);
}

static bool pdpte_good(const struct entry_check *c, u64 entry)
{
    return !(entry & PTE_P) || !(entry & PDPTE_RESERVED || entry >> c->machine->maxphyaddr);
}

/* Without EPT the entry reads them from memory, with EPT from the VMCS. */
static void check_pdptes(struct entry_check *c)
{
    u64 table = (u32)get(c, VMCS_GUEST_CR3) & ~(u64)PAE_CR3_LOW, entry;
    bool ept = secondary_controls(c) & PROC2_EPT, good = true;

    for (u32 i = 0; i < PDPTES; i++) {
        u32 field = VMCS_GUEST_PDPTE0 + i * PDPTE_STEP;
        if (ept)
            need(c, RULE_PDPTE_FIELD, field, pdpte_good(c, get(c, field)));
        else if (c->read_memory(c->context, table + i * sizeof(entry), &entry))
            good = good && pdpte_good(c, entry);
    }
    need(c, RULE_PDPTE_MEMORY, VMCS_GUEST_CR3, good);
}

void check_guest_registers(struct entry_check *c)
{
    u64 entry = get(c, VMCS_ENTRY_CONTROLS), cr0 = get(c, VMCS_GUEST_CR0);
    u64 cr4 = get(c, VMCS_GUEST_CR4);

    check_control_registers(c, entry, cr0, cr4);
    check_msrs(c, entry, cr0);
    check_tables(c);
    check_rip_and_flags(c);
    if (cr0 & CR0_PG && cr4 & CR4_PAE && !(entry & ENTRYC_IA32E_GUEST))
        check_pdptes(c);
}
