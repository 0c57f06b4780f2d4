/*
 * The opcode tables: what the bytes after an opcode are, and what it does. One row of four bytes an
 * opcode; the decoder (decode.c) is the only reader.
 */
#ifndef OPCODES_H
#define OPCODES_H

#include "decode.h"

enum opcode_flags {
    OF_MODRM = 1 << 0,                /* a ModRM byte follows */
    OF_OPREG = 1 << 1,                /* bits 2:0 of the opcode are OPERAND_RM, a register */
    OF_MOFFS = 1 << 2,                /* an absolute address follows; it is OPERAND_RM */
    OF_BYTE = 1 << 3,                 /* operands are bytes */
    OF_IMM8 = 1 << 4,                 /* immediates: a byte, */
    OF_IMM16 = 1 << 5,                /* two bytes, */
    OF_IMMZ = 1 << 6,                 /* two or four by the operand size, */
    OF_IMMV = OF_IMMZ | OF_IMM8,      /* two, four or eight by the operand size, */
    OF_IMMFAR = OF_IMMZ | OF_IMM16,   /* a far pointer: by the operand size, and two; */
    OF_IMMENTER = OF_IMM16 | OF_IMM8, /* ENTER's two and one */
    OF_IMM = OF_IMM8 | OF_IMM16 | OF_IMMZ,
    OF_D64 = 1 << 7,       /* 64-bit code: operands are 8 bytes, or 2 with a 66 prefix */
    OF_F64 = 1 << 8,       /* 64-bit code: operands are 8 bytes whatever the prefixes */
    OF_NO64 = 1 << 9,      /* #UD in 64-bit code */
    OF_MEMORY = 1 << 10,   /* #UD if ModRM names a register */
    OF_REGISTER = 1 << 11, /* ModRM names a register whatever mod is */
    OF_LOCK = 1 << 12,     /* may have LOCK if the destination is memory */
    OF_SPECIAL = 1 << 13,  /* decode_special.c looks closer: decode_special */
    OF_GROUP = 1 << 14,    /* operation is an opcode_group: ModRM.reg chooses the row */
    OF_PREFIX = 1 << 15,   /* not an opcode */
};

struct opcode {
    u8 operation; /* enum operation; with OF_GROUP an opcode_group */
    u8 operands;  /* enum operand_kind: destination in bits 3:0, source in 7:4 */
    u16 flags;    /* enum opcode_flags; a group's row adds to those of its opcode */
};
_Static_assert(sizeof(struct opcode) == 4, "a row is four bytes");

enum opcode_group {
    GROUP_1,  /* 80 to 83: ALU with immediate */
    GROUP_1A, /* 8F */
    GROUP_2,  /* C0, C1, D0 to D3: shifts; operands are the opcode's */
    GROUP_3B, /* F6: TEST alone has an immediate, */
    GROUP_3,  /* F7: hence two */
    GROUP_4,  /* FE */
    GROUP_5,  /* FF */
    GROUP_6,  /* 0F 00 */
    GROUP_7,  /* 0F 01, memory forms */
    GROUP_8,  /* 0F BA */
    GROUP_9,  /* 0F C7 */
    GROUP_11, /* C6, C7 */
    GROUP_COUNT,
    GROUP_ESCAPE = GROUP_COUNT, /* no group: the opcode leads to another map */
};

/* A row that is #UD. */
enum { OP_INVALID = 0xff };

extern const struct opcode opcode_map_1[256];
extern const struct opcode opcode_map_0f[256];
extern const struct opcode opcode_groups[GROUP_COUNT][8];

#endif
