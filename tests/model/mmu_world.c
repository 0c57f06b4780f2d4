/*
 * Random guests against the manual's model: see mmu_world.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "mmu_world.h"

enum {
    PER_LEVEL_CHOICE = 3, /* indices in use in each table */
    CLASS_MINIMUM = 1000,
    ACCESSES = 6, /* read, write, fetch by supervisor, by user */
    MODES = 16,   /* WP, NXE, SMEP, SMAP */
    LEVELS = 5,   /* 0: unpaged */
    STEPS_A_MODE = 120,
    CHECKS_A_STEP = 24,
};
enum entry { P = 1, W = 2, U = 4, A = 0x20, D = 0x40, PS = 0x80, FULL = P | W | U };
#define NX         (1ULL << 63)
#define ADDRESS    0x000ffffffffff000ULL
#define IGNORED    0x0ff0000000000e18ULL /* and PWT, PCD: no matter here */
#define MAXPHYADDR 40

static const struct mmu_subject *subject;
static struct mmu_registers regs;
static uint64_t copy[WORLD_TABLES][512]; /* what the tables must hold */
static uint64_t seen[MMU_CAUSES][LEVELS][MODES][ACCESSES];
static uint64_t done, stores;
static uint64_t state;

/* Translations that came out well lately: where edits and accesses hurt. */
enum { HOT = 8 };
static struct {
    uint64_t linear;
    struct mmu_outcome outcome;
} hot[HOT];

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
    return (uint64_t)(WORLD_TABLE_FIRST + table) << 12;
}

/* A table that is meant for this level. */
static unsigned any_table(unsigned level)
{
    if (level == 4)
        return rnd() % WORLD_ROOTS;
    return WORLD_ROOTS + (level - 1) * WORLD_PER_LEVEL + rnd() % WORLD_PER_LEVEL;
}

static uint64_t read_guest(void *context, uint64_t address)
{
    const uint64_t *p = subject->memory(address);

    (void)context;
    return p ? *p : ~0ULL;
}

static unsigned mode_index(void)
{
    return (regs.cr0 >> 16 & 1) | (regs.efer >> 11 & 1) << 1 | (regs.cr4 >> 20 & 3) << 2;
}

static bool paged(void)
{
    return regs.cr0 >> 31;
}

static const unsigned indices[PER_LEVEL_CHOICE] = {0, 1, 300};

/* The n-th linear address of those that are tried. */
enum { UNIVERSE = 81 };
static uint64_t linear_of(unsigned n)
{
    uint64_t la = 0;

    for (unsigned level = 1; level <= 4; level++, n /= PER_LEVEL_CHOICE)
        la |= (uint64_t)indices[n % PER_LEVEL_CHOICE] << (12 + 9 * (level - 1));
    return (uint64_t)((int64_t)(la << 16) >> 16);
}

static uint64_t any_linear(void)
{
    if (!paged())
        return rnd() % (WORLD_RAM_FRAMES * 2) << 12 | rnd() % 4096;
    if (one_in(2))
        return (hot[rnd() % HOT].linear & ~4095ULL) | rnd() % 4096;
    return linear_of(rnd() % UNIVERSE) | rnd() % 4096;
}

static struct mmu_access any_access(void)
{
    unsigned kind = rnd() % 3;

    return (struct mmu_access){
        .write = kind == 1, .fetch = kind == 2, .user = one_in(2), .ac = one_in(2)};
}

static unsigned access_index(struct mmu_access a)
{
    return (a.write ? 1 : a.fetch ? 2 : 0) + (a.user ? 3 : 0);
}

/* A reserved bit of an entry at this level, and what else makes it one. */
static uint64_t any_reserved(unsigned level)
{
    unsigned kind = rnd() % 3;

    if (kind == 0 && !(regs.efer >> 11 & 1))
        return NX;
    if (kind == 1 && level == 4)
        return PS;
    if (kind == 1 && level > 1)
        return PS | 1ULL << (13 + rnd() % (level == 2 ? 8 : 17));
    return 1ULL << (MAXPHYADDR + rnd() % (52 - MAXPHYADDR));
}

static uint64_t any_flags(void)
{
    uint64_t e = P;

    e |= (one_in(4) ? 0 : W) | (one_in(4) ? 0 : U) | (one_in(2) ? A : 0) | (one_in(2) ? D : 0);
    if (regs.efer >> 11 & 1 ? one_in(6) : one_in(40))
        e |= NX;
    if (one_in(8))
        e |= (uint64_t)rnd() << 32 & IGNORED;
    return e;
}

