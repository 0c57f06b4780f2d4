/* Arguments at random, with a preference for those that are at some edge. */
#ifndef HOSTILE_RANDOM_CALLS_H
#define HOSTILE_RANDOM_CALLS_H

#include "kit/types.h"

u64 random_argument(void);
/* An address in memory that nobody needs. */
u64 random_place(void);
/* One hypercall at random (PV). */
void random_call_pv(unsigned i);

#endif
