/*
 * "Checks on Guest Non-Register State".
 */
#include "checks.h"

enum {
    MISC_ACTIVITY_SHIFT = 5, /* IA32_VMX_MISC: bits 6, 7, 8: HLT, shutdown, wait for SIPI */
    SS_DPL_SHIFT = 5,
    TYPE_OTHER = 7,
    INTERRUPTIBILITY_KNOWN = 0x1f,
    DEBUGCTL_BTF = 1 << 1,
};
#define PENDING_KNOWN 0x1500fULL

static bool known_activity(const struct entry_check *c, u64 activity)
{
    return activity == ACTIVITY_ACTIVE ||
           (activity <= ACTIVITY_WAIT_FOR_SIPI &&
            c->machine->misc >> (MISC_ACTIVITY_SHIFT + activity) & 1);
}

/* Which events may be delivered to a guest that is not active. */
static void check_event_activity(struct entry_check *c, u64 activity, u32 type, u32 vector)
{
    bool machine_check = type == VIRT_EXCEPTION && vector == VEC_MC;
    bool wakes = type == VIRT_INTERRUPT || type == VIRT_NMI || machine_check ||
                 (type == VIRT_EXCEPTION && vector == VEC_DB) ||
                 (type == TYPE_OTHER && vector == 0);

    if (activity == ACTIVITY_HLT)
        need(c, RULE_ACTIVITY_HLT_EVENT, VMCS_ENTRY_EVENT, wakes);
    if (activity == ACTIVITY_SHUTDOWN)
        need(c, RULE_ACTIVITY_SHUTDOWN_EVENT, VMCS_ENTRY_EVENT, machine_check || type == VIRT_NMI);
    if (activity == ACTIVITY_WAIT_FOR_SIPI)
        need(c, RULE_ACTIVITY_SIPI_EVENT, VMCS_ENTRY_EVENT, false);
}

static void check_activity(struct entry_check *c, u64 activity, u64 blocking)
{
    u64 dpl = get(c, VMCS_GUEST_SS_RIGHTS) >> SS_DPL_SHIFT & 3;

    need(c, RULE_ACTIVITY_KNOWN, VMCS_GUEST_ACTIVITY, known_activity(c, activity));
    need(c, RULE_ACTIVITY_HLT_CPL, VMCS_GUEST_ACTIVITY, activity != ACTIVITY_HLT || dpl == 0);
    if (blocking & (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS))
        need(c, RULE_ACTIVITY_BLOCKED, VMCS_GUEST_ACTIVITY, activity == ACTIVITY_ACTIVE);
}

static void check_blocking(struct entry_check *c, u64 state, bool interrupt, bool nmi)
{
    const u32 field = VMCS_GUEST_INTERRUPTIBILITY;
    const u64 both = BLOCKED_BY_STI | BLOCKED_BY_MOV_SS;

    need(c, RULE_BLOCKING_RESERVED, field, !(state & ~(u64)INTERRUPTIBILITY_KNOWN));
    need(c, RULE_BLOCKING_BOTH, field, !bit_set(state, both));
    if (!(get(c, VMCS_GUEST_RFLAGS) & RFLAGS_IF))
        need(c, RULE_BLOCKING_STI_IF, field, !(state & BLOCKED_BY_STI));
    if (interrupt)
        need(c, RULE_BLOCKING_INTERRUPT, field, !(state & both));
    if (nmi) {
        need(c, RULE_BLOCKING_NMI, field, !(state & BLOCKED_BY_MOV_SS));
        if (get(c, VMCS_PIN_CONTROLS) & PIN_VIRTUAL_NMIS)
            need(c, RULE_BLOCKING_VIRTUAL_NMI, field, !(state & BLOCKED_BY_NMI));
    }
    need(c, RULE_BLOCKING_SMI, field, !(state & BLOCKED_BY_SMI));
    need(c, RULE_BLOCKING_ENCLAVE, field,
         !bit_set(state, ENCLAVE_INTERRUPTION | BLOCKED_BY_MOV_SS));
}

static void check_pending_debug(struct entry_check *c, u64 activity, u64 blocking)
{
    u64 pending = get(c, VMCS_GUEST_PENDING_DEBUG);
    bool step =
        get(c, VMCS_GUEST_RFLAGS) & RFLAGS_TF && !(get(c, VMCS_GUEST_DEBUGCTL) & DEBUGCTL_BTF);

    need_bits(c, RULE_PENDING_RESERVED, VMCS_GUEST_PENDING_DEBUG, 0, PENDING_KNOWN);
    if (!(blocking & (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS)) && activity != ACTIVITY_HLT)
        return;
    if (step)
        need(c, RULE_PENDING_STEP, VMCS_GUEST_PENDING_DEBUG, pending & PENDING_DEBUG_BS);
    else
        need(c, RULE_PENDING_NO_STEP, VMCS_GUEST_PENDING_DEBUG, !(pending & PENDING_DEBUG_BS));
}

static void check_link(struct entry_check *c)
{
    u64 link = get(c, VMCS_LINK_POINTER), first;
    unsigned failed = c->failed;

    if (link == ~0ULL)
        return;
    need_address(c, RULE_LINK_ADDRESS, VMCS_LINK_POINTER, PAGE_SHIFT);
    if (c->failed == failed && c->read_memory(c->context, link, &first))
        need(c, RULE_LINK_REVISION, VMCS_LINK_POINTER,
             VMX_BASIC_REVISION(first) == VMX_BASIC_REVISION(c->machine->basic));
}

void check_guest_other(struct entry_check *c)
{
    u64 activity = get(c, VMCS_GUEST_ACTIVITY), blocking = get(c, VMCS_GUEST_INTERRUPTIBILITY);
    u64 event = get(c, VMCS_ENTRY_EVENT);
    u32 type = event >> EVENT_TYPE_SHIFT & EVENT_TYPE_MASK, vector = event & EVENT_VECTOR;
    bool valid = event & EVENT_VALID;

    check_activity(c, activity, blocking);
    if (valid)
        check_event_activity(c, activity, type, vector);
    check_blocking(c, blocking, valid && type == VIRT_INTERRUPT, valid && type == VIRT_NMI);
    check_pending_debug(c, activity, blocking);
    check_link(c);
}
