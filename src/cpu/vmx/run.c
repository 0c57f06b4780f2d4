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
#include "domain.h"
#include "insn.h"
#include "log.h"
#include "pcpu.h"
#include "vmx.h"
#include "x86.h"

static void write_event(struct vmx_vcpu *x)
{
    const struct virt_event *ev = &x->common.event;
    u32 word = EVENT_VALID | ev->vector | (u32)ev->type << EVENT_TYPE_SHIFT;

    /* Real mode pushes no error codes ("VM-Entry Control Fields"). The registers are written. */
    if (ev->has_error && likely(vmread(VMCS_GUEST_CR0) & CR0_PE)) {
        word |= EVENT_HAS_ERROR;
        vmwrite(VMCS_ENTRY_EVENT_ERROR, ev->error);
    }
    if (ev->type >= VIRT_SOFT_INT)
        vmwrite(VMCS_ENTRY_INSN_LENGTH, ev->insn_len);
    vmwrite(VMCS_ENTRY_EVENT, word);
    x->common.has_event = false;
}

static void write_window(struct vmx_vcpu *x)
{
    u32 proc = x->proc & ~(u32)PROC_INTERRUPT_WINDOW;

    x->proc = x->common.window_wanted ? proc | PROC_INTERRUPT_WINDOW : proc;
    vmwrite(VMCS_PROC_CONTROLS, x->proc);
}

/* The debug registers reach the processor only if the guest has armed one; DR6 never does, since
 * #DB exits and its bits come with the exit. */
static void load_debug_registers(struct vcpu *v)
{
    enum { DR7_ENABLES = 0xff };

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
    if (x->common.has_event)
        write_event(x);
    if (dirty & DIRTY_WINDOW)
        write_window(x);
    arm_slice(until);
    if (x->launched)
        return vmx_resume_guest(&v->regs);
    x->launched = true;
    return vmx_launch_guest(&v->regs);
}

/* From the exit reason to *e. What cpu_skip needs is read at once where the exit will lead to it.
 */
static inline void decode(struct vcpu *v, u32 raw, struct exit *e)
{
    struct vmx_vcpu *x = vmx_of(v);
    u32 kind = vmx_exit_kinds[raw % VMX_EXIT_REASONS];

    e->raw = raw;
    e->reason = (u8)kind;
    e->counter = (u8)(kind >> KIND_COUNTER_SHIFT);
    if (unlikely(!(kind & KIND_INSTRUCTION))) {
        vmx_decode_event(v, kind, e);
        return;
    }
    e->insn_len = (u8)vmread(VMCS_EXIT_INSN_LENGTH);
    x->common.reg[VREG_RIP] = vmread(VMCS_GUEST_RIP);
    x->common.reg[VREG_RFLAGS] = vmread(VMCS_GUEST_RFLAGS);
    x->common.shadow = (u8)vmread(VMCS_GUEST_INTERRUPTIBILITY);
    x->common.valid = 1u << VREG_RIP | 1u << VREG_RFLAGS;
    x->common.dirty = 0;
    if (kind & KIND_MORE)
        vmx_decode_more(x, e);
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
void vmx_run(struct vcpu *v, u64 until, struct exit *e)
{
    struct vmx_vcpu *x = vmx_of(v);
    u32 left = (u32)until - (u32)rdtsc();
    struct vmx_entered after;

    ASSERT(this_pcpu()->vmcs_of == v);
    u32 dirty = x->common.dirty & ~(1u << VREG_RIP);

    if (likely(left - 1 < vmx_cap.timer_quick && (!dirty || write_fault(x, dirty)))) {
        vmwrite(VMCS_GUEST_RIP, x->common.reg[VREG_RIP]);
        vmwrite(VMCS_PREEMPTION_TIMER, left >> vmx_cap.timer_shift);
        after = vmx_resume_guest(&v->regs);
    } else {
        after = enter_prepared(v, x, until);
    }
    e->tsc = rdtsc();
    decode(container_of(after.regs, struct vcpu, regs), (u32)after.raw, e);
}
