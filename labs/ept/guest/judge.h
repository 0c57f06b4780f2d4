/* What the files of the guest share. */
#ifndef JUDGE_H
#define JUDGE_H

#include "kit/types.h"

/* More than the access itself takes with nothing in its way, less than any exit does. */
enum { TICKS_OF_AN_EXIT = 60 };

/* Different from call to call, the same in each run. */
u64 random_u64(void);
/* Ticks of one read, or one write, at p. */
u64 ticks_to_read(const volatile u64 *p);
u64 ticks_to_write(volatile u64 *p, u64 value);

/* fill.c */
void test_fill(void);
/* log.c */
void test_log(void);

#endif
