/*
 * mmio: a torture of what executes instructions on devices' memory. The same instruction runs on
 * memory that is RAM and on memory that is not, with the same registers, flags and bytes: what it
 * leaves must be the same. Two kinds of device:
 *
 *   - a register of the local APIC that keeps what is written to it (the timer's initial count, the
 *     timer being masked), for operands of 32 bits, and for reads of a part of it;
 *   - memory that nobody claims, which reads all ones and forgets what is written, for all widths,
 *     also across the pages' borders, and for string instructions.
 *
 * Natively both are the machine's own, so that a check that fails there is this guest's fault.
 *
 * Arguments: rounds=N for each form and width; seed=N.
 */
#include "mmio.h"

const char guest_name[] = "mmio";

enum { ROUNDS = 12, REPORTED = 12, BIT_WIDTHS = 8 };
enum { APIC_LVT_TIMER = 0x320, APIC_INITIAL = 0x380, LVT_MASKED = 1 << 16, TIMER_VECTOR = 0x40 };
#define APIC_PAGE   0xfee00000ULL
#define NOBODY_PAGE 0xd0000000ULL /* above all RAM, below the devices */
#define FLAGS_FIXED 2ULL

#define APIC_AT (ORACLE + 64 * PAGE_SIZE)

struct space space;
u8 *edge[2], *mirror[PAGES];
u8 *code;
static u64 differences, tried, refused;
static u64 random_state;

