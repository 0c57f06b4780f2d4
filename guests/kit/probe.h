/* Measuring the way to a trap handler and back: see probe_traps.asm. */
#ifndef KIT_PROBE_H
#define KIT_PROBE_H

#include "kit/types.h"

extern u64 probe_ticks, probe_resume, probe_round;

u64 probe_read(u64 va);
u64 probe_write(u64 va);
u64 probe_breakpoint(u64 unused);
u64 probe_divide(u64 unused);
u64 probe_undefined(u64 unused);
/* Ticks between two readings with nothing between them. */
u64 probe_nothing(void);

#endif