/* The address part of an entry that maps a page at this level. */
static uint64_t any_page(unsigned level)
{
    if (level == 3)
        return PS | (one_in(4) ? (uint64_t)(1 + rnd() % 4) << 30 : 0);
    if (level == 2)
        return PS | (uint64_t)(rnd() % (one_in(8) ? 64 : 4)) << 21;
    if (one_in(12))
        return table_gpa(rnd() % WORLD_TABLES);
    if (one_in(20))
        return (uint64_t)(WORLD_RAM_FRAMES + rnd() % 100000) << 12;
    return (uint64_t)(rnd() % WORLD_RAM_FRAMES) << 12;
}

static uint64_t any_entry(unsigned level)
{
    unsigned kind = rnd() % 100;

    if (kind < 10)
        return (any_flags() | any_page(level)) & ~(uint64_t)P;
    if (kind < 15)
        return any_flags() | table_gpa(any_table(level > 1 ? level - 1 : 1)) | any_reserved(level);
    if (level == 1 || (level < 4 && kind < 40))
        return any_flags() | any_page(level);
    if (kind < 43)
        return any_flags() | (uint64_t)(WORLD_RAM_FRAMES + rnd() % 100000) << 12;
    if (kind < 48)
        return any_flags() | table_gpa(rnd() % WORLD_TABLES);
    return any_flags() | table_gpa(any_table(level - 1));
}

/* A change that a processor may go on ignoring for a while: it was permitted less before. Under
 * SMEP and SMAP a user's page is less to the kernel. */
static bool only_more(uint64_t old, uint64_t value)
{
    const uint64_t grows = W | A | D | (subject->smep_smap ? 0 : U);

    if (!(old & P))
        return true;
    return !((old ^ value) & ~(grows | NX)) && !(old & ~value & grows) && !(value & ~old & NX);
}

static void reload_cr3(void)
{
    subject->load(&regs);
}

/* Addresses whose translation passes through this entry; one for each page. */
static unsigned users_of(uint64_t gpa, uint64_t list[UNIVERSE])
{
    const struct mmu_access read = {0};
    unsigned count = 0;

    for (unsigned n = 0; n < UNIVERSE; n++) {
        struct mmu_outcome o;
        bool used = false;

        mmu_translate(&regs, linear_of(n), read, read_guest, NULL, &o);
        for (unsigned i = 0; i < o.used_count; i++)
            used |= o.used[i].address == gpa;
        for (unsigned i = 0; used && i < count && o.page_shift; i++)
            used = list[i] >> o.page_shift != linear_of(n) >> o.page_shift;
        if (used)
            list[count++] = linear_of(n);
    }
    return count;
}

/* The guest writes an entry, and flushes what it has to. */
static void put(unsigned table, unsigned index, uint64_t value)
{
    uint64_t gpa = table_gpa(table) + 8 * index, old = copy[table][index], list[UNIVERSE];
    bool flush = !only_more(old, value), by_page = flush && paged() && one_in(4);
    unsigned users = by_page ? users_of(gpa, list) : 0;

    stores++;
    copy[table][index] = value;
    subject->store(gpa, value);
    for (unsigned i = 0; i < users; i++)
        subject->invlpg(list[i]);
    if (flush && !by_page)
        reload_cr3();
}

static void edit_anything(void)
{
    unsigned table = rnd() % WORLD_TABLES, level = 4;

    if (table >= WORLD_ROOTS)
        level = (table - WORLD_ROOTS) / WORLD_PER_LEVEL + 1;
    uint64_t *entry = &copy[table][indices[rnd() % PER_LEVEL_CHOICE]];
    unsigned index = (unsigned)(entry - copy[table]);
    switch (rnd() % 4) {
    case 0: /* one bit */
        put(table, index, *entry ^ (one_in(3) ? D : one_in(2) ? A : one_in(2) ? W : U));
        break;
    case 1:
        put(table, index, *entry ^ P);
        break;
    default:
        put(table, index, any_entry(level));
    }
}

/* An entry that a recent translation used. */
static void edit_hot(void)
{
    const struct mmu_outcome *o = &hot[rnd() % HOT].outcome;

    if (!o->used_count)
        return;
    unsigned i = rnd() % o->used_count;
    uint64_t n = (o->used[i].address - table_gpa(0)) / 8, e;
    if (n >= WORLD_TABLES * 512)
        return;
    e = copy[n / 512][n % 512];
    switch (rnd() % 8) {
    case 0:
        e = any_entry(4 - i);
        break;
    case 1:
        e ^= NX;
        break;
    default:
        e ^= (uint64_t[]){P, W, U, A, D, W}[rnd() % 6];
    }
    put((unsigned)(n / 512), n % 512, e);
}

