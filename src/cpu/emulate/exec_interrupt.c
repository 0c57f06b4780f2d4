/*
 * Handlers of INT, INT3, INTO, INT1, BOUND and IRET.
 *
 * In protected and virtual-8086 mode a software interrupt is an event for the caller to deliver, as
 * the processor does that on its own at a VM entry. In real mode it is done here.
 */
#include "far.h"

enum emulate_result emulate_real_interrupt(struct emulate_ctx *ctx, u8 vector, u64 return_to)
{
    enum { VECTOR_BYTES = 4 };
    struct segment cs;
    struct far_target target;
    struct stack s;
    u64 base, entry, values[3];
    u16 limit;

    TRY(HOOK(ctx, read_table, EMULATE_IDTR, &base, &limit));
    if (vector * VECTOR_BYTES + VECTOR_BYTES - 1 > limit)
        return emulate_raise(ctx, VEC_GP, 0);
    TRY(HOOK(ctx, system_read, base + vector * VECTOR_BYTES, &entry, VECTOR_BYTES));
    TRY(HOOK(ctx, segment, SEG_CS, &cs));
    TRY(real_target(ctx, MODE_REAL, entry >> 16, entry & 0xffff, &target));
    TRY(stack_open(ctx, &s));
    values[0] = ctx->regs->rflags;
    values[1] = cs.selector;
    values[2] = return_to;
    TRY(stack_push(ctx, &s, values, ARRAY_SIZE(values), 2));
    TRY(enter_code(ctx, &target));
    stack_commit(ctx, &s);
    ctx->regs->rflags &= ~(RFLAGS_IF | RFLAGS_TF | RFLAGS_AC | RFLAGS_RF);
    return EMULATE_OK;
}

/* INT n, INT3, INTO, INT1 */
enum emulate_result exec_int(struct emulate_ctx *ctx)
{
    static const struct {
        u8 vector, type;
    } kinds[] = {[OP_INT - OP_INT] = {0, VIRT_SOFT_INT},
                 [OP_INT3 - OP_INT] = {VEC_BP, VIRT_SOFT_EXCEPTION},
                 [OP_INTO - OP_INT] = {VEC_OF, VIRT_SOFT_EXCEPTION},
                 [OP_INT1 - OP_INT] = {VEC_DB, VIRT_PRIV_SOFT}};
    const struct insn *i = &ctx->insn;
    u8 vector = kinds[i->operation - OP_INT].vector;
    enum processor_mode mode;

    if (i->operation == OP_INTO && !(ctx->regs->rflags & RFLAGS_OF))
        return EMULATE_OK;
    if (i->operation == OP_INT) {
        vector = i->imm;
        TRY(require_v86_iopl(ctx));
    }
    TRY(processor_mode(ctx, &mode));
    if (mode == MODE_REAL)
        return emulate_real_interrupt(ctx, vector, next_rip(ctx));
    ctx->fault = (struct virt_event){
        .type = kinds[i->operation - OP_INT].type, .vector = vector, .insn_len = i->length};
    return EMULATE_FAULT;
}

enum emulate_result exec_bound(struct emulate_ctx *ctx)
{
    const struct insn *i = &ctx->insn;
    unsigned size = i->operand_size;
    s64 index = (s64)sign_extend(read_reg(ctx, i->reg, size), size);
    u64 la, lower, upper;

    TRY(operand_address(ctx, 2 * size, false, &la));
    TRY(HOOK(ctx, read, la, &lower, size, EMULATE_READ));
    TRY(HOOK(ctx, read, la + size, &upper, size, EMULATE_READ));
    if (index < (s64)sign_extend(lower, size) || index > (s64)sign_extend(upper, size))
        return emulate_raise(ctx, VEC_BR, 0);
    return EMULATE_OK;
}

/* IRET loads RF too, of 16 bits a 0; IF and IOPL as POPF; VIF and VIP in protected mode at CPL 0.
 */
