/*
 * The accessed log over 2 MiB: it names the pages that were used since it was read, by reads,
 * writes or fetches, and no other.
 */
#include "stage2.h"

enum { PAGES = LARGE_PAGE_SIZE / PAGE_SIZE, WORDS = PAGE_SIZE / sizeof(u64), ROUNDS = 6 };

static u64 *memory;
static bool used[PAGES]; /* since the log was read */

static volatile u64 *word_of(unsigned i)
{
    return memory + (u64)i * WORDS;
}

static void use(unsigned i, bool write)
{
    if (write)
        *word_of(i) = i;
    else
        (void)*word_of(i);
    used[i] = true;
}

static unsigned wrong_bits(void)
{
    unsigned wrong = 0;

    for (unsigned i = 0; i < PAGES; i += TRIVISOR_DIRTY_FRAMES) {
        u64 bits = command(TRIVISOR_ACCESSED_READ, (u64)word_of(i) >> PAGE_SHIFT);
        for (unsigned k = 0; k < TRIVISOR_DIRTY_FRAMES; k++) {
            wrong += (bits >> k & 1) != used[i + k] || bits >> TRIVISOR_DIRTY_FRAMES;
            used[i + k] = false;
        }
    }
    return wrong;
}

/* How many frames of all its memory the guest has used since they were last read. */
static u64 working_set(void)
{
    u64 frames = 0, end = ((u64)word_of(0) + LARGE_PAGE_SIZE) >> PAGE_SHIFT;

    for (u64 gfn = 0; gfn < end; gfn += TRIVISOR_DIRTY_FRAMES)
        for (u64 bits = command(TRIVISOR_ACCESSED_READ, gfn); bits; bits &= bits - 1)
            frames++;
    return frames;
}

void check_accessed(void)
{
    u64 small, large;

    memory = memory_take(LARGE_PAGE_SIZE, LARGE_PAGE_SIZE);
    memset(memory, 0, LARGE_PAGE_SIZE);
    check_equal("accessed log: off", (u64)-ERROR_INVALID, command(TRIVISOR_ACCESSED_READ, 0));
    check_equal("accessed log: on", 0, command(TRIVISOR_ACCESSED_START, 0));
    check_equal("accessed log: it is on", (u64)-ERROR_BUSY, command(TRIVISOR_ACCESSED_START, 0));
    check_equal("accessed log: nothing used", 0, wrong_bits());
    for (unsigned round = 1; round <= ROUNDS; round++) {
        for (unsigned i = round; i < PAGES; i += round * 5)
            use(i, round & 1);
        check_equal("accessed log: wrong bits", 0, wrong_bits());
    }
    working_set();
    small = working_set();
    for (unsigned i = 0; i < PAGES; i += 2)
        use(i, false);
    large = working_set();
    check_equal("accessed log: what a loop over 256 pages adds", 256, large - small);
    figure_value("working_set", small, "frames");
    check_equal("accessed log: off again", 0, command(TRIVISOR_ACCESSED_STOP, 0));
    command(TRIVISOR_CHECK, 0);
}
