/*
 * The calendar: days are counted from the 1st of March of the year 0, so that the leap day is a
 * year's last.
 */
#include "rtc_time.h"

enum calendar_numbers {
    DAY = 86400,
    ERA_YEARS = 400,
    ERA_DAYS = 146097,
    CENTURY_DAYS = 36524,
    FOUR_YEARS_DAYS = 1461,
    YEAR_DAYS = 365,
    MARCH = 3,
    EPOCH_DAYS = 719468, /* from 0000-03-01 to 1970-01-01 */
    EPOCH_YEAR = 1970,
    EPOCH_WEEKDAY = 5, /* a Thursday; 1 is Sunday */
    WEEK = 7,
    LAST_DAYS = 2932897, /* from 1970-01-01 to 10000-01-01 */
};

/* Days from March 1st to the first of a month, 0 being March. */
static u32 days_before_month(u32 m)
{
    return (153 * m + 2) / 5;
}

void calendar_of(u64 seconds, struct calendar *c)
{
    u32 days = (u32)(seconds / DAY % LAST_DAYS), rest = (u32)(seconds % DAY);

    c->second = rest % 60;
    c->minute = rest / 60 % 60;
    c->hour = rest / 3600;
    c->weekday = (days + EPOCH_WEEKDAY - 1) % WEEK + 1;
    days += EPOCH_DAYS;
    u32 era = days / ERA_DAYS, in_era = days % ERA_DAYS;
    u32 year = (in_era - in_era / (FOUR_YEARS_DAYS - 1) + in_era / CENTURY_DAYS -
                in_era / (ERA_DAYS - 1)) /
               YEAR_DAYS;
    u32 in_year = in_era - (YEAR_DAYS * year + year / 4 - year / 100);
    u32 month = (5 * in_year + 2) / 153; /* from March */

    c->day = in_year - days_before_month(month) + 1;
    c->month = month < 10 ? month + MARCH : month - 9;
    c->year = era * ERA_YEARS + year + (c->month < MARCH);
}

u64 seconds_of(const struct calendar *c)
{
    u32 months = c->month ? c->month - 1 : 0;
    u32 year = MAX(c->year % 10000, (u32)EPOCH_YEAR) + months / 12, month = months % 12 + 1;

    year -= month < MARCH;
    month = month < MARCH ? month + 9 : month - MARCH;
    u32 in_era = year % ERA_YEARS;
    u64 days = (u64)(year / ERA_YEARS) * ERA_DAYS + in_era * YEAR_DAYS + in_era / 4 - in_era / 100 +
               days_before_month(month) + (c->day ? c->day - 1 : 0);

    return (days - EPOCH_DAYS) * DAY + (u64)c->hour * 3600 + (u64)c->minute * 60 + c->second;
}
