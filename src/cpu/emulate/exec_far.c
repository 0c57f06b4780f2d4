/*
 * Handlers of far JMP, CALL and RET ("Calling Procedures Using CALL and RET", "Privilege Level
 * Checking When Transferring Program Control Between Code Segments").
 *
 * First everything is checked, then the stack is written, then registers change.
 */
#include "far.h"

/* A code segment that JMP or CALL names directly. */
static enum emulate_result direct_target(struct emulate_ctx *ctx, u16 selector,
                                         struct descriptor *d, u64 offset,
                                         struct far_target *target)
{
    unsigned dpl = segment_dpl(&d->segment);
    bool conforming = d->segment.attr & TYPE_CONFORMING;

    if (conforming ? dpl > ctx->cpl : (selector & SELECTOR_RPL) > ctx->cpl || dpl != ctx->cpl)
        return raise_selector(ctx, VEC_GP, selector);
    return check_code_segment(ctx, selector, d, offset, ctx->cpl, target);
}

/* Where a call gate leads; an inner level only for CALL. */
static enum emulate_result gate_target(struct emulate_ctx *ctx, bool call, struct descriptor *gate,
                                       bool long_mode, struct far_target *target)
{
    u16 selector = gate->low >> 16;
    u64 offset = (gate->low & 0xffff) | (gate->low >> 32 & 0xffff0000) | gate->high << 32;
    struct descriptor d;
    unsigned dpl;
    bool conforming;

    if (!(segment_type(&gate->segment) & SYSTEM_32))
        offset &= 0xffff;
    if (is_null(selector))
        return emulate_raise(ctx, VEC_GP, 0);
    TRY(read_descriptor(ctx, selector, VEC_GP, false, &d));
    dpl = segment_dpl(&d.segment);
    conforming = d.segment.attr & TYPE_CONFORMING;
    if (!is_code(&d.segment) || dpl > ctx->cpl || (!call && !conforming && dpl != ctx->cpl))
        return raise_selector(ctx, VEC_GP, selector);
    if (long_mode && (d.segment.attr & (SEG_ATTR_L | SEG_ATTR_DB)) != SEG_ATTR_L)
        return raise_selector(ctx, VEC_GP, selector);
    return check_code_segment(ctx, selector, &d, offset, conforming ? ctx->cpl : dpl, target);
}

/* A selector that names no code segment: a call gate, or the way to another task. *gate: it was the
 * former. */
static enum emulate_result indirect_target(struct emulate_ctx *ctx, bool call, u16 selector,
                                           struct descriptor *d, struct far_target *target)
{
    unsigned type = segment_type(&d->segment);
    bool long_mode, is_gate, is_task;

    TRY(long_mode_active(ctx, &long_mode));
    is_gate = type == SYSTEM_CALL_GATE || (type == SYSTEM_CALL_GATE_16 && !long_mode);
    is_task = !long_mode && (type == SYSTEM_TASK_GATE || (type & ~SYSTEM_32) == SYSTEM_TSS_16);
    if (!is_system(&d->segment) || (!is_gate && !is_task) ||
        MAX(ctx->cpl, selector & SELECTOR_RPL) > segment_dpl(&d->segment))
        return raise_selector(ctx, VEC_GP, selector);
    if (!(d->segment.attr & SEG_ATTR_P))
        return raise_selector(ctx, VEC_NP, selector);
    if (is_task)
        return HOOK(ctx, task_switch, selector, call ? EMULATE_TASK_CALL : EMULATE_TASK_JMP);
    if (long_mode) {
        TRY(read_descriptor(ctx, selector, VEC_GP, true, d));
        if (d->high >> 40 & (SEG_ATTR_TYPE | SEG_ATTR_S)) /* must be of type 0 */
            return raise_selector(ctx, VEC_GP, selector);
    }
    return gate_target(ctx, call, d, long_mode, target);
}

enum emulate_result enter_code(struct emulate_ctx *ctx, const struct far_target *target)
{
    TRY(load_segment(ctx, SEG_CS, &target->cs));
    jump_to(ctx, target->offset);
    return EMULATE_OK;
}

enum emulate_result real_target(struct emulate_ctx *ctx, enum processor_mode mode, u16 selector,
                                u64 offset, struct far_target *target)
{
    TRY(real_segment(ctx, mode, SEG_CS, selector, &target->cs));
    target->offset = offset;
    target->cpl = ctx->cpl;
    target->size = ctx->code_size;
    return offset > target->cs.limit ? emulate_raise(ctx, VEC_GP, 0) : EMULATE_OK;
}

/* Pushes the old CS and the next instruction's address, for code of target->size. */
static enum emulate_result push_return(struct emulate_ctx *ctx, struct stack *s, unsigned size)
{
    struct segment cs;
    u64 values[2];

