/*
 * One entry into a guest: what is due is written, the guest runs, the exit is decoded.
 *
 * Invariants
 *  - The preemption timer is armed at every entry, so no guest, whatever it does with its interrupt
 *    flag, keeps the processor past `until`. Where there is none, an NMI of the PIT's does the
 * same.
 *  - An event is in the VMCS for one entry only; if the exit interrupted its delivery it is in
 *    common.event again.
 */
#include "console.h"
#include "../cpu.h"
#include "domain.h"
#include "insn.h"
#include "log.h"
#include "paging.h"
#include "pcpu.h"
#include "trace.h"
#include "vmx.h"
#include "x86.h"

/* Faults are pushed with RF set, so that their instruction can be started again past a breakpoint
 * on it; after an exit that was no fault it is not set yet. ("EFLAGS Register", RF) */
static inline void set_rf(void)
{
    vmwrite(VMCS_GUEST_RFLAGS, vmread(VMCS_GUEST_RFLAGS) | RFLAGS_RF);
}

/* An NMI whose delivery ended in an exit has begun to block the next, and is delivered again. */
static void unblock_nmi(void)
{
    u64 state = vmread(VMCS_GUEST_INTERRUPTIBILITY);

    if (state & BLOCKED_BY_NMI)
        vmwrite(VMCS_GUEST_INTERRUPTIBILITY, state & ~(u64)BLOCKED_BY_NMI);
}

/* Vectors that are no faults: #DB, when the hypervisor makes it, is a trap or a guard's. */
enum {
    NO_FAULTS = 1 << VEC_DB | 1 << VEC_NMI | 1 << VEC_BP | 1 << VEC_OF | 1 << VEC_DF | 1 << VEC_MC
};

static void write_event(struct vmx_vcpu *x)
{
    const struct virt_event *ev = &x->common.event;
    u32 word = EVENT_VALID | ev->vector | (u32)ev->type << EVENT_TYPE_SHIFT;

    /* Real mode pushes no error codes ("VM-Entry Control Fields"). The registers are written. */
    if (ev->has_error && likely(vmread(VMCS_GUEST_CR0) & CR0_PE)) {
        word |= EVENT_HAS_ERROR;
        vmwrite(VMCS_ENTRY_EVENT_ERROR, ev->error);
    }
    if (ev->type == VIRT_EXCEPTION && !(NO_FAULTS >> ev->vector & 1))
        set_rf();
    if (ev->type >= VIRT_SOFT_INT)
        vmwrite(VMCS_ENTRY_INSN_LENGTH, ev->insn_len);
    else if (ev->type == VIRT_NMI)
        unblock_nmi();
    vmwrite(VMCS_ENTRY_EVENT, word);
    x->common.has_event = false;
}

static void write_window(struct vmx_vcpu *x)
{
    x->proc &= ~(u32)(PROC_INTERRUPT_WINDOW | PROC_NMI_WINDOW);
    if (x->common.window_wanted)
        x->proc |= PROC_INTERRUPT_WINDOW;
    if (x->common.nmi_window_wanted)
        x->proc |= PROC_NMI_WINDOW;
    vmwrite(VMCS_PROC_CONTROLS, x->proc);
}

/* Every processor with VT-x can do this (SDM, "Processor-Based VM-Execution Controls": the bit may
 * be 1). A guest that never moves its TSC runs without. */
static void write_tsc_offset(struct vmx_vcpu *x)
{
    x->proc |= PROC_TSC_OFFSETTING;
    vmwrite(VMCS_PROC_CONTROLS, x->proc);
    vmwrite(VMCS_TSC_OFFSET, x->common.tsc_offset);
}

/* The debug registers reach the processor only if the guest has armed one; DR6 never does, since
 * #DB exits and its bits come with the exit. */
static void load_debug_registers(struct vcpu *v)
{
    if (v->dr7 & DR7_ENABLES) {
        write_dr0(v->dr[0]);
        write_dr1(v->dr[1]);
        write_dr2(v->dr[2]);
        write_dr3(v->dr[3]);
    }
    if (vmx_cap.entry & ENTRYC_LOAD_DEBUG)
        vmwrite(VMCS_GUEST_DR7, v->dr7);
}

