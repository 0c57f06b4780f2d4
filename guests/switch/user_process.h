/* The user side of `switch`. */
#ifndef USER_PROCESS_H
#define USER_PROCESS_H

#include "kit/types.h"

enum process_limits { SWITCH_SAMPLES = 9, SWITCH_ROUNDS = 4, TOUCH_STRIDE = 64 };
#define WORKING_SET 0xa000000000ULL /* each process's own memory */

/* What the kernel asks for, and what the first process found. */
struct switch_run {
    u64 bytes;                 /* of the working set */
    u64 processes;             /* how many take turns */
    u64 touch_ticks;           /* the working set touched once, without a switch */
    u64 ticks[SWITCH_SAMPLES]; /* a switch, the touching of the next working set included */
};
extern struct switch_run user_run_record;

/* The first process: takes the time of SWITCH_ROUNDS rounds of all; returns the sum of its set. */
u64 user_first(u64 unused);
/* The others: touch and yield for ever. */
u64 user_other(u64 unused);

#endif
