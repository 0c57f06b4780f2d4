/*
 * HLT: the timer wakes it, once, and the guest goes on behind it; an interrupt that is pending
 * already lets it not sleep at all.
 */
#include "judge.h"

#include "grade_guest.h"
#include "kit/kit.h"

enum sleep {
    SLEEP_TICKS = 200000,
    SOON_TICKS = 2000,
    PENDING_TICKS = 20000,
    LATE_TICKS = 20000,
    NAPS = 3
};

static volatile u64 interrupts;

static void on_timer(void)
{
    interrupts++;
}

/* Sleeps until the timer; the ticks that it took. */
static u64 nap(u64 ticks)
{
    u64 start = rdtsc();

    platform->timer_once(ticks);
    platform->idle();
    return rdtsc() - start;
}

static void wakes(void)
{
    judge_begin("hlt_wakes", "src/cpu/exits.c: on_hlt");
    for (unsigned i = 1; i <= NAPS; i++) {
        u64 slept = nap(SLEEP_TICKS);

        judge_equal("timer interrupts behind so many sleeps", i, interrupts);
        judge_equal("it slept as long as the timer was set to, or longer", true,
                    slept >= SLEEP_TICKS - SOON_TICKS);
        judge_equal("it woke within 20000 ticks of the timer", true,
                    slept < SLEEP_TICKS + LATE_TICKS);
    }
    grade_end();
}

static void pending(void)
{
    u64 start;

    judge_begin("hlt_pending", "src/cpu/exits.c: on_hlt when event_pending");
    interrupts = 0;
    platform->timer_once(SOON_TICKS);
    for (start = rdtsc(); rdtsc() - start < PENDING_TICKS;)
        pause();
    judge_equal("interrupts while they are off", 0, interrupts);
    start = rdtsc();
    platform->idle();
    judge_equal("interrupts behind STI and HLT with one pending", 1, interrupts);
    judge_equal("it came at once", true, rdtsc() - start < LATE_TICKS);
    grade_end();
}

void test_sleep(void)
{
    timer_handler = on_timer;
    platform->timer_init();
    wakes();
    pending();
    platform->timer_stop();
}
