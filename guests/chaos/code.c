/*
 * Code that nobody wrote. A third is random bytes, which soon are no instruction; a third is what a
 * hypervisor has to look at, one instruction after the other, with operands at random; a third is
 * both. The registers begin with addresses and numbers at some edge.
 */
#include "chaos/chaos.h"

#include "kit/kit.h"

#include "public/trivisor.h"

enum { MODRM = 1, IMM8 = 2, MEMORY = 4, OPCODE_MAX = 4, MOV_IMM64_MAX = 10, MOV_IMM32 = 6 };
enum rflags { FLAGS_FIXED = 2, FLAGS_IF = 1 << 9, FLAGS_TF = 1 << 8 };

/* An instruction: its opcode's bytes and what follows them. */
static const struct form {
    u8 length;             /* bytes of the opcode */
    u8 opcode[OPCODE_MAX]; /* prefixes, too */
    u8 more;               /* MODRM: any; MEMORY: one that is not a register; IMM8: a byte */
} forms[] = {
    {2, {0x0f, 0x20}, MODRM},              /* MOV from CR */
    {2, {0x0f, 0x22}, MODRM},              /* MOV to CR */
    {2, {0x0f, 0x21}, MODRM},              /* MOV from DR */
    {2, {0x0f, 0x23}, MODRM},              /* MOV to DR */
    {2, {0x0f, 0x01}, MODRM},              /* SGDT to INVLPG, LMSW, VMCALL and others */
    {2, {0x0f, 0x01}, MEMORY},             /* of these, those with memory */
    {2, {0x0f, 0x00}, MODRM},              /* SLDT, STR, LLDT, LTR, VERR, VERW */
    {2, {0x0f, 0x06}, 0},                  /* CLTS */
    {2, {0x0f, 0x08}, 0},                  /* INVD */
    {2, {0x0f, 0x09}, 0},                  /* WBINVD */
    {2, {0x0f, 0x30}, 0},                  /* WRMSR */
    {2, {0x0f, 0x32}, 0},                  /* RDMSR */
    {2, {0x0f, 0x33}, 0},                  /* RDPMC */
    {2, {0x0f, 0x05}, 0},                  /* SYSCALL */
    {2, {0x0f, 0x34}, 0},                  /* SYSENTER */
    {2, {0x0f, 0x07}, 0},                  /* SYSRET */
    {2, {0x0f, 0x35}, 0},                  /* SYSEXIT */
    {2, {0x0f, 0xa2}, 0},                  /* CPUID */
    {2, {0x0f, 0x78}, MODRM},              /* VMREAD */
    {2, {0x0f, 0x79}, MODRM},              /* VMWRITE */
    {2, {0x0f, 0xc7}, MODRM},              /* CMPXCHG8B, VMPTRLD, RDRAND and others */
    {2, {0x0f, 0xae}, MODRM},              /* FXSAVE, XSAVE, LDMXCSR, CLFLUSH, fences */
    {4, {0x66, 0x0f, 0x38, 0x80}, MEMORY}, /* INVEPT */
    {4, {0x66, 0x0f, 0x38, 0x82}, MEMORY}, /* INVPCID */
    {3, {0x0f, 0x01, 0xc1}, 0},            /* VMCALL */
    {3, {0x0f, 0x01, 0xd1}, 0},            /* XSETBV */
    {3, {0x0f, 0x01, 0xf8}, 0},            /* SWAPGS */
    {1, {0xe4}, IMM8},                     /* IN */
    {1, {0xe6}, IMM8},                     /* OUT */
    {1, {0xed}, 0},
    {1, {0xef}, 0},
    {1, {0xec}, 0},
    {1, {0xee}, 0},
    {2, {0xf3, 0x6c}, 0}, /* REP INS, OUTS */
    {2, {0xf3, 0x6f}, 0},
    {1, {0x6d}, 0},
    {1, {0x6e}, 0},
    {2, {0xf3, 0xa4}, 0}, /* REP MOVS, STOS, LODS, SCAS, CMPS */
    {3, {0xf3, 0x48, 0xa5}, 0},
    {3, {0xf3, 0x48, 0xab}, 0},
    {2, {0xf3, 0xad}, 0},
    {2, {0xf2, 0xae}, 0},
    {2, {0xf3, 0xa7}, 0},
    {1, {0x8b}, MEMORY}, /* plain moves and others to and from memory */
    {1, {0x89}, MEMORY},
    {1, {0x88}, MEMORY},
    {2, {0x48, 0x89}, MEMORY},
    {2, {0x66, 0x8b}, MEMORY},
    {2, {0x48, 0x01}, MEMORY},
    {1, {0x31}, MEMORY},
    {2, {0x0f, 0xb6}, MEMORY},
    {3, {0xf0, 0x0f, 0xb1}, MEMORY},
    {3, {0xf0, 0x0f, 0xc1}, MEMORY},
    {2, {0x0f, 0xab}, MEMORY},
    {1, {0x87}, MEMORY},
    {1, {0xff}, MODRM}, /* INC, CALL, JMP near and far, PUSH */
    {2, {0x48, 0xff}, MODRM},
    {2, {0x0f, 0x11}, MEMORY}, /* MOVUPS */
    {2, {0x0f, 0x10}, MEMORY},
    {1, {0x8e}, MODRM}, /* MOV to a segment register */
    {1, {0x8c}, MODRM},
    {1, {0x8f}, MEMORY},  /* POP */
    {1, {0x9d}, 0},       /* POPF */
    {1, {0x9c}, 0},       /* PUSHF */
    {1, {0xcf}, 0},       /* IRET */
    {2, {0x48, 0xcf}, 0}, /* IRETQ */
    {1, {0xcb}, 0},       /* far return */
    {2, {0x48, 0xcb}, 0},
    {1, {0xcd}, IMM8}, /* INT */
    {1, {0xcc}, 0},
    {1, {0xf1}, 0},
    {1, {0xfa}, 0},             /* CLI */
    {1, {0xfb}, 0},             /* STI */
    {1, {0xf4}, 0},             /* HLT */
    {3, {0x0f, 0xb2, 0x20}, 0}, /* LSS */
    {1, {0xc8}, 0},             /* ENTER */
    {1, {0xc9}, 0},             /* LEAVE */
};

