/*
 * An event's way through the table of gates, in protected mode, where the processor cannot do it on
 * its own: the guest has set CR0.PE and its segments are still those of real mode. Source: SDM,
 * "Exception- and Interrupt-Handler Procedures", "Error Code", "INT n".
 *
 * Only from CPL 0, where no gate changes the privilege level; and not in long mode, nor through a
 * task gate.
 */
#include "far.h"

enum gate_error { ERROR_EXT = 1, ERROR_IDT = 2 };
/* Types of gates, less SYSTEM_32. */
enum gate_type { GATE_INTERRUPT = 6, GATE_TRAP = 7 };
enum { GATE_BYTES = 8, SELECTOR_SHIFT = 16, ATTR_SHIFT = 40 };

/* The gate of a vector, and what kind of gate it is. */
static enum emulate_result read_gate(struct emulate_ctx *ctx, u8 vector, u64 *gate)
{
    u32 error = vector * GATE_BYTES | ERROR_IDT;
    unsigned type;
    u64 base;
    u16 limit;

    TRY(HOOK(ctx, read_table, EMULATE_IDTR, &base, &limit));
    if (vector * GATE_BYTES + GATE_BYTES - 1 > limit)
        return emulate_raise(ctx, VEC_GP, error);
    TRY(HOOK(ctx, system_read, base + vector * GATE_BYTES, gate, GATE_BYTES));
    type = *gate >> ATTR_SHIFT & (SEG_ATTR_TYPE | SEG_ATTR_S);
    if (type == SYSTEM_TASK_GATE)
        return EMULATE_UNHANDLEABLE;
    if ((type & ~SYSTEM_32) != GATE_INTERRUPT && (type & ~SYSTEM_32) != GATE_TRAP)
        return emulate_raise(ctx, VEC_GP, error);
    return *gate >> ATTR_SHIFT & SEG_ATTR_P ? EMULATE_OK : emulate_raise(ctx, VEC_NP, error);
}

static enum emulate_result handler_of(struct emulate_ctx *ctx, u64 gate, bool wide,
                                      struct far_target *target)
{
    u16 selector = (u16)(gate >> SELECTOR_SHIFT);
    u64 offset = (gate & 0xffff) | (wide ? gate >> 32 & 0xffff0000 : 0);
    struct descriptor d;

    if (is_null(selector))
        return emulate_raise(ctx, VEC_GP, 0);
    TRY(read_descriptor(ctx, selector, VEC_GP, false, &d));
    if (!is_code(&d.segment) || segment_dpl(&d.segment) > ctx->cpl)
        return raise_selector(ctx, VEC_GP, selector);
    return check_code_segment(ctx, selector, &d, offset, ctx->cpl, target);
}

/* The flags that are pushed, with RF as "Instruction-Breakpoint Exception Condition" says: 1 of a
 * fault, whose instruction will be started again past a breakpoint on it, but not of #DB, which is
 * that breakpoint or comes behind an instruction; 0 of INT n; otherwise as it is. */
static u64 pushed_flags(const struct emulate_ctx *ctx, const struct virt_event *ev)
{
    u64 flags = ctx->regs->rflags;

    if (ev->type >= VIRT_SOFT_INT)
        return flags & ~RFLAGS_RF;
    if (ev->type == VIRT_EXCEPTION && ev->vector != VEC_DB && ev->vector != VEC_DF)
        return flags | RFLAGS_RF;
    return flags;
}

static enum emulate_result go_through(struct emulate_ctx *ctx, const struct virt_event *ev,
                                      u64 return_to)
{
    u64 gate, values[4], flags = ctx->regs->rflags;
    struct far_target target;
    struct segment cs;
    struct stack s;
    bool wide;

    TRY(read_gate(ctx, ev->vector, &gate));
    wide = gate >> ATTR_SHIFT & SYSTEM_32;
    TRY(handler_of(ctx, gate, wide, &target));
    TRY(HOOK(ctx, segment, SEG_CS, &cs));
    TRY(stack_open(ctx, &s));
    values[0] = pushed_flags(ctx, ev);
    values[1] = cs.selector;
    values[2] = return_to;
    values[3] = ev->error;
    TRY(stack_push(ctx, &s, values, ev->has_error ? 4 : 3, wide ? 4 : 2));
    TRY(enter_code(ctx, &target));
    stack_commit(ctx, &s);
    flags &= ~(RFLAGS_TF | RFLAGS_NT | RFLAGS_RF | RFLAGS_VM);
    if ((gate >> ATTR_SHIFT & SEG_ATTR_TYPE & ~SYSTEM_32) == GATE_INTERRUPT)
        flags &= ~RFLAGS_IF;
    ctx->regs->rflags = flags;
    return EMULATE_OK;
}

enum emulate_result emulate_protected_interrupt(struct emulate_ctx *ctx,
                                                const struct virt_event *ev, u64 return_to)
{
    enum emulate_result result;
    bool long_mode;

    TRY(long_mode_active(ctx, &long_mode));
    if (long_mode || ctx->cpl)
        return EMULATE_UNHANDLEABLE;
    result = go_through(ctx, ev, return_to);
    if (result == EMULATE_FAULT && ctx->fault.has_error && ctx->fault.vector != VEC_PF &&
        ev->type < VIRT_SOFT_INT)
        ctx->fault.error |= ERROR_EXT;
    return result;
}
