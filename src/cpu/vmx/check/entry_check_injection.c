/*
 * "VM-Entry Control Fields": the event that the entry is to deliver.
 */
#include "checks.h"

enum {
    TYPE_RESERVED = 1,
    TYPE_OTHER = 7, /* a pending monitor-trap-flag exit */
    EVENT_RESERVED_LOW = 12,
    EVENT_RESERVED_BITS = 19, /* bits 30:12 */
    EXCEPTION_LAST = 31,
    ERROR_CODE_BITS = 16,
    INSN_LENGTH_MAX = 15,
};
/* "VM-Execution Control Fields", monitor trap flag; capability MSR: may be 1. */
#define PROC_MONITOR_TRAP (1ULL << (32 + 27))
/* "Basic VMX Information": any exception may have an error code, or none. */
#define BASIC_ANY_ERROR_CODE (1ULL << 56)
/* "Miscellaneous Data": a soft event's instruction may have length 0. */
#define MISC_LENGTH_0 (1ULL << 30)
/* Those that push an error code, #CP left out: it does so only with CET. */
#define WITH_ERROR (VECTORS_WITH_ERROR_CODE & ~(1u << VEC_CP))

static void check_type(struct entry_check *c, u32 type, u32 vector)
{
    need(c, RULE_EVENT_TYPE, VMCS_ENTRY_EVENT,
         type != TYPE_RESERVED && (type != TYPE_OTHER || c->machine->proc & PROC_MONITOR_TRAP));
    if (type == VIRT_NMI)
        need(c, RULE_EVENT_NMI, VMCS_ENTRY_EVENT, vector == VEC_NMI);
    if (type == VIRT_EXCEPTION)
        need(c, RULE_EVENT_EXCEPTION, VMCS_ENTRY_EVENT, vector <= EXCEPTION_LAST);
    if (type == TYPE_OTHER)
        need(c, RULE_EVENT_OTHER, VMCS_ENTRY_EVENT, vector == 0);
}

/* Whether an error code is pushed, and what it is. */
static void check_error(struct entry_check *c, u64 event, u32 type, u32 vector)
{
    bool real =
        secondary_controls(c) & PROC2_UNRESTRICTED_GUEST && !(get(c, VMCS_GUEST_CR0) & CR0_PE);
    bool pushes = type == VIRT_EXCEPTION && vector <= EXCEPTION_LAST && WITH_ERROR >> vector & 1;
    bool any = c->machine->basic & BASIC_ANY_ERROR_CODE && type == VIRT_EXCEPTION;
    bool has = event & EVENT_HAS_ERROR;

    if (real)
        need(c, RULE_EVENT_ERROR_REAL, VMCS_ENTRY_EVENT, !has);
    else
        need(c, RULE_EVENT_ERROR, VMCS_ENTRY_EVENT, has == pushes || any);
    if (has)
        need(c, RULE_EVENT_ERROR_HIGH, VMCS_ENTRY_EVENT_ERROR,
             !(get(c, VMCS_ENTRY_EVENT_ERROR) >> ERROR_CODE_BITS));
}

void check_injection(struct entry_check *c)
{
    u64 event = get(c, VMCS_ENTRY_EVENT);
    u32 type = event >> EVENT_TYPE_SHIFT & EVENT_TYPE_MASK, vector = event & EVENT_VECTOR;

    if (!(event & EVENT_VALID))
        return;
    check_type(c, type, vector);
    check_error(c, event, type, vector);
    need(c, RULE_EVENT_RESERVED, VMCS_ENTRY_EVENT,
         !(event >> EVENT_RESERVED_LOW & ((1u << EVENT_RESERVED_BITS) - 1)));
    if (type == VIRT_SOFT_INT || type == VIRT_PRIV_SOFT || type == VIRT_SOFT_EXCEPTION) {
        u64 length = get(c, VMCS_ENTRY_INSN_LENGTH);
        need(c, RULE_EVENT_LENGTH, VMCS_ENTRY_INSN_LENGTH,
             length <= INSN_LENGTH_MAX && (length || c->machine->misc & MISC_LENGTH_0));
    }
}
