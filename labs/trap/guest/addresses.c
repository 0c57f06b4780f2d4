/*
 * The decoder from inside: a hundred instructions made at random, with every base, index, scale and
 * kind of displacement, that exchange a register with the local APIC's initial count register.
 * Memory that is a device's makes each of them exit and be emulated.
 */
#include "judge.h"

#include "grade_guest.h"
#include "kit/kit.h"

typedef signed char s8;
typedef int s32;

/* Where the code is made, and the local APIC's page beside it, so that RIP reaches it. */
#define CODE_VA 0x7000000000ULL
#define APIC_VA (CODE_VA + PAGE_SIZE)
#define APIC_PA 0xfee00000ULL
enum apic { APIC_TIMER = 0x320, APIC_INITIAL_COUNT = 0x380, TIMER_MASKED = 0x10000 };
enum encoding {
    REX = 0x40,
    REX_W = 8,
    REX_R = 4,
    REX_X = 2,
    REX_B = 1,
    RSP = 4,
    RBP = 5,
    RIP = 16,
    NONE = 17,
    REGISTERS = 16,
};
enum { CASES = 100 };

/* One instruction: XCHG [base + (index << scale) + disp], reg. */
struct form {
    unsigned base, index, scale, reg; /* base: or RIP, or NONE; index: or NONE */
    unsigned disp_bytes;              /* 0, 1 or 4 */
    s32 disp;
};

typedef u64 (*made_function)(void);
static u8 *code; /* where the next byte goes */
static u64 saved_rsp;

static void byte(unsigned value)
{
    *code++ = (u8)value;
}

static void bytes(u64 value, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        byte((u8)(value >> 8 * i));
}

/* MOV reg, imm64. */
static void load(unsigned reg, u64 value)
{
    byte(REX | REX_W | (reg >> 3));
    byte(0xb8 | (reg & 7));
    bytes(value, 8);
}

/* ModRM, SIB and displacement. */
static void operand(const struct form *f)
{
    unsigned mod = f->disp_bytes == 1 ? 1 : f->disp_bytes == 4 ? 2 : 0;

    if (f->base == RIP || f->base == NONE)
        mod = 0;
    if (f->base == RIP) {
        byte((f->reg & 7) << 3 | RBP);
    } else if (f->base == NONE || f->index != NONE || (f->base & 7) == RSP) {
        byte(mod << 6 | (f->reg & 7) << 3 | RSP);
        byte(f->scale << 6 | ((f->index == NONE ? RSP : f->index) & 7) << 3 |
             ((f->base == NONE ? RBP : f->base) & 7));
    } else {
        byte(mod << 6 | (f->reg & 7) << 3 | (f->base & 7));
    }
    bytes((u32)f->disp, f->disp_bytes);
}

static void exchange(const struct form *f)
{
    unsigned rex = (f->reg >> 3 ? REX_R : 0) | (f->base < REGISTERS && f->base >> 3 ? REX_B : 0) |
                   (f->index < REGISTERS && f->index >> 3 ? REX_X : 0);

    if (rex)
        byte(REX | rex);
    byte(0x87);
    operand(f);
}

/* PUSH or POP of the registers that C wants kept. */
static void keep(unsigned opcode, bool backwards)
{
    static const u8 kept[] = {3, RBP, 12, 13, 14, 15};

    for (unsigned i = 0; i < ARRAY_SIZE(kept); i++) {
        unsigned reg = kept[backwards ? ARRAY_SIZE(kept) - 1 - i : i];
        if (reg >> 3)
            byte(REX | REX_B);
        byte(opcode | (reg & 7));
    }
}

/* A form, and the values of its base and index that make it reach `target`. */
static struct form choose(u64 target, u64 *base, u64 *index)
{
    unsigned pick = (unsigned)(random_u64() % 10);
    struct form f = {.reg = (unsigned)(random_u64() % REGISTERS), .index = NONE};

