/*
 * Random instructions and states: see unicorn_generate.h.
 */
#include <string.h>
#include "emulate.h"
#include "unicorn_generate.h"

enum { REX_R = 4 };

enum recipe_flags {
    R_LOCK = 1 << 0, /* often with LOCK */
    R_REP = 1 << 1,  /* often with REP */
    R_NOMODRM = 1 << 2,
    R_MOFFS = 1 << 3,
    R_NO_REX_R = 1 << 4, /* Unicorn 2.0.1 finds it invalid, where it should be ignored */
};

/* A kind of instruction to generate. */
struct recipe {
    u8 escape;      /* 0 or 0x0f */
    u8 first, last; /* opcodes */
    s8 reg;         /* ModRM.reg, or -1: any */
    u8 flags;       /* enum recipe_flags */
};

/* MOVBE is missing: Unicorn 2.0.1 does not know it. */
static const struct recipe recipes[] = {
    {0, 0x88, 0x8b, -1, 0},
    {0, 0xa0, 0xa3, -1, R_NOMODRM | R_MOFFS},
    {0, 0xb0, 0xbf, -1, R_NOMODRM},
    {0, 0xc6, 0xc7, 0, R_NO_REX_R},
    {0x0f, 0xb6, 0xb7, -1, 0},
    {0x0f, 0xbe, 0xbf, -1, 0},
    {0x0f, 0xc3, 0xc3, -1, 0},

    {0, 0x63, 0x63, -1, 0},
    {0, 0x8d, 0x8d, -1, 0},
    {0, 0x00, 0x03, -1, R_LOCK},
    {0, 0x04, 0x05, -1, R_NOMODRM},
    {0, 0x08, 0x0b, -1, R_LOCK},
    {0, 0x0c, 0x0d, -1, R_NOMODRM},
    {0, 0x10, 0x13, -1, R_LOCK},
    {0, 0x14, 0x15, -1, R_NOMODRM},
    {0, 0x18, 0x1b, -1, R_LOCK},
    {0, 0x1c, 0x1d, -1, R_NOMODRM},
    {0, 0x20, 0x23, -1, R_LOCK},
    {0, 0x24, 0x25, -1, R_NOMODRM},
    {0, 0x28, 0x2b, -1, R_LOCK},
    {0, 0x2c, 0x2d, -1, R_NOMODRM},
    {0, 0x30, 0x33, -1, R_LOCK},
    {0, 0x34, 0x35, -1, R_NOMODRM},
    {0, 0x38, 0x3b, -1, 0},
    {0, 0x3c, 0x3d, -1, R_NOMODRM},
    {0, 0x80, 0x81, -1, R_LOCK},
    {0, 0x83, 0x83, -1, R_LOCK},
    {0, 0x84, 0x85, -1, 0},
    {0, 0xa8, 0xa9, -1, R_NOMODRM},
    {0, 0xf6, 0xf7, 0, 0},
    {0, 0xf6, 0xf7, 2, R_LOCK},
    {0, 0xf6, 0xf7, 3, R_LOCK},
    {0, 0xfe, 0xff, 0, R_LOCK},
    {0, 0xfe, 0xff, 1, R_LOCK},
    {0, 0x86, 0x87, -1, R_LOCK},
    {0, 0x91, 0x97, -1, R_NOMODRM},
    {0x0f, 0xb0, 0xb1, -1, R_LOCK},
    {0x0f, 0xc0, 0xc1, -1, R_LOCK},
    {0x0f, 0xc7, 0xc7, 1, R_LOCK},
    {0x0f, 0xa3, 0xa3, -1, 0},
    {0x0f, 0xab, 0xab, -1, R_LOCK},
    {0x0f, 0xb3, 0xb3, -1, R_LOCK},
    {0x0f, 0xbb, 0xbb, -1, R_LOCK},
    {0x0f, 0xba, 0xba, 4, 0},
    {0x0f, 0xba, 0xba, 5, R_LOCK},
    {0x0f, 0xba, 0xba, 6, R_LOCK},
    {0x0f, 0xba, 0xba, 7, R_LOCK},
    {0, 0xc0, 0xc1, -1, 0},
    {0, 0xd0, 0xd3, -1, 0},
    {0, 0x50, 0x5f, -1, R_NOMODRM},
    {0, 0x68, 0x68, -1, R_NOMODRM},
    {0, 0x6a, 0x6a, -1, R_NOMODRM},
    {0, 0xff, 0xff, 6, 0},
    {0, 0x8f, 0x8f, 0, 0},
    {0, 0x9c, 0x9c, -1, R_NOMODRM},
    {0, 0xa4, 0xa7, -1, R_NOMODRM | R_REP},
    {0, 0xaa, 0xaf, -1, R_NOMODRM | R_REP},
    {0x0f, 0x90, 0x9f, -1, 0},
    {0x0f, 0x40, 0x4f, -1, 0},
    {0x0f, 0x1f, 0x1f, -1, 0},
    {0, 0x90, 0x90, -1, R_NOMODRM},
};

