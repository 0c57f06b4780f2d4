/*
 * Handlers that load, store and ask about segment registers, LDTR and TR.
 */
#include "segments.h"

/* Instructions on LDTR, TR and descriptors are #UD in real and virtual-8086 mode. */
static enum emulate_result require_protected_mode(struct emulate_ctx *ctx)
{
    enum processor_mode mode;

    TRY(processor_mode(ctx, &mode));
    return mode == MODE_PROTECTED ? EMULATE_OK : emulate_raise(ctx, VEC_UD, 0);
}

enum emulate_result exec_mov_segment(struct emulate_ctx *ctx)
{
    const struct insn *i = &ctx->insn;
    struct segment s;
    u64 value;

    if (i->operation == OP_MOV_FROM_SEG) {
        TRY(HOOK(ctx, segment, i->reg, &s));
        return store_destination(ctx, s.selector);
    }
    TRY(load_source(ctx, &value));
    TRY(check_segment(ctx, i->reg, value, &s));
    TRY(load_segment(ctx, i->reg, &s));
    if (i->reg == SEG_SS)
        ctx->notes |= EMULATE_MOV_SS_SHADOW;
    return EMULATE_OK;
}

/* Which segment register PUSH and POP are about: the opcode says it. */
static enum seg pushed_segment(const struct insn *i)
{
    return i->opcode >> 3 & 7;
}

enum emulate_result exec_push_segment(struct emulate_ctx *ctx)
{
    struct segment s;
    struct stack stack;
    u64 value;

    TRY(HOOK(ctx, segment, pushed_segment(&ctx->insn), &s));
    value = s.selector;
    TRY(stack_open(ctx, &stack));
    TRY(stack_push(ctx, &stack, &value, 1, ctx->insn.operand_size));
    stack_commit(ctx, &stack);
    return EMULATE_OK;
}

enum emulate_result exec_pop_segment(struct emulate_ctx *ctx)
{
    enum seg seg = pushed_segment(&ctx->insn);
    struct stack stack;
    struct segment s;
    u64 value;

    TRY(stack_open(ctx, &stack));
    TRY(stack_pop(ctx, &stack, &value, ctx->insn.operand_size));
    TRY(check_segment(ctx, seg, value, &s));
    TRY(load_segment(ctx, seg, &s));
    stack_commit(ctx, &stack);
    if (seg == SEG_SS)
        ctx->notes |= EMULATE_MOV_SS_SHADOW;
    return EMULATE_OK;
}

enum emulate_result load_far_pointer(struct emulate_ctx *ctx, u64 *offset, u16 *selector)
{
    const struct insn *i = &ctx->insn;
    unsigned size = i->operand_size;
    u64 la, value;

    TRY(operand_address(ctx, size + 2, false, &la));
    TRY(HOOK(ctx, read, la, offset, size, EMULATE_READ));
    TRY(HOOK(ctx, read, la + size, &value, 2, EMULATE_READ));
    *selector = value;
    return EMULATE_OK;
}

/* LES, LDS, LSS, LFS, LGS */
enum emulate_result exec_load_far(struct emulate_ctx *ctx)
{
    enum { LES = 0xc4, LDS = 0xc5, LOW = 7 };
    const struct insn *i = &ctx->insn;
    enum seg seg = i->opcode & LOW; /* B2: SS, B4: FS, B5: GS */
    struct segment s;
    u16 selector;
    u64 offset;

    if (i->map == MAP_1)
        seg = i->opcode == LES ? SEG_ES : SEG_DS;
    TRY(load_far_pointer(ctx, &offset, &selector));
    TRY(check_segment(ctx, seg, selector, &s));
    TRY(load_segment(ctx, seg, &s));
    write_reg(ctx, i->reg, i->operand_size, offset);
    return EMULATE_OK;
}

/* LLDT, LTR */
enum emulate_result exec_load_selector(struct emulate_ctx *ctx)
{
    bool ltr = ctx->insn.operation == OP_LTR, wide = ctx->code_size == CODE_64, right;
    struct descriptor d = {.segment.attr = SEG_ATTR_UNUSABLE};
    unsigned type;
    u64 value;
    u16 selector;

    TRY(require_protected_mode(ctx));
    TRY(require_cpl0(ctx));
    TRY(load_source(ctx, &value));
    selector = d.segment.selector = value;
    if (is_null(selector) && !ltr)
        return load_segment(ctx, SEG_LDTR, &d.segment);
    if (is_null(selector) || (selector & SELECTOR_LDT))
        return raise_selector(ctx, VEC_GP, selector);
    TRY(read_descriptor(ctx, selector, VEC_GP, wide, &d));
    type = segment_type(&d.segment);
    right = ltr ? type == SYSTEM_TSS || (type == SYSTEM_TSS_16 && !wide) : type == SYSTEM_LDT;
    if (!is_system(&d.segment) || !right)
        return raise_selector(ctx, VEC_GP, selector);
    if (!(d.segment.attr & SEG_ATTR_P))
        return raise_selector(ctx, VEC_NP, selector);
    if (!canonical(d.segment.base))
        return raise_selector(ctx, VEC_GP, selector);
    if (ltr)
        TRY(mark_descriptor(ctx, &d, SYSTEM_BUSY));
    return load_segment(ctx, ltr ? SEG_TR : SEG_LDTR, &d.segment);
}

