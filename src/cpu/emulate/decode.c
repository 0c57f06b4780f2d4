/*
 * The decoder. Driven by the rows of opcodes.c; here are prefixes, ModRM, SIB, displacement and
 * immediates, and the opcodes that look at more than their row ("Instruction Format").
 *
 * Invariants: never looks beyond INSN_BUFFER bytes, as at most 15 bytes of prefixes and opcode are
 * followed by at most 14; whatever lies behind the first len bytes changes nothing but which bytes
 * are looked at before DECODE_TRUNCATED is returned.
 */
#include "decoder.h"

enum modrm_values {
    MOD_DISP8 = 1,
    MOD_DISP = 2,
    RM_SIB = 4,     /* 32- and 64-bit addresses: a SIB byte follows */
    RM_DISP32 = 5,  /* with mod 0: no base */
    RM_DISP16 = 6,  /* 16-bit addresses, with mod 0: no base */
    INDEX_NONE = 4, /* in a SIB byte */
};

INLINE s64 take_signed(struct decoder *d, unsigned bytes)
{
    const u8 *p = d->at;
    s16 v16;
    s32 v32;
    s64 v64;

    d->at += bytes;
    switch (bytes) {
    case 1:
        return (s8)*p;
    case 2:
        __builtin_memcpy(&v16, p, sizeof(v16));
        return v16;
    case 4:
        __builtin_memcpy(&v32, p, sizeof(v32));
        return v32;
    default:
        __builtin_memcpy(&v64, p, sizeof(v64));
        return v64;
    }
}

/* What to return at the end; error is 0 or DECODE_INVALID. */
INLINE int finish(const struct decoder *d, struct insn *i, int error)
{
    unsigned length = d->at - d->start;

    if (unlikely(length > d->len))
        return d->len < INSN_MAX ? DECODE_TRUNCATED : DECODE_TOO_LONG;
    if (unlikely(length > INSN_MAX))
        return DECODE_TOO_LONG;
    if (unlikely(error))
        return error;
    i->length = length;
    return length;
}

static void legacy_prefix(u8 byte, struct insn *i, unsigned size)
{
    switch (byte) {
    case 0xf0:
        i->prefixes |= PREFIX_LOCK;
        return;
    case 0xf2:
        i->prefixes = (i->prefixes & ~PREFIX_REP) | PREFIX_REPNE;
        return;
    case 0xf3:
        i->prefixes = (i->prefixes & ~PREFIX_REPNE) | PREFIX_REP;
        return;
    case 0x66:
        i->prefixes |= PREFIX_OPERAND;
        return;
    case 0x67:
        i->prefixes |= PREFIX_ADDRESS;
        return;
    case 0x64:
    case 0x65:
        i->segment = byte == 0x64 ? SEG_FS : SEG_GS;
        break;
    default: /* 26, 2E, 36, 3E */
        if (size == CODE_64)
            return; /* ignored there, an earlier FS or GS remains */
        i->segment = byte >> 3 & 3;
    }
    i->prefixes |= PREFIX_SEGMENT;
}

/* Leaves d->at at the opcode. False: no opcode within 15 bytes. */
INLINE bool take_prefixes(struct decoder *d, struct insn *i)
{
    while (unlikely(opcode_map_1[*d->at].flags & OF_PREFIX)) {
        u8 byte = *d->at;

        if ((byte & 0xf0) == 0x40) {
            if (d->size != CODE_64)
                return true;
            i->rex = byte;
        } else {
            i->rex = 0; /* a REX prefix counts only right before the opcode */
            legacy_prefix(byte, i, d->size);
        }
        if (++d->at - d->start >= INSN_MAX)
            return false;
    }
    return true;
}

INLINE void set_sizes(const struct decoder *d, struct insn *i)
{
    unsigned size = 4;

    i->address_size = d->size;
    if (unlikely(i->prefixes & PREFIX_ADDRESS))
        i->address_size = d->size == CODE_32 ? 2 : 4;
    if (unlikely((d->size == CODE_16) != !!(i->prefixes & PREFIX_OPERAND)))
        size = 2;
    if (unlikely(d->flags & (OF_BYTE | OF_D64 | OF_F64))) {
        if (d->flags & OF_BYTE)
            size = 1;
        else if (d->size == CODE_64 && ((d->flags & OF_F64) || size == 4))
            size = 8;
    }
    if ((i->rex & REX_W) && size != 1)
        size = 8;
    i->operand_size = i->src_size = size;
}

/*
 * The memory operand of an instruction with 16-bit addresses: i->base, i->index (REG_NONE as they
 * come), i->disp and i->segment from mod, rm and the displacement at tail.at, which take_signed
 * takes. There is no SIB byte and no scale; an address made with BP is in SS unless a prefix says
 * otherwise. Returns what follows. "16-Bit Addressing Forms with the ModR/M Byte".
 */
