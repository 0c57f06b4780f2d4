/*
 * The crystal of a device: clocks of a fixed rate, computed from the TSC.
 */
#ifndef DEVICE_CLOCK_H
#define DEVICE_CLOCK_H

#include "timer.h"
#include "types.h"

enum { DEVICE_CLOCK_SHIFT = 41 };

struct device_clock {
    u64 epoch; /* TSC of clock 0 */
    u64 rate;  /* clocks in a TSC tick, a fraction of 2^DEVICE_CLOCK_SHIFT */
    u64 hz;    /* clocks in a second, below 2^22 */
};

static inline void device_clock_init(struct device_clock *c, u64 hz, u64 now)
{
    c->epoch = now;
    c->hz = hz;
    c->rate = (hz << DEVICE_CLOCK_SHIFT) / (tsc_khz * 1000);
}

/* Clocks since the epoch, whole and their fraction of 2^DEVICE_CLOCK_SHIFT. */
static inline u64 device_clock_at(const struct device_clock *c, u64 now)
{
    return (u64)((unsigned __int128)(now - c->epoch) * c->rate >> DEVICE_CLOCK_SHIFT);
}
static inline u64 device_clock_fraction(const struct device_clock *c, u64 now)
{
    return (now - c->epoch) * c->rate & ((1ULL << DEVICE_CLOCK_SHIFT) - 1);
}

/* The TSC at which `wait` more clocks will have begun, at most 2^28 of them: within two ticks, and
 * a billionth of the time. Who must not be early looks again then. */
static inline u64 device_clock_deadline(const struct device_clock *c, u64 now, u64 wait)
{
    u64 first = ((1ULL << DEVICE_CLOCK_SHIFT) - device_clock_fraction(c, now)) / c->rate + 1;

    return wait ? now + first + (wait - 1) * (tsc_khz * 1000) / c->hz + 1 : now;
}

#endif
