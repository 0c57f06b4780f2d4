/*
 * Opcodes that ModRM.reg extends ("Opcode Extensions For One-Byte And Two-byte Opcodes").
 */
#include "opcode_rows.h"

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
                  {OP_MUL, SRC_RM, 0},
                  {OP_IMUL, SRC_RM, 0},
                  {OP_DIV, SRC_RM, 0},
                  {OP_IDIV, SRC_RM, 0}},
    [GROUP_3] = {{OP_TEST, RM_IMM, OF_IMMZ},
                 {OP_TEST, RM_IMM, OF_IMMZ},
                 LOCKABLE(OP_NOT),
                 LOCKABLE(OP_NEG),
                 {OP_MUL, SRC_RM, 0},
                 {OP_IMUL, SRC_RM, 0},
                 {OP_DIV, SRC_RM, 0},
                 {OP_IDIV, SRC_RM, 0}},
    [GROUP_4] = {LOCKABLE(OP_INC), LOCKABLE(OP_DEC), INVALID, INVALID, INVALID, INVALID, INVALID,
                 INVALID},
    [GROUP_5] = {LOCKABLE(OP_INC),
                 LOCKABLE(OP_DEC),
                 {OP_CALL, SRC_RM, OF_F64},
                 {OP_CALL_FAR, SRC_RM, OF_MEMORY},
                 {OP_JMP, SRC_RM, OF_F64},
                 {OP_JMP_FAR, SRC_RM, OF_MEMORY},
                 {OP_PUSH, SRC_RM, OF_D64},
                 INVALID},
    [GROUP_6] = {SAME(OP_SLDT),
                 SAME(OP_STR),
                 {OP_LLDT, SRC_RM, 0},
                 {OP_LTR, SRC_RM, 0},
                 {OP_VERR, SRC_RM, 0},
                 {OP_VERW, SRC_RM, 0},
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
