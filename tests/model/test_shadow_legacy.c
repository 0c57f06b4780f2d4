// sources: src/mmu-shadow/flood.c src/mmu-shadow/out_of_sync.c src/mmu-shadow/prefetch.c
// sources: src/mmu-shadow/check.c src/mmu-shadow/entry.c src/mmu-shadow/evict.c
// sources: src/mmu-shadow/leaf.c src/mmu-shadow/quick.c src/mmu-shadow/stop_shadowing.c
// sources: src/mmu-shadow/fill.c src/mmu-shadow/paging_shadow.c src/mmu-shadow/physmap_shadow.c
// sources: src/mmu-shadow/pool.c src/mmu-shadow/reach.c src/mmu-shadow/sync.c src/core/walk.c
// sources: src/mmu-shadow/pae_root.c src/core/tlb.c src/core/frame.c tests/unit/stub_panic.c
// sources: tests/unit/stub_machine.c tests/include/simmachine.c tests/model/mmu_model.c
// sources: tests/model/shadow_subject.c
// sources: src/mmu-shadow/smap.c
// sources: tests/unit/stub_heap.c tests/unit/stub_pages.c
/*
 * The paging modes outside long mode against the manual: 32-bit paging with and without CR4.PSE,
 * PAE paging with its four registers, and none, over the same frames, so that a frame is a table of
 * two formats and levels at once. Random entries, flushes where the manual demands them, and each
 * access compared. The pool is small, or the smallest there is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "mmu_model.h"
#include "shadow_subject.h"

enum { ROOMY = 64, CRAMPED = 16, TRANSLATIONS = 1500000 };
enum world {
    RAM_FRAMES = 2048,
    FIRST_TABLE = 16, /* guest frames that are used as tables */
    TABLES = 24,
    ROOTS = 4, /* the first of them; then directories, then tables of level 1 */
    DIRECTORIES = 10,
    MAXPHYADDR = 38,
    STEPS = 120,
    ACCESSES = 24,
    CLASS_MINIMUM = 200,
};
enum format { UNPAGED, BITS32, BITS32_PSE, PAE, FORMATS };
enum entry { P = 1, W = 2, U = 4, A = 0x20, D = 0x40, PS = 0x80 };
#define NX      (1ULL << 63)
#define IGNORED 0xe18ULL
#define CR0_PG  (1ULL << 31)
#define CR0_WP  (1ULL << 16)

static const char *const format_name[] = {"unpaged", "32-bit", "32-bit PSE", "PAE"};
static struct mmu_registers regs;
static uint64_t pdpte[4];
static enum format format;
static uint64_t copy[TABLES][512]; /* what the tables must hold */
static uint64_t seen[FORMATS][MMU_CAUSES][4], done, refused;
static uint64_t state;

static uint32_t rnd(void)
{
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(state >> 33);
}

static bool one_in(unsigned n)
{
    return rnd() % n == 0;
}

static uint64_t table_gpa(unsigned table)
{
    return (uint64_t)(FIRST_TABLE + table) << 12;
}

static unsigned any_table(unsigned level)
{
    if (one_in(12))
        return rnd() % TABLES;
    if (level == 3)
        return rnd() % ROOTS;
    if (level == 2)
        return ROOTS + rnd() % DIRECTORIES;
    return ROOTS + DIRECTORIES + rnd() % (TABLES - ROOTS - DIRECTORIES);
}

static uint64_t read_guest(void *context, uint64_t address)
{
    const uint64_t *p = subject_memory(address);

    (void)context;
    return p ? *p : ~0ULL;
}

/* An index that is in use: the ends of a table, both sides of its middle and of its quarters. */
static unsigned any_index(void)
{
    static const unsigned wide[] = {0, 1, 300, 511}, narrow[] = {0, 255, 256, 511, 512, 768, 1023};

    return format == PAE ? wide[rnd() % 4] : narrow[rnd() % 7];
}

static uint64_t any_linear(void)
{
    if (format == UNPAGED)
        return (uint64_t)(rnd() % (2 * RAM_FRAMES)) << 12 | rnd() % 4096;
    if (format == PAE)
        return (uint64_t)(rnd() % 4) << 30 | any_index() << 21 | any_index() << 12 | rnd() % 4096;
    return (uint64_t)any_index() << 22 | any_index() << 12 | rnd() % 4096;
}

static struct mmu_access any_access(void)
{
    unsigned kind = rnd() % 3;

    return (struct mmu_access){.write = kind == 1, .fetch = kind == 2, .user = one_in(2)};
}

static uint64_t any_flags(void)
{
    uint64_t e = one_in(10) ? 0 : P;

    e |= (one_in(4) ? 0 : W) | (one_in(4) ? 0 : U) | (one_in(2) ? A : 0) | (one_in(2) ? D : 0);
    return e | (one_in(8) ? rnd() & IGNORED : 0);
}

