/* The parts of the guest `mmio`. */
#ifndef MMIO_GUEST_H
#define MMIO_GUEST_H

#include "kit/kit.h"

enum { GPRS = 16, RAX = 0, RCX = 1, RDX = 2, RSP = 4, RSI = 6, RDI = 7, FLAG_DF = 1 << 10 };

/* What a piece of code starts with, and what it leaves; run.asm knows the offsets. */
struct state {
    u64 gpr[GPRS]; /* in the order of their encodings; RSP is not looked at */
    u64 flags;     /* RFLAGS */
    u64 xmm[4];    /* XMM0, XMM1 */
    u64 code;      /* where it is; ends with RET */
};
_Static_assert(__builtin_offsetof(struct state, code) == 168, "run.asm knows it");

void run_code(struct state *s);

/* Which flags an instruction defines. */
enum flags_defined {
    FLAG_CF = 1 << 0,
    FLAG_PF = 1 << 2,
    FLAG_AF = 1 << 4,
    FLAG_ZF = 1 << 6,
    FLAG_SF = 1 << 7,
    FLAG_OF = 1 << 11,
    FLAGS_ALL = FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF,
    FLAGS_LOGIC = FLAGS_ALL & ~FLAG_AF,
    FLAGS_SHIFT = FLAG_CF | FLAG_PF | FLAG_ZF | FLAG_SF,
};

enum widths { W8 = 1, W16 = 2, W32 = 4, W64 = 8, W128 = 16, INT_WIDTHS = W8 | W16 | W32 | W64 };

/* An instruction with one operand in memory. */
struct form {
    const char *name;  /* for the report */
    u8 prefix;         /* mandatory prefix, or 0 */
    u8 map;            /* 0, or 0x0f, or 0x38: behind 0f 38 */
    u8 opcode;         /* of the byte's width, if it has one: the others are one more */
    signed char digit; /* the opcode's digit in ModRM, or -1: a register */
    u8 imm;            /* bytes of immediate operand; IMM_FULL: the operand's width, at most 4 */
    u8 access;         /* enum widths: of the operand in memory, as one may choose */
    u8 flags_kind;     /* enum form_kind */
    u16 defined;       /* enum flags_defined */
};
enum { IMM_FULL = 9 };
enum form_kind {
    KIND_WRITES = 1 << 0,  /* memory, too */
    KIND_LOCK = 1 << 1,    /* may be locked */
    KIND_BYTE = 1 << 2,    /* the opcode is that of a byte; others are one more */
    KIND_BIT = 1 << 3,     /* the register is a bit's number */
    KIND_ALIGNED = 1 << 4, /* an address that is not aligned is #GP */
    KIND_VECTOR = 1 << 6,  /* the register is XMM0 or XMM1 */
    KIND_DIVIDE = 1 << 7,  /* what is divided is to be small */
    KIND_COUNT = 1 << 5,   /* flags depend on CL: mind its being 0, or the operand's width */
};
extern const struct form forms[];
extern const unsigned form_count;

/* Writes the instruction with this width and register, its operand at [RDI], and a RET. Returns its
 * length without that. */
unsigned form_encode(const struct form *f, unsigned width, unsigned reg, bool lock, u64 imm,
                     u8 *code);

u64 random_number(void);

#endif
