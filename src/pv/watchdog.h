/*
 * What sched_op does for a domain as a whole: its end, and its watchdogs.
 */
#ifndef PV_WATCHDOG_H
#define PV_WATCHDOG_H

#include "pv.h"

/* SCHEDOP_watchdog: a number, 0, -EINVAL (no such number, or nobody has taken it), -ENOSPC. */
s64 pv_watchdog(struct domain *d, u32 number, u32 seconds);
/* Ends the domain for this reason (SHUTDOWN_*), or for the one that it has said before. */
void pv_shutdown(struct domain *d, u8 reason);

#endif
