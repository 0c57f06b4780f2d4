/*
 * The opcode tables, in the order of the SDM's "Opcode Map".
 *
 * A row that is not given is {OP_UNKNOWN, no operands, no bytes to follow}, which is right for the
 * one-byte instructions of map 1 that the executor leaves alone; in map 0F each range is given.
 */
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
#define UNKNOWN(flags)                                                                             \
    {                                                                                              \
        OP_UNKNOWN, 0, flags                                                                       \
    }

/* The six regular forms of an ALU operation; LOCK with a memory destination, but not for CMP. */
#define ALU(first, operation, lock)                                                                \
    [first] = {operation, RM_REG, MB | (lock)}, [first + 1] = {operation, RM_REG, M | (lock)},     \
    [first + 2] = {operation, REG_RM, MB}, [first + 3] = {operation, REG_RM, M},                   \
    [first + 4] = {operation, REG_IMM, OF_BYTE | OF_IMM8},                                         \
    [first + 5] = {operation, REG_IMM, OF_IMMZ}

const struct opcode opcode_map_1[256] = {
    ALU(0x00, OP_ADD, OF_LOCK),
    [0x06 ... 0x07] = UNKNOWN(OF_NO64),
    ALU(0x08, OP_OR, OF_LOCK),
    [0x0e] = UNKNOWN(OF_NO64),
    [0x0f] = ESCAPE,
    ALU(0x10, OP_ADC, OF_LOCK),
    [0x16 ... 0x17] = UNKNOWN(OF_NO64),
    ALU(0x18, OP_SBB, OF_LOCK),
    [0x1e ... 0x1f] = UNKNOWN(OF_NO64),
    ALU(0x20, OP_AND, OF_LOCK),
    [0x26] = PREFIX,
    [0x27] = UNKNOWN(OF_NO64),
    ALU(0x28, OP_SUB, OF_LOCK),
    [0x2e] = PREFIX,
    [0x2f] = UNKNOWN(OF_NO64),
    ALU(0x30, OP_XOR, OF_LOCK),
    [0x36] = PREFIX,
    [0x37] = UNKNOWN(OF_NO64),
    ALU(0x38, OP_CMP, 0),
    [0x3e] = PREFIX,
    [0x3f] = UNKNOWN(OF_NO64),
    [0x40 ... 0x47] = {OP_INC, RM, OF_OPREG | OF_PREFIX}, /* 64-bit code: REX */
    [0x48 ... 0x4f] = {OP_DEC, RM, OF_OPREG | OF_PREFIX},
    [0x50 ... 0x57] = {OP_PUSH, SRC_RM, OF_OPREG | OF_D64},
    [0x58 ... 0x5f] = {OP_POP, RM, OF_OPREG | OF_D64},
    [0x60 ... 0x61] = UNKNOWN(OF_NO64),
    [0x62] = ESCAPE, /* BOUND, EVEX */
    [0x63] = {OP_MOVSX, REG_RM, M | OF_SPECIAL},
    [0x64 ... 0x67] = PREFIX,
    [0x68] = {OP_PUSH, SRC_IMM, OF_D64 | OF_IMMZ},
    [0x69] = UNKNOWN(M | OF_IMMZ),
    [0x6a] = {OP_PUSH, SRC_IMM, OF_D64 | OF_IMM8},
    [0x6b] = UNKNOWN(M | OF_IMM8),
    [0x6c] = {OP_INS, 0, OF_BYTE},
    [0x6d] = {OP_INS, 0, 0},
    [0x6e] = {OP_OUTS, 0, OF_BYTE},
    [0x6f] = {OP_OUTS, 0, 0},
    [0x70 ... 0x7f] = UNKNOWN(OF_IMM8 | OF_F64),
    [0x80] = {GROUP_1, RM_IMM, GRPB | OF_IMM8},
    [0x81] = {GROUP_1, RM_IMM, GRP | OF_IMMZ},
    [0x82] = {GROUP_1, RM_IMM, GRPB | OF_IMM8 | OF_NO64},
    [0x83] = {GROUP_1, RM_IMM, GRP | OF_IMM8},
    [0x84] = {OP_TEST, RM_REG, MB},
    [0x85] = {OP_TEST, RM_REG, M},
    [0x86] = {OP_XCHG, RM_REG, MBL},
    [0x87] = {OP_XCHG, RM_REG, ML},
    [0x88] = {OP_MOV, RM_REG, MB},
    [0x89] = {OP_MOV, RM_REG, M},
    [0x8a] = {OP_MOV, REG_RM, MB},
    [0x8b] = {OP_MOV, REG_RM, M},
    [0x8c] = {OP_MOV_FROM_SEG, RM_REG, M | OF_SPECIAL},
    [0x8d] = {OP_LEA, REG_RM, M | OF_MEMORY},
    [0x8e] = {OP_MOV_TO_SEG, REG_RM, M | OF_SPECIAL},
    [0x8f] = {GROUP_1A, RM, GRP | OF_D64},
    [0x90] = {OP_XCHG, RM_REG, OF_OPREG | OF_SPECIAL}, /* NOP */
    [0x91 ... 0x97] = {OP_XCHG, RM_REG, OF_OPREG},
    [0x9a] = UNKNOWN(OF_NO64 | OF_IMMFAR),
    [0x9c] = {OP_PUSHF, 0, OF_D64},
    [0x9d] = UNKNOWN(OF_D64),
    [0xa0] = {OP_MOV, REG_RM, OF_MOFFS | OF_BYTE},
    [0xa1] = {OP_MOV, REG_RM, OF_MOFFS},
    [0xa2] = {OP_MOV, RM_REG, OF_MOFFS | OF_BYTE},
    [0xa3] = {OP_MOV, RM_REG, OF_MOFFS},
    [0xa4] = {OP_MOVS, 0, OF_BYTE},
    [0xa5] = {OP_MOVS, 0, 0},
    [0xa6] = {OP_CMPS, 0, OF_BYTE},
    [0xa7] = {OP_CMPS, 0, 0},
    [0xa8] = {OP_TEST, REG_IMM, OF_BYTE | OF_IMM8},
    [0xa9] = {OP_TEST, REG_IMM, OF_IMMZ},
    [0xaa] = {OP_STOS, 0, OF_BYTE},
    [0xab] = {OP_STOS, 0, 0},
    [0xac] = {OP_LODS, 0, OF_BYTE},
    [0xad] = {OP_LODS, 0, 0},
    [0xae] = {OP_SCAS, 0, OF_BYTE},
    [0xaf] = {OP_SCAS, 0, 0},
    [0xb0 ... 0xb7] = {OP_MOV, RM_IMM, OF_OPREG | OF_BYTE | OF_IMM8},
    [0xb8 ... 0xbf] = {OP_MOV, RM_IMM, OF_OPREG | OF_IMMV},
    [0xc0] = {GROUP_2, RM_IMM, GRPB | OF_IMM8},
    [0xc1] = {GROUP_2, RM_IMM, GRP | OF_IMM8},
    [0xc2] = UNKNOWN(OF_IMM16 | OF_F64),
    [0xc3] = UNKNOWN(OF_F64),
    [0xc4 ... 0xc5] = ESCAPE, /* LES, LDS, VEX */
    [0xc6] = {GROUP_11, RM_IMM, GRPB | OF_IMM8},
    [0xc7] = {GROUP_11, RM_IMM, GRP | OF_IMMZ},
    [0xc8] = UNKNOWN(OF_IMMENTER | OF_D64),
    [0xc9] = UNKNOWN(OF_D64),
    [0xca] = UNKNOWN(OF_IMM16),
    [0xcd] = UNKNOWN(OF_IMM8),
    [0xce] = UNKNOWN(OF_NO64),
    [0xd0] = {GROUP_2, RM_ONE, GRPB},
    [0xd1] = {GROUP_2, RM_ONE, GRP},
    [0xd2] = {GROUP_2, RM_CL, GRPB},
    [0xd3] = {GROUP_2, RM_CL, GRP},
    [0xd4 ... 0xd5] = UNKNOWN(OF_NO64 | OF_IMM8),
    [0xd6] = UNKNOWN(OF_NO64),
    [0xd8 ... 0xdf] = UNKNOWN(OF_MODRM),
    [0xe0 ... 0xe3] = UNKNOWN(OF_IMM8 | OF_F64),
    [0xe4] = {OP_IN, REG_IMM, OF_BYTE | OF_IMM8},
    [0xe5] = {OP_IN, REG_IMM, OF_IMM8},
    [0xe6] = {OP_OUT, REG_IMM, OF_BYTE | OF_IMM8},
    [0xe7] = {OP_OUT, REG_IMM, OF_IMM8},
    [0xe8 ... 0xe9] = UNKNOWN(OF_IMMZ | OF_F64),
    [0xea] = UNKNOWN(OF_NO64 | OF_IMMFAR),
    [0xeb] = UNKNOWN(OF_IMM8 | OF_F64),
    [0xec] = {OP_IN, REG_DX, OF_BYTE},
    [0xed] = {OP_IN, REG_DX, 0},
    [0xee] = {OP_OUT, REG_DX, OF_BYTE},
    [0xef] = {OP_OUT, REG_DX, 0},
    [0xf0] = PREFIX,
    [0xf2 ... 0xf3] = PREFIX,
    [0xf4] = {OP_HLT, 0, 0},
    [0xf6] = {GROUP_3B, RM, GRPB},
    [0xf7] = {GROUP_3, RM, GRP},
    [0xfa] = {OP_CLI, 0, 0},
    [0xfb] = {OP_STI, 0, 0},
    [0xfe] = {GROUP_4, RM, GRPB},
    [0xff] = {GROUP_5, RM, GRP},
};

