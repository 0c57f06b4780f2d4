/*
 * The decoder: opcodes that look at more than their row in the table, and the ways into the other
 * opcode maps.
 */
#include "decoder.h"

/* 0F 01 with a register: instructions of their own. */
static int special_0f01(struct insn *i)
{
    enum { SMSW = 4, LMSW = 6 };

    switch (i->modrm >> 3 & 7) {
    case SMSW:
    case LMSW:
        return 0;
    }
    i->dst = i->src = OPERAND_NONE;
    switch (i->modrm) {
    case 0xc1: /* VMCALL */
    case 0xd9: /* VMMCALL */
        i->operation = OP_VMCALL;
        return 0;
    case 0xd0:
        i->operation = OP_XGETBV;
        return 0;
    case 0xd1:
        i->operation = OP_XSETBV;
        return 0;
    case 0xf8:
        i->operation = OP_SWAPGS;
        return 0;
    case 0xf9:
        i->operation = OP_RDTSCP;
        return 0;
    }
    i->operation = OP_UNKNOWN;
    return 0;
}

unsigned decode_forced_emulation(const u8 *at, unsigned there, struct insn *i)
{
    static const u8 forced[] = {'x', 'e', 'n', 0x0f, 0xa2};

    if (i->map != MAP_0F || i->opcode != 0x0b || i->prefixes || i->rex)
        return 0;
    for (unsigned n = 0; n < sizeof(forced) && n < there; n++)
        if (at[n] != forced[n])
            return 0;
    i->operation = OP_CPUID_FORCED;
    return sizeof(forced);
}

/* Control and debug register moves: a whole register whatever the prefixes. */
static int special_mov_cr(unsigned size, struct insn *i)
{
    enum { CRS = 1 << 0 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 8, DRS = 0xff };
    bool cr = i->operation == OP_MOV_FROM_CR || i->operation == OP_MOV_TO_CR;

    i->operand_size = i->src_size = size == CODE_64 ? 8 : 4;
    return (cr ? CRS : DRS) >> i->reg & 1 ? 0 : DECODE_INVALID;
}

/* MOV to and from segment registers; REX.R does not count. */
static int special_mov_segment(struct insn *i)
{
    i->reg &= 7;
    i->src_size = 2;
    if (i->operation == OP_MOV_TO_SEG || i->memory)
        i->operand_size = 2;
    if (i->reg > SEG_GS || (i->operation == OP_MOV_TO_SEG && i->reg == SEG_CS))
        return DECODE_INVALID;
    return 0;
}

/* Of the x87 the executor has what tells whether there is one. */
static int special_x87(struct insn *i)
{
    enum { FNINIT = 0xe3, FNSTSW_AX = 0xe0, FNSTORE = 7 };
    bool stores = i->memory && (i->modrm >> 3 & 7) == FNSTORE;

    if (i->opcode == 0xdb && i->modrm == FNINIT)
        i->operation = OP_FNINIT;
    else if ((i->opcode == 0xdd && stores) || (i->opcode == 0xdf && i->modrm == FNSTSW_AX))
        i->operation = OP_FNSTSW;
    else if (i->opcode == 0xd9 && stores)
        i->operation = OP_FNSTCW;
    if (i->operation == OP_UNKNOWN)
        return 0;
    i->operand_size = i->src_size = 2;
    if (i->operation != OP_FNINIT)
        i->dst = OPERAND_RM; /* the low bits of E0 are AX */
    return 0;
}

static int special_map_1(unsigned size, struct insn *i)
{
    switch (i->opcode) {
    case 0xd8 ... 0xdf:
        return special_x87(i);
    case 0x63: /* MOVSXD; ARPL outside 64-bit code */
        if (size == CODE_64) {
            i->src_size = MIN(i->operand_size, 4);
        } else {
            i->operation = OP_ARPL;
            i->dst = OPERAND_RM;
            i->src = OPERAND_REG;
            i->operand_size = i->src_size = 2;
        }
        return 0;
    case 0x8c:
    case 0x8e:
        return special_mov_segment(i);
    case 0x90: /* NOP; PAUSE, which REX.B does not make an XCHG */
        if (i->rm == REG_RAX || (i->prefixes & PREFIX_REP)) {
            i->operation = OP_NOP;
            i->dst = i->src = OPERAND_NONE;
        }
        return 0;
    }
    return 0;
}

