/* The parts of the guest `mmio`. */
#ifndef MMIO_GUEST_H
#define MMIO_GUEST_H

#include "kit/kit.h"

enum { GPRS = 16, RAX = 0, RCX = 1, RDX = 2, RBX = 3, RSP = 4, RSI = 6, RDI = 7, R8 = 8, R9 = 9 };
enum { FLAG_DF = 1 << 10, VECTOR_WORDS = 8 };

/* What a piece of code starts with, and what it leaves; run.asm knows the offsets. */
struct state {
    u64 gpr[GPRS];            /* in the order of their encodings; RSP is not looked at */
    u64 flags;                /* RFLAGS */
    u64 vector[VECTOR_WORDS]; /* YMM0, YMM1; without AVX the low halves: XMM0, XMM1 */
    u64 code;                 /* where it is; ends with RET */
};
_Static_assert(__builtin_offsetof(struct state, code) == 200, "run.asm knows it");

extern u8 has_avx; /* which registers run_code loads and stores */

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

enum widths {
    W8 = 1,
    W16 = 2,
    W32 = 4,
    W64 = 8,
    W128 = 16,
    W256 = 32,
    INT_WIDTHS = W8 | W16 | W32 | W64
};

/* An instruction with one operand in memory. */
struct form {
    const char *name;  /* for the report */
    u8 prefix;         /* mandatory prefix, or 0 */
    u8 map;            /* 0, or 0x0f, or 0x38: behind 0f 38 */
    u8 opcode;         /* of the byte's width, if it has one: the others are one more */
    signed char digit; /* the opcode's digit in ModRM, or -1: a register */
    u8 imm;            /* bytes of immediate operand; IMM_FULL: the operand's width, at most 4 */
    u8 access;         /* enum widths: of the operand in memory, as one may choose */
    u16 flags_kind;    /* enum form_kind */
    u16 defined;       /* enum flags_defined */
};
enum { IMM_FULL = 9 };
enum form_kind {
    KIND_WRITES = 1 << 0,  /* memory, too */
    KIND_LOCK = 1 << 1,    /* may be locked */
    KIND_BYTE = 1 << 2,    /* the opcode is that of a byte; others are one more */
    KIND_BIT = 1 << 3,     /* the register is a bit's number */
    KIND_ALIGNED = 1 << 4, /* an address that is not aligned is #GP */
    KIND_COUNT = 1 << 5,   /* flags depend on CL: mind its being 0, or the operand's width */
    KIND_VECTOR = 1 << 6,  /* the register is XMM0 or XMM1 */
    KIND_DIVIDE = 1 << 7,  /* what is divided is to be small */
    KIND_VEX = 1 << 8,     /* encoded with VEX: the prefix is its field, and 64 bits VEX.W */
    KIND_PAIR = 1 << 9,    /* CMPXCHG8B, CMPXCHG16B: RDX:RAX; 128 bits with REX.W */
    KIND_PUSH = 1 << 10,   /* RDX is popped behind it; no REX.W */
    KIND_POP = 1 << 11,    /* RDX is pushed before it; no REX.W */
    KIND_THIRD = 1 << 12,  /* VEX names XMM1 as a third operand */
};
extern const struct form forms[];
extern const unsigned form_count;

/* Writes the instruction with this width and register, its operand at [RDI], and a RET. Returns its
 * length without that. */
unsigned form_encode(const struct form *f, unsigned width, unsigned reg, bool lock, u64 imm,
                     u8 *code);

u64 random_number(void);

/* Four pages in a row at SUBJECT: RAM, nobody's, nobody's, RAM; and at ORACLE the same as RAM
 * alone. What they hold: edge is the subject's RAM, mirror the oracle's. */
enum { PAGES = 4 };
#define SUBJECT (USER_BASE + (1ULL << 30))
#define ORACLE  (SUBJECT + 64 * PAGE_SIZE)
extern u8 *edge[2], *mirror[PAGES];
extern struct space space; /* in which they are mapped */
extern u8 *code;           /* where a piece of code is put */

/* Both edges and their mirrors hold the same random bytes, and the mirror of nobody's ones. */
void fill(void);
void random_state_of(struct state *s);
/* Runs `bytes` bytes of code from this state with RDI on the subject and on the oracle at this
 * offset; tells a difference. `defined`: the flags that count. */
void try_both(const char *name, unsigned width, unsigned bytes, const struct state *from, u64 at,
              u64 defined);
/* flow.c: calls and jumps through memory that nobody claims, and a stack that is there. */
void try_flow(unsigned rounds);

#endif
