/* The user side of `syscall`. */
#ifndef USER_CALLS_H
#define USER_CALLS_H

#include "kit/types.h"

enum user_calls_limits { CALL_SAMPLES = 33 };

/* Results, in user memory: the kernel reads them where they lie in the image. */
struct call_samples {
    u64 entry[CALL_SAMPLES]; /* ticks to the handler's first instruction; overhead included */
    u64 round[CALL_SAMPLES]; /* ticks until back */
    u64 wrong;               /* calls that did not answer what they should */
};
extern struct call_samples user_samples;

/* Programs: each makes CALL_SAMPLES calls. The _probe ones use SYS_PROBE and fill both columns;
 * _null: SYS_NULL through the whole kit, `round` only; user_nothing measures the harness. */
u64 user_syscall_probe(u64 unused);
u64 user_syscall_null(u64 unused);
u64 user_int_probe(u64 unused);
u64 user_int_null(u64 unused);
u64 user_nothing(u64 unused);
/* Returns the sum of its argument and what registers survived a system call (0 if all did). */
u64 user_registers(u64 argument);

#endif