static u64 seed_now;

void random_seed(u64 seed)
{
    seed_now = seed;
}

/* xorshift64* */
u64 random_u64(void)
{
    seed_now ^= seed_now >> 12;
    seed_now ^= seed_now << 25;
    seed_now ^= seed_now >> 27;
    return seed_now * 0x2545f4914f6cdd1dULL;
}

static bool one_in(unsigned n)
{
    return random_below(n) == 0;
}

/* Numbers that arithmetic finds interesting, and any others. */
static u64 random_value(void)
{
    static const u64 interesting[] = {0,          1,          0x7f,       0x80,
                                      0xff,       0x7fff,     0x8000,     0xffff,
                                      0x7fffffff, 0x80000000, 0xffffffff, 0x7fffffffffffffff,
                                      1ULL << 63, ~0ULL};

    return one_in(3) ? interesting[random_below(ARRAY_SIZE(interesting))] : random_u64();
}

static unsigned put_prefixes(u8 *p, enum code_size size, const struct recipe *r)
{
    /* not CS, whose base in 16-bit code is the slot's */
    static const u8 segments[] = {0x26, 0x36, 0x3e, 0x64, 0x65};
    unsigned n = 0;

    if (one_in(4))
        p[n++] = 0x66;
    if (one_in(8))
        p[n++] = 0x67;
    if (one_in(8))
        p[n++] = segments[random_below(sizeof(segments))];
    if (r->flags & R_LOCK ? one_in(3) : one_in(64))
        p[n++] = 0xf0;
    if ((r->flags & R_REP) && !one_in(3))
        p[n++] = one_in(2) ? 0xf2 : 0xf3;
    if (size == CODE_64 && !one_in(4))
        p[n++] = 0x40 | (random_below(16) & (r->flags & R_NO_REX_R ? 0xf & ~REX_R : 0xf));
    return n;
}

void generate_bytes(struct generated *g, enum code_size size)
{
    const struct recipe *r = &recipes[random_below(ARRAY_SIZE(recipes))];
    struct insn insn;
    unsigned n = put_prefixes(g->bytes, size, r), modrm;

    if (r->escape)
        g->bytes[n++] = 0x0f;
    g->bytes[n++] = r->first + random_below(r->last - r->first + 1);
    modrm = n;
    while (n < sizeof(g->bytes))
        g->bytes[n++] = random_u64() >> 56;
    if (!(r->flags & R_NOMODRM) && r->reg >= 0)
        g->bytes[modrm] = (g->bytes[modrm] & 0xc7) | r->reg << 3;
    g->disp_size = 0;
    if (decode(g->bytes, INSN_MAX, size, &insn) < 0 || !insn.memory)
        return;
    /* An address without registers: remember where it is, to aim it. */
    if ((insn.base != REG_NONE && insn.base != REG_RIP) || insn.index != REG_NONE)
        return;
    g->disp_size = insn.address_size == 2 ? 2 : 4;
    g->at = modrm + 1;
    if (r->flags & R_MOFFS) {
        g->at = modrm;
        g->disp_size = insn.address_size;
    } else if (insn.address_size != 2 && (g->bytes[modrm] & 7) == 4) {
        g->at++; /* the SIB byte */
    }
}

