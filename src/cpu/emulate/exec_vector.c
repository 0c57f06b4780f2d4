/*
 * Handlers of plain moves of vectors: what compilers and kernels use to reach device memory with
 * SSE or AVX registers. No arithmetic; and what tells a boot loader that there is an x87.
 */
#include "executor.h"

enum { WORD = sizeof(u64), WORDS = 4, SSE_WORDS = 2 };

/* "Checking for SSE Support", "Checking for Intel AVX Support", "#NM" */
static enum emulate_result require_vectors(struct emulate_ctx *ctx)
{
    const u64 states = XCR0_SSE | XCR0_AVX;
    u64 cr0, cr4, xcr0 = states;

    TRY(HOOK(ctx, read_cr, 0, &cr0));
    TRY(HOOK(ctx, read_cr, 4, &cr4));
    if (ctx->insn.vex) {
        if (!(cr4 & CR4_OSXSAVE) || !(cr0 & CR0_PE) || (ctx->regs->rflags & RFLAGS_VM))
            return emulate_raise(ctx, VEC_UD, 0);
        TRY(HOOK(ctx, xgetbv, 0, &xcr0));
    } else if ((cr0 & CR0_EM) || !(cr4 & CR4_OSFXSR)) {
        return emulate_raise(ctx, VEC_UD, 0);
    }
    if ((xcr0 & states) != states)
        return emulate_raise(ctx, VEC_UD, 0);
    return cr0 & CR0_TS ? emulate_raise(ctx, VEC_NM, 0) : EMULATE_OK;
}

/* The memory operand's address; some moves insist on alignment. */
static enum emulate_result vector_address(struct emulate_ctx *ctx, bool write, u64 *la)
{
    unsigned size = ctx->insn.operand_size;

    TRY(operand_address(ctx, size, write, la));
    if (ctx->insn.operation == OP_MOVAPS && (*la & (size - 1)))
        return emulate_raise(ctx, VEC_GP, 0);
    return EMULATE_OK;
}

static enum emulate_result read_memory(struct emulate_ctx *ctx, u64 value[WORDS])
{
    unsigned size = ctx->insn.operand_size;
    u64 la;

    TRY(vector_address(ctx, false, &la));
    for (unsigned at = 0; at < size; at += WORD)
        TRY(HOOK(ctx, read, la + at, &value[at / WORD], MIN(size, WORD), EMULATE_READ));
    return EMULATE_OK;
}

/* Word by word, but nothing if a second page is not to be written. */
static enum emulate_result write_memory(struct emulate_ctx *ctx, const u64 value[WORDS])
{
    unsigned size = ctx->insn.operand_size;
    u64 la, last, there;

    TRY(vector_address(ctx, true, &la));
    last = la + size - MIN(size, WORD);
    if ((la ^ (la + size - 1)) & ~(u64)PAGE_OFFSET_MASK && size > WORD) {
        TRY(HOOK(ctx, read, la, &there, WORD, EMULATE_RMW));
        TRY(HOOK(ctx, read, last, &there, WORD, EMULATE_RMW));
    }
    for (unsigned at = 0; at < size; at += WORD)
        TRY(HOOK(ctx, write, la + at, value[at / WORD] & alu_mask(MIN(size, WORD)),
                 MIN(size, WORD)));
    return EMULATE_OK;
}

/* Puts what the source holds into a vector register's value. */
static void merge(const struct insn *i, bool from_memory, u64 to[WORDS], const u64 value[WORDS])
{
    u64 low = i->operand_size < WORD ? alu_mask(i->operand_size) : ~0ULL;

    switch (i->operation) {
    case OP_MOVUPS:
    case OP_MOVAPS:
        for (unsigned n = 0; n < i->operand_size / WORD; n++)
            to[n] = value[n];
        break;
    case OP_MOVLPS:
        to[0] = value[0];
        break;
    case OP_MOVHPS:
        to[1] = value[0];
        break;
    case OP_MOVSS: /* between registers the rest stays */
        if (!from_memory) {
            to[0] = (to[0] & ~low) | (value[0] & low);
            break;
        }
        /* fall through */
    default: /* MOVQ, MOVD */
        to[0] = value[0] & low;
        to[1] = 0;
    }
    if (i->vex)
        for (unsigned n = i->vex / WORD; n < WORDS; n++)
            to[n] = 0;
}

/* What the move leaves of reg; VMOVLPS and VMOVHPS take it from a third operand. */
static enum emulate_result write_register(struct emulate_ctx *ctx, unsigned reg, bool from_memory,
                                          const u64 value[WORDS])
{
    enum operation op = ctx->insn.operation;
    bool third = ctx->insn.vex && (op == OP_MOVLPS || op == OP_MOVHPS);
    u64 all[WORDS];

    TRY(HOOK(ctx, read_vector, third ? ctx->insn.third : reg, all));
    merge(&ctx->insn, from_memory, all, value);
    return HOOK(ctx, write_vector, reg, all);
}

static enum emulate_result load(struct emulate_ctx *ctx)
{
    const struct insn *i = &ctx->insn;
    u64 value[WORDS] = {0};

    if (i->memory)
        TRY(read_memory(ctx, value));
    else if (i->operation == OP_MOVD)
        value[0] = read_reg(ctx, i->rm, i->operand_size);
    else
        TRY(HOOK(ctx, read_vector, i->rm, value));
    return write_register(ctx, i->reg, i->memory, value);
}

static enum emulate_result store(struct emulate_ctx *ctx)
{
    const struct insn *i = &ctx->insn;
    u64 value[WORDS];

    TRY(HOOK(ctx, read_vector, i->reg, value));
    if (i->operation == OP_MOVHPS)
        value[0] = value[1];
    if (i->memory)
        return write_memory(ctx, value);
    if (i->operation != OP_MOVD)
        return write_register(ctx, i->rm, false, value);
    write_reg(ctx, i->rm, i->operand_size, value[0]);
    return EMULATE_OK;
}

enum emulate_result exec_vector(struct emulate_ctx *ctx)
{
    TRY(require_vectors(ctx));
    return ctx->insn.dst == OPERAND_REG ? load(ctx) : store(ctx);
}

/* FNINIT, FNSTSW, FNSTCW */
enum emulate_result exec_x87(struct emulate_ctx *ctx)
{
    u16 value = 0;
    u64 cr0;

    TRY(HOOK(ctx, read_cr, 0, &cr0));
    if (cr0 & (CR0_EM | CR0_TS))
        return emulate_raise(ctx, VEC_NM, 0);
    TRY(HOOK(ctx, x87, ctx->insn.operation, &value));
    return ctx->insn.operation == OP_FNINIT ? EMULATE_OK : store_destination(ctx, value);
}
