/*
 * One address space that changes while it is in use: results, flags, faults, and that a store to a
 * table changes what it says and nothing else.
 */
#include "judge.h"

#include "grade_guest.h"

#define WHERE_RESULT "shadow.5 to shadow.7: src/mmu-shadow/fill.c, sync.c"
#define WHERE_FLAGS  "shadow.1 and shadow.5: src/mmu-shadow/leaf.c, fill.c"
#define WHERE_FAULT  "shadow.5: src/mmu-shadow/fill.c, whose_fault"
#define WHERE_STORE  "shadow.6: src/mmu-shadow/sync.c, shadow_sync_leaf"
#define WHERE_UPPER  "shadow.7: src/mmu-shadow/sync.c, shadow_sync_link"
#define WHERE_ALIAS  "shadow.2: src/mmu-shadow/entry.c, shadow_protect_frame"

enum { PAGES = 48, ROUNDS = 4, AT_MOST = 2 };
#define ALIASES  (USER_BASE + (5ULL << 30)) /* where tables are mapped as pages */
#define RESERVED (1ULL << 51)               /* no machine has so much memory */

static struct space space;
static u64 *entry[PAGES], value[PAGES];

static u64 va_of(unsigned i)
{
    return USER_BASE + ((u64)(i % 3) << 30) + (u64)i * 3 * PAGE_SIZE;
}

static u64 *new_page(unsigned i)
{
    value[i] = random_u64();
    return page_with(value[i]);
}

static void make_space(void)
{
    space_create(&space);
    for (unsigned i = 0; i < PAGES; i++) {
        u64 *page = new_page(i);
        entry[i] = space_entry(&space, va_of(i), 1, true);
        space_set(&space, entry[i], platform->entry((u64)page, ENTRY_USER_RW));
    }
    space_publish(&space);
    platform->space_load(&space);
}

static unsigned wrong_pages(void)
{
    unsigned wrong = 0;

    for (unsigned i = 0; i < PAGES; i++)
        wrong += word(va_of(i)) != value[i] || word(va_of(i) + PAGE_SIZE - 8) != value[i];
    return wrong;
}

static void results(void)
{
    grade_begin("results");
    grade_equal("pages of 48 with wrong contents", 0, wrong_pages(), WHERE_RESULT);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = random_u64() % 3; i < PAGES; i += 1 + random_u64() % 4) {
            u64 *page = new_page(i);
            change(va_of(i), entry[i], platform->entry((u64)page, ENTRY_USER_RW));
        }
        grade_equal("pages of 48 with wrong contents, some having been mapped anew", 0,
                    wrong_pages(), WHERE_RESULT);
    }
    grade_end();
}

static void flags(void)
{
    const u64 both = ENTRY_ACCESSED | ENTRY_DIRTY;

    grade_begin("flags");
    for (unsigned i = 0; i < PAGES; i++)
        change(va_of(i), entry[i], *entry[i] & ~both);
    for (unsigned i = 0; i < PAGES; i++) {
        grade_equal("A and D before an access", 0, word((u64)entry[i]) & both, WHERE_FLAGS);
        word(va_of(i));
        grade_equal("A and D after a read", ENTRY_ACCESSED, word((u64)entry[i]) & both,
                    WHERE_FLAGS);
        *(volatile u64 *)(va_of(i) + 16) = value[i];
        grade_equal("A and D after a read and a write", both, word((u64)entry[i]) & both,
                    WHERE_FLAGS);
        change(va_of(i), entry[i], *entry[i] & ~both);
        *(volatile u64 *)(va_of(i) + 24) = value[i];
        grade_equal("A and D after they were cleared, and a write", both,
                    word((u64)entry[i]) & both, WHERE_FLAGS);
    }
    grade_end();
}

static void faults(void)
{
    u64 va = va_of(7), *at = entry[7], was = *at;

    grade_begin("faults");
    grade_equal("the error code of a write that is permitted", NO_FAULT, try_write(va),
                WHERE_FAULT);
    change(va, at, 0);
    grade_equal("the error code of a read, the page being absent", 0, try_read(va), WHERE_FAULT);
    grade_equal("the error code of a write, the page being absent", FAULT_WRITE, try_write(va),
                WHERE_FAULT);
    change(va, at, was & ~ENTRY_WRITE);
    grade_equal("the error code of a read of a page that is read-only", NO_FAULT, try_read(va),
                WHERE_FAULT);
    grade_equal("the error code of a write to it", FAULT_PRESENT | FAULT_WRITE, try_write(va),
                WHERE_FAULT);
    change(va, at, was | RESERVED);
    grade_equal("the error code of a read with a reserved bit set", FAULT_PRESENT | 8, try_read(va),
                WHERE_FAULT);
    change(va, at, was);
    grade_equal("the error code of a write that is permitted again", NO_FAULT, try_write(va),
                WHERE_FAULT);
    *(volatile u64 *)va = value[7];
    grade_end();
}