/* The frame of a page or table below an entry of this level, now and then where there is none. */
static uint64_t any_address(unsigned level)
{
    if (level > 1)
        return table_gpa(any_table(level - 1));
    if (one_in(12))
        return table_gpa(rnd() % TABLES);
    return (uint64_t)(one_in(20) ? RAM_FRAMES + rnd() % 10000 : rnd() % RAM_FRAMES) << 12;
}

static uint64_t any_large(uint64_t page_bytes)
{
    return PS | (rnd() % (one_in(8) ? 64 : 2) + (rnd() % 2)) * page_bytes % (1ULL << 31);
}

static uint64_t any_pae_entry(unsigned level)
{
    uint64_t e = any_flags() | any_address(level);

    if (level == 3) /* no rights there: those bits are reserved */
        return one_in(12) ? e : e & ~(uint64_t)(W | U | A | D | PS | 0x100);
    if (level == 2 && one_in(4))
        e = any_flags() | any_large(1 << 21);
    if (one_in(regs.efer >> 11 & 1 ? 6 : 40))
        e |= NX;
    if (one_in(20))
        e |= 1ULL << (MAXPHYADDR + rnd() % (63 - MAXPHYADDR));
    return e;
}

static uint32_t any_short_entry(unsigned level)
{
    uint64_t e = any_flags() | any_address(level);

    if (level == 2 && one_in(3))
        e = any_flags() | any_large(1 << 22);
    if (level == 2 && (e & PS) && one_in(8))
        e |= 1u << (13 + rnd() % 9);
    else if (level == 2 && one_in(10))
        e ^= PS;
    return (uint32_t)e;
}

static bool only_more(uint64_t old, uint64_t value)
{
    const uint64_t grows = W | U | A | D;

    if (!(old & P))
        return true;
    return !((old ^ value) & ~(grows | NX)) && !(old & ~value & grows) && !(value & ~old & NX);
}

/* Loads the registers, and then the model's PDPTEs: or neither, if the manual says so. */
static bool load(struct mmu_registers new)
{
    const uint64_t rsvd = 0x1e6ULL | ~((1ULL << MAXPHYADDR) - 1);
    uint64_t next[4] = {0};
    bool good = true;

    for (unsigned i = 0; format == PAE && i < 4; i++) {
        next[i] = *subject_memory((new.cr3 & 0xffffffe0) + 8 * i);
        good &= !(next[i] & P) || !(next[i] & rsvd);
    }
    assert_int_equal(subject_try_load(&new), good);
    if (!good) {
        refused++;
        return false;
    }
    regs = new;
    memcpy(pdpte, next, sizeof(pdpte));
    regs.pdpte = pdpte;
    return true;
}

/* Loads CR3 as it is, for a flush. If that is refused the guest makes its PDPTEs good first. */
static void flush(void)
{
    if (load(regs))
        return;
    for (unsigned i = 0; i < 4; i++) {
        copy[regs.cr3 / 4096 - FIRST_TABLE][regs.cr3 % 4096 / 8 + i] = pdpte[i];
        subject_store(regs.cr3 + 8 * i, pdpte[i]);
    }
    assert_true(load(regs));
}

static void put(unsigned table, unsigned word, uint64_t value, unsigned size, unsigned offset)
{
    uint64_t old = 0;

    memcpy(&old, (char *)&copy[table][word] + offset, size);
    memcpy((char *)&copy[table][word] + offset, &value, size);
    subject_store_bytes(table_gpa(table) + 8 * word + offset, value, size);
    if (!only_more(old, value) || (regs.cr3 >> 12 == FIRST_TABLE + table && one_in(2)))
        flush();
}

static void edit(void)
{
    unsigned table = rnd() % TABLES, level = 1, index = any_index();

    if (table < ROOTS)
        level = format == PAE ? 3 : 2;
    else if (table < ROOTS + DIRECTORIES)
        level = 2;
    if (level == 3)
        index = rnd() % 8;
    if (format == PAE)
        put(table, index, any_pae_entry(level), 8, 0);
    else
        put(table, index / 2, any_short_entry(level), 4, index % 2 * 4);
}

/* Where the copy has the 8 bytes around an address; NULL: it is in no table. */
static uint64_t *copy_of(uint64_t gpa)
{
    uint64_t n = gpa - table_gpa(0);

    return n < sizeof(copy) ? &copy[n / 4096][n % 4096 / 8] : NULL;
}

