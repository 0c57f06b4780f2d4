/*
 * The dirty log over 4 MiB: it names the pages that were written since it was read, and no other;
 * what the first write to a page costs depends on who keeps it.
 */
#include "stage2.h"

enum { PAGES = 2 * LARGE_PAGE_SIZE / PAGE_SIZE, WORDS = PAGE_SIZE / sizeof(u64), ROUNDS = 6 };
/* Exits of other kinds that may come in between: a timer, a slice. */
enum { AT_MOST = 4, PROCESSOR_LOG = 512 };

static u64 *memory;         /* PAGES of them, in leaves of 2 MiB */
static bool written[PAGES]; /* since the log was read */
static u64 next;

static volatile u64 *word_of(unsigned i)
{
    return memory + (u64)i * WORDS + i % WORDS;
}

/* Whether the write took the time of an exit. */
static bool write_page(unsigned i)
{
    u64 start = rdtsc();

    *word_of(i) = i;
    written[i] = true;
    return rdtsc() - start > TICKS_OF_AN_EXIT;
}

static unsigned write_all(void)
{
    unsigned exits = 0;

    for (unsigned i = 0; i < PAGES; i++)
        exits += write_page(i);
    return exits;
}

static unsigned wrong_bits(void)
{
    unsigned wrong = 0;

    for (unsigned i = 0; i < PAGES; i += TRIVISOR_DIRTY_FRAMES) {
        u64 bits = command(TRIVISOR_DIRTY_READ, (u64)(memory + (u64)i * WORDS) >> PAGE_SHIFT);
        for (unsigned k = 0; k < TRIVISOR_DIRTY_FRAMES; k++) {
            wrong += (bits >> k & 1) != written[i + k] || bits >> TRIVISOR_DIRTY_FRAMES;
            written[i + k] = false;
        }
    }
    return wrong;
}

static unsigned wrong_contents(void)
{
    unsigned wrong = 0;

    for (unsigned i = 0; i < PAGES; i++)
        wrong += *word_of(i) != i;
    return wrong;
}

static void rounds(void)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = next++ % 9; i < PAGES; i += 1 + (i * 7 + round) % 23)
            write_page(i);
        check_equal("dirty log: wrong contents", 0, wrong_contents()); /* reads leave no trace */
        check_equal("dirty log: wrong bits", 0, wrong_bits());
    }
    check_equal("dirty log: wrong bits, nothing written", 0, wrong_bits());
}

static void cost(bool pml)
{
    unsigned exits = write_all();

    if (pml)
        check("dirty log: exits of the processor's own log",
              exits && exits <= PAGES / PROCESSOR_LOG + AT_MOST);
    else
        check("dirty log: exits of first writes", exits >= PAGES && exits <= PAGES + AT_MOST);
    figure_value("exits_of_1024_first_writes", exits, "exits");
    check("dirty log: exits of second writes", write_all() <= AT_MOST);
    check_equal("dirty log: wrong bits, all written", 0, wrong_bits());
}

void check_dirty(bool pml)
{
    if (!memory)
        memory = memory_take((u64)PAGES * PAGE_SIZE, LARGE_PAGE_SIZE);
    write_all();
    check_equal("dirty log: off", (u64)-ERROR_INVALID, command(TRIVISOR_DIRTY_READ, 0));
    check_equal("dirty log: on", 0, command(TRIVISOR_DIRTY_START, 0));
    check_equal("dirty log: it is on", (u64)-ERROR_BUSY, command(TRIVISOR_DIRTY_START, 0));
    memset(written, 0, sizeof(written));
    rounds();
    cost(pml);
    check_equal("dirty log: off again", 0, command(TRIVISOR_DIRTY_STOP, 0));
    check("dirty log: exits of writes when it is off", write_all() <= AT_MOST || !pml);
    check_equal("dirty log: wrong contents at the end", 0, wrong_contents());
    command(TRIVISOR_CHECK, 0);
}
