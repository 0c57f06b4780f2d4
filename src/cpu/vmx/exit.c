/*
 * From VT-x's exit reason, qualification and event fields to the one struct exit that the
 * handlers know. Only what the reason has is read and filled.
 */
#include "insn.h"
#include "ledger.h"
#include "vmx.h"
#include "x86.h"

struct exit_kind {
    u8 reason;        /* enum exit_reason */
    u8 counter;       /* enum ledger_counter */
    bool instruction; /* caused by an instruction: it has a length, and no event was underway */
    bool known;       /* it is in the table */
};

#define INSTRUCTION(reason, counter)                                                               \
    {                                                                                              \
        EXIT_##reason, LC_EXIT_##counter, true, true                                               \
    }
#define EVENT(reason, counter)                                                                     \
    {                                                                                              \
        EXIT_##reason, LC_EXIT_##counter, false, true                                              \
    }
static const struct exit_kind kinds[VMX_EXIT_REASONS] = {
    [VMX_EXCEPTION_NMI] = EVENT(EXCEPTION, EXCEPTION),
    [VMX_EXTERNAL_INTERRUPT] = EVENT(INTERRUPT, INTERRUPT),
    [VMX_TRIPLE_FAULT] = EVENT(TRIPLE_FAULT, TRIPLE_FAULT),
    [VMX_INTERRUPT_WINDOW] = EVENT(WINDOW, WINDOW),
    [VMX_TASK_SWITCH] = EVENT(TASK_SWITCH, OTHER),
    [VMX_CPUID] = INSTRUCTION(CPUID, CPUID),
    [VMX_GETSEC] = INSTRUCTION(UNSUPPORTED, OTHER),
    [VMX_HLT] = INSTRUCTION(HLT, HLT),
    [VMX_INVD] = INSTRUCTION(WBINVD, OTHER),
    [VMX_INVLPG] = INSTRUCTION(INVLPG, INVLPG),
    [VMX_RDPMC] = INSTRUCTION(UNSUPPORTED, OTHER),
    [VMX_VMCALL] = INSTRUCTION(HYPERCALL, VMCALL),
    [VMX_CR_ACCESS] = INSTRUCTION(CR, CR_WRITE),
    [VMX_MOV_DR] = INSTRUCTION(DR, DR_ACCESS),
    [VMX_IO] = INSTRUCTION(IO, IO),
    [VMX_RDMSR] = INSTRUCTION(RDMSR, RDMSR),
    [VMX_WRMSR] = INSTRUCTION(WRMSR, WRMSR),
    [VMX_EPT_VIOLATION] = EVENT(STAGE2, STAGE2),
    [VMX_EPT_MISCONFIGURATION] = EVENT(MISCONFIG, MISCONFIG),
    [VMX_PREEMPTION_TIMER] = EVENT(PREEMPTION, PREEMPTION),
    [VMX_WBINVD] = INSTRUCTION(WBINVD, OTHER),
    [VMX_XSETBV] = INSTRUCTION(XSETBV, XSETBV),
};

/* Instructions that the guest was told not to have (VMX, MONITOR, ...): #UD. */
static const struct exit_kind unknown = INSTRUCTION(UNSUPPORTED, OTHER);

/* "Information for VM Exits That Occur During Event Delivery": the event is delivered again at
 * the next entry, unless the handler's own combines with it. */
static void take_back_event(struct vmx_vcpu *x, struct exit *e)
{
    u32 word = (u32)vmread(VMCS_IDT_VECTORING);

    e->event_being_delivered = 0;
    if (likely(!(word & EVENT_VALID)))
        return;
    struct virt_event *ev = &x->common.event;
    e->event_being_delivered = word;
    e->event_error = word & EVENT_HAS_ERROR ? (u32)vmread(VMCS_IDT_VECTORING_ERROR) : 0;
    *ev = (struct virt_event){
        .type = word >> EVENT_TYPE_SHIFT & EVENT_TYPE_MASK,
        .vector = word & EVENT_VECTOR,
        .has_error = word & EVENT_HAS_ERROR,
        .error = e->event_error,
        .insn_len = (u8)vmread(VMCS_EXIT_INSN_LENGTH),
    };
    x->common.has_event = true;
}

