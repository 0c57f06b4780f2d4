/*
 * The guest that judges the lab trap: it does what makes the processor exit and looks at what comes
 * back. The tests are in the order of the exercises, so that a hypervisor that can do only the
 * first ones gets as far as it can.
 */
#include "judge.h"
#include "kit/kit.h"

#include "grade_guest.h"

const char guest_name[] = "trap-guest";

static const char *where_to_look;
static u64 state;

void judge_begin(const char *test, const char *where)
{
    where_to_look = where;
    grade_begin(test);
}

bool judge_equal(const char *what, u64 expected, u64 got)
{
    return grade_equal(what, expected, got, where_to_look);
}

/* Marsaglia's xorshift. */
u64 random_u64(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

void guest_main(void)
{
    state = 0x9e3779b97f4a7c15ULL * (2 * boot_number("seed", 1) + 1);
    test_cpuid();
    test_ports();
    test_msrs();
    test_addresses();
    test_sleep();
}