static void set_reg(struct machine_state *state, unsigned reg, unsigned width, u64 value)
{
    u64 mask = width == 8 ? ~0ULL : (1ULL << 8 * width) - 1;

    state->gpr[reg] = (state->gpr[reg] & ~mask) | (value & mask);
}

/* Somewhere in the data, now and then across its end. */
static u64 target(enum code_size size, enum seg seg)
{
    return DATA_BASE + random_below(DATA_SIZE - (one_in(32) ? 0 : 64)) -
           machine_segment_base(size, seg);
}

/* The bit number of BT mem, reg: near, so that the string of bits stays within the data. */
static u64 aim_bit_number(const struct insn *i, struct machine_state *state)
{
    s64 number = (s64)random_below(4096) - 2048;
    unsigned shift = i->operand_size == 8 ? 6 : i->operand_size == 4 ? 5 : 4;

    if (i->operation < OP_BT || i->operation > OP_BTC || i->src != OPERAND_REG)
        return 0;
    set_reg(state, i->reg, i->operand_size, number);
    return (u64)((number >> shift) * i->operand_size);
}

static void aim_memory(struct generated *g, struct insn *i, enum code_size size, u64 place,
                       struct machine_state *state)
{
    u64 adjust = aim_bit_number(i, state);
    u64 offset = target(size, i->segment) - adjust;
    unsigned width = i->address_size;

    if (g->disp_size) {
        u64 disp = offset - (i->base == REG_RIP ? place + i->length : 0);

        memcpy(g->bytes + g->at, &disp, g->disp_size);
    } else if (i->index == REG_NONE) {
        set_reg(state, i->base, width, offset - i->disp);
    } else if (i->base == REG_NONE || i->base == i->index) {
        set_reg(state, i->index, width, (offset - i->disp) >> i->scale);
        if (i->base == i->index)
            set_reg(state, i->index, width, (offset - i->disp) / ((1 << i->scale) + 1));
    } else {
        set_reg(state, i->base, width, offset - i->disp - (state->gpr[i->index] << i->scale));
    }
}

void generate_state(struct generated *g, struct insn *i, enum code_size size, u64 place,
                    struct machine_state *state)
{
    bool string = i->operation >= OP_MOVS && i->operation <= OP_SCAS;

    for (unsigned n = 0; n < 16; n++) {
        state->gpr[n] = n < 8 || size == CODE_64 ? random_value() : 0;
        if (size != CODE_64)
            state->gpr[n] = (u32)state->gpr[n];
    }
    state->rflags = RFLAGS_FIXED | (random_u64() & (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF |
                                                    RFLAGS_SF | RFLAGS_OF | RFLAGS_DF));
    if (i->operation == OP_PUSH || i->operation == OP_POP || i->operation == OP_PUSHF)
        set_reg(state, REG_RSP, size, target(size, SEG_SS));
    if (i->memory)
        aim_memory(g, i, size, place, state);
    if (string) {
        set_reg(state, REG_RSI, i->address_size, target(size, i->segment));
        set_reg(state, REG_RDI, i->address_size, target(size, SEG_ES));
        set_reg(state, REG_RCX, i->address_size, random_below(12));
    }
    if (size != CODE_64)
        for (unsigned n = 0; n < 8; n++)
            state->gpr[n] = (u32)state->gpr[n];
    if (i->operation == OP_CMPXCHG && one_in(2))
        state->gpr[REG_RAX] = i->memory ? 0 : state->gpr[i->rm & 15];
    /* Unicorn 2.0.1 clears the upper half of RAX even if CMPXCHG does not write EAX. */
    if (i->operation == OP_CMPXCHG && i->operand_size == 4)
        state->gpr[REG_RAX] = (u32)state->gpr[REG_RAX];
}
