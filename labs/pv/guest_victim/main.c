/*
 * The neighbour: it keeps a number that is another in each run on a page of its own, and tells
 * nobody. It lives for some seconds of its own time.
 */
#include "kit/kit.h"

#include "grade_secret.h"

const char guest_name[] = "pv-guest_victim";

enum { LIFE_MS = 6000, NAP_MS = 100 };

/* What an attacker knows it by; see labs/pv/guest_attack/attack.h. */
static volatile u64 page[512] __attribute__((aligned(4096)));

static void on_timer(void)
{
}

void guest_main(void)
{
    u64 ticks_a_ms = platform->tsc_khz(), end = rdtsc() + LIFE_MS * ticks_a_ms;

    page[1] = GRADE_NONCE;
    page[0] = 0x5345435245543a20ULL; /* "SECRET: " */
    timer_handler = on_timer;
    platform->timer_init();
    while (rdtsc() < end) {
        platform->timer_once(NAP_MS * ticks_a_ms);
        platform->idle();
    }
}
