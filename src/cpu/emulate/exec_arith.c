/*
 * Handlers of arithmetic that exec_alu's scheme does not fit: products and quotients, double
 * shifts, bit scans, conversions, decimal adjustments, single flags.
 */
#include "alu_wide.h"
#include "executor.h"

/* The upper half of a product or dividend: RDX, or AH for bytes. */
static unsigned upper_half(unsigned size)
{
    return size == 1 ? REG_AH : REG_RDX;
}

/* MUL, IMUL with one operand */
enum emulate_result exec_multiply(struct emulate_ctx *ctx)
{
    const struct insn *i = &ctx->insn;
    unsigned size = i->operand_size;
    struct wide product;
    u64 src;

    TRY(load_source(ctx, &src));
    product = alu_multiply(read_reg(ctx, REG_RAX, size), src, size, i->operation == OP_IMUL,
                           &ctx->regs->rflags);
    write_reg(ctx, REG_RAX, size, product.low);
    write_reg(ctx, upper_half(size), size, product.high);
    return EMULATE_OK;
}

/* IMUL with two or three operands */
enum emulate_result exec_multiply_reg(struct emulate_ctx *ctx)
{
    const struct insn *i = &ctx->insn;
    u64 src, by = i->imm;

    TRY(load_source(ctx, &src));
    if (i->operation == OP_IMUL2)
        by = read_reg(ctx, i->reg, i->operand_size);
    write_reg(ctx, i->reg, i->operand_size,
              alu_multiply(src, by, i->operand_size, true, &ctx->regs->rflags).low);
    return EMULATE_OK;
}

/* DIV, IDIV */
enum emulate_result exec_divide(struct emulate_ctx *ctx)
{
    const struct insn *i = &ctx->insn;
    unsigned size = i->operand_size, upper = upper_half(size);
    struct wide value = {read_reg(ctx, REG_RAX, size), read_reg(ctx, upper, size)};
    u64 src;

    TRY(load_source(ctx, &src));
    if (!alu_divide(&value, src, size, i->operation == OP_IDIV))
        return emulate_raise(ctx, VEC_DE, 0);
    write_reg(ctx, REG_RAX, size, value.low);
    write_reg(ctx, upper, size, value.high);
    return EMULATE_OK;
}

/* SHLD, SHRD: by an immediate (even opcodes) or CL. */
enum emulate_result exec_double_shift(struct emulate_ctx *ctx)
{
    const struct insn *i = &ctx->insn;
    unsigned size = i->operand_size;
    unsigned count = (unsigned)(i->opcode & 1 ? read_reg(ctx, REG_RCX, 1) : i->imm);
    u64 dst, la = 0, flags = ctx->regs->rflags, fill = read_reg(ctx, i->reg, size);

    if (i->memory) {
        TRY(operand_address(ctx, size, true, &la));
        TRY(HOOK(ctx, read, la, &dst, size, EMULATE_RMW));
    } else {
        dst = read_reg(ctx, i->rm, size);
    }
    dst = alu_double_shift(i->operation == OP_SHLD, dst, fill, count, size, &flags);
    if (i->memory)
        TRY(HOOK(ctx, write, la, dst, size));
    else
        write_reg(ctx, i->rm, size, dst);
    ctx->regs->rflags = flags;
    return EMULATE_OK;
}

/* BSF, BSR, TZCNT, LZCNT, POPCNT */
enum emulate_result exec_bit_scan(struct emulate_ctx *ctx)
{
    const struct insn *i = &ctx->insn;
    u64 src, dst = read_reg(ctx, i->reg, i->operand_size);

    TRY(load_source(ctx, &src));
    dst = alu_bit_scan(i->operation, dst, src, i->operand_size, &ctx->regs->rflags);
    if (src || (i->operation != OP_BSF && i->operation != OP_BSR))
        write_reg(ctx, i->reg, i->operand_size, dst);
    return EMULATE_OK;
}

/* Of 16 bits it is undefined; processors clear them. */
enum emulate_result exec_bswap(struct emulate_ctx *ctx)
{
    const struct insn *i = &ctx->insn;
    unsigned size = i->operand_size;
    u64 swapped = __builtin_bswap64(read_reg(ctx, i->rm, size)) >> (64 - 8 * size);

    write_reg(ctx, i->rm, size, size == 2 ? 0 : swapped);
    return EMULATE_OK;
}

/* CBW, CWDE, CDQE */
enum emulate_result exec_cbw(struct emulate_ctx *ctx)
{
    unsigned size = ctx->insn.operand_size;

    write_reg(ctx, REG_RAX, size, sign_extend(read_reg(ctx, REG_RAX, size / 2), size / 2));
    return EMULATE_OK;
}

/* CWD, CDQ, CQO */
enum emulate_result exec_cwd(struct emulate_ctx *ctx)
{
    unsigned size = ctx->insn.operand_size;
    bool negative = read_reg(ctx, REG_RAX, size) >> (8 * size - 1);

    write_reg(ctx, REG_RDX, size, negative ? ~0ULL : 0);
    return EMULATE_OK;
}

enum emulate_result exec_xlat(struct emulate_ctx *ctx)
{
    const struct insn *i = &ctx->insn;
    u64 offset = (*gpr(ctx, REG_RBX) + read_reg(ctx, REG_RAX, 1)) & alu_mask(i->address_size);
    u64 la, value;

    TRY(linear_address(ctx, i->segment, offset, 1, false, &la));
    TRY(HOOK(ctx, read, la, &value, 1, EMULATE_READ));
    write_reg(ctx, REG_RAX, 1, value);
    return EMULATE_OK;
}

/* DAA to AAD */
enum emulate_result exec_decimal(struct emulate_ctx *ctx)
{
    const struct insn *i = &ctx->insn;

    if (i->operation == OP_AAM && (u8)i->imm == 0)
        return emulate_raise(ctx, VEC_DE, 0);
    write_reg(
        ctx, REG_RAX, 2,
        alu_decimal(i->operation, (u16)read_reg(ctx, REG_RAX, 2), (u8)i->imm, &ctx->regs->rflags));
    return EMULATE_OK;
}

/* SALC, which the manual does not mention: AL becomes all CF. */
enum emulate_result exec_salc(struct emulate_ctx *ctx)
{
    write_reg(ctx, REG_RAX, 1, ctx->regs->rflags & RFLAGS_CF ? 0xff : 0);
    return EMULATE_OK;
}

/* LAHF, SAHF, CMC, CLC, STC, CLD, STD */
enum emulate_result exec_flags(struct emulate_ctx *ctx)
{
    const u64 in_ah = RFLAGS_SF | RFLAGS_ZF | RFLAGS_AF | RFLAGS_PF | RFLAGS_CF;
    u64 *rflags = &ctx->regs->rflags;

    switch (ctx->insn.operation) {
    case OP_LAHF:
        write_reg(ctx, REG_AH, 1, (*rflags & in_ah) | RFLAGS_FIXED);
        break;
    case OP_SAHF:
        *rflags = (*rflags & ~in_ah) | (read_reg(ctx, REG_AH, 1) & in_ah);
        break;
    case OP_CMC:
        *rflags ^= RFLAGS_CF;
        break;
    case OP_CLC:
        *rflags &= ~RFLAGS_CF;
        break;
    case OP_STC:
        *rflags |= RFLAGS_CF;
        break;
    case OP_CLD:
        *rflags &= ~RFLAGS_DF;
        break;
    default:
        *rflags |= RFLAGS_DF;
    }
    return EMULATE_OK;
}
