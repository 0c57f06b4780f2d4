/*
 * Attacks that are the same everywhere: keeping the processor, and calls at random.
 */
#include "hostile/attack.h"

#include "kit/kit.h"

#include "public/trivisor.h"

enum { SPIN_MS = 50, GAP_TICKS = 100000 };

/* `cli; jmp .`, for five slices: another domain must run meanwhile. Returns 1 if the processor was
 * away for more than a moment at least once, or nobody else is there to need it. */
static s64 keep_the_processor(void)
{
    u64 end = rdtsc() + (u64)SPIN_MS * platform->tsc_khz(), last = rdtsc();
    unsigned gaps = 0;

    platform->irq_off();
    for (u64 now = last; now < end; last = now) {
        now = rdtsc();
        if (now - last > GAP_TICKS)
            gaps++;
    }
    platform->irq_on();
    return gaps > 0;
}
static struct outcome try_keep_the_processor(void)
{
    return probe(keep_the_processor);
}

static const struct attack attacks[] = {
    {"keeping the processor with interrupts off", SURVIVES, try_keep_the_processor, RETURNS(1), 0},
};
const struct attack_list common_attacks = {attacks, ARRAY_SIZE(attacks)};
