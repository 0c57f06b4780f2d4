/*
 * What the two files of the decoder share: decode.c, the regular part, and decode_special.c, the
 * opcodes whose row in the table is not the whole story.
 */
#ifndef DECODER_H
#define DECODER_H

#include "decode.h"
#include "opcodes.h"

#define INLINE static inline __attribute__((always_inline))

/* A decoding in progress. */
struct decoder {
    const u8 *start; /* first byte */
    const u8 *at;    /* next byte */
    unsigned len;    /* bytes that are there */
    unsigned size;   /* enum code_size */
    unsigned flags;  /* enum opcode_flags */
};

enum rex_bits { REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8 };

enum { MOD_REGISTER = 3 }; /* ModRM.mod: rm is a register */

/*
 * For an opcode of map 1 that is no instruction by itself (0F with 38 or 3A; C4, C5, 62; d->at is
 * behind the first byte): its map, opcode and row. *error becomes DECODE_INVALID if it is #UD.
 */
struct opcode decode_escape(struct decoder *d, struct insn *i, u8 first, int *error);
/* For a row with OF_SPECIAL, when ModRM has been taken: 0, or DECODE_INVALID. size: enum code_size.
 */
int decode_special(unsigned size, struct insn *i);
/* decode_vector.c: the same for a row whose operation is OP_MOVUPS: which vector move it is. */
int decode_vector(unsigned size, struct insn *i);
/*
 * UD2 followed by the signature of Xen's forced emulation and CPUID is one instruction. i: an
 * invalid one; at: the bytes behind its opcode, `there` of them. Returns how many belong to it, or
 * 0. If what is there could be the beginning, it is said to be.
 */
unsigned decode_forced_emulation(const u8 *at, unsigned there, struct insn *i);

#endif