static const u8 *memory_16(const u8 *at, struct insn *i, unsigned mod, unsigned rm)
{
    struct decoder tail = {.at = at}, *d = &tail;

    /* lab trap.8 */
    static const u8 base[8] = {REG_RBX, REG_RBX, REG_RBP, REG_RBP,
                               REG_RSI, REG_RDI, REG_RBP, REG_RBX};
    static const u8 index[4] = {REG_RSI, REG_RDI, REG_RSI, REG_RDI};

    i->base = base[rm];
    i->index = rm < ARRAY_SIZE(index) ? index[rm] : REG_NONE;
    if (mod == 0 && rm == RM_DISP16)
        i->base = REG_NONE;
    if (mod == MOD_DISP8)
        i->disp = take_signed(d, 1);
    else if (mod == MOD_DISP || i->base == REG_NONE)
        i->disp = take_signed(d, 2);
    if (i->base == REG_RBP && !(i->prefixes & PREFIX_SEGMENT))
        i->segment = SEG_SS;
    /* lab end trap.8 */
    return tail.at;
}

/*
 * The same with 32- and 64-bit addresses: a SIB byte at d->at, if there is one, i->scale too, and
 * the displacement (take_signed), d->at moved behind both. RIP as a base is REG_RIP, in 64-bit code
 * only (d->size). An address whose base is encoded as RSP or RBP, not R12 or R13, is in SS unless a
 * prefix says otherwise. "32-Bit Addressing Forms with the ModR/M Byte" and "... with the SIB
 * Byte", "RIP-Relative Addressing", "Special Cases of REX Encodings".
 */
INLINE void memory_32(struct decoder *d, struct insn *i, unsigned mod, unsigned rm)
{
    /* lab trap.7 */
    unsigned base = rm;

    if (rm == RM_SIB) {
        u8 sib = *d->at++;
        unsigned index = (sib >> 3 & 7) | (i->rex & REX_X) << 2;

        base = sib & 7;
        if (index != INDEX_NONE) {
            i->index = index;
            i->scale = sib >> 6;
        }
    }
    if (mod == MOD_DISP8) {
        i->disp = take_signed(d, 1);
    } else if (mod == MOD_DISP) {
        i->disp = take_signed(d, 4);
    } else if (base == RM_DISP32) {
        i->disp = take_signed(d, 4);
        if (rm != RM_SIB && d->size == CODE_64)
            i->base = REG_RIP;
        return;
    }
    if ((base == REG_RSP || base == REG_RBP) && !(i->rex & REX_B) &&
        !(i->prefixes & PREFIX_SEGMENT))
        i->segment = SEG_SS;
    i->base = base | (i->rex & REX_B) << 3;
    /* lab end trap.7 */
}

/*
 * The ModRM byte at d->at, which is moved behind it and all that belongs to it. i->modrm is the
 * byte. i->reg is its middle field with REX.R as bit 3. If mod is MOD_REGISTER, or the opcode says
 * so (OF_REGISTER), i->rm is its low field with REX.B as bit 3; else the operand is memory, which
 * i->memory says. "ModR/M and SIB Bytes", "REX Prefixes".
 */
INLINE void take_modrm(struct decoder *d, struct insn *i)
{
    u8 modrm = *d->at++;
    unsigned mod = modrm >> 6, rm = modrm & 7;

    /* lab trap.6 */
    i->modrm = modrm;
    i->reg = (modrm >> 3 & 7) | (i->rex & REX_R) << 1;
    if (mod == MOD_REGISTER || unlikely(d->flags & OF_REGISTER)) {
        i->rm = rm | (i->rex & REX_B) << 3;
        return;
    }
    i->memory = true;
    /* lab end trap.6 */
    if (unlikely(i->address_size == 2))
        d->at = memory_16(d->at, i, mod, rm);
    else
        memory_32(d, i, mod, rm);
}

INLINE void take_immediate(struct decoder *d, struct insn *i)
{
    unsigned z = i->operand_size == 2 ? 2 : 4;

    switch (d->flags & OF_IMM) {
    case OF_IMM8:
        i->imm = take_signed(d, 1);
        break;
    case OF_IMM16:
        i->imm = take_signed(d, 2);
        break;
    case OF_IMMZ:
        i->imm = take_signed(d, z);
        break;
    case OF_IMMV:
        i->imm = take_signed(d, i->operand_size);
        break;
    case OF_IMMENTER:
        i->imm = (u16)take_signed(d, 2);
        i->imm2 = (u8)take_signed(d, 1);
        break;
    case OF_IMMFAR:
        i->imm = take_signed(d, z);
        i->imm2 = take_signed(d, 2);
        break;
    }
}

/* Byte registers 4 to 7 are AH, CH, DH, BH (REG_AH to REG_BH) unless there is a REX prefix, be it
 * one with no bit set. With OF_BYTE among the flags i->reg and i->rm are byte registers; if only
 * the source is a byte (i->src_size is 1: MOVZX, MOVSX) i->rm alone is one. */
