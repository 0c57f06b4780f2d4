/*
 * torture: page tables in all states. Two levels of entries with every combination of present,
 * writable, user, NX, accessed, dirty, a reserved bit and a large page; every kind of access; under
 * every setting of CR0.WP, EFER.NXE, CR4.SMEP and CR4.SMAP that there is. What comes out, with the
 * error code, CR2 and the flags afterwards, must be what the manual says (rules.c), or, where the
 * address was not flushed, what a processor may still remember.
 *
 * Arguments: cases=N in all; first=N, the number to begin with.
 */
#include "access.h"
#include "cases.h"
#include "kit/kit.h"

const char guest_name[] = "torture";

enum torture_numbers {
    SHARE = 131072, /* cases, unless told otherwise */
    MODES = 16,
    STRIDE = 0x2d351, /* odd: goes through all numbers */
    PAGE_INDEX = 5,   /* which PTE */
    REPORTED = 8,     /* differences that are printed */
    LEAF_EXTENDED = 7,
    LEAF_ADDRESSES = 0x80000008,
    CPUID_SMEP = 1 << 7,
    CPUID_SMAP = 1 << 20,
    CODE_RET = 0xc3,
};
#define CR0_WP   (1ULL << 16)
#define CR4_SMEP (1ULL << 20)
#define CR4_SMAP (1ULL << 21)
#define EFER     0xc0000080
#define EFER_NXE (1ULL << 11)

#define BASE (USER_BASE + (1ULL << 30))
#define PAGE (BASE + PAGE_INDEX * PAGE_SIZE)

static struct space space;
static struct target target;
static volatile u64 *upper, *lower;
static u64 user_code, differences, tried, faulted;

static void prepare(void)
{
    u8 *large = memory_take(LARGE_PAGE_SIZE, LARGE_PAGE_SIZE);
    u8 *page = large + PAGE_INDEX * PAGE_SIZE;

    page[AT_RETURN] = CODE_RET;
    page[AT_INTERRUPT] = 0xcd;
    page[AT_INTERRUPT + 1] = TRAP_INT80;
    user_space_create(&space);
    upper = space_entry(&space, PAGE, 2, true);
    lower = space_entry(&space, PAGE, 1, true);
    target = (struct target){
        .table = *upper & ENTRY_ADDRESS,
        .page = (u64)page,
        .large = (u64)large,
        .rsvd = 1ULL << 51,
        .rsvd_large = 1ULL << 13,
    };
    user_code = user_address((const void *)access_user);
    platform->space_load(&space);
    platform->trap_enter_at(TRAP_PAGE_FAULT, access_on_fault);
    platform->trap_enter_at(TRAP_INT80, access_on_interrupt);
}

static void set_mode(unsigned number, struct mode *m)
{
    *m = (struct mode){
        .wp = number & 1,
        .nxe = number & 2,
        .smep = number & 4,
        .smap = number & 8,
        .wide = true,
        .large = true,
        .reserved = target.rsvd,
        .reserved_large = target.rsvd_large,
    };
    write_cr0((read_cr0() & ~CR0_WP) | (m->wp ? CR0_WP : 0));
    write_cr4((read_cr4() & ~(CR4_SMEP | CR4_SMAP)) | (m->smep ? CR4_SMEP : 0) |
              (m->smap ? CR4_SMAP : 0));
    wrmsr(EFER, (rdmsr(EFER) & ~EFER_NXE) | (m->nxe ? EFER_NXE : 0));
    platform->space_load(&space);
}

static u64 address_for(unsigned kind)
{
    if (!(kind & KIND_FETCH))
        return PAGE + AT_DATA;
    return PAGE + (kind & KIND_USER ? AT_INTERRUPT : AT_RETURN);
}

static void report(const struct mode *m, const struct test_case *c, const struct seen *s,
                   const struct seen *before)
{
    struct outcome o;

    rules_apply(m, c->entries, c->kind, &o);
    if (differences++ >= REPORTED)
        return;
    print("# wp %u nxe %u smep %u smap %u, %s, kind %x, entries %lx %lx\n", m->wp, m->nxe, m->smep,
          m->smap, before ? "not flushed" : "flushed", c->kind, c->entries.upper, c->entries.lower);
    print("#   fault %u error %x cr2 %lx, entries %lx %lx; the manual: %u %x, %lx %lx\n", s->fault,
          s->error, s->cr2, s->after.upper, s->after.lower, o.fault, o.error, o.after.upper,
          o.after.lower);
    if (before)
        print("#   before: fault %u error %x, entries %lx %lx\n", before->fault, before->error,
              before->after.upper, before->after.lower);
}

static void try(const struct test_case *c, bool flush, struct seen *s)
{
    u64 address = address_for(c->kind);
    s64 result;

    *upper = c->entries.upper;
    *lower = c->entries.lower;
    if (flush)
        invlpg(PAGE);
    result = access_make(address, c->kind, user_code);
    *s = (struct seen){.fault = result != ACCESS_OK,
                       .error = result != ACCESS_OK ? (u32)result : 0,
                       .cr2 = access_cr2,
                       .after = {*upper, *lower}};
    if (s->fault && s->cr2 != address)
        differences++;
    faulted += s->fault;
    tried++;
}

/* A case with the address flushed, and then one that differs in two bits or less, without. */
static void try_pair(const struct mode *m, unsigned number, unsigned step)
{
    unsigned other = number ^ 1u << step % CASE_BITS ^ 1u << step / CASE_BITS % CASE_BITS;
    struct test_case first, second;
    struct seen seen_first, seen_second;

    case_make(number, &target, &first);
    try(&first, true, &seen_first);
    if (!case_permitted(m, &first, &seen_first, NULL))
        report(m, &first, &seen_first, NULL);
    case_make(other, &target, &second);
    try(&second, false, &seen_second);
    if (!case_permitted(m, &second, &seen_second, &seen_first))
        report(m, &second, &seen_second, &seen_first);
}

/* Bits of a mode's number that this processor has. */
static unsigned modes_there(void)
{
    u32 has = cpuid(LEAF_EXTENDED, 0).ebx;

    return 3 | (has & CPUID_SMEP ? 4 : 0) | (has & CPUID_SMAP ? 8 : 0);
}

/* The n-th case: three of four are well formed. */
static unsigned number_of(u64 n)
{
    unsigned number = (unsigned)(n * STRIDE) % CASES;

    return n % 4 ? case_well_formed(number) : number;
}

void guest_main(void)
{
    u64 cases = boot_number("cases", SHARE), number = boot_number("first", 0);
    unsigned there = platform->pv ? 0 : modes_there(), modes = 0;
    struct mode m;

    if (!check("it is not for paravirtualization", !platform->pv))
        return;
    prepare();
    for (unsigned i = 0; i < MODES; i++)
        modes += !(i & ~there);
    for (unsigned i = 0; i < MODES; i++) {
        if (i & ~there)
            continue;
        set_mode(i, &m);
        for (u64 step = 0; step < cases / 2 / modes; step++, number++)
            try_pair(&m, number_of(number), (unsigned)step);
    }
    set_mode(3, &m);
    platform->trap_enter_at(TRAP_PAGE_FAULT, NULL);
    platform->trap_enter_at(TRAP_INT80, NULL);
    platform->space_load(&kernel_space);
    print("# %lu cases in %u modes, %lu of them faults\n", tried, modes, faulted);
    check_equal("each outcome is the manual's", 0, differences);
}