const struct opcode opcode_map_0f[256] = {
    [0x00] = {GROUP_6, RM, GRP | OF_SPECIAL},
    [0x01] = {GROUP_7, RM, GRP | OF_SPECIAL},
    [0x02 ... 0x03] = UNKNOWN(M),
    [0x04] = INVALID,
    [0x05] = UNKNOWN(0),
    [0x06] = {OP_CLTS, 0, 0},
    [0x07] = UNKNOWN(0),
    [0x08] = {OP_INVD, 0, 0},
    [0x09] = {OP_WBINVD, 0, 0},
    [0x0a] = INVALID,
    [0x0b] = INVALID, /* UD2; but see decode_forced_emulation */
    [0x0c] = INVALID,
    [0x0d] = {OP_NOP, 0, M}, /* PREFETCHW */
    [0x0e] = UNKNOWN(0),
    [0x0f] = UNKNOWN(M | OF_IMM8), /* 3DNow! */
    [0x10 ... 0x17] = UNKNOWN(M),
    [0x18 ... 0x1f] = {OP_NOP, 0, M}, /* prefetches and hints */
    [0x20] = {OP_MOV_FROM_CR, RM_REG, M | OF_REGISTER | OF_F64 | OF_SPECIAL},
    [0x21] = {OP_MOV_FROM_DR, RM_REG, M | OF_REGISTER | OF_F64 | OF_SPECIAL},
    [0x22] = {OP_MOV_TO_CR, REG_RM, M | OF_REGISTER | OF_F64 | OF_SPECIAL},
    [0x23] = {OP_MOV_TO_DR, REG_RM, M | OF_REGISTER | OF_F64 | OF_SPECIAL},
    [0x24 ... 0x27] = INVALID_M,
    [0x28 ... 0x2f] = UNKNOWN(M),
    [0x30] = {OP_WRMSR, 0, 0},
    [0x31] = {OP_RDTSC, 0, 0},
    [0x32] = {OP_RDMSR, 0, 0},
    [0x33] = {OP_RDPMC, 0, 0},
    [0x34 ... 0x35] = UNKNOWN(0),
    [0x36] = INVALID,
    [0x37] = UNKNOWN(0),
    [0x38] = UNKNOWN(0), /* escape */
    [0x39] = INVALID,
    [0x3a] = UNKNOWN(0), /* escape */
    [0x3b ... 0x3f] = INVALID,
    [0x40 ... 0x4f] = {OP_CMOVCC, REG_RM, M},
    [0x50 ... 0x6f] = UNKNOWN(M),
    [0x70 ... 0x73] = UNKNOWN(M | OF_IMM8),
    [0x74 ... 0x76] = UNKNOWN(M),
    [0x77] = UNKNOWN(0),
    [0x78 ... 0x7f] = UNKNOWN(M),
    [0x80 ... 0x8f] = UNKNOWN(OF_IMMZ | OF_F64),
    [0x90 ... 0x9f] = {OP_SETCC, RM, MB},
    [0xa0 ... 0xa1] = UNKNOWN(OF_D64),
    [0xa2] = {OP_CPUID, 0, 0},
    [0xa3] = {OP_BT, RM_REG, M},
    [0xa4] = UNKNOWN(M | OF_IMM8),
    [0xa5] = UNKNOWN(M),
    [0xa6 ... 0xa7] = INVALID,
    [0xa8 ... 0xa9] = UNKNOWN(OF_D64),
    [0xaa] = UNKNOWN(0),
    [0xab] = {OP_BTS, RM_REG, ML},
    [0xac] = UNKNOWN(M | OF_IMM8),
    [0xad ... 0xaf] = UNKNOWN(M),
    [0xb0] = {OP_CMPXCHG, RM_REG, MBL},
    [0xb1] = {OP_CMPXCHG, RM_REG, ML},
    [0xb2] = UNKNOWN(M | OF_MEMORY),
    [0xb3] = {OP_BTR, RM_REG, ML},
    [0xb4 ... 0xb5] = UNKNOWN(M | OF_MEMORY),
    [0xb6 ... 0xb7] = {OP_MOVZX, REG_RM, M | OF_SPECIAL},
    [0xb8] = UNKNOWN(M),
    [0xb9] = INVALID_M, /* UD1 */
    [0xba] = {GROUP_8, RM_IMM, GRP | OF_IMM8},
    [0xbb] = {OP_BTC, RM_REG, ML},
    [0xbc ... 0xbd] = UNKNOWN(M),
    [0xbe ... 0xbf] = {OP_MOVSX, REG_RM, M | OF_SPECIAL},
    [0xc0] = {OP_XADD, RM_REG, MBL},
    [0xc1] = {OP_XADD, RM_REG, ML},
    [0xc2] = UNKNOWN(M | OF_IMM8),
    [0xc3] = {OP_MOV, RM_REG, M | OF_MEMORY | OF_SPECIAL}, /* MOVNTI */
    [0xc4 ... 0xc6] = UNKNOWN(M | OF_IMM8),
    [0xc7] = {GROUP_9, RM, GRP | OF_SPECIAL},
    [0xc8 ... 0xcf] = UNKNOWN(0),
    [0xd0 ... 0xfe] = UNKNOWN(M),
    [0xff] = INVALID_M, /* UD0 */
};

