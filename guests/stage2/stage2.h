/* The parts of the guest `stage2`. */
#ifndef STAGE2_GUEST_H
#define STAGE2_GUEST_H

#include "kit/kit.h"

#include "public/trivisor.h"

/* More than an access takes with nothing in its way, less than any exit does. */
enum { TICKS_OF_AN_EXIT = 60 };
/* Negative answers ("errno.h" of the hypervisor). */
enum { ERROR_BUSY = 16, ERROR_INVALID = 22, ERROR_NO_SYSTEM = 38 };

/* The answer of a command, as a number to compare. */
static inline u64 command(u64 number, u64 argument)
{
    return (u64)platform->trivisor(number, argument, 0);
}

/* dirty.c: the dirty log; `pml`: the domain's is the processor's. */
void check_dirty(bool pml);
/* accessed.c */
void check_accessed(void);
/* execute.c */
void check_execute_only(void);

#endif
