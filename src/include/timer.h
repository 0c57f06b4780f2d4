/*
 * Timers of one processor, in TSC ticks, and the TSC's rate.
 */
#ifndef TIMER_H
#define TIMER_H

#include "pcpu.h"
#include "types.h"
#include "vcpu.h"

/* TSC ticks in a millisecond, calibrated at boot against the PIT (50000 under our bochsrc). */
extern u64 tsc_khz;

/* Calibrates and readies the processor's own timer interrupt. */
void timer_init(void);
/* (Re)arms t to fire at TSC `deadline`, never before. */
void timer_set(struct timer *t, u64 deadline);
void timer_cancel(struct timer *t);
/* The earliest deadline, or ~0. */
static inline u64 timer_next(void)
{
    const struct timer *t = this_pcpu()->timers;

    return t ? t->deadline : ~0ULL;
}
/* Fires all that are due. */
void timer_run(u64 now);
/* Arms the machine's own timer interrupt to arrive at TSC `deadline` (0: never). */
void timer_arm_hardware(u64 deadline);

static inline u64 us_to_ticks(u64 us)
{
    return us * tsc_khz / 1000;
}
/* Nanoseconds since boot, as guests see them (system time). */
u64 system_time_ns(u64 tsc);
u64 system_time_to_tsc(u64 ns);

#endif