static void arm_slice(u64 until)
{
    if (!vmx_cap.timer) {
        vmx_slice_arm(until);
        return;
    }
    u64 now = rdtsc();
    u64 left = until > now ? (until - now) >> vmx_cap.timer_shift : 0;
    vmwrite(VMCS_PREEMPTION_TIMER, MIN(left, 0xffffffffULL));
}

/* An entry before which more is due than the new RIP and the time, or `until` is past or far. */
static struct vmx_entered __attribute__((noinline))
enter_prepared(struct vcpu *v, struct vmx_vcpu *x, u64 until)
{
    u32 dirty = x->common.dirty;

    if (dirty & 1u << VREG_RIP)
        vmwrite(VMCS_GUEST_RIP, x->common.reg[VREG_RIP]);
    if (dirty & 1u << VREG_CR2)
        write_cr2(x->common.reg[VREG_CR2]);
    if (dirty & ~(1u << VREG_RIP | 1u << VREG_CR2 | DIRTY_EVENT))
        vmx_write_dirty(v, dirty);
    if (dirty & DIRTY_DEBUG)
        load_debug_registers(v);
    if (unlikely(dirty & DIRTY_TSC))
        write_tsc_offset(x);
    if (x->common.has_event)
        write_event(x);
    if (dirty & DIRTY_WINDOW)
        write_window(x);
    arm_slice(until);
    vmx_check_before_entry();
    if (x->launched)
        return vmx_resume_guest(&v->regs);
    x->launched = true;
    return vmx_launch_guest(&v->regs);
}

/* An exit whose instruction has a length. What cpu_skip needs is read at once. */
static inline void decode_instruction(struct vcpu *v, u32 raw, u32 kind, struct exit *e)
{
    struct vmx_vcpu *x = vmx_of(v);

    e->raw = raw;
    e->reason = (u8)kind;
    e->counter = (u8)(kind >> KIND_COUNTER_SHIFT);
    e->insn_len = (u8)vmread(VMCS_EXIT_INSN_LENGTH);
    x->common.reg[VREG_RIP] = vmread(VMCS_GUEST_RIP);
    x->common.reg[VREG_RFLAGS] = vmread(VMCS_GUEST_RFLAGS);
    x->common.shadow = (u8)vmread(VMCS_GUEST_INTERRUPTIBILITY);
    x->common.valid = 1u << VREG_RIP | 1u << VREG_RFLAGS;
    x->common.dirty = 0;
}

/* From the exit reason to *e. */
static inline void decode(struct vcpu *v, u32 raw, u32 kind, struct exit *e)
{
    if (kind & KIND_INSTRUCTION) {
        decode_instruction(v, raw, kind, e);
        if (kind & KIND_MORE)
            vmx_decode_more(vmx_of(v), e);
        return;
    }
    e->raw = raw;
    e->reason = (u8)kind;
    e->counter = (u8)(kind >> KIND_COUNTER_SHIFT);
    vmx_decode_event(v, kind, e);
}

/* Nothing is due but an event and its CR2: writes them. */
static inline bool write_fault(struct vmx_vcpu *x, u32 dirty)
{
    if (dirty & ~(1u << VREG_CR2 | DIRTY_EVENT))
        return false;
    if (dirty & 1u << VREG_CR2)
        write_cr2(x->common.reg[VREG_CR2]);
    if (dirty & DIRTY_EVENT)
        write_event(x);
    return true;
}

/* The usual entry is quick: only RIP may be new, and perhaps a page fault is to be delivered, and
 * the time left fits the timer's 32 bits. */
static inline struct vmx_entered enter(struct vcpu *v, u64 until)
{
    struct vmx_vcpu *x = vmx_of(v);
    u32 left = (u32)until - (u32)rdtsc(), dirty = x->common.dirty & ~(1u << VREG_RIP);

    if (likely(left - 1 < vmx_cap.timer_quick && (!dirty || write_fault(x, dirty)))) {
        vmwrite(VMCS_GUEST_RIP, x->common.reg[VREG_RIP]);
        vmwrite(VMCS_PREEMPTION_TIMER, left >> vmx_cap.timer_shift);
        vmx_check_before_entry();
        return vmx_resume_guest(&v->regs);
    }
    return enter_prepared(v, x, until);
}

