/*
 * Hardware task switches: VT-x makes an exit of each, and the emulator does them
 * (emulate/task.c); by hand they are an instruction, or a task gate's event (by_hand.c). What
 * belongs to the processor besides is here: DR7's local enables, the trap bit, the event whose
 * delivery the switch is, and the blocking of NMIs.
 */
#include "cpu.h"
#include "domain.h"
#include "instruction.h"
#include "virt_ops.h"
#include "x86.h"

/* "Debug Control Register (DR7)": L0 to L3 and LE end with the task. */
enum { DR7_LOCAL = 0x155 };
#define DR6_BT (1ULL << 15)

void cpu_task_arrived(struct vcpu *v, const struct emulate_ctx *ctx, bool faulted, u64 met)
{
    v->dr7 &= ~(u64)DR7_LOCAL;
    virt_mark(v, DIRTY_DEBUG);
    cpu_completed(v, false);
    if (ctx->notes & EMULATE_TASK_TRAP)
        met |= DR6_BT;
    if (faulted)
        virt_inject(v, &ctx->fault);
    else if (met)
        cpu_trap(v, met);
}

/* Far CALL or JMP, IRET: executed by hand. */
enum emulate_result hook_task_switch(struct emulate_ctx *ctx, u16 selector, enum emulate_task why)
{
    const struct instruction *i = ctx->opaque;
    enum emulate_result result =
        emulate_switch_task(ctx, selector, why, ctx->regs->rip + ctx->insn.length, NULL);

    if (result == EMULATE_UNHANDLEABLE || !(ctx->notes & EMULATE_NEW_TASK))
        return result;
    cpu_end_emulation(i);
    if (why == EMULATE_TASK_IRET)
        virt_ops->block_nmi(i->vcpu, false);
    cpu_task_arrived(i->vcpu, ctx, result == EMULATE_FAULT, i->met);
    return EMULATE_RETRY; /* nothing is left to do */
}

void cpu_exit_task_switch(struct vcpu *v, struct exit *e)
{
    struct virt_vcpu *x = v->virt;
    const struct virt_event ev = x->event;
    bool by_event = x->has_event && e->task == EMULATE_TASK_GATE;
    struct instruction i = {.vcpu = v};
    struct emulate_ctx ctx;

    cpu_begin_emulation(&i, &ctx);
    if (by_event && ev.type == VIRT_NMI)
        virt_ops->block_nmi(v, true);
    enum emulate_result result =
        emulate_switch_task(&ctx, (u16)e->error, e->task, v->regs.rip + e->insn_len,
                            by_event && ev.has_error ? &ev.error : NULL);
    if (by_event && ctx.notes & EMULATE_NEW_TASK)
        x->has_event = false; /* it has been delivered */
    cpu_end_emulation(&i);
    if (result != EMULATE_OK && result != EMULATE_FAULT)
        cpu_kill(v, e, "a switch of tasks where there is no memory");
    else if (ctx.notes & EMULATE_NEW_TASK)
        cpu_task_arrived(v, &ctx, result == EMULATE_FAULT, i.met);
    else
        virt_inject(v, &ctx.fault);
}
