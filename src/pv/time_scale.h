/*
 * How a guest turns TSC ticks into nanoseconds: ns = ((ticks << shift) * mul) >> 32, a shift to the
 * right if it is negative. Source: xen/xen.h, struct vcpu_time_info.
 */
#ifndef TIME_SCALE_H
#define TIME_SCALE_H

#include "types.h"

struct time_scale {
    u32 mul;  /* fraction of 2^32 */
    s8 shift; /* before the multiplication */
};

/* Of a TSC with this rate, not 0. */
struct time_scale time_scale_of(u64 tsc_khz);

#endif
