/*
 * The processes: each touches its working set, one word in every cache line, and gives the
 * processor to the next one.
 */
#include "user_process.h"
#include "kit/user_kit.h"

struct switch_run user_run_record;

static __attribute__((noinline)) u64 touch(u64 bytes)
{
    u64 sum = 0;

    for (u64 at = 0; at < bytes; at += TOUCH_STRIDE)
        sum += *(volatile u64 *)(WORKING_SET + at);
    return sum;
}

u64 user_first(u64 unused)
{
    struct switch_run *run = &user_run_record;
    u64 start, sum = 0;

    (void)unused;
    touch(run->bytes);
    start = rdtsc();
    touch(run->bytes);
    run->touch_ticks = rdtsc() - start;
    system_call(SYS_YIELD, 0, 0); /* all have run once */
    for (unsigned s = 0; s < SWITCH_SAMPLES; s++) {
        start = rdtsc();
        for (unsigned r = 0; r < SWITCH_ROUNDS; r++) {
            sum = touch(run->bytes);
            system_call(SYS_YIELD, 0, 0);
        }
        run->ticks[s] = (rdtsc() - start) / (SWITCH_ROUNDS * run->processes);
    }
    return sum;
}

u64 user_other(u64 unused)
{
    (void)unused;
    for (;;) {
        touch(user_run_record.bytes);
        system_call(SYS_YIELD, 0, 0);
    }
}