static int special_map_0f(unsigned size, struct insn *i)
{
    switch (i->opcode) {
    case 0x00: /* SLDT, STR to memory and LLDT, LTR: 2 bytes */
        if (i->memory || (i->operation != OP_SLDT && i->operation != OP_STR))
            i->operand_size = i->src_size = 2;
        return 0;
    case 0x01:
        if (!i->memory)
            return special_0f01(i);
        if (i->operation == OP_SMSW || i->operation == OP_LMSW)
            i->operand_size = i->src_size = 2;
        return 0;
    case 0x02:
    case 0x03:
        i->src_size = 2;
        return 0;
    case 0x20 ... 0x23:
        return special_mov_cr(size, i);
    case 0xb8: /* without F3: JMPE, of another architecture */
        return i->prefixes & PREFIX_REP ? 0 : DECODE_INVALID;
    case 0xbc: /* the F3 forms: other operations where BMI is, older processors ignore the prefix */
    case 0xbd:
        if (i->prefixes & PREFIX_REP)
            i->operation = i->opcode == 0xbc ? OP_TZCNT : OP_LZCNT;
        return 0;
    case 0xb6:
    case 0xbe:
        i->src_size = 1;
        return 0;
    case 0xb7:
    case 0xbf:
        i->src_size = 2;
        return 0;
    case 0xc3: /* MOVNTI */
        if (i->prefixes & (PREFIX_OPERAND | PREFIX_REP | PREFIX_REPNE))
            return DECODE_INVALID;
        i->operand_size = i->src_size = i->rex & REX_W ? 8 : 4;
        return 0;
    case 0xc7: /* CMPXCHG8B, CMPXCHG16B */
        if (i->operation == OP_CMPXCHG8B)
            i->operand_size = i->rex & REX_W ? 8 : 4;
        return 0;
    }
    return 0;
}

/* Opcodes whose row is not the whole story. 0, or DECODE_INVALID. */
int decode_special(unsigned size, struct insn *i)
{
    if (i->operation == OP_MOVUPS)
        return decode_vector(size, i);
    return i->map == MAP_1 ? special_map_1(size, i) : special_map_0f(size, i);
}

enum { MOVNTDQA = 0x2a };

/* Maps 0F38 and 0F3A: of them only MOVBE, MOVNTDQA and INVPCID have an operation. */
static struct opcode three_byte_opcode(struct insn *i)
{
    u8 prefixes = i->prefixes & (PREFIX_REP | PREFIX_REPNE);
    struct opcode row = {OP_UNKNOWN, 0, OF_MODRM};

    if (i->map == MAP_0F3A) {
        row.flags |= OF_IMM8;
    } else if (i->opcode == 0xf0 && !prefixes) {
        row = (struct opcode){OP_MOVBE, OPERAND_REG | OPERAND_RM << 4, OF_MODRM | OF_MEMORY};
    } else if (i->opcode == 0xf1 && !prefixes) {
        row = (struct opcode){OP_MOVBE, OPERAND_RM | OPERAND_REG << 4, OF_MODRM | OF_MEMORY};
    } else if (i->opcode == MOVNTDQA && (i->prefixes & PREFIX_OPERAND) && !prefixes) {
        row = (struct opcode){OP_MOVUPS, 0, OF_MODRM | OF_MEMORY | OF_SPECIAL};
    } else if (i->opcode == 0x82 && (i->prefixes & PREFIX_OPERAND) && !prefixes) {
        row = (struct opcode){OP_INVPCID, OPERAND_REG | OPERAND_RM << 4,
                              OF_MODRM | OF_MEMORY | OF_F64};
    }
    return row;
}

