/*
 * From operands to linear addresses and values: the checks of segmentation ("Protection",
 * "Canonical Addressing"), alignment, I/O permission.
 */
#include "executor.h"

static enum emulate_result segment_fault(struct emulate_ctx *ctx, enum seg seg)
{
    return emulate_raise(ctx, seg == SEG_SS ? VEC_SS : VEC_GP, 0);
}

/* "Type Checking": does this segment permit the access at all? */
static bool type_permits(const struct segment *s, bool write)
{
    if (s->attr & SEG_ATTR_UNUSABLE)
        return false;
    if (s->attr & TYPE_CODE)
        return !write && (s->attr & TYPE_WRITABLE);
    return !write || (s->attr & TYPE_WRITABLE);
}

/* "Limit Checking" */
static bool limit_permits(const struct segment *s, u64 offset, unsigned len)
{
    u64 last = offset + len - 1;

    if ((s->attr & (TYPE_CODE | TYPE_EXPAND_DOWN)) == TYPE_EXPAND_DOWN)
        return offset > s->limit && last <= (s->attr & SEG_ATTR_DB ? 0xffffffffu : 0xffffu);
    return last <= s->limit;
}

/* "Segmentation" outside 64-bit code; vector and error: what an access that is not permitted
 * raises. In real and virtual-8086 mode a segment's type is not looked at. */
static enum emulate_result segmented_address(struct emulate_ctx *ctx, const struct segment *s,
                                             u64 offset, unsigned len, bool write, u8 vector,
                                             u16 error, u64 *la)
{
    bool protected_mode = true;

    if (ctx->regs->rflags & RFLAGS_VM)
        protected_mode = false;
    else if (!type_permits(s, write))
        TRY(cr_bit(ctx, 0, CR0_PE, &protected_mode));
    if ((protected_mode && !type_permits(s, write)) || !limit_permits(s, offset, len))
        return emulate_raise(ctx, vector, error);
    *la = (u32)(s->base + offset);
    return EMULATE_OK;
}

/* "Alignment Check Exception (#AC)": user mode only. */
static enum emulate_result check_alignment(struct emulate_ctx *ctx, u64 la, unsigned len)
{
    bool am;

    if (ctx->cpl != 3 || !(ctx->regs->rflags & RFLAGS_AC) || (la & (len - 1)) == 0)
        return EMULATE_OK;
    TRY(cr_bit(ctx, 0, CR0_AM, &am));
    return am ? emulate_raise(ctx, VEC_AC, 0) : EMULATE_OK;
}

enum emulate_result linear_address_checked(struct emulate_ctx *ctx, enum seg seg, u64 offset,
                                           unsigned len, bool write, u64 *la)
{
    struct segment s;

    if (ctx->code_size == CODE_64) {
        TRY(linear_address_unchecked(ctx, seg, offset, la));
        if (!canonical(*la) || !canonical(*la + len - 1))
            return segment_fault(ctx, seg);
    } else {
        TRY(HOOK(ctx, segment, seg, &s));
        TRY(segmented_address(ctx, &s, offset, len, write, seg == SEG_SS ? VEC_SS : VEC_GP, 0, la));
    }
    return check_alignment(ctx, *la, len);
}

enum emulate_result stack_address(struct emulate_ctx *ctx, const struct stack *s, u64 offset,
                                  unsigned len, bool write, u64 *la)
{
    if (s->width < 8) {
        TRY(segmented_address(ctx, &s->ss, offset, len, write, VEC_SS, s->error, la));
    } else {
        *la = offset;
        if (!canonical(offset) || !canonical(offset + len - 1))
            return emulate_raise(ctx, VEC_SS, s->error);
    }
    return s->system ? EMULATE_OK : check_alignment(ctx, *la, len);
}

enum emulate_result linear_address_unchecked(struct emulate_ctx *ctx, enum seg seg, u64 offset,
                                             u64 *la)
{
    struct segment s = {0};

    if (ctx->code_size != CODE_64 || seg >= SEG_FS)
        TRY(HOOK(ctx, segment, seg, &s));
    *la = s.base + offset;
    if (ctx->code_size != CODE_64)
        *la = (u32)*la;
    return EMULATE_OK;
}

enum emulate_result load_source(struct emulate_ctx *ctx, u64 *value)
{
    const struct insn *i = &ctx->insn;
    u64 la;

    switch (i->src) {
    case OPERAND_REG:
        *value = read_reg(ctx, i->reg, i->src_size);
        return EMULATE_OK;
    case OPERAND_IMM:
        *value = i->imm;
        return EMULATE_OK;
    case OPERAND_ONE:
        *value = 1;
        return EMULATE_OK;
    case OPERAND_CL:
        *value = read_reg(ctx, REG_RCX, 1);
        return EMULATE_OK;
    case OPERAND_RM:
        if (!i->memory) {
            *value = read_reg(ctx, i->rm, i->src_size);
            return EMULATE_OK;
        }
        TRY(operand_address(ctx, i->src_size, false, &la));
        return HOOK(ctx, read, la, value, i->src_size, EMULATE_READ);
    default: /* none: one-operand instructions */
        *value = 0;
        return EMULATE_OK;
    }
}

enum emulate_result store_destination(struct emulate_ctx *ctx, u64 value)
{
    const struct insn *i = &ctx->insn;
    u64 la;

    if (i->dst == OPERAND_RM && i->memory) {
        TRY(operand_address(ctx, i->operand_size, true, &la));
        return HOOK(ctx, write, la, value & alu_mask(i->operand_size), i->operand_size);
    }
    write_reg(ctx, i->dst == OPERAND_RM ? i->rm : i->reg, i->operand_size, value);
    return EMULATE_OK;
}

enum emulate_result load_destination(struct emulate_ctx *ctx, u64 *value)
{
    const struct insn *i = &ctx->insn;
    u64 la;

    if (i->dst == OPERAND_RM && i->memory) {
        TRY(operand_address(ctx, i->operand_size, false, &la));
        return HOOK(ctx, read, la, value, i->operand_size, EMULATE_READ);
    }
    *value = read_reg(ctx, i->dst == OPERAND_RM ? i->rm : i->reg, i->operand_size);
    return EMULATE_OK;
}

enum emulate_result check_port(struct emulate_ctx *ctx, u16 port, unsigned len)
{
    if (ctx->cpl <= ctx->iopl && !(ctx->regs->rflags & RFLAGS_VM))
        return EMULATE_OK;
    if (!ctx->ops->io_allowed)
        return emulate_raise(ctx, VEC_GP, 0);
    return ctx->ops->io_allowed(ctx, port, len);
}
