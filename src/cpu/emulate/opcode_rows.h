/*
 * Words for the rows of the opcode tables (opcodes.c, opcodes_0f.c, opcode_groups.c).
 *
 * A row that is not given is {OP_UNKNOWN, no operands, no bytes to follow}, which is right for the
 * one-byte instructions of map 1 that the executor leaves alone; in map 0F each range is given.
 */
#ifndef OPCODE_ROWS_H
#define OPCODE_ROWS_H

#include "opcodes.h"

/* Operands, destination first. */
enum {
    RM = OPERAND_RM,
    REG = OPERAND_REG,
    RM_REG = OPERAND_RM | OPERAND_REG << 4,
    REG_RM = OPERAND_REG | OPERAND_RM << 4,
    REG_IMM = OPERAND_REG | OPERAND_IMM << 4,
    RM_IMM = OPERAND_RM | OPERAND_IMM << 4,
    RM_ONE = OPERAND_RM | OPERAND_ONE << 4,
    RM_CL = OPERAND_RM | OPERAND_CL << 4,
    REG_DX = OPERAND_REG | OPERAND_DX << 4,
    SRC_IMM = OPERAND_IMM << 4,
    SRC_RM = OPERAND_RM << 4,
};

/* Combinations that come often. */
enum {
    M = OF_MODRM,
    MB = OF_MODRM | OF_BYTE,
    ML = OF_MODRM | OF_LOCK,
    MBL = OF_MODRM | OF_BYTE | OF_LOCK,
    GRP = OF_MODRM | OF_GROUP,
    GRPB = OF_MODRM | OF_GROUP | OF_BYTE,
};

#define PREFIX                                                                                     \
    {                                                                                              \
        0, 0, OF_PREFIX                                                                            \
    }
#define INVALID                                                                                    \
    {                                                                                              \
        OP_INVALID, 0, 0                                                                           \
    }
#define INVALID_M                                                                                  \
    {                                                                                              \
        OP_INVALID, 0, OF_MODRM                                                                    \
    }
#define ESCAPE                                                                                     \
    {                                                                                              \
        GROUP_ESCAPE, 0, OF_GROUP                                                                  \
    }
/* A vector move by its mandatory prefix, or something unknown: decode_vector. */
#define VECTOR                                                                                     \
    {                                                                                              \
        OP_MOVUPS, 0, OF_MODRM | OF_SPECIAL                                                        \
    }
#define UNKNOWN(flags)                                                                             \
    {                                                                                              \
        OP_UNKNOWN, 0, flags                                                                       \
    }

#endif