/* What VEX says beside the map: the REX bits, inverted, the mandatory prefix, the vector's size, a
 * third operand, inverted. */
static void take_vex_fields(const struct decoder *d, struct insn *i, bool short_form)
{
    enum {
        R = 0x80,
        RXB_SHIFT = 5,
        W = 0x80,
        VVVV_SHIFT = 3,
        VVVV = 15,
        L = 4,
        PP = 3,
        REX = 0x40
    };
    static const u8 prefixes[] = {0, PREFIX_OPERAND, PREFIX_REP, PREFIX_REPNE};
    u8 last = short_form ? d->at[0] : d->at[1];
    u8 rxb = short_form ? (d->at[0] & R ? 0 : REX_R) : (u8)~d->at[0] >> RXB_SHIFT;

    i->prefixes |= prefixes[last & PP];
    i->rex = REX | (d->size == CODE_64 ? rxb : 0) | (!short_form && (last & W) ? REX_W : 0);
    i->vex = last & L ? VECTOR_AVX : VECTOR_SSE;
    i->third = ~last >> VVVV_SHIFT & (d->size == CODE_64 ? VVVV : VVVV >> 1);
}

/*
 * VEX (C4, C5) and EVEX (62) encodings: length, and of VEX those moves that decode_vector knows.
 * d->at is behind the opcode byte `first`. Returns false if it is not one but LES, LDS or BOUND.
 */
static bool take_vex(struct decoder *d, struct insn *i, u8 first, struct opcode *row, int *error)
{
    enum { VEX2 = 0xc5, VEX3 = 0xc4, EVEX = 0x62, VEX_MAP = 0x1f, EVEX_MAP = 7 };
    unsigned map = MAP_0F;

    if (d->size != CODE_64 && *d->at >> 6 != MOD_REGISTER)
        return false;
    if (i->rex || (i->prefixes & (PREFIX_LOCK | PREFIX_REP | PREFIX_REPNE | PREFIX_OPERAND)))
        *error = DECODE_INVALID;
    if (first != EVEX)
        take_vex_fields(d, i, first == VEX2);
    if (first != VEX2)
        map = *d->at & (first == VEX3 ? VEX_MAP : EVEX_MAP);
    if (map < MAP_0F || map > MAP_0F3A)
        *error = DECODE_INVALID;
    d->at += first == VEX2 ? 1 : first == VEX3 ? 2 : 3;
    i->map = map;
    i->opcode = *d->at++;
    *row = (struct opcode){OP_UNKNOWN, 0, OF_MODRM};
    if (map == MAP_0F3A || (map == MAP_0F && (opcode_map_0f[i->opcode].flags & OF_IMM8)))
        row->flags |= OF_IMM8;
    if (i->vex && map == MAP_0F && opcode_map_0f[i->opcode].operation == OP_MOVUPS)
        *row = opcode_map_0f[i->opcode];
    else if (i->vex && map == MAP_0F38 && i->opcode == MOVNTDQA)
        *row = three_byte_opcode(i);
    if (map == MAP_0F && i->opcode == 0x77) /* VZEROUPPER, VZEROALL */
        row->flags = 0;
    return true;
}

struct opcode decode_escape(struct decoder *d, struct insn *i, u8 first, int *error)
{
    enum { BOUND = 0x62 };
    struct opcode row = {OP_UNKNOWN, 0, OF_MODRM | OF_MEMORY};

    if (first != 0x0f) {
        if (!take_vex(d, i, first, &row, error))
            row = (struct opcode){first == BOUND ? OP_BOUND : OP_LOAD_FAR,
                                  OPERAND_REG | OPERAND_RM << 4, OF_MODRM | OF_MEMORY};
        return row;
    }
    i->opcode = *d->at++;
    i->map = i->opcode == 0x38 ? MAP_0F38 : MAP_0F3A;
    i->opcode = *d->at++;
    return three_byte_opcode(i);
}
