/*
 * Random instructions and states: see unicorn_generate.h.
 */
#include <string.h>
#include "emulate.h"
#include "unicorn_generate.h"

static u64 seed_now;
static const u8 *gdt_now; /* the GDT in use */

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

static bool is_string(unsigned operation)
{
    return operation >= OP_MOVS && operation <= OP_SCAS;
}

bool is_branch(unsigned operation)
{
    return (operation >= OP_JMP && operation <= OP_RET_FAR) || operation == OP_IRET;
}

static bool locks(unsigned operation)
{
    return (operation >= OP_ADD && operation <= OP_NEG) ||
           (operation >= OP_BTS && operation <= OP_CMPXCHG8B);
}

/* Differences of Unicorn 2.0.1 that no comparison can bridge: in 64-bit code it takes near branches
 * with 66 as AMD's processors do; it finds REX.R with MOV's immediate invalid; it takes AH in LAHF
 * and SAHF with REX for SPL; it sign-extends RET's immediate; far pointers
 * with REX.W have 32 bits to it; with 66 its ENTER of 16-bit code
 * loads BP alone. And in 16-bit code branches with 66 would nearly all leave the segment. */
static bool wants_66(const struct form *form)
{
    if (form->operation == OP_BSWAP) /* of 16 bits: undefined */
        return form->size == CODE_16;
    if (form->operation == OP_ENTER && form->size == CODE_16)
        return false;
    if (form->prefix || is_vector(form->operation) ||
        (is_branch(form->operation) && form->size != CODE_32))
        return false;
    return one_in(4);
}

static u8 random_rex(const struct form *form)
{
    bool mov_imm = form->map == MAP_1 && (form->opcode & 0xfe) == 0xc6;

    if (form->operation == OP_LOAD_FAR || form->operation == OP_JMP_FAR ||
        form->operation == OP_CALL_FAR)
        return 0x40 | random_below(8);
    return 0x40 | (random_below(16) & (mov_imm ? 0xb : 0xf));
}

static unsigned put_prefixes(u8 *p, const struct form *form)
{
    /* not CS, whose base in 16-bit code is the slot's */
    static const u8 segments[] = {0x26, 0x36, 0x3e, 0x64, 0x65};
    unsigned n = 0;

    if (wants_66(form))
        p[n++] = 0x66;
    if (one_in(8))
        p[n++] = 0x67;
    if (one_in(8))
        p[n++] = segments[random_below(sizeof(segments))];
    if (form->memory && locks(form->operation) && one_in(3))
        p[n++] = 0xf0;
    if (is_string(form->operation) && !one_in(3))
        p[n++] = one_in(2) ? 0xf2 : 0xf3;
    if (form->prefix)
        p[n++] = form->prefix;
    if (form->size == CODE_64 && !one_in(4) && form->operation != OP_SAHF &&
        form->operation != OP_LAHF)
        p[n++] = random_rex(form);
    return n;
}

/* Where a branch may go: within the segment, canonical, and not to a slot's beginning. */
static u64 target_of(u64 value, enum code_size size)
{
    return (value & (size == CODE_16 ? 0xffff : 0x7fffffffffff)) | 1;
}

/* Of any descriptor, and a few that are beyond the table. */
static u16 random_selector(void)
{
    unsigned index = random_below(GDT_ENTRIES + 3);

    if (index == 0) /* nor has null an RPL for Unicorn */
        return 0;
    return index << 3 | (one_in(16) ? 4 : 0) | (one_in(4) ? random_below(4) : 0);
}

/* Does it lead to another task? Or, for JMP in long mode, through a gate: Unicorn does not look at
 * what kind of code there is. */
static bool leads_astray(u16 selector, bool long_jump)
{
    u64 entry;

    if ((selector & 4) || selector >> 3 >= GDT_ENTRIES)
        return false;
    memcpy(&entry, gdt_now + (selector & ~7), sizeof(entry));
    if (entry >> 44 & 1)
        return false;
    return (entry >> 40 & 7) == 4 ? long_jump : entry >> 40 & 5;
}

