/*
 * Seconds since 1970-01-01 00:00:00, and the calendar of the clock chip.
 */
#ifndef RTC_TIME_H
#define RTC_TIME_H

#include "types.h"

struct calendar {
    u32 second, minute, hour; /* 0 to 59, 59, 23 */
    u32 weekday;              /* 1: Sunday */
    u32 day, month;           /* 1 to 31, 1 to 12 */
    u32 year;                 /* 1970 to 9999 */
};

/* The calendar of a second. After the year 9999 it begins again at 1970. */
void calendar_of(u64 seconds, struct calendar *c);
/* The second of a calendar (weekday does not count). What is out of range counts on: the 31st of
 * February is the 2nd or 3rd of March. Any values may be given. */
u64 seconds_of(const struct calendar *c);

#endif