    f.base = pick == 0 ? RIP : pick == 1 ? NONE : (unsigned)(random_u64() % REGISTERS);
    if (f.base == NONE || (f.base != RIP && pick & 1)) {
        f.index = (unsigned)(random_u64() % REGISTERS);
        f.scale = (unsigned)(random_u64() % 4);
        if (f.index == RSP || f.index == f.base)
            f.index = NONE;
    }
    static const u8 sizes[] = {0, 1, 4};
    f.disp_bytes = sizes[random_u64() % 3];
    if (f.disp_bytes == 0 && f.base < REGISTERS && (f.base & 7) == RBP)
        f.disp_bytes = 1;
    if (f.base >= REGISTERS)
        f.disp_bytes = 4;
    f.disp = f.disp_bytes == 1 ? (s8)random_u64() : f.disp_bytes == 4 ? (s32)random_u64() : 0;
    *index = random_u64() >> 8;
    if (f.base == NONE) { /* what the index can make is a multiple of its scale */
        f.disp = (s32)(((u64)(u32)f.disp & ~7ULL) | (target & 7));
        *index = (target - (u64)(s64)f.disp) >> f.scale;
    }
    *base = target - (u64)(s64)f.disp - (f.index == NONE ? 0 : *index << f.scale);
    return f;
}

/* Makes the function that exchanges `value`, and returns what was there. */
static void make(u8 *page, struct form *f, u64 target, u64 base, u64 index, u32 value)
{
    code = page;
    keep(0x50, false);
    load(0, (u64)&saved_rsp);
    bytes(0x208948, 3); /* mov [rax], rsp */
    load(f->reg, 0xdead000000000000ULL | value);
    if (f->index != NONE)
        load(f->index, index);
    if (f->base < REGISTERS)
        load(f->base, base);
    if (f->base == RIP) /* from the end of the instruction, which has a REX prefix or not */
        f->disp = (s32)(target - (CODE_VA + (u64)(code - page) + 6 + (f->reg >> 3)));
    exchange(f);
    byte(REX | REX_W | (f->reg >> 3 ? REX_R : 0)); /* mov rax, reg */
    byte(0x89);
    byte(0xc0 | (f->reg & 7) << 3);
    load(1, (u64)&saved_rsp);
    bytes(0x218b48, 3); /* mov rsp, [rcx] */
    keep(0x58, true);
    byte(0xc3);
}

static volatile u32 *apic(unsigned reg)
{
    return (volatile u32 *)(APIC_VA + reg);
}

static void one(u8 *page, u32 *there)
{
    u64 target = APIC_VA + APIC_INITIAL_COUNT, base, index;
    struct form f = choose(target, &base, &index);
    u32 value = (u32)random_u64() | 0x80000000u;

    if ((f.base == NONE && f.index == NONE) || f.reg == f.base || f.reg == f.index)
        return; /* an absolute address does not reach it; a register cannot be two things */
    make(page, &f, target, base, index, value);
    judge_equal("what XCHG got from the register", *there, ((made_function)CODE_VA)());
    judge_equal("what XCHG put there", value, *apic(APIC_INITIAL_COUNT));
    *there = value;
}

void test_addresses(void)
{
    u8 *page = page_alloc_zeroed();
    u32 there = 0;

    space_map(&kernel_space, CODE_VA, (u64)page, ENTRY_RW);
    space_map(&kernel_space, APIC_VA, APIC_PA, ENTRY_RW);
    judge_begin("decode_inside",
                "src/cpu/emulate/decode.c: take_modrm and memory_32, on the instruction at RIP");
    *apic(APIC_TIMER) = TIMER_MASKED;
    *apic(APIC_INITIAL_COUNT) = 0;
    for (unsigned i = 0; i < CASES; i++)
        one(page, &there);
    *apic(APIC_INITIAL_COUNT) = 0;
    grade_end();
}
