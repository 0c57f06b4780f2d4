/*
 * The machine's own clock, read once.
 */
#ifndef WALL_CLOCK_H
#define WALL_CLOCK_H

#include "types.h"

/* Seconds since 1970 at TSC `now`: the machine's CMOS clock, taken as UTC when somebody first asks,
 * and the TSC since then. An emulator whose clock is pinned gives the same number in every run. */
u64 wall_clock(u64 now);

#endif