static void compare(uint64_t linear, struct mmu_access access)
{
    struct mmu_outcome want, got = {0};

    mmu_translate(&regs, linear, access, read_guest, NULL, &want);
    subject->access(linear, access, &got);
    if ((want.cause == MMU_OK) != (got.cause == MMU_OK) || want.error != got.error ||
        (want.cause == MMU_OK && want.physical != got.physical)) {
        print_error("%s: linear %lx %c%c cr0 %lx cr4 %lx efer %lx cr3 %lx, after %lu: manual says "
                    "cause %d level %u error %x physical %lx, got cause %d error %x physical %lx\n",
                    subject->name, linear, access.user ? 'u' : 's',
                    access.write   ? 'w'
                    : access.fetch ? 'x'
                                   : 'r',
                    regs.cr0, regs.cr4, regs.efer, regs.cr3, done, want.cause, want.level,
                    want.error, want.physical, got.cause, got.error, got.physical);
        for (unsigned i = 0; i < want.used_count; i++)
            print_error("  entry at %lx: %lx\n", want.used[i].address, want.used[i].before);
        fail();
    }
    for (unsigned i = 0; want.cause == MMU_OK && i < want.used_count; i++) {
        uint64_t n = (want.used[i].address - table_gpa(0)) / 8;
        if (n < WORLD_TABLES * 512)
            copy[n / 512][n % 512] |= want.used[i].after & (A | D);
    }
    for (unsigned i = 0; i < want.used_count; i++) {
        uint64_t n = (want.used[i].address - table_gpa(0)) / 8;
        if (n < WORLD_TABLES * 512)
            assert_int_equal(copy[n / 512][n % 512], *subject->memory(want.used[i].address));
    }
    if (want.cause == MMU_OK && paged()) {
        unsigned slot = rnd() % HOT;
        hot[slot].linear = linear;
        hot[slot].outcome = want;
    }
    seen[want.cause][want.level][paged() ? mode_index() : 0][access_index(access)]++;
    done++;
}

static bool possible(enum mmu_cause cause, unsigned level, unsigned mode, unsigned access)
{
    const struct mmu_access a = {
        .write = access % 3 == 1, .fetch = access % 3 == 2, .user = access >= 3};
    const struct mmu_registers r = {
        .cr0 = (uint64_t)(mode & 1) << 16, .efer = (mode >> 1 & 1) << 11, .cr4 = mode >> 2 << 20};

    if (!subject->smep_smap && mode >> 2)
        return false;
    if (level == 0)
        return cause == MMU_OK && mode == 0;
    if (cause == MMU_NOT_PRESENT || cause == MMU_RESERVED)
        return true;
    if (level == 4)
        return false;
    for (unsigned rights = 0; cause == MMU_RIGHTS && rights < 8; rights++)
        if ((!(rights & 4) || mode & 2) && !mmu_permits(&r, a, rights & 1, rights & 2, rights & 4))
            return true;
    return cause == MMU_OK;
}

/* Builds the path to some address so that an access of this class comes out, and tries it. */
static void aim_at(enum mmu_cause cause, unsigned level, unsigned access)
{
    struct mmu_access a = {.write = access % 3 == 1, .fetch = access % 3 == 2, .user = access >= 3};
    unsigned table = (unsigned)(regs.cr3 >> 12) - WORLD_TABLE_FIRST;
    uint64_t la = linear_of(rnd() % UNIVERSE), lost = 0;
    unsigned rights = 7 ^ 4, lost_at = level + rnd() % (5 - level);

    a.ac = cause == MMU_OK;
    for (unsigned tries = 0; tries < 64 && (cause == MMU_RIGHTS || cause == MMU_OK); tries++) {
        rights = rnd() % 8;
        if (mmu_permits(&regs, a, rights & 1, rights & 2, rights & 4) == (cause == MMU_OK) &&
            !(rights & 4 && !(regs.efer >> 11 & 1)))
            break;
        rights = 7 ^ 4;
    }
    lost = (rights & 1 ? 0 : U) | (rights & 2 ? 0 : W);
    for (unsigned l = 4; l >= level; l--) {
        unsigned index = (unsigned)(la >> (12 + 9 * (l - 1)) & 511), next = 0;
        uint64_t e = FULL | (one_in(2) ? A : 0);

        if (l > level) {
            next = any_table(l - 1);
            e |= table_gpa(next);
        } else if (cause == MMU_OK || cause == MMU_RIGHTS) {
            e |= any_page(l) | (one_in(2) ? D : 0);
        } else {
            e |= l > 1 ? table_gpa(any_table(l - 1)) : any_page(1);
            e = cause == MMU_NOT_PRESENT ? e & ~(uint64_t)P : e | any_reserved(l);
        }
        if (l == lost_at)
            e = (e & ~lost) | (rights & 4 ? NX : 0);
        if (e != copy[table][index])
            put(table, index, e);
        table = next;
    }
    compare(la | rnd() % 4096, a);
}

