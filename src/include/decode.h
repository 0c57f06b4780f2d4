/*
 * The decoder: bytes of x86 code to a description of one instruction, in 16-, 32- and 64-bit code.
 * Pure: it looks at nothing but its arguments, so it knows no registers, segments or CPUID.
 *
 * Every instruction of maps 1, 0F and 0F38/0F3A without VEX has its length; those that the executor
 * (emulate.h) does not know have operation OP_UNKNOWN. To teach the executor a new instruction,
 * give it a name here, a row in src/cpu/emulate/opcodes*.c or opcode_groups.c, and a handler;
 * tests/model/test_emulate.c then finds it by itself.
 */
#ifndef DECODE_H
#define DECODE_H

#include "types.h"
#include "virt.h"

enum decode_limits {
    INSN_MAX = 15,    /* "Instruction Format": a longer one is #GP(0) */
    INSN_BUFFER = 32, /* bytes that decode_padded may look at */
};

/* Code size of the code segment, in bytes of its address size. */
enum code_size { CODE_16 = 2, CODE_32 = 4, CODE_64 = 8 };

/* Errors, all negative. */
enum decode_error {
    DECODE_TRUNCATED = -1, /* len bytes are only its beginning */
    DECODE_INVALID = -2,   /* #UD, a LOCK prefix that is not allowed included */
    DECODE_TOO_LONG = -3,  /* over 15 bytes: #GP(0) */
};