static void decode_exception(struct exit *e)
{
    u32 word = (u32)vmread(VMCS_EXIT_EVENT);

    e->vector = word & EVENT_VECTOR;
    e->error = word & EVENT_HAS_ERROR ? (u32)vmread(VMCS_EXIT_EVENT_ERROR) : 0;
    e->gva = vmread(VMCS_EXIT_QUALIFICATION); /* #PF: address; #DB: new bits of DR6 */
    if ((word >> EVENT_TYPE_SHIFT & EVENT_TYPE_MASK) == VIRT_NMI) {
        vmx_unblock_nmi();
        vmx_slice_expired();
        e->reason = EXIT_PREEMPTION;
        e->counter = LC_EXIT_PREEMPTION;
        return;
    }
    /* INT1 is a trap: its handler returns behind it. */
    if ((word >> EVENT_TYPE_SHIFT & EVENT_TYPE_MASK) == VIRT_PRIV_SOFT)
        e->insn_len = (u8)vmread(VMCS_EXIT_INSN_LENGTH);
    /* An IRET that faulted has ended the blocking of NMIs; it will be executed again. */
    if (word & EVENT_NMI_UNBLOCKED && e->vector != VEC_DF && !e->event_being_delivered)
        vmwrite(VMCS_GUEST_INTERRUPTIBILITY, vmread(VMCS_GUEST_INTERRUPTIBILITY) | BLOCKED_BY_NMI);
    if (e->vector == VEC_PF) {
        e->reason = EXIT_PAGE_FAULT;
        e->counter = LC_EXIT_PAGE_FAULT;
    }
}

static void decode_cr(struct exit *e)
{
    u64 q = vmread(VMCS_EXIT_QUALIFICATION);

    e->cr = q & CRQ_REGISTER;
    e->cr_op = q >> CRQ_TYPE_SHIFT & CRQ_TYPE_MASK;
    e->gpr = q >> CRQ_GPR_SHIFT & 0xf;
    e->port = (u16)(q >> CRQ_LMSW_SHIFT);
    if (e->cr_op == CR_READ)
        e->counter = LC_EXIT_CR_READ;
    else if (e->cr == 3)
        e->counter = LC_EXIT_CR3_WRITE;
}

static void decode_dr(struct exit *e)
{
    u64 q = vmread(VMCS_EXIT_QUALIFICATION);

    e->cr = q & DRQ_REGISTER;
    e->in = q & DRQ_READ;
    e->gpr = q >> DRQ_GPR_SHIFT & 0xf;
}

static void decode_io(struct exit *e)
{
    u64 q = vmread(VMCS_EXIT_QUALIFICATION);

    e->size = (q & IOQ_SIZE) + 1;
    e->in = q & IOQ_IN;
    e->string = q & IOQ_STRING;
    e->rep = q & IOQ_REP;
    e->port = (u16)(q >> IOQ_PORT_SHIFT);
}

/* "Exit Qualification for EPT Violations", as the error code of a page fault. */
static void decode_violation(struct exit *e)
{
    u64 q = vmread(VMCS_EXIT_QUALIFICATION);

    e->error = (q & EPTQ_WAS_ALLOWED ? PF_P : 0) | (q & EPTQ_WRITE ? PF_W : 0) |
               (q & EPTQ_FETCH ? PF_I : 0);
    e->gpa = vmread(VMCS_GUEST_PHYSICAL_ADDRESS);
    e->gva_valid = q & EPTQ_LINEAR_VALID;
    e->on_table_walk = e->gva_valid && !(q & EPTQ_FINAL);
    if (e->gva_valid)
        e->gva = vmread(VMCS_GUEST_LINEAR_ADDRESS);
}

void vmx_decode_exit(struct vcpu *v, u32 raw, struct exit *e)
{
    struct vmx_vcpu *x = vmx_of(v);
    const struct exit_kind *k = &kinds[MIN(raw & 0xffff, VMX_EXIT_REASONS - 1)];

    if (unlikely(!k->known))
        k = &unknown;
    e->raw = raw;
    e->reason = k->reason;
    e->counter = k->counter;
    if (k->instruction) {
        e->insn_len = (u8)vmread(VMCS_EXIT_INSN_LENGTH);
        e->event_being_delivered = 0;
    } else {
        e->insn_len = 0;
        take_back_event(x, e);
    }
    switch (k->reason) {
    case EXIT_EXCEPTION:
        decode_exception(e);
        break;
    case EXIT_INTERRUPT:
        e->vector = vmread(VMCS_EXIT_EVENT) & EVENT_VECTOR;
        break;
    case EXIT_WINDOW:
        x->common.window_wanted = false;
        break;
    case EXIT_CR:
        decode_cr(e);
        break;
    case EXIT_DR:
        decode_dr(e);
        break;
    case EXIT_IO:
        decode_io(e);
        break;
    case EXIT_INVLPG:
        e->gva = vmread(VMCS_EXIT_QUALIFICATION);
        break;
    case EXIT_STAGE2:
        decode_violation(e);
        break;
    case EXIT_MISCONFIG:
        e->gpa = vmread(VMCS_GUEST_PHYSICAL_ADDRESS);
        break;
    default:
        break;
    }
}
