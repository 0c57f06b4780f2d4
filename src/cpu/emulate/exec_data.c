/*
 * Handlers of what moves and computes data: MOV, ALU, bits, exchanges, conditions.
 */
#include "executor.h"

enum { LOCK_TRIES = 16 }; /* of a read and compare-exchange, before the guest is let go on */

enum emulate_result exec_mov(struct emulate_ctx *ctx)
{
    const struct insn *i = &ctx->insn;
    u64 value, la;

    if (i->src == OPERAND_RM && i->memory) {
        TRY(operand_address(ctx, i->operand_size, false, &la));
        TRY(HOOK(ctx, read, la, &value, i->operand_size, EMULATE_READ));
        write_reg(ctx, i->reg, i->operand_size, value);
        return EMULATE_OK;
    }
    TRY(load_source(ctx, &value));
    return store_destination(ctx, value);
}

/* Does the operation only set flags? */
static bool only_flags(enum operation op)
{
    return op == OP_CMP || op == OP_TEST || op == OP_BT;
}

/* A locked operation on memory, as a loop of compare-exchanges. *old is what it found. */
static enum emulate_result locked(struct emulate_ctx *ctx, enum operation op, u64 la, u64 src,
                                  u64 *old, u64 *rflags)
{
    unsigned size = ctx->insn.operand_size;
    u64 flags_before = *rflags;

    for (unsigned n = 0; n < LOCK_TRIES; n++) {
        u64 found, result;

        *rflags = flags_before;
        TRY(HOOK(ctx, read, la, old, size, EMULATE_RMW));
        result = op == OP_XCHG ? src : alu(op, *old, src, size, rflags);
        found = *old;
        TRY(HOOK(ctx, cmpxchg, la, &found, &result, size));
        if (found == *old)
            return EMULATE_OK;
    }
    return EMULATE_RETRY;
}

/* dst = op(dst, src) with dst in memory at la, of ctx->insn.operand_size; *old is what was there.
 */
static enum emulate_result modify(struct emulate_ctx *ctx, enum operation op, u64 la, u64 src,
                                  u64 *old, u64 *rflags)
{
    unsigned size = ctx->insn.operand_size;

    if (ctx->insn.prefixes & PREFIX_LOCK)
        return locked(ctx, op, la, src, old, rflags);
    TRY(HOOK(ctx, read, la, old, size, EMULATE_RMW));
    return HOOK(ctx, write, la, alu(op, *old, src, size, rflags), size);
}

/* ADD to SAR: two operands, or one. */
enum emulate_result exec_alu(struct emulate_ctx *ctx)
{
    const struct insn *i = &ctx->insn;
    u64 src, old, la, flags = ctx->regs->rflags;

    TRY(load_source(ctx, &src));
    if (only_flags(i->operation)) {
        TRY(load_destination(ctx, &old));
        alu(i->operation, old, src, i->operand_size, &flags);
    } else if (i->dst == OPERAND_RM && i->memory) {
        TRY(operand_address(ctx, i->operand_size, true, &la));
        TRY(modify(ctx, i->operation, la, src, &old, &flags));
    } else {
        unsigned reg = i->dst == OPERAND_RM ? i->rm : i->reg;

        old = read_reg(ctx, reg, i->operand_size);
        write_reg(ctx, reg, i->operand_size, alu(i->operation, old, src, i->operand_size, &flags));
    }
    ctx->regs->rflags = flags;
    return EMULATE_OK;
}

/* BT to BTC. With a register for bit number, memory is a string of bits, from the operand on to
 * both sides ("Bit(BitBase, BitOffset)"). */
enum emulate_result exec_bit(struct emulate_ctx *ctx)
{
    const struct insn *i = &ctx->insn;
    u64 number, old, la, offset, flags = ctx->regs->rflags;
    bool write = i->operation != OP_BT;

    if (!i->memory)
        return exec_alu(ctx);
    TRY(load_source(ctx, &number));
    offset = effective_address(ctx, i);
    if (i->src == OPERAND_REG) {
        s64 units =
            (s64)sign_extend(number, i->operand_size) >> (__builtin_ctz(i->operand_size) + 3);

        offset += (u64)units * i->operand_size;
        offset &= alu_mask(i->address_size);
    }
    TRY(linear_address(ctx, i->segment, offset, i->operand_size, write, &la));
    if (write) {
        TRY(modify(ctx, i->operation, la, number, &old, &flags));
    } else {
        TRY(HOOK(ctx, read, la, &old, i->operand_size, EMULATE_READ));
        alu(OP_BT, old, number, i->operand_size, &flags);
    }
    ctx->regs->rflags = flags;
    return EMULATE_OK;
}

/* With memory always locked. */
enum emulate_result exec_xchg(struct emulate_ctx *ctx)
{
    const struct insn *i = &ctx->insn;
    u64 src = read_reg(ctx, i->reg, i->operand_size), old, la, flags = 0;

    if (i->memory) {
        TRY(operand_address(ctx, i->operand_size, true, &la));
        TRY(locked(ctx, OP_XCHG, la, src, &old, &flags));
    } else {
        old = read_reg(ctx, i->rm, i->operand_size);
        write_reg(ctx, i->rm, i->operand_size, src);
    }
    write_reg(ctx, i->reg, i->operand_size, old);
    return EMULATE_OK;
}

