/*
 * String instructions, one iteration at a time. With REP a bounded batch is done at once; each
 * iteration commits its registers, so that a fault, or the end of the batch, leaves the instruction
 * to be started again where it stopped.
 */
#include "executor.h"

/* One of the two addresses. */
struct string_end {
    u8 seg; /* enum seg */
    u8 reg; /* REG_RSI or REG_RDI */
    u64 la; /* its linear address */
};

static unsigned element_size(const struct insn *i)
{
    bool port = i->operation == OP_INS || i->operation == OP_OUTS;

    return port ? MIN(i->operand_size, 4) : i->operand_size;
}

static enum emulate_result string_address(struct emulate_ctx *ctx, struct string_end *end,
                                          bool write)
{
    return linear_address(ctx, end->seg, read_reg(ctx, end->reg, ctx->insn.address_size),
                          element_size(&ctx->insn), write, &end->la);
}

static void advance(struct emulate_ctx *ctx, unsigned reg)
{
    unsigned width = ctx->insn.address_size;
    u64 step = element_size(&ctx->insn);

    if (ctx->regs->rflags & RFLAGS_DF)
        step = -step;
    write_reg(ctx, reg, width, read_reg(ctx, reg, width) + step);
}

static enum emulate_result move(struct emulate_ctx *ctx, struct string_end *src,
                                struct string_end *dst)
{
    u64 value;

    TRY(string_address(ctx, src, false));
    TRY(string_address(ctx, dst, true));
    TRY(HOOK(ctx, read, src->la, &value, ctx->insn.operand_size, EMULATE_READ));
    TRY(HOOK(ctx, write, dst->la, value, ctx->insn.operand_size));
    advance(ctx, REG_RSI);
    advance(ctx, REG_RDI);
    return EMULATE_OK;
}

static enum emulate_result store(struct emulate_ctx *ctx, struct string_end *dst)
{
    unsigned size = ctx->insn.operand_size;

    TRY(string_address(ctx, dst, true));
    TRY(HOOK(ctx, write, dst->la, read_reg(ctx, REG_RAX, size), size));
    advance(ctx, REG_RDI);
    return EMULATE_OK;
}

static enum emulate_result load(struct emulate_ctx *ctx, struct string_end *src)
{
    u64 value;

    TRY(string_address(ctx, src, false));
    TRY(HOOK(ctx, read, src->la, &value, ctx->insn.operand_size, EMULATE_READ));
    write_reg(ctx, REG_RAX, ctx->insn.operand_size, value);
    advance(ctx, REG_RSI);
    return EMULATE_OK;
}

static enum emulate_result compare(struct emulate_ctx *ctx, struct string_end *src,
                                   struct string_end *dst)
{
    unsigned size = ctx->insn.operand_size;
    u64 a, b;

    if (ctx->insn.operation == OP_CMPS) {
        TRY(string_address(ctx, src, false));
        TRY(HOOK(ctx, read, src->la, &a, size, EMULATE_READ));
    } else {
        a = read_reg(ctx, REG_RAX, size);
    }
    TRY(string_address(ctx, dst, false));
    TRY(HOOK(ctx, read, dst->la, &b, size, EMULATE_READ));
    alu(OP_CMP, a, b, size, &ctx->regs->rflags);
    if (ctx->insn.operation == OP_CMPS)
        advance(ctx, REG_RSI);
    advance(ctx, REG_RDI);
    return EMULATE_OK;
}

/* The destination is tried before the port is read, as reading may change the device. */
static enum emulate_result input(struct emulate_ctx *ctx, struct string_end *dst)
{
    unsigned size = element_size(&ctx->insn);
    u16 port = ctx->regs->rdx;
    u64 value;

    TRY(check_port(ctx, port, size));
    TRY(string_address(ctx, dst, true));
    TRY(HOOK(ctx, read, dst->la, &value, size, EMULATE_RMW));
    TRY(HOOK(ctx, io_in, port, size, &value));
    TRY(HOOK(ctx, write, dst->la, value & alu_mask(size), size));
    advance(ctx, REG_RDI);
    return EMULATE_OK;
}

static enum emulate_result output(struct emulate_ctx *ctx, struct string_end *src)
{
    unsigned size = element_size(&ctx->insn);
    u16 port = ctx->regs->rdx;
    u64 value;

    TRY(check_port(ctx, port, size));
    TRY(string_address(ctx, src, false));
    TRY(HOOK(ctx, read, src->la, &value, size, EMULATE_READ));
    TRY(HOOK(ctx, io_out, port, size, value));
    advance(ctx, REG_RSI);
    return EMULATE_OK;
}

static enum emulate_result iterate(struct emulate_ctx *ctx)
{
    struct string_end src = {.seg = ctx->insn.segment, .reg = REG_RSI};
    struct string_end dst = {.seg = SEG_ES, .reg = REG_RDI};

    switch (ctx->insn.operation) {
    case OP_MOVS:
        return move(ctx, &src, &dst);
    case OP_STOS:
        return store(ctx, &dst);
    case OP_LODS:
        return load(ctx, &src);
    case OP_INS:
        return input(ctx, &dst);
    case OP_OUTS:
        return output(ctx, &src);
    default:
        return compare(ctx, &src, &dst);
    }
}

/* REPE and REPNE also end by ZF. */
static bool ended_by_flag(const struct emulate_ctx *ctx)
{
    const struct insn *i = &ctx->insn;
    bool zf = ctx->regs->rflags & RFLAGS_ZF;

    if (i->operation != OP_CMPS && i->operation != OP_SCAS)
        return false;
    return i->prefixes & PREFIX_REP ? !zf : zf;
}

enum emulate_result exec_string(struct emulate_ctx *ctx)
{
    unsigned width = ctx->insn.address_size, limit = MAX(ctx->rep_limit, 1);
    u64 count = read_reg(ctx, REG_RCX, width);

    if (!(ctx->insn.prefixes & (PREFIX_REP | PREFIX_REPNE)))
        return iterate(ctx);
    if (ctx->regs->rflags & RFLAGS_TF)
        limit = 1; /* each iteration is a step */
    for (; count != 0; limit--) {
        if (limit == 0) {
            ctx->notes |= EMULATE_REP_MORE;
            return EMULATE_OK;
        }
        TRY(iterate(ctx));
        write_reg(ctx, REG_RCX, width, --count);
        if (ended_by_flag(ctx))
            return EMULATE_OK;
        if (ctx->notes & EMULATE_BREAKPOINT)
            limit = 1;
    }
    return EMULATE_OK;
}
