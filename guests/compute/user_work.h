/* The user side of `compute`. */
#ifndef USER_WORK_H
#define USER_WORK_H

#include "kit/types.h"

enum work_limits { WORK_SAMPLES = 9 };
enum work_memory { WORK_BYTES = 256 << 10 };
#define WORK_MEMORY 0xa000000000ULL /* WORK_BYTES of memory, user address */

struct work_samples {
    u64 ticks[WORK_SAMPLES];
    u64 answer[WORK_SAMPLES];
};
extern struct work_samples user_samples;

/* Programs: WORK_SAMPLES times the same work; they fill user_samples. The argument is the seed. */
u64 user_integer(u64 seed);
u64 user_sse(u64 seed);
u64 user_memory(u64 seed);
/* Holds values of its own in all registers of SSE and the x87, HOLD_SPINS loops long, and looks
 * whether they are still there: in as many rounds as the argument says in its high half; its low
 * half is the seed. Returns how many were wrong. */
u64 user_hold(u64 argument);
enum hold { HELD_WORDS = 8 + 16 * 2, HOLD_SPINS = 100000 };
u32 hold_registers(const u64 *in, u64 *out, u64 spins, u32 control);

#endif