static unsigned slow_reads(unsigned but)
{
    unsigned slow = 0;

    for (unsigned i = 0; i < PAGES; i++)
        slow += i != but && slow_read(va_of(i));
    return slow;
}

static void one_store(void)
{
    unsigned slow = 0;

    grade_begin("one_store");
    slow_reads(PAGES);
    grade_equal("reads of 48 pages, all of them used before, that took an exit", 0,
                slow_reads(PAGES), WHERE_RESULT);
    for (unsigned i = 0; i < PAGES; i += 5) {
        u64 *page = new_page(i);
        change(va_of(i), entry[i],
               platform->entry((u64)page, ENTRY_USER_RW | ENTRY_ACCESSED | ENTRY_DIRTY));
        grade_equal("reads of 47 other pages that took an exit, after a store to one entry", 0,
                    slow_reads(i), WHERE_STORE);
        slow += slow_read(va_of(i));
        grade_equal("what the changed page holds", value[i], word(va_of(i)), WHERE_STORE);
    }
    grade_equal("reads of pages that were mapped with A and D set that took an exit", 0, slow,
                WHERE_STORE);
    grade_end();
}

static void upper_tables(void)
{
    u64 va = va_of(9), *at = space_entry(&space, va, 2, false), was = *at;

    grade_begin("upper_tables");
    change(va, at, was & ~ENTRY_WRITE);
    grade_equal("the error code of a write, the table's entry being read-only",
                FAULT_PRESENT | FAULT_WRITE, try_write(va), WHERE_UPPER);
    change(va, at, was & ~ENTRY_ACCESSED);
    word(va);
    grade_equal("A of the table's entry after a read", ENTRY_ACCESSED,
                word((u64)at) & ENTRY_ACCESSED, WHERE_UPPER);
    change(va, at, *space_entry(&space, va_of(10), 2, false));
    grade_equal("the error code of a read through another table, whose entry is absent", 0,
                try_read(va), WHERE_UPPER);
    change(va, at, was);
    grade_equal("pages of 48 with wrong contents", 0, wrong_pages(), WHERE_UPPER);
    grade_end();
}

/* A page that is mapped writable at several places, and in use there, becomes a table; then it is
 * written to at these places. */
static void aliases(void)
{
    enum { PLACES = 4 };
    const u64 here = USER_BASE + (7ULL << 30);
    u64 *table = page_alloc_zeroed(), *page[PLACES], wanted[PLACES];
    unsigned wrong = 0;

    grade_begin("aliases");
    for (unsigned i = 0; i < PLACES; i++) {
        u64 alias = ALIASES + i * (u64)PAGE_SIZE;
        change(alias, space_entry(&space, alias, 1, true),
               platform->entry((u64)table, ENTRY_USER_RW));
        *(volatile u64 *)(alias + 8 * i) = 0;
    }
    change(here, space_entry(&space, here, 2, true), platform->entry((u64)table, ENTRY_USER_RW));
    for (unsigned i = 0; i < PLACES; i++)
        wrong += try_read(here + i * (u64)PAGE_SIZE) != 0;
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < PLACES; i++) {
            page[i] = page_with(wanted[i] = random_u64());
            *(volatile u64 *)(ALIASES + i * (u64)PAGE_SIZE + 8 * i) =
                platform->entry((u64)page[i], ENTRY_USER_RW);
            platform->flush_page(here + i * (u64)PAGE_SIZE);
        }
        for (unsigned i = 0; i < PLACES; i++)
            wrong += word(here + i * (u64)PAGE_SIZE) != wanted[i];
    }
    grade_equal("wrong results of 16 with a table that is written to through four mappings of it",
                0, wrong, WHERE_ALIAS);
    grade_end();
}

void test_tables(void)
{
    make_space();
    results();
    flags();
    faults();
    one_store();
    upper_tables();
    aliases();
    platform->space_load(&kernel_space);
}
