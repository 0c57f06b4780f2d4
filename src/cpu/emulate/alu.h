/*
 * Arithmetic: results and flags of integer operations, as pure functions.
 */
#ifndef ALU_H
#define ALU_H

#include "decode.h"
#include "x86.h"

#define RFLAGS_ARITHMETIC (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

/* All ones in size bytes, 1 to 8. */
static inline u64 alu_mask(unsigned size)
{
    return ~0ULL >> (64 - 8 * size);
}

static inline u64 sign_extend(u64 value, unsigned size)
{
    unsigned unused = 64 - 8 * size;

    return (u64)((s64)(value << unused) >> unused);
}

/*
 * op is ADD to XOR, CMP, TEST, INC to NEG, ROL to SAR, or BT to BTC with a bit number in src.
 * Returns the destination's new value in size bytes (CMP, TEST: meaningless) and changes the
 * arithmetic flags in *rflags as the manual says; those that it calls undefined are left or
 * cleared.
 */
u64 alu(enum operation op, u64 dst, u64 src, unsigned size, u64 *rflags);

/* The condition in the low 4 bits of Jcc, SETcc, CMOVcc opcodes. */
bool alu_condition(unsigned code, u64 rflags);

#endif