/* For a far transfer: no other task. In real mode any. */
static u16 far_selector(enum code_size size, unsigned operation)
{
    u16 selector;

    do
        selector = size == CODE_16 ? random_u64() : random_selector();
    while (size != CODE_16 && leads_astray(selector, size == CODE_64 && operation == OP_JMP_FAR));
    return selector;
}

static u64 far_offset(enum code_size size)
{
    return target_of(random_u64(), size) & (one_in(2) ? 0xffff : 0x7fffffff);
}

void generate_gdt(u8 *gdt, enum code_size size)
{
    enum { FLAT = 0x0f, GRANULAR = 8 };

    gdt_now = gdt;
    for (unsigned n = GDT_FIXED; n < GDT_ENTRIES; n++) {
        bool gate = one_in(8), system = gate || one_in(6);
        u64 type = gate ? (one_in(2) ? 4 : 12) : random_below(16);
        if (system && size == CODE_64)
            type = gate ? 12 : type | 8;
        u64 dpl = one_in(2) ? 0 : random_below(4), present = !one_in(10);
        u64 flags = random_below(16), limit = random_u64() & 0xffff, base = 0;
        u64 entry;

        if (!system && (type & 10)) /* Unicorn does not mark code and stacks as accessed */
            type |= 1;
        if (!system && ((type & 8) || one_in(2))) { /* flat; RET and IRET do not see code's limit */
            flags |= GRANULAR;
            limit |= FLAT << 16 | 0xffff;
        }
        if (system || !(type & 8)) /* of code it stays 0 */
            base = random_u64() & 0xffffff;
        if (!system && !(type & 8)) /* Unicorn loads all of RSP, even of a stack with 16 bits */
            flags = (flags | 4) & ~2ULL;
        if ((flags & 6) == 6) /* both D and L: JMP and RET let it pass */
            flags &= ~4ULL;
        if (gate) /* to a segment's selector, with an offset below 64 KiB */
            base = (random_below(GDT_ENTRIES) << 3), limit &= 0xffff, flags = 0;
        entry = (limit & 0xffff) | base << 16 | type << 40 | (u64)!system << 44 | dpl << 45 |
                present << 47 | (gate ? 0 : (limit >> 16 & 0xf) << 48) | flags << 52;
        memcpy(gdt + 8 * n, &entry, sizeof(entry));
    }
}

/* Returns where ModRM, or what follows the opcode, is. */
static unsigned put_opcode(u8 *p, unsigned n, const struct form *form)
{
    if (form->map != MAP_1)
        p[n++] = 0x0f;
    if (form->map == MAP_0F38)
        p[n++] = 0x38;
    p[n++] = form->opcode;
    return n;
}

/* What the manual leaves undefined, or the machine does not have room for. */
static bool unwanted(const struct insn *i)
{
    bool immediate = !(i->opcode & 1);

    if (is_branch(i->operation) && i->src == OPERAND_IMM) {
        s64 from_start = (s64)i->imm + i->length;

        if (from_start % CODE_SLOT == 0 || (from_start > 0 && from_start < i->length))
            return true; /* another slot's beginning; into itself: no end */
    }
    switch (i->operation) {
    case OP_SHLD:
    case OP_SHRD:
        if (immediate && i->base == REG_RIP) /* Unicorn forgets the immediate's byte */
            return true;
        return immediate && i->operand_size == 2 && (i->imm & 31) > 16;
    case OP_RET:
    case OP_RET_FAR:
        return i->src == OPERAND_IMM && i->imm >> 15;
    case OP_ENTER:
        return i->imm >= 0x800;
    }
    return false;
}

/* An address without registers: remember where it is, to aim it. */
static void find_displacement(struct generated *g, const struct insn *insn, unsigned behind_opcode)
{
    g->disp_size = 0;
    if (!insn->memory || insn->index != REG_NONE ||
        (insn->base != REG_NONE && insn->base != REG_RIP))
        return;
    g->at = behind_opcode;
    g->disp_size = insn->address_size;
    if (!insn->modrm && insn->operation == OP_MOV && insn->opcode >= 0xa0 && insn->opcode <= 0xa3)
        return;
    g->at++;
    g->disp_size = MIN(g->disp_size, 4);
    if (insn->address_size != 2 && (insn->modrm & 7) == 4)
        g->at++; /* the SIB byte */
}