enum emulate_result exec_xadd(struct emulate_ctx *ctx)
{
    const struct insn *i = &ctx->insn;
    u64 src = read_reg(ctx, i->reg, i->operand_size), old, la, flags = ctx->regs->rflags;

    if (i->memory) {
        TRY(operand_address(ctx, i->operand_size, true, &la));
        TRY(modify(ctx, OP_ADD, la, src, &old, &flags));
        write_reg(ctx, i->reg, i->operand_size, old);
    } else {
        u64 sum;

        old = read_reg(ctx, i->rm, i->operand_size);
        sum = alu(OP_ADD, old, src, i->operand_size, &flags);
        write_reg(ctx, i->reg, i->operand_size, old);
        write_reg(ctx, i->rm, i->operand_size, sum); /* last: they may be the same */
    }
    ctx->regs->rflags = flags;
    return EMULATE_OK;
}

/* The memory form is atomic with LOCK or without. */
enum emulate_result exec_cmpxchg(struct emulate_ctx *ctx)
{
    const struct insn *i = &ctx->insn;
    unsigned size = i->operand_size;
    u64 src = read_reg(ctx, i->reg, size), acc = read_reg(ctx, REG_RAX, size);
    u64 found = acc, la, flags = ctx->regs->rflags;

    if (i->memory) {
        TRY(operand_address(ctx, size, true, &la));
        TRY(HOOK(ctx, cmpxchg, la, &found, &src, size));
    } else {
        found = read_reg(ctx, i->rm, size);
        write_reg(ctx, i->rm, size, found == acc ? src : found);
    }
    alu(OP_CMP, acc, found, size, &flags);
    if (found != acc)
        write_reg(ctx, REG_RAX, size, found);
    ctx->regs->rflags = flags;
    return EMULATE_OK;
}

/* CMPXCHG8B and CMPXCHG16B: RDX:RAX against memory, RCX:RBX into it; only ZF. */
enum emulate_result exec_cmpxchg8b(struct emulate_ctx *ctx)
{
    unsigned half = ctx->insn.operand_size, size = 2 * half;
    u64 low = read_reg(ctx, REG_RAX, half), high = read_reg(ctx, REG_RDX, half);
    u64 found[2], wanted[2] = {read_reg(ctx, REG_RBX, half), read_reg(ctx, REG_RCX, half)};
    u64 la;
    bool equal;

    TRY(operand_address(ctx, size, true, &la));
    if (half == 8) {
        if (la & (size - 1))
            return emulate_raise(ctx, VEC_GP, 0);
        found[0] = low;
        found[1] = high;
        TRY(HOOK(ctx, cmpxchg, la, found, wanted, size));
    } else {
        found[0] = low | high << 32;
        wanted[0] |= wanted[1] << 32;
        TRY(HOOK(ctx, cmpxchg, la, found, wanted, size));
        found[1] = found[0] >> 32;
        found[0] = (u32)found[0];
    }
    equal = found[0] == low && found[1] == high;
    ctx->regs->rflags &= ~RFLAGS_ZF;
    if (equal) {
        ctx->regs->rflags |= RFLAGS_ZF;
    } else {
        write_reg(ctx, REG_RAX, half, found[0]);
        write_reg(ctx, REG_RDX, half, found[1]);
    }
    return EMULATE_OK;
}

/* MOVZX, MOVSX, MOVSXD */
enum emulate_result exec_extend(struct emulate_ctx *ctx)
{
    const struct insn *i = &ctx->insn;
    u64 value;

    TRY(load_source(ctx, &value));
    if (i->operation == OP_MOVSX)
        value = sign_extend(value, i->src_size);
    write_reg(ctx, i->reg, i->operand_size, value);
    return EMULATE_OK;
}

enum emulate_result exec_movbe(struct emulate_ctx *ctx)
{
    u64 value;

    TRY(load_source(ctx, &value));
    return store_destination(ctx, __builtin_bswap64(value) >> (64 - 8 * ctx->insn.operand_size));
}

enum emulate_result exec_lea(struct emulate_ctx *ctx)
{
    write_reg(ctx, ctx->insn.reg, ctx->insn.operand_size, effective_address(ctx, &ctx->insn));
    return EMULATE_OK;
}

enum emulate_result exec_setcc(struct emulate_ctx *ctx)
{
    return store_destination(ctx, alu_condition(ctx->insn.opcode, ctx->regs->rflags));
}

/* The source is read, and the upper half cleared, even if the condition is false. */
enum emulate_result exec_cmovcc(struct emulate_ctx *ctx)
{
    const struct insn *i = &ctx->insn;
    u64 value;

    TRY(load_source(ctx, &value));
    if (!alu_condition(i->opcode, ctx->regs->rflags))
        value = read_reg(ctx, i->reg, i->operand_size);
    write_reg(ctx, i->reg, i->operand_size, value);
    return EMULATE_OK;
}

enum emulate_result exec_nop(struct emulate_ctx *ctx)
{
    (void)ctx;
    return EMULATE_OK;
}
