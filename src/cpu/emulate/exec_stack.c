/*
 * The stack, and handlers of the instructions that are about it. Several words are pushed whole or
 * not at all: the places are tried before the first is written.
 */
#include "executor.h"

enum emulate_result stack_open(struct emulate_ctx *ctx, struct stack *s)
{
    *s = (struct stack){.width = 8};
    if (ctx->code_size != CODE_64) {
        TRY(HOOK(ctx, segment, SEG_SS, &s->ss));
        s->width = s->ss.attr & SEG_ATTR_DB ? 4 : 2;
    }
    s->sp = read_reg(ctx, REG_RSP, s->width);
    return EMULATE_OK;
}

void stack_release(struct stack *s, u64 bytes)
{
    s->sp = (s->sp + bytes) & alu_mask(s->width);
}

void stack_commit(struct emulate_ctx *ctx, const struct stack *s)
{
    write_reg(ctx, REG_RSP, s->width, s->sp);
}

static enum emulate_result stack_read(struct emulate_ctx *ctx, const struct stack *s, u64 la,
                                      u64 *value, unsigned size, enum emulate_access why)
{
    if (s->system)
        return HOOK(ctx, system_read, la, value, size);
    return HOOK(ctx, read, la, value, size, why);
}

enum emulate_result stack_pop(struct emulate_ctx *ctx, struct stack *s, u64 *value, unsigned size)
{
    u64 la;

    TRY(stack_address(ctx, s, s->sp, size, false, &la));
    TRY(stack_read(ctx, s, la, value, size, EMULATE_READ));
    stack_release(s, size);
    return EMULATE_OK;
}

enum emulate_result stack_try(struct emulate_ctx *ctx, const struct stack *s, unsigned count,
                              unsigned size)
{
    u64 la, there;

    for (unsigned n = 1; n <= count; n++) {
        TRY(stack_address(ctx, s, (s->sp - n * (u64)size) & alu_mask(s->width), size, true, &la));
        TRY(stack_read(ctx, s, la, &there, size, EMULATE_RMW));
    }
    return EMULATE_OK;
}

enum emulate_result stack_push(struct emulate_ctx *ctx, struct stack *s, const u64 *values,
                               unsigned count, unsigned size)
{
    u64 la;

    if (count > 1)
        TRY(stack_try(ctx, s, count, size));
    for (unsigned n = 0; n < count; n++) {
        u64 sp = (s->sp - size) & alu_mask(s->width);

        TRY(stack_address(ctx, s, sp, size, true, &la));
        if (s->system)
            TRY(HOOK(ctx, system_write, la, values[n] & alu_mask(size), size));
        else
            TRY(HOOK(ctx, write, la, values[n] & alu_mask(size), size));
        s->sp = sp;
    }
    return EMULATE_OK;
}

/* One word, of the operand size. */
static enum emulate_result push(struct emulate_ctx *ctx, u64 value)
{
    struct stack s;

    TRY(stack_open(ctx, &s));
    TRY(stack_push(ctx, &s, &value, 1, ctx->insn.operand_size));
    stack_commit(ctx, &s);
    return EMULATE_OK;
}

enum emulate_result exec_push(struct emulate_ctx *ctx)
{
    u64 value;

    TRY(load_source(ctx, &value));
    return push(ctx, value);
}

/* A destination in memory that is based on RSP uses the value after the pop. */
enum emulate_result exec_pop(struct emulate_ctx *ctx)
{
    u64 before = ctx->regs->rsp, value;
    enum emulate_result result;
    struct stack s;

    TRY(stack_open(ctx, &s));
    TRY(stack_pop(ctx, &s, &value, ctx->insn.operand_size));
    stack_commit(ctx, &s);
    result = store_destination(ctx, value);
    if (result != EMULATE_OK)
        ctx->regs->rsp = before;
    return result;
}

/* Virtual-8086 mode: flags and interrupts are the monitor's business unless IOPL is 3. */
enum emulate_result require_v86_iopl(struct emulate_ctx *ctx)
{
    if ((ctx->regs->rflags & RFLAGS_VM) && ctx->iopl < 3)
        return emulate_raise(ctx, VEC_GP, 0);
    return EMULATE_OK;
}

enum emulate_result exec_pushf(struct emulate_ctx *ctx)
{
    TRY(require_v86_iopl(ctx));
    return push(ctx, ctx->regs->rflags & ~(RFLAGS_VM | RFLAGS_RF));
}

