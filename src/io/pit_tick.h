/*
 * Channel 0's ticks, beside pit.c.
 */
#ifndef PIT_TICK_H
#define PIT_TICK_H

#include "pit.h"

/* "Mode Definitions" */
enum pit_mode {
    PIT_TERMINAL,         /* interrupt on terminal count */
    PIT_ONE_SHOT,         /* hardware retriggerable one-shot */
    PIT_RATE,             /* rate generator */
    PIT_SQUARE,           /* square wave */
    PIT_STROBE,           /* software triggered strobe */
    PIT_TRIGGERED_STROBE, /* hardware triggered strobe */
};

void pit_tick_init(struct pit *p);
/* The PIT's clock at TSC `now`. */
u64 pit_clock(const struct pit *p, u64 now);
/* A command has stopped channel 0. */
void pit_tick_stop(struct pit *p);
/* A count has been written to channel 0; `later`: it waits for the end of the period. */
void pit_tick_loaded(struct pit *p, bool later);
/* Sets the timer for the next tick, if there is one. */
void pit_tick_arm(struct pit *p, u64 now);

#endif
