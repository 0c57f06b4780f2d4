/*
 * The decoder: vector moves. An opcode is several instructions by the prefix 66, F2 or F3, or VEX's
 * field that stands for it ("Intel AVX Instruction Encoding").
 */
#include "decoder.h"

/* Which prefix an instruction has. */
enum mandatory { NP, P66, PF3, PF2 };

enum move_flags {
    LOAD = 1 << 0,      /* to a vector register; else from one */
    MEMORY = 1 << 1,    /* the other operand is memory only */
    THIRD = 1 << 2,     /* with VEX a third operand has the rest of the register */
    NO_VEX_RR = 1 << 3, /* the same if the other operand is a register, which is not done */
    GPR = 1 << 4,       /* it is a general register or memory, of 8 bytes with REX.W */
};

struct vector_move {
    u8 opcode;    /* in map 0F */
    u8 mandatory; /* enum mandatory */
    u8 operation; /* enum operation */
    u8 size;      /* bytes moved; 0: the whole vector */
    u8 flags;     /* enum move_flags */
};

static const struct vector_move moves[] = {
    {0x10, NP, OP_MOVUPS, 0, LOAD},
    {0x10, P66, OP_MOVUPS, 0, LOAD},
    {0x10, PF3, OP_MOVSS, 4, LOAD | NO_VEX_RR},
    {0x10, PF2, OP_MOVSS, 8, LOAD | NO_VEX_RR},
    {0x11, NP, OP_MOVUPS, 0, 0},
    {0x11, P66, OP_MOVUPS, 0, 0},
    {0x11, PF3, OP_MOVSS, 4, NO_VEX_RR},
    {0x11, PF2, OP_MOVSS, 8, NO_VEX_RR},
    {0x12, NP, OP_MOVLPS, 8, LOAD | MEMORY | THIRD},
    {0x12, P66, OP_MOVLPS, 8, LOAD | MEMORY | THIRD},
    {0x13, NP, OP_MOVLPS, 8, MEMORY},
    {0x13, P66, OP_MOVLPS, 8, MEMORY},
    {0x16, NP, OP_MOVHPS, 8, LOAD | MEMORY | THIRD},
    {0x16, P66, OP_MOVHPS, 8, LOAD | MEMORY | THIRD},
    {0x17, NP, OP_MOVHPS, 8, MEMORY},
    {0x17, P66, OP_MOVHPS, 8, MEMORY},
    {0x28, NP, OP_MOVAPS, 0, LOAD},
    {0x28, P66, OP_MOVAPS, 0, LOAD},
    {0x29, NP, OP_MOVAPS, 0, 0},
    {0x29, P66, OP_MOVAPS, 0, 0},
    {0x2b, NP, OP_MOVAPS, 0, MEMORY},  /* MOVNTPS */
    {0x2b, P66, OP_MOVAPS, 0, MEMORY}, /* MOVNTPD */
    {0x6e, P66, OP_MOVD, 4, LOAD | GPR},
    {0x6f, P66, OP_MOVAPS, 0, LOAD}, /* MOVDQA */
    {0x6f, PF3, OP_MOVUPS, 0, LOAD}, /* MOVDQU */
    {0x7e, P66, OP_MOVD, 4, GPR},
    {0x7e, PF3, OP_MOVQ, 8, LOAD},
    {0x7f, P66, OP_MOVAPS, 0, 0},
    {0x7f, PF3, OP_MOVUPS, 0, 0},
    {0xd6, P66, OP_MOVQ, 8, 0},
    {0xe7, P66, OP_MOVAPS, 0, MEMORY},        /* MOVNTDQ */
    {0xf0, PF2, OP_MOVUPS, 0, LOAD | MEMORY}, /* LDDQU */
};

static enum mandatory mandatory_prefix(const struct insn *i)
{
    if (i->prefixes & PREFIX_REP)
        return PF3;
    if (i->prefixes & PREFIX_REPNE)
        return PF2;
    return i->prefixes & PREFIX_OPERAND ? P66 : NP;
}

static const struct vector_move *find_move(const struct insn *i)
{
    enum mandatory prefix = mandatory_prefix(i);

    for (unsigned n = 0; n < ARRAY_SIZE(moves); n++)
        if (moves[n].opcode == i->opcode && moves[n].mandatory == prefix)
            return &moves[n];
    return NULL;
}

/* Is it what the executor knows: not some other instruction of the same opcode? */
static bool applies(const struct vector_move *move, const struct insn *i)
{
    if ((move->flags & MEMORY) && !i->memory)
        return false;
    if (!i->vex || (move->flags & THIRD))
        return true;
    return !i->third && !((move->flags & NO_VEX_RR) && !i->memory);
}

int decode_vector(unsigned size, struct insn *i)
{
    static const struct vector_move movntdqa = {0x2a, P66, OP_MOVAPS, 0, LOAD | MEMORY};
    const struct vector_move *move = i->map == MAP_0F38 ? &movntdqa : find_move(i);

    if (!move || !applies(move, i)) {
        i->operation = OP_UNKNOWN;
        return 0;
    }
    i->operation = move->operation;
    i->dst = move->flags & LOAD ? OPERAND_REG : OPERAND_RM;
    i->src = move->flags & LOAD ? OPERAND_RM : OPERAND_REG;
    i->operand_size = move->size ? move->size : i->vex ? i->vex : VECTOR_SSE;
    if ((move->flags & GPR) && (i->rex & REX_W) && size == CODE_64)
        i->operand_size = 8;
    i->src_size = i->operand_size;
    if (i->vex == VECTOR_AVX && move->size && move->operation != OP_MOVSS)
        return DECODE_INVALID;
    return 0;
}