/* A load of CR3 with a root that is known, from a register, by an instruction whose completion only
 * moves RIP. False: nothing has been done. */
static inline bool load_known_root(struct vcpu *v)
{
    struct vmx_vcpu *x = vmx_of(v);
    u64 q = vmread(VMCS_EXIT_QUALIFICATION), cr3, root;
    unsigned gpr = q >> CRQ_GPR_SHIFT & 0xf;

    if (unlikely((q & (CRQ_REGISTER | CRQ_TYPE_MASK << CRQ_TYPE_SHIFT)) != 3 || gpr == CPU_GPR_RSP))
        return false;
    cr3 = cpu_gpr_quickly(v, gpr);
    if (unlikely(cr3 & CR3_NO_FLUSH) && x->cr4_shadow & CR4_PCIDE)
        cr3 &= ~CR3_NO_FLUSH; /* as cpu_write_cr3 */
    if (unlikely((vmread(VMCS_GUEST_RFLAGS) & (RFLAGS_TF | RFLAGS_RF)) ||
                 vmread(VMCS_GUEST_INTERRUPTIBILITY)))
        return false;
    root = paging_switch_root(v, cr3);
    if (unlikely(!root))
        return false;
    vmx_load_root(x, cr3, root);
    x->common.reg[VREG_RIP] = vmread(VMCS_GUEST_RIP) + vmread(VMCS_EXIT_INSN_LENGTH);
    x->common.valid = 1u << VREG_RIP | 1u << VREG_CR3;
    x->common.dirty = 1u << VREG_RIP;
    return true;
}

/* The event word of a page fault, less what an exit may add. */
enum {
    PAGE_FAULT = VEC_PF | VIRT_EXCEPTION << EVENT_TYPE_SHIFT | EVENT_HAS_ERROR,
    PAGE_FAULT_BITS =
        EVENT_VECTOR | EVENT_TYPE_MASK << EVENT_TYPE_SHIFT | EVENT_HAS_ERROR | EVENT_NMI_UNBLOCKED,
};

/* Decodes the usual page fault, one that interrupted nothing. False: nothing has been done. */
static inline bool decode_page_fault(struct vmx_vcpu *x, struct exit *e)
{
    if (((u32)vmread(VMCS_EXIT_EVENT) & PAGE_FAULT_BITS) != PAGE_FAULT ||
        unlikely(vmread(VMCS_IDT_VECTORING) & EVENT_VALID))
        return false;
    x->common.reg[VREG_RIP] = vmread(VMCS_GUEST_RIP);
    x->common.valid = 1u << VREG_RIP;
    x->common.dirty = 0;
    e->raw = VMX_EXCEPTION_NMI;
    e->reason = EXIT_PAGE_FAULT;
    e->counter = LC_EXIT_PAGE_FAULT;
    e->insn_len = 0;
    e->event_being_delivered = 0;
    e->error = (u32)vmread(VMCS_EXIT_EVENT_ERROR);
    e->gva = vmread(VMCS_EXIT_QUALIFICATION);
    return true;
}

/* As cpu_handle_shortly; a fault that is the guest's own goes into the VMCS at once. */
static inline bool handle_page_fault(struct vcpu *v, struct exit *e)
{
    struct paging_fault f;
    enum paging_result result = paging_fault(v, e, &f);

    if (result == PAGING_FIXED)
        return true;
    if (result != PAGING_INJECT)
        return cpu_handle_fault(v, e, &f, result);
    write_cr2(f.cr2);
    set_rf();
    vmwrite(VMCS_ENTRY_EVENT_ERROR, f.error);
    vmwrite(VMCS_ENTRY_EVENT, EVENT_VALID | PAGE_FAULT);
    ledger_count(&v->domain->ledger, LC_DELIVERED_FAULT);
    TRACE(v->domain, DELIVERED_FAULT, VEC_PF, f.error, f.cr2, v->virt->reg[VREG_RIP]);
    return true;
}

/* As vmx_decode_event does, the usual violation of the second stage, one that interrupted nothing.
 * False: nothing has been done. */