/* operation: name, what the executor does with it. In the order of the executor's tables. */
#define OPERATIONS(X)                                                                              \
    X(UNKNOWN) /* length only */                                                                   \
    X(MOV)                                                                                         \
    X(ADD)                                                                                         \
    X(OR)                                                                                          \
    X(ADC)                                                                                         \
    X(SBB)                                                                                         \
    X(AND)                                                                                         \
    X(SUB)                                                                                         \
    X(XOR)                                                                                         \
    X(CMP)                                                                                         \
    X(TEST)                                                                                        \
    X(INC)                                                                                         \
    X(DEC)                                                                                         \
    X(NOT)                                                                                         \
    X(NEG)                                                                                         \
    X(ROL)                                                                                         \
    X(ROR)                                                                                         \
    X(RCL)                                                                                         \
    X(RCR)                                                                                         \
    X(SHL)                                                                                         \
    X(SHR)                                                                                         \
    X(SAR)                                                                                         \
    X(BT)                                                                                          \
    X(BTS)                                                                                         \
    X(BTR)                                                                                         \
    X(BTC)                                                                                         \
    X(XCHG)                                                                                        \
    X(XADD)                                                                                        \
    X(CMPXCHG)                                                                                     \
    X(CMPXCHG8B) /* operand_size 8: CMPXCHG16B */                                                  \
    X(MOVZX)                                                                                       \
    X(MOVSX) /* MOVSXD too */                                                                      \
    X(MOVBE)                                                                                       \
    X(LEA)                                                                                         \
    X(SETCC)                                                                                       \
    X(CMOVCC)                                                                                      \
    X(IMUL2) /* reg * r/m */                                                                       \
    X(IMUL3) /* r/m * immediate */                                                                 \
    X(MUL)                                                                                         \
    X(IMUL)                                                                                        \
    X(DIV)                                                                                         \
    X(IDIV)                                                                                        \
    X(SHLD)                                                                                        \
    X(SHRD)                                                                                        \
    X(BSF)                                                                                         \
    X(BSR)                                                                                         \
    X(TZCNT)                                                                                       \
    X(LZCNT)                                                                                       \
    X(POPCNT)                                                                                      \
    X(BSWAP)                                                                                       \
    X(CBW) /* CWDE, CDQE */                                                                        \
    X(CWD) /* CDQ, CQO */                                                                          \
    X(XLAT)                                                                                        \
    X(LAHF)                                                                                        \
    X(SAHF)                                                                                        \
    X(CMC)                                                                                         \
    X(CLC)                                                                                         \
    X(STC)                                                                                         \
    X(CLD)                                                                                         \
    X(STD)                                                                                         \
    X(DAA)                                                                                         \
    X(DAS)                                                                                         \
    X(AAA)                                                                                         \
    X(AAS)                                                                                         \
    X(AAM)                                                                                         \
    X(AAD)                                                                                         \
    X(SALC)                                                                                        \
    X(MOVUPS) /* a vector, wherever it lies: MOVUPD, MOVDQU, LDDQU */                              \
    X(MOVAPS) /* one that must be aligned: MOVAPD, MOVDQA, the non-temporal moves */               \
    X(MOVSS)  /* a scalar: MOVSD */                                                                \
    X(MOVLPS) /* the lower half: MOVLPD */                                                         \
    X(MOVHPS) /* the upper half: MOVHPD */                                                         \
    X(MOVQ)   /* between vector registers or memory */                                             \
    X(MOVD)   /* between a vector register and a general one or memory; MOVQ with REX.W */         \
    X(FNINIT)                                                                                      \
    X(FNSTSW)                                                                                      \
    X(FNSTCW)                                                                                      \
    X(NOP)                                                                                         \
    X(PUSH)                                                                                        \
    X(POP)                                                                                         \
    X(PUSHF)                                                                                       \
    X(POPF)                                                                                        \
    X(PUSHA)                                                                                       \
    X(POPA)                                                                                        \
    X(ENTER)                                                                                       \
    X(LEAVE)                                                                                       \
    X(JMP)  /* near: relative if the source is an immediate */                                     \
    X(CALL) /* the same */                                                                         \
    X(RET)                                                                                         \
    X(JCC)                                                                                         \
    X(LOOP) /* LOOPE, LOOPNE */                                                                    \
    X(JCXZ)                                                                                        \
    X(JMP_FAR)                                                                                     \
    X(CALL_FAR)                                                                                    \
    X(RET_FAR)                                                                                     \
    X(INT)                                                                                         \
    X(INT3)                                                                                        \
    X(INTO)                                                                                        \
    X(INT1)                                                                                        \
    X(BOUND)                                                                                       \
    X(IRET)                                                                                        \
    X(PUSH_SEG)                                                                                    \
    X(POP_SEG)                                                                                     \
    X(LOAD_FAR) /* LES, LDS, LSS, LFS, LGS */                                                      \
    X(LAR)                                                                                         \
    X(LSL)                                                                                         \
    X(VERR)                                                                                        \
    X(VERW)                                                                                        \
    X(ARPL)                                                                                        \
    X(MOVS)                                                                                        \
    X(STOS)                                                                                        \
    X(LODS)                                                                                        \
    X(CMPS)                                                                                        \
    X(SCAS)                                                                                        \
    X(INS)                                                                                         \
    X(OUTS)                                                                                        \
    X(IN)                                                                                          \
    X(OUT)                                                                                         \
    X(MOV_FROM_SEG)                                                                                \
    X(MOV_TO_SEG)                                                                                  \
    X(MOV_FROM_CR)                                                                                 \
    X(MOV_TO_CR)                                                                                   \
    X(MOV_FROM_DR)                                                                                 \
    X(MOV_TO_DR)                                                                                   \
    X(CLTS)                                                                                        \
    X(LMSW)                                                                                        \
    X(SMSW)                                                                                        \
    X(LGDT)                                                                                        \
    X(LIDT)                                                                                        \
    X(SGDT)                                                                                        \
    X(SIDT)                                                                                        \
    X(LLDT)                                                                                        \
    X(LTR)                                                                                         \
    X(SLDT)                                                                                        \
    X(STR)                                                                                         \
    X(RDMSR)                                                                                       \
    X(WRMSR)                                                                                       \
    X(RDTSC)                                                                                       \
    X(RDTSCP)                                                                                      \
    X(RDPMC)                                                                                       \
    X(CPUID)                                                                                       \
    X(CPUID_FORCED) /* ud2; .ascii "xen"; cpuid */                                                 \
    X(XGETBV)                                                                                      \
    X(XSETBV)                                                                                      \
    X(INVLPG)                                                                                      \
    X(INVPCID)                                                                                     \
    X(INVD)                                                                                        \
    X(WBINVD)                                                                                      \
    X(HLT)                                                                                         \
    X(CLI)                                                                                         \
    X(STI)                                                                                         \
    X(SWAPGS)                                                                                      \
    X(VMCALL)