u64 random_number(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* An instruction that is not emulated: RET in its stead. */
static struct trap_frame *on_undefined(struct trap_frame *f)
{
    refused++;
    f->rip = *(const u64 *)f->rsp;
    f->rsp += sizeof(u64);
    return f;
}

/* AVX's registers, if there are any ("Checking for Intel AVX Support"). */
static void enable_avx(void)
{
    enum { LEAF_FEATURES = 1, XSAVE = 1 << 26, AVX = 1 << 28, CR4_OSXSAVE = 1 << 18 };
    enum { XCR0_X87_SSE_AVX = 7 };
    u32 features = cpuid(LEAF_FEATURES, 0).ecx;

    if (!(features & XSAVE) || !(features & AVX))
        return;
    write_cr4(read_cr4() | CR4_OSXSAVE);
    __asm__ volatile("xsetbv" : : "c"(0), "a"(XCR0_X87_SSE_AVX), "d"(0));
    has_avx = true;
}

static void prepare(void)
{
    enable_avx();
    trap_handle(TRAP_UNDEFINED, on_undefined);
    user_space_create(&space);
    for (unsigned i = 0; i < PAGES; i++) {
        mirror[i] = page_alloc_zeroed();
        space_map(&space, ORACLE + (u64)i * PAGE_SIZE, (u64)mirror[i], ENTRY_RW);
    }
    for (unsigned i = 0; i < 2; i++) {
        edge[i] = page_alloc_zeroed();
        space_map(&space, SUBJECT + (u64)i * 3 * PAGE_SIZE, (u64)edge[i], ENTRY_RW);
        space_map(&space, SUBJECT + (u64)(i + 1) * PAGE_SIZE, NOBODY_PAGE + (u64)i * PAGE_SIZE,
                  ENTRY_RW);
    }
    space_map(&space, APIC_AT, APIC_PAGE, ENTRY_RW);
    platform->space_load(&space);
    code = page_alloc_zeroed();
    *(volatile u32 *)(APIC_AT + APIC_LVT_TIMER) = LVT_MASKED | TIMER_VECTOR;
}

void fill(void)
{
    u64 *a = (u64 *)edge[0], *b = (u64 *)edge[1];

    for (unsigned i = 0; i < 64; i++) {
        unsigned at = i < 32 ? i : PAGE_SIZE / 8 - 64 + i; /* the ends are enough */
        a[at] = ((u64 *)mirror[0])[at] = random_number();
        b[at] = ((u64 *)mirror[3])[at] = random_number();
    }
    memset(mirror[1], 0xff, PAGE_SIZE);
    memset(mirror[2], 0xff, PAGE_SIZE);
}

void random_state_of(struct state *s)
{
    for (unsigned i = 0; i < GPRS; i++)
        s->gpr[i] = random_number() >> (random_number() % 4 * 16);
    s->flags = FLAGS_FIXED | (random_number() & FLAGS_ALL);
    for (unsigned i = 0; i < VECTOR_WORDS; i++)
        s->vector[i] = random_number();
    s->code = (u64)code;
}

static bool equal(const struct state *a, const struct state *b, u64 defined, u64 apart,
                  bool strings)
{
    bool same =
        !((a->flags ^ b->flags) & defined) && !memcmp(a->vector, b->vector, sizeof(a->vector));

    for (unsigned i = 0; i < GPRS; i++) {
        bool pointer = i == RDI || (i == RSI && strings);
        if (i != RSP)
            same &= a->gpr[i] == b->gpr[i] || (pointer && a->gpr[i] + apart == b->gpr[i]);
    }
    return same;
}

static bool edges_equal(void)
{
    return !memcmp(edge[0], mirror[0], PAGE_SIZE) && !memcmp(edge[1], mirror[3], PAGE_SIZE);
}

static void report(const char *name, unsigned width, unsigned bytes, u64 at, const struct state *a,
                   const struct state *b)
{
    if (differences++ >= REPORTED)
        return;
    print("# %s, %u bits, offset %lx:", name, width * BIT_WIDTHS, at);
    for (unsigned i = 0; i < bytes; i++)
        print(" %x", code[i]);
    print("\n");
    for (unsigned i = 0; i < GPRS; i++)
        if (a->gpr[i] != b->gpr[i] && i != RSP && a->gpr[i] + ORACLE - SUBJECT != b->gpr[i])
            print("#   register %u: %lx, on RAM %lx\n", i, a->gpr[i], b->gpr[i]);
    if (a->flags != b->flags)
        print("#   flags %lx, on RAM %lx\n", a->flags, b->flags);
}

/* The flags that are defined after it: a count of 0 changes none, one beyond the width not all. */
static u64 defined_after(const struct form *f, unsigned width, u64 count)
{
    const u64 untouched = FLAGS_ALL;
    u64 mask = width == W64 ? 63 : 31;

    if (!(f->flags_kind & KIND_COUNT))
        return f->defined;
    count &= mask;
    if (!count)
        return untouched;
    return count < width * BIT_WIDTHS ? f->defined : f->defined & ~(u64)FLAG_CF;
}

/* A form with everything that it leaves open chosen at random. Returns its length. */
static unsigned choose(const struct form *f, unsigned width, struct state *s, u64 *defined)
{
    bool vector = f->access == W128 || f->flags_kind & (KIND_VECTOR | KIND_VEX);
    unsigned reg = vector ? random_number() % 2 : RAX + random_number() % 3;
    u64 imm = random_number();
    bool lock = f->flags_kind & KIND_LOCK && random_number() % 2;

    random_state_of(s);
    if (random_number() % 2)
        s->gpr[RAX] = ~0ULL; /* so that CMPXCHG finds it */
    if (f->flags_kind & KIND_PAIR && random_number() % 4)
        s->gpr[RDX] = s->gpr[RAX];
    if (f->flags_kind & KIND_DIVIDE) {
        s->gpr[RAX] &= 0x7f;
        s->gpr[RDX] = 0;
    }
    if (f->flags_kind & KIND_BIT)
        s->gpr[reg] %= width * BIT_WIDTHS;
    *defined = defined_after(f, width, f->imm ? imm & 0xff : s->gpr[RCX]);
    return form_encode(f, width, reg, lock, imm, code);
}

void try_both(const char *name, unsigned width, unsigned bytes, const struct state *from, u64 at,
              u64 defined)
{
    struct state a = *from, b = *from;

    a.gpr[RDI] = SUBJECT + at;
    b.gpr[RDI] = ORACLE + at;
    run_code(&a);
    run_code(&b);
    tried++;
    if (!equal(&a, &b, defined, ORACLE - SUBJECT, false) || !edges_equal())
        report(name, width, bytes, at, &a, &b);
}

/* On memory that nobody claims. */
static void try_nobody(const struct form *f, unsigned width)
{
    static const u16 places[] = {0x1000, 0x1040, 0x1ff0, 0x1ffc, 0x1fff, 0x2000, 0xff9, 0x2ffd};
    struct state a;
    u64 defined, at = places[random_number() % (sizeof(places) / sizeof(places[0]))];
    unsigned bytes = choose(f, width, &a, &defined);

    if (f->flags_kind & KIND_ALIGNED)
        at &= ~(u64)(width - 1);
    fill();
    try_both(f->name, width, bytes, &a, at, defined);
}

/* On the register of the local APIC, with a variable beside. */
static void try_register(const struct form *f, unsigned width)
{
    static u32 variable;
    volatile u32 *count = (volatile u32 *)(APIC_AT + APIC_INITIAL);
    struct state a, b;
    u64 defined;
    unsigned bytes = choose(f, width, &a, &defined);
    u64 at = random_number() % (W32 - width + 1); /* a part of the register */
    u32 value = random_number() % 3 ? (u32)random_number() : (u32)a.gpr[RAX];

    if (f->flags_kind & KIND_DIVIDE)
        value |= 0x01010101;
    b = a;
    *count = variable = value;
    a.gpr[RDI] = (u64)count + at;
    b.gpr[RDI] = (u64)&variable + at;
    run_code(&a);
    run_code(&b);
    tried++;
    if (!equal(&a, &b, defined, (u64)&variable - (u64)count, false) || *count != variable) {
        report(f->name, width, bytes, at, &a, &b);
        if (differences <= REPORTED)
            print("#   the register %x, on RAM %x\n", *count, variable);
    }
}

/* String instructions, with and without REP, up and down, over the borders. */
static void try_string(u8 opcode, unsigned width)
{
    enum { REPE = 0xf3, REPNE = 0xf2, RET = 0xc3, REX_W = 0x48 };
    static const u16 places[] = {0xfe0, 0x1000, 0x1ff8, 0x2fe0, 0x1800};
    struct state a, b;
    unsigned n = 0;
    u64 from, to, repeat = random_number() % 3;

    random_state_of(&a);
    from = places[random_number() % 5];
    to = places[random_number() % 5] + 256;
    if (random_number() % 4 == 0)
        a.flags |= FLAG_DF;
    if (random_number() % 2)
        a.gpr[RAX] = ~0ULL;
    a.gpr[RCX] = random_number() % 12;
    if (repeat)
        code[n++] = repeat == 1 ? REPE : REPNE;
    if (width == W16)
        code[n++] = 0x66;
    if (width == W64)
        code[n++] = REX_W;
    code[n++] = (u8)(opcode + (width != W8));
    code[n] = RET;
    fill();
    b = a;
    a.gpr[RSI] = SUBJECT + from;
    a.gpr[RDI] = SUBJECT + to;
    b.gpr[RSI] = ORACLE + from;
    b.gpr[RDI] = ORACLE + to;
    run_code(&a);
    run_code(&b);
    tried++;
    if (!equal(&a, &b, FLAGS_ALL, ORACLE - SUBJECT, true) || !edges_equal())
        report("a string instruction", width, n, from << 16 | to, &a, &b);
}

void guest_main(void)
{
    static const u8 strings[] = {0xa4, 0xa6, 0xaa, 0xac, 0xae};
    unsigned rounds = (unsigned)boot_number("rounds", ROUNDS);

    random_state = 0x9e3779b97f4a7c15ULL * (2 * boot_number("seed", 1) + 1);
    if (not_for_pv())
        return;
    prepare();
    for (unsigned i = 0; i < form_count; i++) {
        if (forms[i].flags_kind & KIND_VEX && !has_avx)
            continue;
        for (unsigned width = W8; width <= W256; width *= 2)
            for (unsigned n = 0; n < rounds && forms[i].access & width; n++) {
                try_nobody(&forms[i], width);
                if (width == W32 ||
                    (width < W32 && !(forms[i].flags_kind & (KIND_WRITES | KIND_BIT))))
                    try_register(&forms[i], width);
            }
    }
    try_flow(rounds);
    for (unsigned i = 0; i < sizeof(strings); i++)
        for (unsigned width = W8; width <= W64; width *= 2)
            for (unsigned n = 0; n < 4 * rounds; n++)
                try_string(strings[i], width);
    print("%lu instructions, %lu of them with another result than on RAM.\n", tried, differences);
    check_equal("instructions that do on a device what they do not on RAM", 0, differences);
    check_equal("instructions that were refused", 0, refused);
    check("some were tried", tried > 1000);
}
