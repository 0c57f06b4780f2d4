/*
 * The guest that judges the lab ept: it touches its memory, and looks at what it finds there, at
 * how long it took, and at what its own dirty log says. In the order of the exercises.
 */
#include "judge.h"
#include "kit/kit.h"

const char guest_name[] = "ept-guest";

static u64 state;

/* Marsaglia's xorshift. */
u64 random_u64(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

u64 ticks_to_read(const volatile u64 *p)
{
    u64 start = rdtsc();

    *p;
    return rdtsc() - start;
}

u64 ticks_to_write(volatile u64 *p, u64 value)
{
    u64 start = rdtsc();

    *p = value;
    return rdtsc() - start;
}

void guest_main(void)
{
    state = 0x9e3779b97f4a7c15ULL * (2 * boot_number("seed", 1) + 1);
    test_fill();
    test_log();
}
