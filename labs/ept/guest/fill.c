/*
 * Memory on first touch: it is zero, it keeps what is written to it, it ends where it should, and
 * it comes 2 MiB at a time.
 */
#include "judge.h"
#include "kit/kit.h"

#include "grade_guest.h"

#define WHERE_FILL  "ept.4 and ept.5: src/mmu-ept/physmap_ept.c, paging_ept.c"
#define WHERE_END   "ept.5: src/mmu-ept/paging_ept.c, paging_fault"
#define WHERE_LARGE "ept.6: src/mmu-ept/physmap_ept.c, make_large"

enum { WORDS = PAGE_SIZE / sizeof(u64), PAGES_2M = LARGE_PAGE_SIZE / PAGE_SIZE };
enum { TOUCHED = 60, SPREAD = 5 * LARGE_PAGE_SIZE, AT_MOST = 4 };

static u64 *spread; /* memory that nothing has touched yet */

static volatile u64 *page_of(unsigned i)
{
    return spread + (u64)i * WORDS * (SPREAD / PAGE_SIZE / TOUCHED);
}

static void first_touch(void)
{
    u64 dirt = 0;

    grade_begin("first_touch");
    for (unsigned i = 0; i < TOUCHED; i++)
        for (unsigned word = 0; word < WORDS; word++)
            dirt |= page_of(i)[word];
    grade_equal("all the bits that were set in 60 pages never touched", 0, dirt, WHERE_FILL);
    grade_end();
}

static void contents(void)
{
    unsigned wrong = 0;
    u64 key = random_u64();

    grade_begin("contents");
    for (unsigned i = 0; i < TOUCHED; i++)
        page_of(i)[i] = page_of(i)[WORDS - 1] = key + i;
    for (unsigned i = 0; i < TOUCHED; i++)
        wrong += page_of(i)[i] != key + i || page_of(i)[WORDS - 1] != key + i;
    grade_equal("pages of 60 that lost what was written to them", 0, wrong, WHERE_FILL);
    grade_end();
}

static void end_of_memory(void)
{
    volatile u64 *end = (volatile u64 *)boot_info.free_end; /* of the highest RAM */

    grade_begin("end_of_memory");
    end[-1] = 0x5a5a;
    grade_equal("the last word of RAM", 0x5a5a, end[-1], WHERE_END);
    grade_equal("the word behind the RAM, where nobody is", ~0ULL, end[0], WHERE_END);
    end[0] = 1;
    grade_equal("the same after writing to it", ~0ULL, end[0], WHERE_END);
    grade_equal("the last word of RAM after that", 0x5a5a, end[-1], WHERE_END);
    grade_end();
}

static void large(void)
{
    u64 *memory = memory_take(LARGE_PAGE_SIZE, LARGE_PAGE_SIZE);
    unsigned exits = 0;

    grade_begin("large");
    for (unsigned i = 0; i < PAGES_2M; i++)
        exits += ticks_to_read(memory + (i * 37 % PAGES_2M) * WORDS) > TICKS_OF_AN_EXIT;
    grade_true("the first touch of some page took the time of an exit", exits, WHERE_LARGE);
    grade_equal("exits beyond the first 4 while 512 pages of 2 MiB were touched", 0,
                exits > AT_MOST ? exits - AT_MOST : 0, WHERE_LARGE);
    grade_end();
}

void test_fill(void)
{
    spread = memory_take(SPREAD, LARGE_PAGE_SIZE);
    first_touch();
    contents();
    end_of_memory();
    large();
}