void generate_bytes(struct generated *g, const struct form *form, struct insn *insn)
{
    unsigned n, modrm;

    do {
        n = modrm = put_opcode(g->bytes, put_prefixes(g->bytes, form), form);
        while (n < sizeof(g->bytes))
            g->bytes[n++] = random_u64() >> 56;
        if (form->modrm && form->reg >= 0)
            g->bytes[modrm] = (g->bytes[modrm] & 0xc7) | form->reg << 3;
        if (form->modrm && form->memory && g->bytes[modrm] >= 0xc0)
            g->bytes[modrm] -= 0x40 * (1 + random_below(3));
        if (form->modrm && !form->memory)
            g->bytes[modrm] |= 0xc0;
        if (form->operation == OP_ENTER)
            g->bytes[modrm + 1] &= 7;
    } while (decode(g->bytes, INSN_MAX, form->size, insn) < 0 || !is_of_form(insn, form) ||
             unwanted(insn));
    if ((insn->operation == OP_JMP_FAR || insn->operation == OP_CALL_FAR) && !insn->memory) {
        u64 offset = far_offset(form->size);
        u16 selector = far_selector(form->size, insn->operation);

        memcpy(g->bytes + modrm, &offset, insn->operand_size);
        memcpy(g->bytes + modrm + insn->operand_size, &selector, sizeof(selector));
        decode(g->bytes, INSN_MAX, form->size, insn);
    }
    find_displacement(g, insn, modrm);
}

static void set_reg(struct machine_state *state, unsigned reg, unsigned width, u64 value)
{
    u64 mask = width == 8 ? ~0ULL : (1ULL << 8 * width) - 1;

    state->gpr[reg] = (state->gpr[reg] & ~mask) | (value & mask);
}

/* Somewhere in the data, now and then across its end. */
static u64 target_aligned(enum code_size size, enum seg seg, unsigned alignment)
{
    u64 la = DATA_BASE + random_below(DATA_SIZE - (one_in(32) ? 0 : 64));

    return (la & -(u64)alignment) - machine_segment_base(size, seg);
}

