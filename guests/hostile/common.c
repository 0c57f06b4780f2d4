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

/*
 * The same with the moment chosen: an exit just before the slice ends, so that the clock runs out
 * while the hypervisor is on its way back into the guest. Returns how many moments kept the
 * processor for longer than two slices. When nobody else is left to run, there is nothing to see.
 */
enum { SLICE_MS = 10, EARLY_FIRST = 200, EARLY_LAST = 500, EARLY_STEP = 4 };

/* Spins until the processor was away, and returns when it came back; 0: it was not, for so long. */
static u64 spin_until_away(u64 longest)
{
    u64 start = rdtsc();

    for (u64 last = start, now; last - start < longest; last = now) {
        now = rdtsc();
        if (now - last > GAP_TICKS)
            return now;
    }
    return 0;
}
/* An exit that ends an overdue slice. False: nobody else wanted the processor. */
static bool exit_and_be_away(void)
{
    u64 before = rdtsc();

    platform->trivisor(TRIVISOR_NULL, 0, 0);
    return rdtsc() - before > GAP_TICKS;
}
static s64 slip_past_the_clock(void)
{
    u64 slice = (u64)SLICE_MS * platform->tsc_khz();
    s64 kept = 0;

    platform->irq_off();
    for (u64 early = EARLY_FIRST; early < EARLY_LAST; early += EARLY_STEP) {
        u64 begin = spin_until_away(4 * slice);
        if (!begin)
            break;
        while (rdtsc() < begin + slice - early)
            ;
        platform->trivisor(TRIVISOR_NULL, 0, 0);
        if (!spin_until_away(2 * slice) && exit_and_be_away())
            kept++;
    }
    platform->irq_on();
    return kept;
}
static struct outcome try_slip_past_the_clock(void)
{
    return probe(slip_past_the_clock);
}

static const struct attack attacks[] = {
    {"keeping the processor with interrupts off", SURVIVES, try_keep_the_processor, RETURNS(1), 0},
    {"an exit just before the slice ends", SURVIVES, try_slip_past_the_clock, RETURNS(0), 0},
};
const struct attack_list common_attacks = {attacks, ARRAY_SIZE(attacks)};
