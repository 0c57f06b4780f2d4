/*
 * From VT-x's exit reason, qualification and event fields to the one struct exit that the
 * handlers know. Only what the reason has is read and filled.
 */
#include "insn.h"
#include "ledger.h"
#include "vmx.h"
#include "x86.h"

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
    x->common.dirty |= DIRTY_EVENT;
}

void vmx_block_nmi_again(void)
{
    vmwrite(VMCS_GUEST_INTERRUPTIBILITY, vmread(VMCS_GUEST_INTERRUPTIBILITY) | BLOCKED_BY_NMI);
}

static inline void decode_exception(struct exit *e)
{
    u32 word = (u32)vmread(VMCS_EXIT_EVENT), type = word >> EVENT_TYPE_SHIFT & EVENT_TYPE_MASK;

    e->gva = vmread(VMCS_EXIT_QUALIFICATION); /* #PF: address; #DB: new bits of DR6 */
    e->error = word & EVENT_HAS_ERROR ? (u32)vmread(VMCS_EXIT_EVENT_ERROR) : 0;
    e->vector = word & EVENT_VECTOR;
    if (unlikely(word & EVENT_NMI_UNBLOCKED) && e->vector != VEC_DF && !e->event_being_delivered)
        vmx_block_nmi_again();
    if (likely(e->vector == VEC_PF)) { /* what shadow paging costs */
        e->reason = EXIT_PAGE_FAULT;
        e->counter = LC_EXIT_PAGE_FAULT;
        return;
    }
    if (type == VIRT_NMI) {
        vmx_unblock_nmi(); /* the machine's: what the guest blocks is virtual */
        vmx_slice_expired();
        e->reason = EXIT_PREEMPTION;
        e->counter = LC_EXIT_PREEMPTION;
    } else if (type == VIRT_PRIV_SOFT) { /* INT1 is a trap: its handler returns behind it */
        e->insn_len = (u8)vmread(VMCS_EXIT_INSN_LENGTH);
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

/* "Exit Qualification for Task Switches". An interrupt or a fault has no instruction. */
static void decode_task_switch(struct exit *e)
{
    u64 q = vmread(VMCS_EXIT_QUALIFICATION);
    unsigned type = e->event_being_delivered >> EVENT_TYPE_SHIFT & EVENT_TYPE_MASK;

    e->error = (u32)q & TASKQ_SELECTOR;
    e->task = q >> TASKQ_SOURCE_SHIFT & TASKQ_SOURCE_MASK;
    if (!e->event_being_delivered || type >= VIRT_SOFT_INT)
        e->insn_len = (u8)vmread(VMCS_EXIT_INSN_LENGTH);
}

void vmx_decode_io(struct exit *e)
{
    u64 q = vmread(VMCS_EXIT_QUALIFICATION);

    e->size = (q & IOQ_SIZE) + 1;
    e->in = q & IOQ_IN;
    e->string = q & IOQ_STRING;
    e->rep = q & IOQ_REP;
    e->port = (u16)(q >> IOQ_PORT_SHIFT);
}

#define KIND(reason, counter, flags)                                                               \
    (EXIT_##reason | (u32)LC_EXIT_##counter << KIND_COUNTER_SHIFT | (flags) |                      \
     ((u32)(flags) == KIND_INSTRUCTION ? KIND_PLAIN : 0))
enum { I = KIND_INSTRUCTION, M = KIND_MORE, S = KIND_SHORT };
/*
 * Tour 27: from the processor's reasons to ours. A row for each of VT-x's exit reasons that can
 * occur here: what we call it, which counter pays, whether an instruction caused it, what more must
 * be read. Every VMREAD costs time (and, under another hypervisor, an exit of its own), so only
 * what a reason has is read.
 */
const u32 vmx_exit_kinds[VMX_EXIT_REASONS] = {
    [VMX_EXCEPTION_NMI] = KIND(EXCEPTION, EXCEPTION, M | S),
    [VMX_EXTERNAL_INTERRUPT] = KIND(INTERRUPT, INTERRUPT, M),
    [VMX_TRIPLE_FAULT] = KIND(TRIPLE_FAULT, TRIPLE_FAULT, 0),
    [VMX_INTERRUPT_WINDOW] = KIND(WINDOW, WINDOW, M),
    [VMX_NMI_WINDOW] = KIND(WINDOW, WINDOW, M),
    [VMX_TASK_SWITCH] = KIND(TASK_SWITCH, TASK_SWITCH, M),
    [VMX_CPUID] = KIND(CPUID, CPUID, I),
    [VMX_HLT] = KIND(HLT, HLT, I),
    [VMX_INVD] = KIND(WBINVD, OTHER, I),
    [VMX_INVLPG] = KIND(INVLPG, INVLPG, I | M | S),
    [VMX_VMCALL] = KIND(HYPERCALL, VMCALL, I),
    [VMX_CR_ACCESS] = KIND(CR, CR_WRITE, I | M | S),
    [VMX_MOV_DR] = KIND(DR, DR_ACCESS, I | M),
    [VMX_IO] = KIND(IO, IO, I | M),
    [VMX_RDMSR] = KIND(RDMSR, RDMSR, I),
    [VMX_WRMSR] = KIND(WRMSR, WRMSR, I),
    [VMX_EPT_VIOLATION] = KIND(STAGE2, STAGE2, M | S),
    [VMX_EPT_MISCONFIGURATION] = KIND(MISCONFIG, MISCONFIG, M),
    [VMX_PML_FULL] = KIND(LOG_FULL, LOG_FULL, M),
    [VMX_PREEMPTION_TIMER] = KIND(PREEMPTION, PREEMPTION, 0),
    [VMX_WBINVD] = KIND(WBINVD, OTHER, I),
    [VMX_INVPCID] = KIND(INVPCID, INVLPG, I),
    [VMX_XSETBV] = KIND(XSETBV, XSETBV, I),
/* Those without a handler of their own. */
#define ROW_HANDLED(number)
#define ROW_UNDEFINED(number)                [number] = KIND(UNSUPPORTED, OTHER, 0),
#define ROW_ENTRY(number)                    [number] = KIND(FAILED_ENTRY, OTHER, 0),
#define ROW_NEVER(number)                    [number] = KIND(UNEXPECTED, OTHER, 0),
#define EXIT_ANSWER(number, name, what, how) ROW_##what(number)
#include "exit_answers.inc"
#undef EXIT_ANSWER
    /* Those of processors to come, which nothing here has switched on. */
    [VMX_EXIT_REASONS_KNOWN... VMX_EXIT_REASONS - 1] = KIND(UNEXPECTED, OTHER, 0),
};

void vmx_decode_more(struct vmx_vcpu *x, struct exit *e)
{
    switch (e->raw) {
    case VMX_EXTERNAL_INTERRUPT:
        e->vector = vmread(VMCS_EXIT_EVENT) & EVENT_VECTOR;
        break;
    case VMX_INTERRUPT_WINDOW:
        x->common.window_wanted = false;
        x->common.dirty |= DIRTY_WINDOW;
        break;
    case VMX_NMI_WINDOW:
        x->common.nmi_window_wanted = false;
        x->common.dirty |= DIRTY_WINDOW;
        break;
    case VMX_TASK_SWITCH:
        decode_task_switch(e);
        break;
    case VMX_INVLPG:
        e->gva = vmread(VMCS_EXIT_QUALIFICATION);
        break;
    case VMX_CR_ACCESS:
        decode_cr(e);
        break;
    case VMX_MOV_DR:
        decode_dr(e);
        break;
    case VMX_IO:
        vmx_decode_io(e);
        break;
    case VMX_PML_FULL:
        if (vmread(VMCS_EXIT_QUALIFICATION) & EPTQ_NMI_UNBLOCKED && !e->event_being_delivered)
            vmx_block_nmi_again();
        break;
    case VMX_EPT_MISCONFIGURATION:
        e->gpa = vmread(VMCS_GUEST_PHYSICAL_ADDRESS);
        break;
    default:
        break;
    }
}

/* VMLAUNCH or VMRESUME failed, or the processor refused the guest's state. */
static void failed_entry(struct vcpu *v, struct exit *e)
{
    vmx_report_failed_entry(v, e->raw & ~VMX_ENTRY_FAILED);
    e->reason = EXIT_FAILED_ENTRY;
    e->counter = LC_EXIT_OTHER;
    e->event_being_delivered = 0;
}

/* An exit that no instruction asked for, or a failed entry. */
void vmx_decode_event(struct vcpu *v, u32 kind, struct exit *e)
{
    struct vmx_vcpu *x = vmx_of(v);

    e->insn_len = 0;
    x->common.reg[VREG_RIP] = vmread(VMCS_GUEST_RIP);
    x->common.valid = 1u << VREG_RIP;
    x->common.dirty = 0;
    if (unlikely(e->raw & VMX_ENTRY_FAILED)) {
        failed_entry(v, e);
        return;
    }
    take_back_event(x, e);
    if (likely(e->raw == VMX_EPT_VIOLATION)) /* what lazy memory costs */
        vmx_decode_violation(e);
    else if (likely(e->raw == VMX_EXCEPTION_NMI))
        decode_exception(e);
    else if (kind & KIND_MORE)
        vmx_decode_more(x, e);
}