static u64 target(enum code_size size, enum seg seg)
{
    return target_aligned(size, seg, 1);
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
    bool aligned = i->operation == OP_MOVAPS && !one_in(8);
    u64 offset = target_aligned(size, i->segment, aligned ? 16 : 1) - adjust;
    unsigned width = i->address_size;

    if (i->index == REG_NONE && (i->base == REG_NONE || i->base == REG_RIP)) {
        u64 disp = offset - (i->base == REG_RIP ? place + i->length : 0);

        if (!g->disp_size)
            return;
        memcpy(g->bytes + g->at, &disp, g->disp_size);
        decode(g->bytes, INSN_MAX, size, i);
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

static bool uses_stack(unsigned operation)
{
    return (operation >= OP_PUSH && operation <= OP_RET) || operation == OP_CALL_FAR ||
           operation == OP_RET_FAR || operation == OP_IRET || operation == OP_PUSH_SEG ||
           operation == OP_POP_SEG;
}

/* Registers that are addresses without being a ModRM operand's. */
static void aim_implied(const struct insn *i, enum code_size size, struct machine_state *state)
{
    if (is_string(i->operation)) {
        set_reg(state, REG_RSI, i->address_size, target(size, i->segment));
        set_reg(state, REG_RDI, i->address_size, target(size, SEG_ES));
        set_reg(state, REG_RCX, i->address_size, random_below(12));
    } else if (i->operation == OP_XLAT) {
        set_reg(state, REG_RBX, i->address_size,
                target(size, i->segment) - (state->gpr[REG_RAX] & 0xff));
    } else if (uses_stack(i->operation)) {
        set_reg(state, REG_RSP, size, target(size, SEG_SS));
        if (i->operation == OP_ENTER) /* with room below */
            set_reg(state, REG_RSP, size,
                    DATA_BASE + DATA_SIZE / 2 + random_below(DATA_SIZE / 2) -
                        machine_segment_base(size, SEG_SS));
        if (i->operation == OP_ENTER || i->operation == OP_LEAVE)
            set_reg(state, REG_RBP, size, target(size, SEG_SS));
    }
}

/* Values for which the instruction does what it is there for, half of the time. */
static void aim_values(const struct insn *i, enum code_size size, struct machine_state *state)
{
    unsigned bits = 8 * i->operand_size;

    switch (i->operation) {
    case OP_CMPXCHG:
        if (one_in(2))
            state->gpr[REG_RAX] = i->memory ? 0 : state->gpr[i->rm & 15];
        /* Unicorn 2.0.1 clears the upper half of RAX even if CMPXCHG does not write EAX. */
        if (i->operand_size == 4)
            state->gpr[REG_RAX] = (u32)state->gpr[REG_RAX];
        break;
    case OP_DIV: /* a small dividend */
        if (one_in(2))
            state->gpr[i->operand_size == 1 ? REG_RAX : REG_RDX] = random_below(200);
        break;
    case OP_IDIV: /* the same, with a sign */
        if (one_in(2) && i->operand_size > 1)
            state->gpr[REG_RDX] = state->gpr[REG_RAX] >> (bits - 1) & 1 ? ~0ULL : 0;
        break;
    case OP_SHLD: /* by CL: no more than the size is defined */
    case OP_SHRD:
        if (i->operand_size == 2)
            state->gpr[REG_RCX] &= ~0x10ULL;
        break;
    case OP_LOOP:
    case OP_JCXZ:
        if (one_in(2))
            set_reg(state, REG_RCX, i->address_size, random_below(2));
        break;
    case OP_MOV_TO_SEG:
    case OP_LAR ... OP_VERW:
        if (!i->memory)
            set_reg(state, i->rm, 2, random_selector());
        break;
    case OP_JMP: /* to where code may be */
    case OP_CALL:
        if (i->src == OPERAND_RM && !i->memory)
            state->gpr[i->rm] = target_of(state->gpr[i->rm], size);
        break;
    }
}

static u64 mask_of(unsigned bytes)
{
    return ~0ULL >> (64 - 8 * bytes);
}

static u64 stack_top(enum code_size size, const struct machine_state *state)
{
    return (state->gpr[REG_RSP] & mask_of(size)) + machine_segment_base(size, SEG_SS);
}

static u64 operand_top(const struct insn *i, enum code_size size, u64 place,
                       const struct machine_state *state)
{
    u64 offset = i->disp;

    if (i->base == REG_RIP)
        offset += place + i->length;
    else if (i->base != REG_NONE)
        offset += state->gpr[i->base];
    if (i->index != REG_NONE)
        offset += state->gpr[i->index] << i->scale;
    offset = (offset & mask_of(i->address_size)) + machine_segment_base(size, i->segment);
    return size == CODE_64 ? offset : (u32)offset;
}

static void poke_next(struct generated *g, u64 *at, unsigned size, u64 value)
{
    g->poke[g->pokes++] = (struct poke){.at = *at, .value = value, .size = size};
    *at += size;
}

/* The type, S, DPL and P of the descriptor that is named; 0 if there is none. */
static unsigned type_of(u16 selector)
{
    return (selector & 4) || selector >> 3 >= GDT_ENTRIES ? 0 : gdt_now[(selector & ~7) + 5];
}

/* Mostly of code of the level that the selector asks for. */
static u16 return_selector(enum code_size size, unsigned operation)
{
    u16 selector = far_selector(size, operation);

    for (unsigned n = 0; size != CODE_16 && n < 20 && !one_in(10); n++) {
        unsigned type = type_of(selector);

        if ((type & 0x18) == 0x18 && (type >> 5 & 3) == (selector & 3))
            break;
        selector = far_selector(size, operation);
        selector = (selector & ~3) | (type_of(selector) >> 5 & 3);
    }
    return selector;
}

/* Of data of this level that can be written, or of another level. Not null, nor absent: Unicorn
 * takes the one for the stack of 32-bit code, too, and of the other it raises #NP. */
static u16 stack_selector(unsigned level)
{
    u16 selector = FLAT_STACK;

    for (unsigned n = 0; n < 60 && !one_in(20); n++) {
        unsigned type = type_of(selector);

        if ((type & 0x9a) == 0x92 && (type >> 5 & 3) == level)
            break;
        selector = (8 + 8 * random_below(GDT_ENTRIES - 1)) | level;
    }
    return selector;
}

/* What IRET finds, and far RET the beginning of it. */
static void aim_return(struct generated *g, const struct insn *i, enum code_size size, u64 at)
{
    unsigned width = i->operand_size;
    u16 code = return_selector(size, i->operation), stack = stack_selector(code & 3);
    const u64 no_flags = RFLAGS_TF | RFLAGS_NT | RFLAGS_VM | RFLAGS_RF | RFLAGS_VIF | RFLAGS_VIP;

    poke_next(g, &at, width, far_offset(size));
    poke_next(g, &at, width, code);
    if (i->operation == OP_IRET)
        poke_next(g, &at, width, random_u64() & ~no_flags);
    else
        at += i->src == OPERAND_IMM ? i->imm : 0;
    poke_next(g, &at, width, random_value()); /* to an outer level: the stack */
    poke_next(g, &at, width, stack);
}

/* Values in memory that matter more than others: flags without TF, targets where code may be,
 * selectors. */
static void aim_data(struct generated *g, const struct insn *i, enum code_size size, u64 place,
                     const struct machine_state *state)
{
    u64 stack = stack_top(size, state), memory = i->memory ? operand_top(i, size, place, state) : 0;

    g->pokes = 0;
    switch (i->operation) {
    case OP_POPF:
        poke_next(g, &stack, i->operand_size, random_u64() & ~RFLAGS_TF);
        break;
    case OP_RET:
        poke_next(g, &stack, i->operand_size, target_of(random_u64(), size));
        break;
    case OP_POP_SEG:
        poke_next(g, &stack, 2, random_selector());
        break;
    case OP_RET_FAR:
    case OP_IRET:
        aim_return(g, i, size, stack);
        break;
    }
    if (!i->memory)
        return;
    switch (i->operation) {
    case OP_JMP:
    case OP_CALL:
        poke_next(g, &memory, i->operand_size, target_of(random_u64(), size));
        break;
    case OP_MOV_TO_SEG:
    case OP_LAR ... OP_VERW:
        poke_next(g, &memory, 2, random_selector());
        break;
    case OP_JMP_FAR:
    case OP_CALL_FAR:
        poke_next(g, &memory, i->operand_size, far_offset(size));
        poke_next(g, &memory, 2, far_selector(size, i->operation));
        break;
    case OP_LOAD_FAR:
        memory += i->operand_size;
        poke_next(g, &memory, 2, random_selector());
        break;
    }
}

void generate_state(struct generated *g, struct insn *i, enum code_size size, u64 place,
                    struct machine_state *state)
{
    for (unsigned n = 0; n < 16; n++)
        state->gpr[n] = n < 8 || size == CODE_64 ? random_value() : 0;
    state->rflags = RFLAGS_FIXED | (random_u64() & (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF |
                                                    RFLAGS_SF | RFLAGS_OF | RFLAGS_DF));
    for (unsigned n = 0; n < 16; n++)
        for (unsigned half = 0; half < 2; half++)
            state->xmm[n][half] = is_vector(i->operation) ? random_value() : 0;
    aim_implied(i, size, state);
    aim_values(i, size, state);
    if (i->memory)
        aim_memory(g, i, size, place, state);
    if (size != CODE_64)
        for (unsigned n = 0; n < 8; n++)
            state->gpr[n] = (u32)state->gpr[n];
    aim_data(g, i, size, place, state);
}