#define SAME(operation)                                                                            \
    {                                                                                              \
        operation, 0, 0                                                                            \
    }
#define LOCKABLE(operation)                                                                        \
    {                                                                                              \
        operation, 0, OF_LOCK                                                                      \
    }

/* A row's operands replace those of the opcode unless they are 0. */
const struct opcode opcode_groups[GROUP_COUNT][8] = {
    [GROUP_1] = {LOCKABLE(OP_ADD), LOCKABLE(OP_OR), LOCKABLE(OP_ADC), LOCKABLE(OP_SBB),
                 LOCKABLE(OP_AND), LOCKABLE(OP_SUB), LOCKABLE(OP_XOR), SAME(OP_CMP)},
    [GROUP_1A] = {SAME(OP_POP), INVALID, INVALID, INVALID, INVALID, INVALID, INVALID, INVALID},
    [GROUP_2] = {SAME(OP_ROL), SAME(OP_ROR), SAME(OP_RCL), SAME(OP_RCR), SAME(OP_SHL), SAME(OP_SHR),
                 SAME(OP_SHL), SAME(OP_SAR)},
    [GROUP_3B] = {{OP_TEST, RM_IMM, OF_IMM8},
                  {OP_TEST, RM_IMM, OF_IMM8},
                  LOCKABLE(OP_NOT),
                  LOCKABLE(OP_NEG),
                  UNKNOWN(0),
                  UNKNOWN(0),
                  UNKNOWN(0),
                  UNKNOWN(0)},
    [GROUP_3] = {{OP_TEST, RM_IMM, OF_IMMZ},
                 {OP_TEST, RM_IMM, OF_IMMZ},
                 LOCKABLE(OP_NOT),
                 LOCKABLE(OP_NEG),
                 UNKNOWN(0),
                 UNKNOWN(0),
                 UNKNOWN(0),
                 UNKNOWN(0)},
    [GROUP_4] = {LOCKABLE(OP_INC), LOCKABLE(OP_DEC), INVALID, INVALID, INVALID, INVALID, INVALID,
                 INVALID},
    [GROUP_5] = {LOCKABLE(OP_INC),
                 LOCKABLE(OP_DEC),
                 UNKNOWN(OF_F64),
                 UNKNOWN(OF_MEMORY),
                 UNKNOWN(OF_F64),
                 UNKNOWN(OF_MEMORY),
                 {OP_PUSH, SRC_RM, OF_D64},
                 INVALID},
    [GROUP_6] = {SAME(OP_SLDT),
                 SAME(OP_STR),
                 {OP_LLDT, SRC_RM, 0},
                 {OP_LTR, SRC_RM, 0},
                 UNKNOWN(0),
                 UNKNOWN(0),
                 INVALID,
                 INVALID},
    [GROUP_7] = {SAME(OP_SGDT),
                 SAME(OP_SIDT),
                 SAME(OP_LGDT),
                 SAME(OP_LIDT),
                 SAME(OP_SMSW),
                 UNKNOWN(0),
                 {OP_LMSW, SRC_RM, 0},
                 SAME(OP_INVLPG)},
    [GROUP_8] = {INVALID, INVALID, INVALID, INVALID, SAME(OP_BT), LOCKABLE(OP_BTS),
                 LOCKABLE(OP_BTR), LOCKABLE(OP_BTC)},
    [GROUP_9] = {INVALID,
                 {OP_CMPXCHG8B, RM, OF_LOCK | OF_MEMORY},
                 INVALID,
                 UNKNOWN(OF_MEMORY),
                 UNKNOWN(OF_MEMORY),
                 UNKNOWN(OF_MEMORY),
                 UNKNOWN(0),
                 UNKNOWN(0)},
    [GROUP_11] = {SAME(OP_MOV), INVALID, INVALID, INVALID, INVALID, INVALID, INVALID, INVALID},
};
