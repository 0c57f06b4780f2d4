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
#include "vmx.h"
#include "x86.h"

static void write_event(struct vcpu *v, struct vmx_vcpu *x)
{
    const struct virt_event *ev = &x->common.event;
    u32 word = EVENT_VALID | ev->vector | (u32)ev->type << EVENT_TYPE_SHIFT;

    /* Real mode pushes no error codes ("VM-Entry Control Fields"). */
    if (ev->has_error && virt_get(v, VREG_CR0) & CR0_PE) {
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
    x->proc ^= PROC_INTERRUPT_WINDOW;
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
    v->dr_loaded = true;
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

/* VMLAUNCH or VMRESUME failed, or the processor refused the guest's state. */
static void failed_entry(struct vcpu *v, u32 raw, struct exit *e)
{
    vmx_report_failed_entry(v, raw);
    e->reason = EXIT_FAILED_ENTRY;
    e->counter = LC_EXIT_OTHER;
    e->raw = raw;
    e->insn_len = 0;
    e->event_being_delivered = 0;
}

void vmx_run(struct vcpu *v, u64 until, struct exit *e)
{
    struct vmx_vcpu *x = vmx_of(v);

    vmx_make_current(v);
    if (x->common.dirty || unlikely(x->common.paging_changed))
        vmx_write_dirty(v);
    if (unlikely(!v->dr_loaded))
        load_debug_registers(v);
    if (x->common.has_event)
        write_event(v, x);
    if (unlikely(x->common.window_wanted != !!(x->proc & PROC_INTERRUPT_WINDOW)))
        write_window(x);
    arm_slice(until);

    bool entered = vmx_enter(&v->regs, x->launched);
    e->tsc = rdtsc();
    x->common.valid = 0;
    if (unlikely(!entered)) {
        failed_entry(v, 0, e);
        return;
    }
    x->launched = true;
    u32 raw = (u32)vmread(VMCS_EXIT_REASON);
    if (unlikely(raw & VMX_ENTRY_FAILED))
        failed_entry(v, raw, e);
    else
        vmx_decode_exit(v, raw, e);
}