static inline bool decode_violation(struct vmx_vcpu *x, struct exit *e)
{
    if (unlikely(vmread(VMCS_IDT_VECTORING) & EVENT_VALID))
        return false;
    x->common.reg[VREG_RIP] = vmread(VMCS_GUEST_RIP);
    x->common.valid = 1u << VREG_RIP;
    x->common.dirty = 0;
    e->raw = VMX_EPT_VIOLATION;
    e->reason = EXIT_STAGE2;
    e->counter = LC_EXIT_STAGE2;
    e->insn_len = 0;
    e->event_being_delivered = 0;
    vmx_decode_violation(e);
    return true;
}

void vmx_enter_once(struct vcpu *v, u64 until, struct exit *e)
{
    struct vmx_entered after = enter_prepared(v, vmx_of(v), until);
    u32 raw = (u32)after.raw;

    e->tsc = rdtsc();
    decode(container_of(after.regs, struct vcpu, regs), raw, vmx_exit_kinds[raw % VMX_EXIT_REASONS],
           e);
}

/* As the run loop does. */
static inline void charge(struct vcpu *v, const struct exit *e)
{
    u64 ticks = rdtsc() - e->tsc;

    ledger_add(&v->domain->ledger, e->counter, ticks);
    if (trace_wants(TRACE_ALL))
        virt_trace_exit(v, e, ticks);
}

/*
 * After an exit that is not plain. Those that concern memory alone are handled here, and the guest
 * entered again, without the scheduler: they can make neither anything pending nor another vcpu's
 * turn. Should the time be up, the next entry ends at once. Returns with the first exit that is
 * another.
 */
static void __attribute__((noinline))
run_on(struct vcpu *v, struct exit *e, u32 raw, u32 kind, u64 until)
{
    for (;;) {
        if (raw == VMX_EXCEPTION_NMI && decode_page_fault(vmx_of(v), e)) {
            if (unlikely(cpu_mmio_again(v, e))) {
                e->reason = EXIT_PREEMPTION; /* nothing is left to do, but to look what is due */
                return;
            }
            if (unlikely(!handle_page_fault(v, e)))
                return;
        } else if (raw == VMX_EPT_VIOLATION && decode_violation(vmx_of(v), e)) {
            if (cpu_mmio_quickly(v, e)) {
                e->reason = EXIT_PREEMPTION;
                return;
            }
            if (!cpu_handle_shortly(v, e))
                return;
        } else if (raw == VMX_CR_ACCESS && load_known_root(v)) {
            e->counter = LC_EXIT_CR3_WRITE;
        } else {
            decode(v, raw, kind, e);
            if (!(kind & KIND_SHORT) || !cpu_handle_shortly(v, e))
                return;
        }
        charge(v, e);
        struct vmx_entered after = enter(v, until);
        e->tsc = rdtsc();
        raw = (u32)after.raw;
        kind = vmx_exit_kinds[raw % VMX_EXIT_REASONS];
        v = container_of(after.regs, struct vcpu, regs);
        vmx_look_at_desk(v);
    }
}

/*
 * Tour 26: one entry, one exit. `enter` writes what changed since the last exit and arms the
 * preemption timer; then the guest runs, perhaps for ten instructions, perhaps for a whole slice.
 * What comes back is a number. Most exits go up to the scheduler; those that concern memory alone
 * are handled right here (`run_on`), which is what makes shadow paging's page faults affordable.
 */
void vmx_run(struct vcpu *v, u64 until, struct exit *e)
{
    ASSERT(this_pcpu()->vmcs_of == v);
    struct vmx_entered after = enter(v, until);
    u32 raw = (u32)after.raw, kind = vmx_exit_kinds[raw % VMX_EXIT_REASONS];

    e->tsc = rdtsc();
    v = container_of(after.regs, struct vcpu, regs);
    vmx_look_at_desk(v);
    if (likely(kind & KIND_PLAIN)) {
        decode_instruction(v, raw, kind, e);
    } else if (raw == VMX_IO) { /* what emulated devices cost */
        decode_instruction(v, raw, kind, e);
        vmx_decode_io(e);
    } else {
        run_on(v, e, raw, kind, until);
    }
}
