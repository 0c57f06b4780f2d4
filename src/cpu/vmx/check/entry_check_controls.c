/*
 * "VM-Execution Control Fields", "VM-Exit Control Fields", "VM-Entry Control Fields": what a VM
 * entry checks first. A broken rule is VM-instruction error 7.
 */
#include "checks.h"

enum {
    EPTP_TYPE = 7,        /* "Extended-Page-Table Pointer (EPTP)": memory type */
    EPTP_LEVELS = 7 << 3, /* page-walk length - 1 */
    EPTP_FLAGS = 1 << 6,  /* accessed and dirty flags */
    EPTP_LOW_RESERVED = 0x1f << 7,
    EPTP_UNCACHED = 0,
    MISC_CR3_TARGETS_SHIFT = 16, /* "Miscellaneous Data" */
    MISC_CR3_TARGETS = 0x1ff,
    TPR_THRESHOLD = 0xf,
    VTPR_OFFSET = 0x80, /* "Virtual APIC State" */
    VTPR_CLASS_SHIFT = 4,
    VMFUNC_EPTP_SWITCHING = 1 << 0,
    CACHE_LINE_SHIFT = 6,
};
#define EPTCAP_UNCACHED (1ULL << 8)
#define EPTCAP_FLAGS    (1ULL << 21)

static void need_allowed(struct entry_check *c, enum entry_rule rule, u32 field, u64 capability)
{
    need_bits(c, rule, field, (u32)capability, capability >> 32);
}

static void check_apic(struct entry_check *c, u64 pin, u64 proc, u64 proc2)
{
    u64 vtpr = 0, page = get(c, VMCS_VIRTUAL_APIC_ADDRESS), threshold = get(c, VMCS_TPR_THRESHOLD);
    const u64 on_shadow = PROC2_X2APIC | PROC2_APIC_REGISTERS | PROC2_VIRTUAL_INTERRUPTS;

    if (!(proc & PROC_TPR_SHADOW)) {
        need(c, RULE_NO_TPR_SHADOW, VMCS_PROC_CONTROLS2, !(proc2 & on_shadow));
    } else {
        need_address(c, RULE_VIRTUAL_APIC, VMCS_VIRTUAL_APIC_ADDRESS, PAGE_SHIFT);
        if (!(proc2 & PROC2_VIRTUAL_INTERRUPTS))
            need(c, RULE_TPR_THRESHOLD_HIGH, VMCS_TPR_THRESHOLD, !(threshold >> 4));
        if (!(proc2 & (PROC2_VIRTUAL_INTERRUPTS | PROC2_APIC_ACCESSES)) &&
            c->read_memory(c->context, (page & ~PAGE_OFFSET_MASK) + VTPR_OFFSET, &vtpr))
            need(c, RULE_TPR_THRESHOLD_VTPR, VMCS_TPR_THRESHOLD,
                 (threshold & TPR_THRESHOLD) <= (u8)vtpr >> VTPR_CLASS_SHIFT);
    }
    if (proc2 & PROC2_APIC_ACCESSES)
        need_address(c, RULE_APIC_ACCESS, VMCS_APIC_ACCESS_ADDRESS, PAGE_SHIFT);
    need(c, RULE_X2APIC, VMCS_PROC_CONTROLS2, !bit_set(proc2, PROC2_X2APIC | PROC2_APIC_ACCESSES));
    if (proc2 & PROC2_VIRTUAL_INTERRUPTS)
        need(c, RULE_VIRTUAL_INTERRUPTS, VMCS_PIN_CONTROLS, pin & PIN_EXTERNAL_INTERRUPT_EXITING);
    if (!(pin & PIN_POSTED_INTERRUPTS))
        return;
    need(c, RULE_POSTED_DELIVERY, VMCS_PROC_CONTROLS2, proc2 & PROC2_VIRTUAL_INTERRUPTS);
    need(c, RULE_POSTED_ACKNOWLEDGE, VMCS_EXIT_CONTROLS,
         get(c, VMCS_EXIT_CONTROLS) & EXITC_ACKNOWLEDGE_INTERRUPT);
    need(c, RULE_POSTED_VECTOR, VMCS_POSTED_VECTOR, get(c, VMCS_POSTED_VECTOR) <= EVENT_VECTOR);
    need_address(c, RULE_POSTED_DESCRIPTOR, VMCS_POSTED_DESCRIPTOR, CACHE_LINE_SHIFT);
}

static void check_eptp(struct entry_check *c)
{
    u64 eptp = get(c, VMCS_EPT_POINTER), cap = c->machine->ept_vpid, type = eptp & EPTP_TYPE;

    need(c, RULE_EPTP_TYPE, VMCS_EPT_POINTER,
         (type == EPTP_WRITE_BACK && cap & EPTCAP_WRITE_BACK) ||
             (type == EPTP_UNCACHED && cap & EPTCAP_UNCACHED));
    need(c, RULE_EPTP_LEVELS, VMCS_EPT_POINTER, (eptp & EPTP_LEVELS) == EPTP_LEVELS_4);
    need(c, RULE_EPTP_FLAGS, VMCS_EPT_POINTER, !(eptp & EPTP_FLAGS) || cap & EPTCAP_FLAGS);
    need(c, RULE_EPTP_RESERVED, VMCS_EPT_POINTER,
         !(eptp & EPTP_LOW_RESERVED) && !(eptp >> c->machine->maxphyaddr));
}