    TRY(HOOK(ctx, segment, SEG_CS, &cs));
    values[0] = cs.selector;
    values[1] = next_rip(ctx);
    return stack_push(ctx, s, values, ARRAY_SIZE(values), size);
}

/* CALL, JMP to the same level. */
static enum emulate_result go(struct emulate_ctx *ctx, bool call, unsigned size,
                              const struct far_target *target)
{
    struct stack s;

    TRY(stack_open(ctx, &s));
    if (call)
        TRY(push_return(ctx, &s, size));
    TRY(enter_code(ctx, target));
    if (call)
        stack_commit(ctx, &s);
    return EMULATE_OK;
}

/* CALL through a gate to an inner level: the old stack's pointer, the gate's parameters, the return
 * address, all on the stack that the TSS names. */
static enum emulate_result go_inwards(struct emulate_ctx *ctx, const struct descriptor *gate,
                                      unsigned size, const struct far_target *target)
{
    enum { MOST = 31 };
    u64 values[MOST + 4];
    unsigned params = target->size == CODE_64 ? 0 : gate->low >> 32 & MOST, n = 0;
    struct segment cs, ss;
    struct stack outer, inner;

    TRY(HOOK(ctx, segment, SEG_CS, &cs));
    TRY(HOOK(ctx, segment, SEG_SS, &ss));
    TRY(stack_open(ctx, &outer));
    TRY(inner_stack(ctx, target->cpl, target->size == CODE_64, &inner));
    values[n++] = ss.selector;
    values[n++] = outer.sp;
    for (unsigned p = params; p > 0; p--) { /* the last first: they keep their order */
        struct stack at = outer;

        stack_release(&at, (p - 1) * (u64)size);
        TRY(stack_pop(ctx, &at, &values[n++], size));
    }
    values[n++] = cs.selector;
    values[n++] = next_rip(ctx);
    TRY(stack_push(ctx, &inner, values, n, size));
    TRY(load_segment(ctx, SEG_SS, &inner.ss));
    TRY(enter_code(ctx, target));
    *gpr(ctx, REG_RSP) = inner.width == 2 ? (*gpr(ctx, REG_RSP) & ~0xffffULL) | inner.sp : inner.sp;
    return EMULATE_OK;
}

/* In protected mode. */
static enum emulate_result protected_transfer(struct emulate_ctx *ctx, bool call, u16 selector,
                                              u64 offset)
{
    unsigned size = ctx->insn.operand_size;
    struct far_target target = {0};
    struct descriptor d;

    if (is_null(selector))
        return emulate_raise(ctx, VEC_GP, 0);
    TRY(read_descriptor(ctx, selector, VEC_GP, false, &d));
    if (is_code(&d.segment)) {
        TRY(direct_target(ctx, selector, &d, offset, &target));
        return go(ctx, call, size, &target);
    }
    TRY(indirect_target(ctx, call, selector, &d, &target));
    if (target.size == 0) /* it was another task's */
        return EMULATE_OK;
    size = target.size == CODE_64 ? 8 : segment_type(&d.segment) & SYSTEM_32 ? 4 : 2;
    if (target.cpl < ctx->cpl)
        return go_inwards(ctx, &d, size, &target);
    return go(ctx, call, size, &target);
}

/* Far JMP and CALL, with an immediate or a pointer in memory. */
enum emulate_result exec_far(struct emulate_ctx *ctx)
{
    const struct insn *i = &ctx->insn;
    bool call = i->operation == OP_CALL_FAR;
    struct far_target target;
    enum processor_mode mode;
    u64 offset = i->imm & alu_mask(i->operand_size);
    u16 selector = i->imm2;

    if (i->memory)
        TRY(load_far_pointer(ctx, &offset, &selector));
    TRY(processor_mode(ctx, &mode));
    if (mode == MODE_PROTECTED)
        return protected_transfer(ctx, call, selector, offset);
    TRY(real_target(ctx, mode, selector, offset, &target));
    return go(ctx, call, i->operand_size, &target);
}

enum emulate_result exec_ret_far(struct emulate_ctx *ctx)
{
    const struct insn *i = &ctx->insn;
    u64 release = i->src == OPERAND_IMM ? (u16)i->imm : 0, offset, selector;
    struct far_target target;
    enum processor_mode mode;
    struct stack s;

    TRY(processor_mode(ctx, &mode));
    TRY(stack_open(ctx, &s));
    TRY(stack_pop(ctx, &s, &offset, i->operand_size));
    TRY(stack_pop(ctx, &s, &selector, i->operand_size));
    if (mode != MODE_PROTECTED)
        TRY(real_target(ctx, mode, selector, offset, &target));
    else
        TRY(return_target(ctx, selector, offset, &target));
    stack_release(&s, release);
    if (target.cpl > ctx->cpl)
        return return_outwards(ctx, &s, &target, release);
    TRY(enter_code(ctx, &target));
    stack_commit(ctx, &s);
    return EMULATE_OK;
}