static void load_flags(struct emulate_ctx *ctx, enum processor_mode mode, u64 value)
{
    unsigned size = ctx->insn.operand_size;
    u64 loadable = loadable_flags(ctx, size) | RFLAGS_RF;

    if (mode == MODE_PROTECTED && ctx->cpl == 0 && size > 2)
        loadable |= RFLAGS_VIF | RFLAGS_VIP;
    ctx->regs->rflags = (ctx->regs->rflags & ~loadable) | (value & loadable);
}

/* To virtual-8086 mode: six words more, the segments as that mode loads them. */
static enum emulate_result return_to_v86(struct emulate_ctx *ctx, struct stack *s, u64 ip, u16 cs,
                                         u64 flags)
{
    enum { SP, SS, ES, DS, FS, GS, WORDS };
    static const u8 order[WORDS] = {
        [SS] = SEG_SS, [ES] = SEG_ES, [DS] = SEG_DS, [FS] = SEG_FS, [GS] = SEG_GS};
    const u64 loadable = 0x3fffff & ~0x8028ULL; /* all of EFLAGS but what is reserved */
    struct far_target target;
    struct segment segment;
    u64 words[WORDS];

    TRY(real_target(ctx, MODE_V86, cs, (u16)ip, &target));
    for (unsigned n = 0; n < WORDS; n++)
        TRY(stack_pop(ctx, s, &words[n], 4));
    for (unsigned n = SS; n < WORDS; n++) {
        TRY(real_segment(ctx, MODE_V86, order[n], words[n], &segment));
        TRY(load_segment(ctx, order[n], &segment));
    }
    TRY(enter_code(ctx, &target));
    write_reg(ctx, REG_RSP, 4, words[SP]);
    ctx->regs->rflags = (flags & loadable) | RFLAGS_FIXED;
    return EMULATE_OK;
}

/* In protected mode, when the three words are popped. */
static enum emulate_result return_protected(struct emulate_ctx *ctx, struct stack *s, u64 offset,
                                            u16 selector, u64 flags)
{
    struct far_target target;

    if (ctx->code_size != CODE_64 && (flags & RFLAGS_VM) && ctx->cpl == 0 &&
        ctx->insn.operand_size == 4)
        return return_to_v86(ctx, s, offset, selector, flags);
    TRY(return_target(ctx, selector, offset, &target));
    if (target.cpl > ctx->cpl || ctx->code_size == CODE_64) {
        TRY(return_outwards(ctx, s, &target, 0));
    } else {
        TRY(enter_code(ctx, &target));
        stack_commit(ctx, s);
    }
    load_flags(ctx, MODE_PROTECTED, flags);
    return EMULATE_OK;
}

enum emulate_result exec_iret(struct emulate_ctx *ctx)
{
    unsigned size = ctx->insn.operand_size;
    u64 offset, selector, flags;
    struct far_target target;
    enum processor_mode mode;
    struct stack s;

    TRY(require_v86_iopl(ctx));
    TRY(processor_mode(ctx, &mode));
    if (mode == MODE_PROTECTED && (ctx->regs->rflags & RFLAGS_NT)) {
        bool long_mode;

        TRY(long_mode_active(ctx, &long_mode));
        if (long_mode)
            return emulate_raise(ctx, VEC_GP, 0);
        return HOOK(ctx, task_switch, 0, EMULATE_TASK_IRET);
    }
    TRY(stack_open(ctx, &s));
    TRY(stack_pop(ctx, &s, &offset, size));
    TRY(stack_pop(ctx, &s, &selector, size));
    TRY(stack_pop(ctx, &s, &flags, size));
    if (mode == MODE_PROTECTED)
        return return_protected(ctx, &s, offset, selector, flags);
    TRY(real_target(ctx, mode, selector, offset, &target));
    TRY(enter_code(ctx, &target));
    stack_commit(ctx, &s);
    load_flags(ctx, mode, flags);
    return EMULATE_OK;
}