/* The secondary controls, each with its own pages. */
static void check_secondary(struct entry_check *c, u64 proc2)
{
    bool ept = proc2 & PROC2_EPT;

    if (proc2 & PROC2_VPID)
        need(c, RULE_VPID_ZERO, VMCS_VPID, get(c, VMCS_VPID));
    if (ept)
        check_eptp(c);
    if (proc2 & PROC2_PML) {
        need(c, RULE_PML_EPT, VMCS_PROC_CONTROLS2, ept);
        need_address(c, RULE_PML_ADDRESS, VMCS_PML_ADDRESS, PAGE_SHIFT);
    }
    need(c, RULE_UNRESTRICTED_EPT, VMCS_PROC_CONTROLS2, ept || !(proc2 & PROC2_UNRESTRICTED_GUEST));
    need(c, RULE_MODE_BASED_EPT, VMCS_PROC_CONTROLS2, ept || !(proc2 & PROC2_MODE_BASED_EXECUTE));
    if (proc2 & PROC2_VM_FUNCTIONS) {
        need_bits(c, RULE_VM_FUNCTIONS, VMCS_VM_FUNCTIONS, 0, c->machine->vmfunc);
        if (get(c, VMCS_VM_FUNCTIONS) & VMFUNC_EPTP_SWITCHING) {
            need(c, RULE_EPTP_SWITCHING_EPT, VMCS_PROC_CONTROLS2, ept);
            need_address(c, RULE_EPTP_LIST, VMCS_EPTP_LIST_ADDRESS, PAGE_SHIFT);
        }
    }
    if (proc2 & PROC2_VMCS_SHADOWING) {
        need_address(c, RULE_VMREAD_BITMAP, VMCS_VMREAD_BITMAP, PAGE_SHIFT);
        need_address(c, RULE_VMWRITE_BITMAP, VMCS_VMWRITE_BITMAP, PAGE_SHIFT);
    }
    if (proc2 & PROC2_VE)
        need_address(c, RULE_VE_INFORMATION, VMCS_VE_INFORMATION, PAGE_SHIFT);
}

static void check_exit_and_entry(struct entry_check *c, u64 pin)
{
    u64 exit = get(c, VMCS_EXIT_CONTROLS), entry = get(c, VMCS_ENTRY_CONTROLS);

    need_allowed(c, RULE_EXIT_ALLOWED, VMCS_EXIT_CONTROLS, c->machine->exit);
    need(c, RULE_SAVE_TIMER, VMCS_EXIT_CONTROLS,
         pin & PIN_PREEMPTION_TIMER || !(exit & EXITC_SAVE_TIMER));
    need_msr_area(c, RULE_EXIT_MSR_STORE, VMCS_EXIT_MSR_STORE_ADDRESS, VMCS_EXIT_MSR_STORE_COUNT);
    need_msr_area(c, RULE_EXIT_MSR_LOAD, VMCS_EXIT_MSR_LOAD_ADDRESS, VMCS_EXIT_MSR_LOAD_COUNT);
    need_allowed(c, RULE_ENTRY_ALLOWED, VMCS_ENTRY_CONTROLS, c->machine->entry);
    need_msr_area(c, RULE_ENTRY_MSR_LOAD, VMCS_ENTRY_MSR_LOAD_ADDRESS, VMCS_ENTRY_MSR_LOAD_COUNT);
    need(c, RULE_ENTRY_SMM, VMCS_ENTRY_CONTROLS,
         !(entry & (ENTRYC_TO_SMM | ENTRYC_DEACTIVATE_DUAL)));
}

void check_controls(struct entry_check *c)
{
    u64 pin = get(c, VMCS_PIN_CONTROLS), proc = get(c, VMCS_PROC_CONTROLS);
    u64 proc2 = secondary_controls(c);

    need_allowed(c, RULE_PIN_ALLOWED, VMCS_PIN_CONTROLS, c->machine->pin);
    need_allowed(c, RULE_PROC_ALLOWED, VMCS_PROC_CONTROLS, c->machine->proc);
    if (proc & PROC_SECONDARY)
        need_allowed(c, RULE_PROC2_ALLOWED, VMCS_PROC_CONTROLS2, c->machine->proc2);
    need(c, RULE_CR3_TARGETS, VMCS_CR3_TARGET_COUNT,
         get(c, VMCS_CR3_TARGET_COUNT) <=
             (c->machine->misc >> MISC_CR3_TARGETS_SHIFT & MISC_CR3_TARGETS));
    if (proc & PROC_IO_BITMAPS) {
        need_address(c, RULE_IO_BITMAP_A, VMCS_IO_BITMAP_A, PAGE_SHIFT);
        need_address(c, RULE_IO_BITMAP_B, VMCS_IO_BITMAP_B, PAGE_SHIFT);
    }
    if (proc & PROC_MSR_BITMAPS)
        need_address(c, RULE_MSR_BITMAP, VMCS_MSR_BITMAP, PAGE_SHIFT);
    need(c, RULE_VIRTUAL_NMIS, VMCS_PIN_CONTROLS,
         pin & PIN_NMI_EXITING || !(pin & PIN_VIRTUAL_NMIS));
    need(c, RULE_NMI_WINDOW, VMCS_PROC_CONTROLS,
         pin & PIN_VIRTUAL_NMIS || !(proc & PROC_NMI_WINDOW));
    check_apic(c, pin, proc, proc2);
    check_secondary(c, proc2);
    check_exit_and_entry(c, pin);
}