#define OPERATION_NAME(name) OP_##name,
enum operation { OPERATIONS(OPERATION_NAME) OP_COUNT };
#undef OPERATION_NAME

enum opcode_map { MAP_1, MAP_0F, MAP_0F38, MAP_0F3A };

/* Bytes of a vector register. */
enum vector_size { VECTOR_SSE = 16, VECTOR_AVX = 32 };

enum insn_prefix {
    PREFIX_LOCK = 1 << 0,
    PREFIX_REP = 1 << 1,     /* F3: REP, REPE */
    PREFIX_REPNE = 1 << 2,   /* F2 */
    PREFIX_OPERAND = 1 << 3, /* 66 */
    PREFIX_ADDRESS = 1 << 4, /* 67 */
    PREFIX_SEGMENT = 1 << 5, /* an override that is in force; insn.segment is it */
};

/* What an operand is. */
enum operand_kind {
    OPERAND_NONE,
    OPERAND_REG, /* insn.reg: ModRM.reg; for operations on CR, DR and segments its number */
    OPERAND_RM,  /* insn.rm if it is a register, else memory */
    OPERAND_IMM, /* insn.imm, sign-extended to 64 bits from its own size */
    OPERAND_ONE, /* the constant 1 */
    OPERAND_CL,  /* register CL */
    OPERAND_DX,  /* register DX (port number) */
};

/*
 * Registers by number: 0 to 15 as encoded, RAX to R15; byte registers AH, CH, DH, BH have numbers
 * of their own. Accumulator and opcode-register forms are given as OPERAND_REG or OPERAND_RM too.
 */
enum insn_reg {
    REG_RAX,
    REG_RCX,
    REG_RDX,
    REG_RBX,
    REG_RSP,
    REG_RBP,
    REG_RSI,
    REG_RDI,
    REG_R8,
    REG_R15 = 15,
    REG_AH, /* 16 to 19: AH, CH, DH, BH */
    REG_BH = 19,
    REG_RIP,  /* a base only: the next instruction's address */
    REG_NONE, /* no base, or no index */
};

/* One decoded instruction. */
struct insn {
    u8 length;       /* bytes, a forced-emulation prefix included */
    u8 operation;    /* enum operation */
    u8 map;          /* enum opcode_map */
    u8 opcode;       /* its last byte: the low 4 bits are the condition of SETCC, CMOVCC, JCC */
    u8 prefixes;     /* enum insn_prefix */
    u8 rex;          /* the REX prefix in force, or 0 */
    u8 operand_size; /* bytes of the destination: 1, 2, 4, 8; of a vector 16, 32 */
    u8 src_size;     /* bytes of the source; differs for MOVZX, MOVSX */
    u8 address_size; /* bytes: 2, 4, 8 */
    u8 dst, src;     /* enum operand_kind */
    u8 modrm;        /* the byte itself; 0 if none */
    u8 reg;          /* OPERAND_REG */
    u8 rm;           /* OPERAND_RM with !memory */
    bool memory;     /* OPERAND_RM is memory: segment:[base + (index << scale) + disp] */
    u8 segment;      /* enum seg: of the memory operand, or of the source of a string operation */
    u8 base, index;  /* enum insn_reg */
    u8 scale;        /* 0 to 3 */
    u16 imm2;        /* a far pointer's selector; ENTER's nesting level */
    u8 vex;          /* 0, or VEX-encoded: enum vector_size */
    u8 third;        /* VEX: the register that vvvv names, 0 if it is to name none */
    s64 disp;        /* sign-extended; a MOV's absolute offset (moffs) too */
    u64 imm;         /* OPERAND_IMM */
};

/*
 * Decodes the instruction at bytes[0], of which len bytes are there. Returns its length and fills
 * *out, or returns an enum decode_error, *out then being undefined.
 */
int decode(const u8 *bytes, unsigned len, enum code_size size, struct insn *out);
/* The same for a buffer of INSN_BUFFER readable bytes, whatever is behind the first len; faster. */
int decode_padded(const u8 *bytes, unsigned len, enum code_size size, struct insn *out);
/* "mov", "cpuid_forced": for reports and the tests' tables. */
const char *operation_name(enum operation op);

#endif
