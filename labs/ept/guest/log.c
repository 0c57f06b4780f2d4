/*
 * The dirty log, as the guest itself can read it (public/trivisor.h).
 */
#include "judge.h"
#include "kit/kit.h"

#include "grade_guest.h"
#include "public/trivisor.h"

#define WHERE_SPLIT "ept.7: src/mmu-ept/stage2.c, stage2_split"
#define WHERE_START "ept.8: src/mmu-ept/dirty_log.c, physmap_dirty_start and make_clean"
#define WHERE_WRITE "ept.8: src/mmu-ept/dirty_log.c, first_write"
#define WHERE_READ  "ept.8: src/mmu-ept/dirty_log.c, physmap_dirty_read"

enum { WORDS = PAGE_SIZE / sizeof(u64), PAGES = 2 * LARGE_PAGE_SIZE / PAGE_SIZE, ROUNDS = 6 };
enum { AT_MOST = 4 };

static u64 *memory;           /* PAGES pages, in 2 MiB leaves if there are any */
static bool written[PAGES];   /* since the log was read */
static u64 value[PAGES], key; /* what the first word of each page is */

static volatile u64 *page(unsigned i)
{
    return memory + (u64)i * WORDS;
}

static void write_page(unsigned i)
{
    value[i] = key += 0x10001;
    *page(i) = value[i];
    written[i] = true;
}

static unsigned wrong_contents(void)
{
    unsigned wrong = 0;

    for (unsigned i = 0; i < PAGES; i++)
        wrong += *page(i) != value[i];
    return wrong;
}

/* Reads the log of all pages; how many of its bits are not as they should be. */
static unsigned wrong_bits(void)
{
    unsigned wrong = 0;

    for (unsigned i = 0; i < PAGES; i += TRIVISOR_DIRTY_FRAMES) {
        s64 bits = platform->trivisor(TRIVISOR_DIRTY_READ, (u64)page(i) >> PAGE_SHIFT, 0);
        for (unsigned k = 0; k < TRIVISOR_DIRTY_FRAMES; k++) {
            wrong += bits < 0 || (bits >> k & 1) != written[i + k];
            written[i + k] = false;
        }
    }
    return wrong;
}

static void start(void)
{
    grade_begin("log_split");
    for (unsigned i = 0; i < PAGES; i++)
        write_page(i);
    grade_equal("what TRIVISOR_DIRTY_START returned", 0,
                (u64)platform->trivisor(TRIVISOR_DIRTY_START, 0, 0), WHERE_START);
    for (unsigned i = 0; i < PAGES; i++)
        written[i] = false;
    grade_equal("pages of 4 MiB that have other contents now", 0, wrong_contents(), WHERE_SPLIT);
    grade_end();
}

static void bits(void)
{
    grade_begin("log_bits");
    grade_equal("wrong bits of 1024 before anything was written", 0, wrong_bits(), WHERE_START);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = random_u64() % 9; i < PAGES; i += 1 + random_u64() % 60)
            write_page(i);
        grade_equal("wrong bits of 1024 after some pages were written", 0, wrong_bits(),
                    WHERE_READ);
        grade_equal("wrong bits of 1024 when the log is read again", 0, wrong_bits(), WHERE_READ);
        grade_equal("pages with wrong contents", 0, wrong_contents(), WHERE_WRITE);
    }
    grade_end();
}

/* How many of all the pages it takes an exit to write to. */
static unsigned exits_of_writes(void)
{
    unsigned exits = 0;

    for (unsigned i = 0; i < PAGES; i++) {
        written[i] = true;
        exits += ticks_to_write(page(i), value[i]) > TICKS_OF_AN_EXIT;
    }
    return exits;
}

static void cost(void)
{
    grade_begin("log_cost");
    wrong_bits();
    grade_equal("first writes to 1024 pages that took the time of an exit", PAGES,
                exits_of_writes(), WHERE_READ);
    grade_true("of the second writes 4 at most", exits_of_writes() <= AT_MOST, WHERE_WRITE);
    grade_equal("what TRIVISOR_DIRTY_STOP returned", 0,
                (u64)platform->trivisor(TRIVISOR_DIRTY_STOP, 0, 0), WHERE_START);
    grade_true("of the writes after that 4 at most", exits_of_writes() <= AT_MOST, WHERE_WRITE);
    grade_equal("pages with wrong contents", 0, wrong_contents(), WHERE_WRITE);
    grade_end();
}

void test_log(void)
{
    memory = memory_take((u64)PAGES * PAGE_SIZE, LARGE_PAGE_SIZE);
    key = random_u64();
    start();
    bits();
    cost();
}
