/*
 * Handlers of near branches: JMP, CALL, RET, Jcc, LOOP, JCXZ.
 */
#include "executor.h"

enum emulate_result check_target(struct emulate_ctx *ctx, u64 target)
{
    struct segment cs;

    if (ctx->code_size == CODE_64) {
        if (!canonical(target))
            return emulate_raise(ctx, VEC_GP, 0);
    } else {
        TRY(HOOK(ctx, segment, SEG_CS, &cs));
        if (target > cs.limit)
            return emulate_raise(ctx, VEC_GP, 0);
    }
    return EMULATE_OK;
}

void jump_to(struct emulate_ctx *ctx, u64 target)
{
    ctx->regs->rip = target;
    ctx->notes |= EMULATE_JUMPED;
}

static enum emulate_result branch_to(struct emulate_ctx *ctx, u64 target)
{
    TRY(check_target(ctx, target));
    jump_to(ctx, target);
    return EMULATE_OK;
}

u64 next_rip(const struct emulate_ctx *ctx)
{
    u64 next = ctx->regs->rip + ctx->insn.length;

    return ctx->code_size == CODE_64 ? next : (u32)next;
}

/* Where a relative branch goes: from the next instruction on, within the operand size. */
static u64 relative_target(const struct emulate_ctx *ctx)
{
    return (next_rip(ctx) + ctx->insn.imm) & alu_mask(ctx->insn.operand_size);
}

/* The target of JMP and CALL: an immediate is relative. */
static enum emulate_result near_target(struct emulate_ctx *ctx, u64 *target)
{
    if (ctx->insn.src != OPERAND_IMM)
        return load_source(ctx, target);
    *target = relative_target(ctx);
    return EMULATE_OK;
}

enum emulate_result exec_jmp(struct emulate_ctx *ctx)
{
    u64 target;

    TRY(near_target(ctx, &target));
    return branch_to(ctx, target);
}

enum emulate_result exec_call(struct emulate_ctx *ctx)
{
    u64 next = next_rip(ctx), target;
    struct stack stack;

    TRY(near_target(ctx, &target));
    TRY(check_target(ctx, target));
    TRY(stack_open(ctx, &stack));
    TRY(stack_push(ctx, &stack, &next, 1, ctx->insn.operand_size));
    stack_commit(ctx, &stack);
    jump_to(ctx, target);
    return EMULATE_OK;
}

enum emulate_result exec_ret(struct emulate_ctx *ctx)
{
    struct stack stack;
    u64 target, release = 0;

    TRY(stack_open(ctx, &stack));
    TRY(stack_pop(ctx, &stack, &target, ctx->insn.operand_size));
    if (ctx->insn.src == OPERAND_IMM)
        release = (u16)ctx->insn.imm;
    stack_release(&stack, release);
    TRY(branch_to(ctx, target));
    stack_commit(ctx, &stack);
    return EMULATE_OK;
}

enum emulate_result exec_jcc(struct emulate_ctx *ctx)
{
    if (!alu_condition(ctx->insn.opcode, ctx->regs->rflags))
        return EMULATE_OK;
    return branch_to(ctx, relative_target(ctx));
}

enum emulate_result exec_loop(struct emulate_ctx *ctx)
{
    enum { LOOPNE = 0xe0, LOOPE = 0xe1 };
    const struct insn *i = &ctx->insn;
    u64 count = read_reg(ctx, REG_RCX, i->address_size) - 1;
    bool zf = ctx->regs->rflags & RFLAGS_ZF, taken;

    taken = (count & alu_mask(i->address_size)) != 0;
    if (i->opcode == LOOPNE)
        taken &= !zf;
    else if (i->opcode == LOOPE)
        taken &= zf;
    if (taken)
        TRY(branch_to(ctx, relative_target(ctx)));
    write_reg(ctx, REG_RCX, i->address_size, count);
    return EMULATE_OK;
}

enum emulate_result exec_jcxz(struct emulate_ctx *ctx)
{
    if (read_reg(ctx, REG_RCX, ctx->insn.address_size))
        return EMULATE_OK;
    return branch_to(ctx, relative_target(ctx));
}