u8 chaos_scratch[SCRATCH_BYTES] __attribute__((aligned(4096)));

static u64 any(const u64 *values, unsigned count)
{
    return values[chaos_next() % count];
}

static u64 address(void)
{
    const u64 places[] = {
        (u64)chaos_scratch,
        (u64)chaos_scratch + SCRATCH_BYTES / 2 - 4,
        (u64)chaos_scratch + SCRATCH_BYTES / 2,
        (u64)chaos_scratch + 4096 - 3,
        0xfee00000ULL + (chaos_next() & 0xff0),
        0xfee00ffdULL,
        0xfec00000ULL,
        0xfec00010ULL,
        0xb8000ULL,
        0xf0000ULL,
        boot_info.free_end - 4,
        boot_info.free_end,
        0xfed00000ULL,
        0x100000000ULL,
        0x7ffffffffffcULL,
        0x800000000000ULL,
        0xffff828000000000ULL,
        0xffff830000000000ULL,
        0xfffffffffffffffcULL,
        0,
    };

    if (chaos_next() % 64 == 0)
        return read_cr3() + (chaos_next() & 0xff8); /* which soon ends this life */
    return any(places, ARRAY_SIZE(places));
}

static u64 number(void)
{
    static const u64 edges[] = {
        0,      1,      2,          3,          7,           TRIVISOR_HYPERCALL,
        0x10,   0x1b,   0x20,       0x21,       0x3f8,       0x43,
        0x61,   0x70,   0x174,      0x1f7,      0x277,       0x6e0,
        0x800,  0x830,  0xcf8,      0xcfc,      0x4000,      0xe008,
        0xffff, 0x2a0,  0x80000011, 0xc0000080, 0xc0000082,  0xc0000101,
        1 << 9, 1 << 8, 0x7fffffff, 0x80000000, 0x100000000, ~0ULL,
    };

    return any(edges, ARRAY_SIZE(edges));
}

u64 chaos_value(void)
{
    u64 r = chaos_next();

    switch (r % 4) {
    case 0:
        return chaos_next() >> (r >> 8 & 63);
    case 1:
        return number();
    default:
        return address();
    }
}

/* An instruction at `at`; returns its length. */
static unsigned put_form(u8 *at, const struct form *f)
{
    unsigned n = f->length;
    u64 r = chaos_next();

    memcpy(at, f->opcode, n);
    if (f->more & MODRM && r & 1) {
        at[n++] = (u8)(r >> 8 | 0xc0);
    } else if (f->more & (MODRM | MEMORY)) {
        u8 rm = r >> 8 & 7; /* 4 and 5 have more bytes */
        at[n++] = (u8)((r >> 16 & 0x38) | (rm == 4 || rm == 5 ? 7 : rm)); /* [register] */
    }
    if (f->more & IMM8)
        at[n++] = (u8)(r >> 32);
    return n;
}

/* MOV register, imm64: not to rsp. */
static unsigned put_move(u8 *at)
{
    unsigned reg = chaos_next() % 8;
    u64 v = chaos_value();

    at[0] = 0x48;
    at[1] = (u8)(0xb8 | (reg == RSP ? 1 : reg));
    memcpy(at + 2, &v, sizeof(v));
    return MOV_IMM64_MAX;
}

/* MOV register, imm32 in 16-bit code: not to esp. */
static unsigned put_move_16bit(u8 *at)
{
    unsigned reg = chaos_next() % 8;
    u32 v = (u32)chaos_value();

    at[0] = 0x66;
    at[1] = (u8)(0xb8 | (reg == RSP ? 1 : reg));
    memcpy(at + 2, &v, sizeof(v));
    return MOV_IMM32;
}

static unsigned put_random(u8 *at, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (u8)chaos_next();
    return bytes;
}

/* CODE_BYTES of instructions, of random bytes, or of both. */
static void make(u8 *code, unsigned (*move)(u8 *))
{
    unsigned kind = chaos_next() % 3, n = 0;

    while (n < CODE_BYTES - 2 * MOV_IMM64_MAX) {
        u64 r = chaos_next();

        if (kind == 0 || (kind == 2 && r % 8 == 0))
            n += put_random(code + n, 1 + (r >> 8) % 8);
        else if (r % 3 == 0)
            n += move(code + n);
        else
            n += put_form(code + n, &forms[(r >> 16) % ARRAY_SIZE(forms)]);
    }
    put_random(code + n, CODE_BYTES - n);
}

void chaos_make_16bit(u8 *code)
{
    make(code, put_move_16bit);
}

void chaos_make(u8 *code, struct start *start)
{
    make(code, put_move);
    for (unsigned i = 0; i < REGISTERS; i++)
        start->reg[i] = chaos_value();
    if (chaos_next() % 8) /* or a REP goes on until an NMI comes */
        start->reg[RCX] &= 0x1fff;
    if (chaos_next() % 4)
        start->reg[RSP] = (u64)chaos_scratch + SCRATCH_BYTES / 2;
    start->rflags = FLAGS_FIXED | (chaos_next() % 16 ? FLAGS_IF : 0);
    if (chaos_next() % 16 == 0)
        start->rflags |= FLAGS_TF;
    start->rip = (u64)code;
}
