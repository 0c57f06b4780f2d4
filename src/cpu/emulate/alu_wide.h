/*
 * Arithmetic on two words: products, quotients, double shifts; bit scans; decimal adjustments. Pure
 * functions, like alu.h's.
 */
#ifndef ALU_WIDE_H
#define ALU_WIDE_H

#include "alu.h"

/* A double word of 2 * size bytes, as in RDX:RAX. */
struct wide {
    u64 low, high; /* size bytes each, zero-extended */
};

/* Product of size bytes each; CF and OF say that it does not fit into one word. */
struct wide alu_multiply(u64 a, u64 b, unsigned size, bool is_signed, u64 *rflags);
/* *dividend becomes quotient (low) and remainder (high). False: #DE. */
bool alu_divide(struct wide *dividend, u64 divisor, unsigned size, bool is_signed);
/* SHLD, SHRD. */
u64 alu_double_shift(bool left, u64 dst, u64 fill, unsigned count, unsigned size, u64 *rflags);
/* BSF, BSR, TZCNT, LZCNT, POPCNT: dst is what remains if BSF or BSR finds nothing. */
u64 alu_bit_scan(enum operation op, u64 dst, u64 src, unsigned size, u64 *rflags);
/* DAA, DAS, AAA, AAS, AAM, AAD on AX; base: AAM's and AAD's, for AAM not 0. */
u16 alu_decimal(enum operation op, u16 ax, u8 base, u64 *rflags);

#endif