static void compare(uint64_t linear, struct mmu_access access)
{
    struct mmu_outcome want, got = {0};

    mmu_translate(&regs, linear, access, read_guest, NULL, &want);
    for (unsigned i = 0; i < want.used_count; i++)
        if (!subject_memory(want.used[i].address) && format != PAE)
            return; /* whether 4 bytes of ones are well formed is of no use to anybody */
    subject_access(linear, access, &got);
    if ((want.cause == MMU_OK) != (got.cause == MMU_OK) || want.error != got.error ||
        (want.cause == MMU_OK && want.physical != got.physical)) {
        print_error("%s: linear %lx %c%c cr0 %lx efer %lx cr3 %lx, after %lu: manual says cause %d "
                    "level %u error %x physical %lx, got cause %d error %x physical %lx\n",
                    format_name[format], linear, access.user ? 'u' : 's',
                    access.write   ? 'w'
                    : access.fetch ? 'x'
                                   : 'r',
                    regs.cr0, regs.efer, regs.cr3, done, want.cause, want.level, want.error,
                    want.physical, got.cause, got.error, got.physical);
        for (unsigned i = 0; i < want.used_count; i++)
            print_error("  entry at %lx: %lx\n", want.used[i].address, want.used[i].before);
        fail();
    }
    for (unsigned i = 0; want.cause == MMU_OK && i < want.used_count; i++)
        if (copy_of(want.used[i].address))
            *copy_of(want.used[i].address) |= (want.used[i].after & (A | D))
                                              << want.used[i].address % 8 * 8;
    for (unsigned i = 0; i < want.used_count; i++)
        if (copy_of(want.used[i].address))
            assert_int_equal(*copy_of(want.used[i].address),
                             *subject_memory(want.used[i].address & ~7ULL));
    seen[format][want.cause][want.level]++;
    done++;
}

static void next_mode(void)
{
    struct mmu_registers new = {.cr0 = 1 | (one_in(2) ? CR0_WP : 0),
                                .efer = (uint64_t)one_in(2) << 11,
                                .cr3 = table_gpa(any_table(3)),
                                .maxphyaddr = MAXPHYADDR};
    enum format f = rnd() % FORMATS;

    /* No PDPTE that stops the change of mode. */
    memset(copy[new.cr3 / 4096 - FIRST_TABLE], 0, 64);
    for (unsigned i = 0; i < 8; i++)
        subject_store(new.cr3 + 8 * i, 0);
    if (f != UNPAGED)
        new.cr0 |= CR0_PG;
    new.cr4 = (f == BITS32_PSE || one_in(2)) && f != BITS32 ? 1 << 4 : 0;
    new.cr4 |= f == PAE ? 1 << 5 : 0;
    format = f;
    load(new);
    for (unsigned i = 0; f == PAE && i < 8; i++) {
        uint64_t entry = table_gpa(any_table(2)) | P;
        copy[new.cr3 / 4096 - FIRST_TABLE][i] = entry;
        subject_store(new.cr3 + 8 * i, entry);
    }
    flush();
}

static void next_root(void)
{
    struct mmu_registers new = regs;

    new.cr3 = table_gpa(any_table(format == PAE ? 3 : 2)) + (format == PAE ? rnd() % 2 * 32 : 0);
    load(new);
}

static void step(void)
{
    for (unsigned i = rnd() % 6; i > 0; i--)
        edit();
    for (unsigned i = 0; i < ACCESSES; i++)
        compare(any_linear(), any_access());
    if (one_in(8))
        next_root();
}

static void print_classes(void)
{
    static const char *const cause[] = {"ok", "not present", "reserved", "rights"};

    for (unsigned f = 0; f < FORMATS; f++)
        for (unsigned c = 0; c < MMU_CAUSES; c++) {
            printf("%-11s %-12s by level 0 to 3: %8lu %8lu %8lu %8lu\n", format_name[f], cause[c],
                   seen[f][c][0], seen[f][c][1], seen[f][c][2], seen[f][c][3]);
            bool can = f == UNPAGED ? c == MMU_OK : f != BITS32 || c != MMU_RESERVED;
            uint64_t all = seen[f][c][0] + seen[f][c][1] + seen[f][c][2] + seen[f][c][3];
            assert_true(can ? all >= CLASS_MINIMUM : all == 0);
        }
    printf("%lu translations compared, %lu loads refused\n", done, refused);
    assert_true(refused >= CLASS_MINIMUM);
}

static void run(unsigned pool_tables, uint64_t seed)
{
    memset(copy, 0, sizeof(copy));
    memset(seen, 0, sizeof(seen));
    memset(&regs, 0, sizeof(regs));
    done = refused = 0;
    state = seed;
    subject_begin(RAM_FRAMES, pool_tables, MAXPHYADDR);
    while (done < TRANSLATIONS) {
        next_mode();
        for (unsigned i = 0; i < STEPS; i++)
            step();
        for (unsigned t = 0; t < TABLES; t++)
            assert_memory_equal(copy[t], subject_memory(table_gpa(t)), sizeof(copy[t]));
        subject_check();
    }
    print_classes();
    subject_end();
}

static void roomy_pool(void **test_state)
{
    (void)test_state;
    run(ROOMY, 1);
}

static void cramped_pool(void **test_state)
{
    (void)test_state;
    run(CRAMPED, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roomy_pool),
        cmocka_unit_test(cramped_pool),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
