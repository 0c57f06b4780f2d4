/*
 * The hypervisor's log of written pages, read by the guest itself: after each round it must name
 * the pages written since it was read, and no other, whatever the round did in between.
 */
#include "devices/devices.h"

#include "public/trivisor.h"

enum { PAGES = 256, WORDS = PAGE_SIZE / sizeof(u64), ROUNDS = 6, ERROR_BUSY = 16 };

static u64 *memory;         /* PAGES of them */
static bool written[PAGES]; /* since the log was read */

static void write_page(unsigned i)
{
    *(volatile u64 *)(memory + (u64)i * WORDS + i) = i;
    written[i] = true;
}

static unsigned wrong_bits(void)
{
    unsigned wrong = 0;

    for (unsigned i = 0; i < PAGES; i += TRIVISOR_DIRTY_FRAMES) {
        s64 bits = platform->trivisor(TRIVISOR_DIRTY_READ,
                                      (u64)(memory + (u64)i * WORDS) >> PAGE_SHIFT, 0);
        for (unsigned k = 0; k < TRIVISOR_DIRTY_FRAMES; k++) {
            wrong += bits < 0 || (bits >> k & 1) != written[i + k];
            written[i + k] = false;
        }
    }
    return wrong;
}

void check_dirty_log(void)
{
    memory = memory_take(PAGES * PAGE_SIZE, PAGE_SIZE);
    for (unsigned i = 0; i < PAGES; i++)
        write_page(i);
    check_equal("dirty log: on", 0, (u64)platform->trivisor(TRIVISOR_DIRTY_START, 0, 0));
    check_equal("dirty log: it is on", (u64)-ERROR_BUSY,
                (u64)platform->trivisor(TRIVISOR_DIRTY_START, 0, 0));
    memset(written, 0, sizeof(written));
    for (unsigned round = 1; round <= ROUNDS; round++) {
        for (unsigned i = round; i < PAGES; i += round * 3)
            write_page(i);
        for (unsigned i = 0; i < PAGES; i++) /* reading leaves no trace */
            check_quietly(memory[(u64)i * WORDS + i] == i);
        check_equal("dirty log: bits that are wrong", 0, wrong_bits());
    }
    check_equal("dirty log: nothing written", 0, wrong_bits());
    check_quiet_end("dirty log: the pages keep their contents");
    check_equal("dirty log: off", 0, (u64)platform->trivisor(TRIVISOR_DIRTY_STOP, 0, 0));
}
