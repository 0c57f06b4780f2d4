/*
 * Running a guest in software where the processor cannot: in real mode without `unrestricted guest`
 * (always so under shadow paging), and on the way from there to protected mode until the segments
 * are such that a VM entry would pass. Instruction by instruction, with the emulator of
 * src/cpu/emulate/; interrupts and faults go through the guest's table of vectors, or of
 * gates; breakpoints on code are looked for before each instruction.
 *
 * Virtual-8086 mode would run most real-mode code at full speed, but not all: not with limits
 * beyond 64 KiB ("unreal mode"), not MOV to CR0, not an interrupt without an exit of its own. What
 * runs here is seldom more than some 10,000 instructions of a loader; so one way for all of it.
 *
 * Invariants
 *  - common.by_hand is set, and common.run leads here, if and only if the vcpu cannot be entered,
 * or holds a #DB back for one instruction; that is looked at again after each instruction and event
 *    here, and after each MOV to CR0 that changes PE.
 *  - An event is delivered, or the vcpu can be entered, before the next instruction.
 *  - No stretch lasts beyond `until`.
 */
#include "cpu.h"
#include "domain.h"
#include "event.h"
#include "instruction.h"
#include "ledger.h"
#include "sched.h"
#include "virt_ops.h"
#include "x86.h"

void cpu_look_at_state(struct vcpu *v)
{
    v->virt->by_hand = v->virt->held || !virt_ops->enterable(v);
    v->virt->run = v->virt->by_hand ? cpu_run_by_hand : virt_ops->run;
}

/* At the handler: MOV SS's shadow is over, and #DB is next if a stack or table has met a
 * breakpoint, or INT came behind a load of SS that had. With a fault there that one is lost. */
static void delivered(struct vcpu *v, const struct virt_event *ev, u64 met)
{
    if (ev->type >= VIRT_SOFT_INT)
        met |= v->virt->held;
    v->virt->held = 0;
    virt_ops->completed(v, false);
    if (ev->type == VIRT_NMI)
        virt_ops->block_nmi(v, true);
    if (met)
        cpu_trap(v, met);
    cpu_look_at_state(v); /* CS is another */
}

/* The event was a switch of tasks. A fault in the new task is not one while delivering the event.
 */
static void delivered_to_task(struct vcpu *v, const struct virt_event *ev,
                              const struct instruction *i, const struct emulate_ctx *ctx,
                              bool faulted)
{
    v->virt->has_event = false;
    cpu_end_emulation(i);
    if (ev->type == VIRT_NMI)
        virt_ops->block_nmi(v, true);
    cpu_task_arrived(v, ctx, faulted, i->met);
    cpu_look_at_state(v);
}

/* Goes to the handler: in real mode with FLAGS, CS and IP pushed and no error code, in protected
 * and long mode as the gate says. */
static void deliver(struct vcpu *v, struct exit *e)
{
    struct virt_vcpu *x = v->virt;
    const struct virt_event ev = x->event;
    struct instruction i = {.vcpu = v, .by_hand = true};
    bool protected_mode = virt_get(v, VREG_CR0) & CR0_PE;
    struct emulate_ctx ctx;

    cpu_begin_emulation(&i, &ctx);
    u64 return_to = v->regs.rip + (ev.type >= VIRT_SOFT_INT ? ev.insn_len : 0);
    ctx.notes = 0;
    enum emulate_result result = protected_mode
                                     ? emulate_protected_interrupt(&ctx, &ev, return_to)
                                     : emulate_real_interrupt(&ctx, ev.vector, return_to);
    if (ctx.notes & EMULATE_NEW_TASK && result != EMULATE_UNHANDLEABLE) {
        delivered_to_task(v, &ev, &i, &ctx, result == EMULATE_FAULT);
        return;
    }
    switch (result) {
    case EMULATE_OK:
        x->has_event = false;
        cpu_end_emulation(&i);
        delivered(v, &ev, i.met);
        break;
    case EMULATE_FAULT: /* it combines with the event, which is still there */
        virt_inject(v, &ctx.fault);
        break;
    default:
        cpu_kill(v, e, "an event by hand, to where there is no memory");
        break;
    }
}

/* One instruction. True: it is left to the handler of the exit that *e has become. */
static bool execute(struct vcpu *v, struct exit *e)
{
    struct instruction i = {.vcpu = v, .by_hand = true};
    struct emulate_ctx ctx;

    if (cpu_execute(&i, &ctx) == EMULATE_UNHANDLEABLE)
        cpu_refuse_instruction(v, &ctx);
    cpu_look_at_state(v);
    e->reason = i.exit ? i.exit : EXIT_PREEMPTION;
    e->insn_len = i.exit ? ctx.insn.length : 0;
    return i.exit;
}

/* A breakpoint on the next instruction: #DB instead of it, a fault, and before any other of the
 * instruction's ("Instruction-Breakpoint Exception Condition"). The flags that are pushed have RF
 * as it is, 0: the handler sets it there, or in real mode returns by IRETD, to get past. */
static bool meets_breakpoint(struct vcpu *v)
{
    struct segment cs;
    u64 la, met;

    if (likely(!(v->dr7 & DR7_ENABLES)) || virt_get(v, VREG_RFLAGS) & RFLAGS_RF ||
        virt_ops->blocking(v) & BLOCKING_DEBUG)
        return false;
    virt_get_segment(v, SEG_CS, &cs);
    la = cs.base + virt_get(v, VREG_RIP);
    if (!(cs.attr & SEG_ATTR_L))
        la = (u32)la;
    met = cpu_breakpoints_met(v, ACCESS_CODE, la, 1);
    if (met)
        cpu_trap(v, met);
    return met;
}

/* A window that was asked for is open. */
static bool window_open(struct vcpu *v)
{
    return (v->virt->window_wanted && virt_can_inject(v, VIRT_INTERRUPT)) ||
           (v->virt->nmi_window_wanted && virt_can_inject(v, VIRT_NMI));
}

/* Nothing else is due than the next instruction. */
static bool goes_on(struct vcpu *v, u64 until)
{
    return v->virt->by_hand && !v->domain->doomed && sched_now() < until && !window_open(v);
}

void cpu_run_by_hand(struct vcpu *v, u64 until, struct exit *e)
{
    *e = (struct exit){.reason = EXIT_PREEMPTION, .counter = LC_EXIT_BY_HAND, .tsc = sched_now()};
    v->virt->shadow = true; /* cpu_skip is not to take STI's and MOV SS's for absent */
    do {
        if (v->virt->has_event)
            deliver(v, e);
        else if (!meets_breakpoint(v) && execute(v, e))
            break;
    } while (goes_on(v, until));
    if (window_open(v)) {
        v->virt->window_wanted = v->virt->nmi_window_wanted = false;
        virt_mark(v, DIRTY_WINDOW);
    }
}