/* The class that is farthest behind in this mode, among some. */
static void aim(void)
{
    unsigned best_cause = 0, best_level = 1, best_access = 0;
    uint64_t fewest = ~0ULL;

    for (unsigned i = 0; i < 12; i++) {
        unsigned cause = rnd() % MMU_CAUSES, level = 1 + rnd() % 4, access = rnd() % ACCESSES;
        if (!possible(cause, level, mode_index(), access) ||
            seen[cause][level][mode_index()][access] >= fewest)
            continue;
        fewest = seen[cause][level][mode_index()][access];
        best_cause = cause;
        best_level = level;
        best_access = access;
    }
    if (fewest != ~0ULL)
        aim_at(best_cause, best_level, best_access);
}

static void next_mode(void)
{
    const uint64_t pe = 1, pae = 1 << 5, lme = 1 << 8, lma = 1 << 10;
    static unsigned turn;
    unsigned mode = turn++ % (subject->smep_smap ? MODES : 4);

    regs.cr0 = pe | (uint64_t)(mode & 1) << 16;
    regs.cr4 = pae | (one_in(2) ? 1 << 7 : 0) | mode >> 2 << 20;
    regs.efer = lme | (mode >> 1 & 1) << 11;
    if (!one_in(12)) {
        regs.cr0 |= 1ULL << 31;
        regs.efer |= lma;
    }
    regs.maxphyaddr = MAXPHYADDR;
    regs.page1gb = true;
}

/* Another address space; now and then what no table was meant for. */
static void next_root(void)
{
    regs.cr3 = one_in(30)   ? (uint64_t)(WORLD_RAM_FRAMES + rnd() % 5000) << 12
               : one_in(30) ? table_gpa(rnd() % WORLD_TABLES)
                            : table_gpa(any_table(4));
    if (one_in(4))
        regs.cr3 |= 0x18; /* PWT, PCD */
    reload_cr3();
}

static void compare_tables(void)
{
    for (unsigned t = 0; t < WORLD_TABLES; t++)
        assert_memory_equal(copy[t], subject->memory(table_gpa(t)), sizeof(copy[t]));
}

static void step(void)
{
    bool in_tables = (regs.cr3 >> 12) - WORLD_TABLE_FIRST < WORLD_TABLES;

    if (one_in(4))
        edit_anything();
    if (one_in(3))
        edit_hot();
    if (paged() && in_tables && one_in(4))
        aim();
    for (unsigned i = 0; i < CHECKS_A_STEP; i++) {
        compare(any_linear(), any_access());
    }
    if (one_in(24))
        next_root();
}

static uint64_t print_classes(void)
{
    static const char *const cause_name[] = {"ok", "not present", "reserved", "rights"};
    static const char *const access_name[] = {"read",      "write",      "fetch",
                                              "user read", "user write", "user fetch"};
    uint64_t short_of = 0;

    printf("%s: outcomes by cause, level and mode (WP, NXE, SMEP, SMAP)\n", subject->name);
    printf("%-12s %5s %-4s", "cause", "level", "mode");
    for (unsigned a = 0; a < ACCESSES; a++)
        printf(" %10s", access_name[a]);
    printf("\n");
    for (unsigned c = 0; c < MMU_CAUSES; c++)
        for (unsigned l = 0; l < LEVELS; l++)
            for (unsigned m = 0; m < MODES; m++) {
                char line[128];
                int at = snprintf(line, sizeof(line), "%-12s %5u %c%c%c%c", cause_name[c], l,
                                  m & 1 ? 'w' : '-', m & 2 ? 'n' : '-', m & 4 ? 'e' : '-',
                                  m & 8 ? 'a' : '-');
                bool any = false;
                for (unsigned a = 0; a < ACCESSES; a++) {
                    bool can = possible(c, l, m, a);
                    any |= can;
                    if (!can)
                        assert_int_equal(seen[c][l][m][a], 0);
                    if (can && seen[c][l][m][a] < CLASS_MINIMUM)
                        short_of++;
                    at += can ? snprintf(line + at, sizeof(line) - at, " %10lu", seen[c][l][m][a])
                              : snprintf(line + at, sizeof(line) - at, " %10s", "-");
                }
                if (any)
                    printf("%s\n", line);
            }
    printf("%s: %lu translations compared, %lu stores to page tables\n", subject->name, done,
           stores);
    return short_of;
}

void mmu_world_run(const struct mmu_subject *s, uint64_t seed, uint64_t translations)
{
    subject = s;
    state = seed;
    memset(seen, 0, sizeof(seen));
    memset(copy, 0, sizeof(copy));
    done = stores = 0;
    while (done < translations) {
        next_mode();
        next_root();
        for (unsigned i = 0; i < STEPS_A_MODE && done < translations; i++)
            step();
        compare_tables();
        s->check();
    }
    assert_int_equal(print_classes(), 0);
}