u64 loadable_flags(const struct emulate_ctx *ctx, unsigned size)
{
    u64 flags = RFLAGS_ARITHMETIC | RFLAGS_TF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC | RFLAGS_ID;

    if (ctx->cpl == 0)
        flags |= RFLAGS_IOPL;
    if (ctx->cpl <= ctx->iopl)
        flags |= RFLAGS_IF;
    return flags & alu_mask(size);
}

enum emulate_result exec_popf(struct emulate_ctx *ctx)
{
    u64 value, loadable = loadable_flags(ctx, ctx->insn.operand_size);
    struct stack s;

    TRY(require_v86_iopl(ctx));
    TRY(stack_open(ctx, &s));
    TRY(stack_pop(ctx, &s, &value, ctx->insn.operand_size));
    stack_commit(ctx, &s);
    ctx->regs->rflags = (ctx->regs->rflags & ~loadable) | (value & loadable);
    return EMULATE_OK;
}

enum emulate_result exec_pusha(struct emulate_ctx *ctx)
{
    u64 values[8];
    struct stack s;

    for (unsigned n = 0; n < ARRAY_SIZE(values); n++)
        values[n] = *gpr(ctx, n);
    TRY(stack_open(ctx, &s));
    TRY(stack_push(ctx, &s, values, ARRAY_SIZE(values), ctx->insn.operand_size));
    stack_commit(ctx, &s);
    return EMULATE_OK;
}

/* What was pushed of RSP is skipped. */
enum emulate_result exec_popa(struct emulate_ctx *ctx)
{
    unsigned size = ctx->insn.operand_size;
    u64 values[8];
    struct stack s;

    TRY(stack_open(ctx, &s));
    for (unsigned n = ARRAY_SIZE(values); n-- > 0;)
        TRY(stack_pop(ctx, &s, &values[n], size));
    stack_commit(ctx, &s);
    for (unsigned n = 0; n < ARRAY_SIZE(values); n++)
        if (n != REG_RSP)
            write_reg(ctx, n, size, values[n]);
    return EMULATE_OK;
}

/* ENTER's nesting: the frame pointers of the enclosing levels are copied from the caller's frame,
 * one after the other, as the two may overlap; then this frame's. All that can fail has been tried.
 */
static enum emulate_result copy_frames(struct emulate_ctx *ctx, struct stack *s, unsigned level,
                                       u64 frame)
{
    unsigned size = ctx->insn.operand_size;
    struct stack outer = *s;
    u64 value;

    for (unsigned n = 1; n < level; n++) {
        outer.sp = (read_reg(ctx, REG_RBP, s->width) - n * (u64)size) & alu_mask(s->width);
        TRY(stack_pop(ctx, &outer, &value, size));
        TRY(stack_push(ctx, s, &value, 1, size));
    }
    return level ? stack_push(ctx, s, &frame, 1, size) : EMULATE_OK;
}

/* The new end of the stack must be writable. */
enum emulate_result exec_enter(struct emulate_ctx *ctx)
{
    enum { LEVELS = 32 };
    unsigned size = ctx->insn.operand_size, level = ctx->insn.imm2 % LEVELS;
    struct stack s, end, outer;
    u64 frame, value;

    TRY(stack_open(ctx, &s));
    outer = end = s;
    outer.sp = read_reg(ctx, REG_RBP, s.width) & alu_mask(s.width);
    stack_release(&end, -((level + 1) * (u64)size + ctx->insn.imm));
    stack_release(&outer, -((level ? level - 1 : 0) * (u64)size));
    for (unsigned n = 1; n < level; n++)
        TRY(stack_pop(ctx, &outer, &value, size));
    TRY(stack_try(ctx, &s, level + 1, size));
    outer = end;
    stack_release(&outer, size);
    TRY(stack_try(ctx, &outer, 1, size));
    TRY(stack_push(ctx, &s, gpr(ctx, REG_RBP), 1, size));
    frame = (*gpr(ctx, REG_RSP) & ~alu_mask(s.width)) | s.sp;
    TRY(copy_frames(ctx, &s, level, frame));
    write_reg(ctx, REG_RBP, size, frame);
    stack_commit(ctx, &end);
    return EMULATE_OK;
}

enum emulate_result exec_leave(struct emulate_ctx *ctx)
{
    unsigned size = ctx->insn.operand_size;
    struct stack s;
    u64 value;

    TRY(stack_open(ctx, &s));
    s.sp = read_reg(ctx, REG_RBP, s.width);
    TRY(stack_pop(ctx, &s, &value, size));
    stack_commit(ctx, &s);
    write_reg(ctx, REG_RBP, size, value);
    return EMULATE_OK;
}
