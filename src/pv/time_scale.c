/*
 * The scale of vcpu_time_info.
 */
#include "time_scale.h"

/* The rate is brought between 1 and 2 ticks a nanosecond, so that mul keeps 31 bits. */
struct time_scale time_scale_of(u64 tsc_khz)
{
    const u64 second = 1000000000;
    struct time_scale s = {0, 0};
    u64 hz = tsc_khz * 1000;

    while (hz > 2 * second) {
        hz >>= 1;
        s.shift--;
    }
    while (hz <= second) {
        hz <<= 1;
        s.shift++;
    }
    s.mul = (u32)((second << 32) / hz);
    return s;
}