static void name_byte_registers(unsigned flags, struct insn *i)
{
    /* lab trap.6 */
    bool rm_is_byte = (flags & OF_BYTE) || i->src_size == 1;

    if (i->rex)
        return;
    if ((flags & OF_BYTE) && i->reg >= 4 && i->reg < 8)
        i->reg += REG_AH - 4;
    if (rm_is_byte && i->rm >= 4 && i->rm < 8)
        i->rm += REG_AH - 4;
    /* lab end trap.6 */
}

/*
 * decode_escape gets the decoder's address; given that of a copy, the compiler keeps the original
 * in registers on the way that most instructions take.
 */
INLINE struct opcode escape(struct decoder *d, struct insn *i, int *error)
{
    struct decoder copy = *d;
    int failed = 0;
    struct opcode row = decode_escape(&copy, i, i->opcode, &failed);

    *d = copy;
    *error = failed;
    return row;
}

/* A group's row, by ModRM.reg, combined with that of the opcode. */
static struct opcode group_row(struct opcode row, u8 modrm)
{
    const struct opcode *member = &opcode_groups[row.operation][modrm >> 3 & 7];

    row.flags |= member->flags;
    row.operation = member->operation;
    if (member->operands)
        row.operands = member->operands;
    return row;
}

/* The row of the opcode at d->at; d->flags, operation and operand kinds from it. */
INLINE int take_opcode(struct decoder *d, struct insn *i)
{
    struct opcode row = opcode_map_1[*d->at];
    int error = 0;

    i->opcode = *d->at++;
    if (unlikely(row.flags & OF_GROUP)) {
        if (row.operation == GROUP_ESCAPE) {
            if (i->opcode == 0x0f && (*d->at & ~2) != 0x38) {
                i->map = MAP_0F;
                i->opcode = *d->at++;
                row = opcode_map_0f[i->opcode];
            } else {
                row = escape(d, i, &error);
            }
        }
        if (row.flags & OF_GROUP)
            row = group_row(row, *d->at);
    }
    d->flags = row.flags;
    i->operation = row.operation;
    i->dst = row.operands & 0xf;
    i->src = row.operands >> 4;
    return error;
}

/* Combinations that are #UD whatever the rest. */
static bool is_invalid(unsigned flags, unsigned size, const struct insn *i)
{
    if ((flags & OF_MEMORY) && !i->memory)
        return true;
    if ((flags & OF_NO64) && size == CODE_64)
        return true;
    return (i->prefixes & PREFIX_LOCK) && !((flags & OF_LOCK) && i->memory);
}

enum {
    OF_RARE = OF_SPECIAL | OF_IMM | OF_BYTE | OF_MEMORY | OF_NO64, /* more to do behind ModRM */
};

int decode_padded(const u8 *bytes, unsigned len, enum code_size size, struct insn *i)
{
    struct decoder d = {.start = bytes, .at = bytes, .len = len, .size = size};
    int error;

    *i = (struct insn){.segment = SEG_DS, .base = REG_NONE, .index = REG_NONE};
    if (unlikely(!take_prefixes(&d, i)))
        return len < INSN_MAX ? DECODE_TRUNCATED : DECODE_TOO_LONG;
    error = take_opcode(&d, i);
    set_sizes(&d, i);
    if (likely(d.flags & OF_MODRM)) {
        take_modrm(&d, i);
    } else if (d.flags & OF_OPREG) {
        i->rm = (i->opcode & 7) | (i->rex & REX_B) << 3;
    } else if (d.flags & OF_MOFFS) {
        i->memory = true;
        i->disp = take_signed(&d, i->address_size);
    }
    if (unlikely((d.flags & OF_RARE) | i->prefixes | (i->operation == OP_INVALID))) {
        if ((d.flags & OF_SPECIAL) && decode_special(size, i) != 0)
            error = DECODE_INVALID;
        if (d.flags & OF_IMM)
            take_immediate(&d, i);
        if ((d.flags & OF_BYTE) || i->src_size == 1)
            name_byte_registers(d.flags, i);
        if (i->operation == OP_INVALID)
            d.at += decode_forced_emulation(d.at, MAX(bytes + len, d.at) - d.at, i);
        if (i->operation == OP_INVALID || is_invalid(d.flags, size, i))
            error = DECODE_INVALID;
    }
    return finish(&d, i, error);
}

int decode(const u8 *bytes, unsigned len, enum code_size size, struct insn *out)
{
    u8 padded[INSN_BUFFER] = {0};

    __builtin_memcpy(padded, bytes, MIN(len, sizeof(padded)));
    return decode_padded(padded, len, size, out);
}

const char *operation_name(enum operation op)
{
#define NAME(name) #name,
    static const char *const names[] = {OPERATIONS(NAME)};
#undef NAME

    return op < OP_COUNT ? names[op] : "?";
}