/* SLDT, STR */
enum emulate_result exec_store_selector(struct emulate_ctx *ctx)
{
    struct segment s;

    TRY(require_protected_mode(ctx));
    TRY(require_cr4(ctx, CR4_UMIP, true));
    TRY(HOOK(ctx, segment, ctx->insn.operation == OP_SLDT ? SEG_LDTR : SEG_TR, &s));
    return store_destination(ctx, s.selector);
}

/* Can CPL and the selector's RPL reach the segment? Conforming code: always. */
static bool reachable(const struct emulate_ctx *ctx, const struct descriptor *d, u16 selector)
{
    if (is_code(&d->segment) && (d->segment.attr & TYPE_CONFORMING))
        return true;
    return MAX(ctx->cpl, selector & SELECTOR_RPL) <= segment_dpl(&d->segment);
}

/* The system descriptors that LAR and LSL tell about. */
static bool tells(enum operation op, unsigned type, bool long_mode)
{
    const u32 segments = 1 << SYSTEM_LDT | 1 << SYSTEM_TSS | 1 << (SYSTEM_TSS | SYSTEM_BUSY);
    const u32 short_segments = 1 << SYSTEM_TSS_16 | 1 << (SYSTEM_TSS_16 | SYSTEM_BUSY);
    const u32 short_gates = 1 << SYSTEM_CALL_GATE_16 | 1 << SYSTEM_TASK_GATE;
    u32 known = segments | (long_mode ? 0 : short_segments);

    if (op == OP_LAR)
        known |= 1 << SYSTEM_CALL_GATE | (long_mode ? 0 : short_gates);
    return known >> type & 1;
}

/* Is the descriptor one that the instruction tells about? */
static bool asked_for(const struct emulate_ctx *ctx, const struct descriptor *d, u16 selector,
                      bool long_mode)
{
    enum operation op = ctx->insn.operation;

    switch (op) {
    case OP_VERR:
        if (is_system(&d->segment) || (is_code(&d->segment) && !(d->segment.attr & TYPE_WRITABLE)))
            return false;
        break;
    case OP_VERW:
        if (is_system(&d->segment) || is_code(&d->segment) || !(d->segment.attr & TYPE_WRITABLE))
            return false;
        break;
    default:
        if (is_system(&d->segment) && !tells(op, segment_type(&d->segment), long_mode))
            return false;
    }
    return reachable(ctx, d, selector);
}

/* Is there a descriptor, and the answer yes? */
static enum emulate_result ask(struct emulate_ctx *ctx, u16 selector, struct descriptor *d,
                               bool *yes)
{
    enum emulate_result result;
    bool long_mode;

    TRY(long_mode_active(ctx, &long_mode));
    *yes = false;
    if (is_null(selector))
        return EMULATE_OK;
    result = read_descriptor(ctx, selector, VEC_GP, false, d);
    if (result == EMULATE_FAULT && ctx->fault.vector == VEC_GP)
        return EMULATE_OK;
    TRY(result);
    *yes = asked_for(ctx, d, selector, long_mode);
    return EMULATE_OK;
}

/* LAR, LSL, VERR, VERW: the answer is ZF; whatever is wrong with the descriptor is no fault. */
enum emulate_result exec_ask_segment(struct emulate_ctx *ctx)
{
    enum { LAR_BITS = 0x00f0ff00 };
    const struct insn *i = &ctx->insn;
    struct descriptor d;
    u64 selector;
    bool yes;

    TRY(require_protected_mode(ctx));
    TRY(load_source(ctx, &selector));
    TRY(ask(ctx, selector, &d, &yes));
    ctx->regs->rflags = (ctx->regs->rflags & ~RFLAGS_ZF) | (yes ? RFLAGS_ZF : 0);
    if (yes && i->operation == OP_LAR)
        write_reg(ctx, i->reg, i->operand_size, d.low >> 32 & LAR_BITS);
    else if (yes && i->operation == OP_LSL)
        write_reg(ctx, i->reg, i->operand_size, d.segment.limit);
    return EMULATE_OK;
}

enum emulate_result exec_arpl(struct emulate_ctx *ctx)
{
    u64 dst, rpl = read_reg(ctx, ctx->insn.reg, 2) & SELECTOR_RPL;
    bool raises;

    TRY(require_protected_mode(ctx));
    TRY(load_destination(ctx, &dst));
    raises = (dst & SELECTOR_RPL) < rpl;
    if (raises)
        TRY(store_destination(ctx, (dst & ~(u64)SELECTOR_RPL) | rpl));
    ctx->regs->rflags = (ctx->regs->rflags & ~RFLAGS_ZF) | (raises ? RFLAGS_ZF : 0);
    return EMULATE_OK;
}
