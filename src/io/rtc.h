/*
 * The real-time clock and its CMOS memory. Source: the MC146818A data sheet.
 */
#ifndef RTC_H
#define RTC_H

#include "device_clock.h"
#include "types.h"
#include "vcpu.h"

struct domain;

enum rtc_limits { CMOS_BYTES = 128, RTC_TIME_BYTES = 10 };

struct rtc {
    struct domain *domain;     /* whose */
    struct timer timer;        /* the next interrupt */
    struct device_clock clock; /* its crystal */
    u64 base;                  /* seconds since 1970 at clock 0 */
    u64 seen;                  /* clock up to which `flags` is true */
    u8 index;                  /* the register that port 0x71 reaches */
    u8 flags;                  /* register C, without IRQF */
    u8 held[RTC_TIME_BYTES];   /* the time registers while SET stops them */
    u8 held_century;           /* and the century's */
    u8 cmos[CMOS_BYTES];       /* registers A and B, the alarm, and memory */
};

/* A clock that shows `seconds` since 1970 at TSC `now`; memory: bytes of RAM that the CMOS tells
 * of. */
void rtc_init(struct rtc *r, struct domain *d, u64 now, u64 seconds, u64 memory);
/* The ports 0x70 and 0x71. */
u8 rtc_read(struct rtc *r, u16 port, u64 now);
void rtc_write(struct rtc *r, u16 port, u8 value, u64 now);

#endif
