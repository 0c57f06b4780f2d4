/* The parts of the guest events. */
#ifndef EVENTS_H
#define EVENTS_H

#include "kit/kit.h"

/* debug.c: single steps, breakpoints, the debug registers' guard. */
void check_debug(void);
/* nested.c: exceptions while delivering exceptions, RF. */
void check_nested(void);
/* interrupts.c: NMIs, priorities, shadows and windows. */
void check_interrupts(void);

#endif
