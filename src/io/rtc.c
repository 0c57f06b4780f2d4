/*
 * The clock chip. Time is computed when somebody asks: the machine's wall clock at boot and the
 * TSC since then.
 *
 * Update in progress (register A, bit 7) is set for the 244 us before each new second, which is
 * what the chip promises: who reads 0 has that long. The update itself takes no time.
 *
 * Late interrupts: the line stays high until register C is read, so that however many periods went
 * by, they are one; the flags are kept exactly all the same. A timer is set only for an interrupt
 * that is enabled and not yet raised.
 */
#include "rtc.h"

#include "bytes.h"
#include "devices.h"
#include "domain.h"
#include "errno.h"
#include "io_space.h"
#include "irq.h"
#include "rtc_time.h"
#include "sched.h"
#include "timer.h"
#include "trace.h"
#include "wall_clock.h"

enum rtc_ports { RTC_BASE = 0x70, RTC_PORTS = 2, INDEX_MASK = 0x7f };

/* "Address Map" */
enum rtc_register {
    RTC_SECOND,
    RTC_SECOND_ALARM,
    RTC_MINUTE,
    RTC_MINUTE_ALARM,
    RTC_HOUR,
    RTC_HOUR_ALARM,
    RTC_WEEKDAY,
    RTC_DAY,
    RTC_MONTH,
    RTC_YEAR,
    RTC_A,
    RTC_B,
    RTC_C,
    RTC_D,
    /* The PC's use of the memory */
    CMOS_BASE_LOW = 0x15,     /* KiB below 1 MiB */
    CMOS_EXTENDED_LOW = 0x17, /* KiB from 1 MiB, at most 63 MiB */
    CMOS_EXTENDED_COPY = 0x30,
    CMOS_CENTURY = 0x32,
    CMOS_ABOVE_16M = 0x34, /* units of 64 KiB */
};
enum rtc_bits {
    A_UIP = 1 << 7,
    A_RATE = 0xf,
    A_RESET = 0x26, /* the divider runs, 1024 Hz */
    B_SET = 1 << 7,
    B_PIE = 1 << 6, /* as the flags of C: */
    B_AIE = 1 << 5,
    B_UIE = 1 << 4,
    B_BINARY = 1 << 2,
    B_24 = 1 << 1,
    C_IRQF = 1 << 7,
    C_FLAGS = B_PIE | B_AIE | B_UIE,
    D_VALID = 1 << 7,
    HOUR_PM = 1 << 7,
    ALARM_ANY = 0xc0, /* "don't care" */
};
enum rtc_numbers {
    CLOCK_SHIFT = 15, /* 32768 Hz */
    CLOCK_HZ = 1 << CLOCK_SHIFT,
    UIP_CLOCKS = 8,
    LONGEST_WAIT = 3600 * CLOCK_HZ,
    DAY = 86400,
    BASE_KIB = 640,
    EXTENDED_MOST = 0xfc00,
};

static u64 clock_of(const struct rtc *r, u64 now)
{
    return device_clock_at(&r->clock, now);
}

static u64 seconds(const struct rtc *r, u64 now)
{
    return r->base + (clock_of(r, now) >> CLOCK_SHIFT);
}

static void put16(struct rtc *r, unsigned at, u64 value)
{
    r->cmos[at] = (u8)value;
    r->cmos[at + 1] = (u8)(value >> 8);
}

static void fire(struct timer *t, u64 now);

void rtc_init(struct rtc *r, struct domain *d, u64 now, u64 start, u64 memory)
{
    u64 kib = memory >> 10;

    *r = (struct rtc){.domain = d, .base = start, .timer.fire = fire};
    device_clock_init(&r->clock, CLOCK_HZ, now);
    r->cmos[RTC_A] = A_RESET;
    r->cmos[RTC_B] = B_24;
    put16(r, CMOS_BASE_LOW, MIN(kib, (u64)BASE_KIB));
    put16(r, CMOS_EXTENDED_LOW, kib > 1024 ? MIN(kib - 1024, (u64)EXTENDED_MOST) : 0);
    put16(r, CMOS_EXTENDED_COPY, kib > 1024 ? MIN(kib - 1024, (u64)EXTENDED_MOST) : 0);
    put16(r, CMOS_ABOVE_16M, kib > 16384 ? MIN((kib - 16384) / 64, 0xffffULL) : 0);
}

static u8 encode(const struct rtc *r, u32 n)
{
    return (u8)(r->cmos[RTC_B] & B_BINARY ? n : n / 10 % 10 << 4 | n % 10);
}

static u32 decode(const struct rtc *r, u8 n)
{
    return r->cmos[RTC_B] & B_BINARY ? n : (n >> 4) * 10u + (n & 0xf);
}

static u8 encode_hour(const struct rtc *r, u32 hour)
{
    if (r->cmos[RTC_B] & B_24)
        return encode(r, hour);
    return encode(r, (hour + 11) % 12 + 1) | (hour >= 12 ? HOUR_PM : 0);
}

static u32 decode_hour(const struct rtc *r, u8 hour)
{
    if (r->cmos[RTC_B] & B_24)
        return decode(r, hour);
    return decode(r, hour & (u8)~HOUR_PM) % 12 + (hour & HOUR_PM ? 12 : 0);
}

/* The time registers as they are at `now`. */
static void take_time(struct rtc *r, u64 now)
{
    struct calendar c;

    calendar_of(seconds(r, now), &c);
    r->held[RTC_SECOND] = encode(r, c.second);
    r->held[RTC_MINUTE] = encode(r, c.minute);
    r->held[RTC_HOUR] = encode_hour(r, c.hour);
    r->held[RTC_WEEKDAY] = encode(r, c.weekday);
    r->held[RTC_DAY] = encode(r, c.day);
    r->held[RTC_MONTH] = encode(r, c.month);
    r->held[RTC_YEAR] = encode(r, c.year % 100);
    r->held_century = (u8)(c.year / 1000 % 10 << 4 | c.year / 100 % 10);
}

/* The clock goes on from the time registers. */
static void set_time(struct rtc *r, u64 now)
{
    u32 century = (r->held_century >> 4) * 10u + (r->held_century & 0xf);
    struct calendar c = {
        .second = decode(r, r->held[RTC_SECOND]),
        .minute = decode(r, r->held[RTC_MINUTE]),
        .hour = decode_hour(r, r->held[RTC_HOUR]),
        .day = decode(r, r->held[RTC_DAY]),
        .month = decode(r, r->held[RTC_MONTH]),
        .year = century * 100 + decode(r, r->held[RTC_YEAR]),
    };

    r->base = seconds_of(&c) - (clock_of(r, now) >> CLOCK_SHIFT);
}

static bool stopped(const struct rtc *r)
{
    return r->cmos[RTC_B] & B_SET;
}

/* Clocks between two periodic interrupts, 0: none. "Periodic Interrupt Rate". */
static u64 period(const struct rtc *r)
{
    unsigned rate = r->cmos[RTC_A] & A_RATE;

    if (!rate)
        return 0;
    return 1ULL << (rate < 3 ? rate + 6 : rate - 1);
}

/* Whether an alarm register matches; `value` as the clock would show it. */
static bool matches(u8 alarm, u8 value)
{
    return alarm >= ALARM_ANY || alarm == value;
}

/* Some number below n, as the clock would show it, matches the alarm register. */
static bool can_match(const struct rtc *r, u8 alarm, u32 n)
{
    while (n > 0)
        if (matches(alarm, encode(r, --n)))
            return true;
    return false;
}

/* The first second after t at which the alarm goes off, at most a day later; 0: never. */
static u64 next_alarm(const struct rtc *r, u64 t)
{
    u64 last = t + DAY;

    if (!can_match(r, r->cmos[RTC_SECOND_ALARM], 60) ||
        !can_match(r, r->cmos[RTC_MINUTE_ALARM], 60))
        return 0;
    for (t++; t <= last;) {
        u32 in_day = (u32)(t % DAY);
        if (!matches(r->cmos[RTC_HOUR_ALARM], encode_hour(r, in_day / 3600)))
            t += 3600 - in_day % 3600;
        else if (!matches(r->cmos[RTC_MINUTE_ALARM], encode(r, in_day / 60 % 60)))
            t += 60 - in_day % 60;
        else if (!matches(r->cmos[RTC_SECOND_ALARM], encode(r, in_day % 60)))
            t++;
        else
            return t;
    }
    return 0;
}

/* Brings the flags up to date. */
static void collect(struct rtc *r, u64 now)
{
    u64 clock = clock_of(r, now), p = period(r);
    u64 second = clock >> CLOCK_SHIFT, second_seen = r->seen >> CLOCK_SHIFT;

    if (p && clock / p != r->seen / p)
        r->flags |= B_PIE;
    if (second != second_seen && !stopped(r)) {
        u64 alarm = r->flags & B_AIE ? 0 : next_alarm(r, r->base + second_seen);
        r->flags |= B_UIE;
        if (alarm && alarm <= r->base + second)
            r->flags |= B_AIE;
    }
    r->seen = clock;
}

static bool interrupts(const struct rtc *r)
{
    return r->flags & r->cmos[RTC_B] & C_FLAGS;
}

/* Sets the line, or the timer for when it is to be set. */
static void arm(struct rtc *r, u64 now)
{
    u64 clock = clock_of(r, now), next = ~0ULL, p = period(r);
    u8 enabled = r->cmos[RTC_B] & C_FLAGS;

    timer_cancel(&r->timer);
    irq_set(r->domain, IRQ_RTC, interrupts(r));
    if (interrupts(r))
        return;
    if (enabled & B_PIE && p)
        next = (clock / p + 1) * p;
    if (enabled & B_UIE && !stopped(r))
        next = MIN(next, ((clock >> CLOCK_SHIFT) + 1) << CLOCK_SHIFT);
    if (enabled & B_AIE && !stopped(r)) {
        u64 alarm = next_alarm(r, seconds(r, now));
        if (alarm)
            next = MIN(next, (alarm - r->base) << CLOCK_SHIFT);
    }
    if (next == ~0ULL)
        return;
    u64 wait = MIN(next - clock, (u64)LONGEST_WAIT);
    timer_set(&r->timer, device_clock_deadline(&r->clock, now, wait));
}

static void fire(struct timer *t, u64 now)
{
    struct rtc *r = container_of(t, struct rtc, timer);

    collect(r, now);
    if (interrupts(r)) {
        ledger_count(&r->domain->ledger, LC_DELIVERED_TIMER);
        TRACE(r->domain, DELIVERED_TIMER);
    }
    arm(r, now);
}

static u8 read_a(const struct rtc *r, u64 now)
{
    bool soon = (clock_of(r, now) & (CLOCK_HZ - 1)) >= CLOCK_HZ - UIP_CLOCKS;

    return r->cmos[RTC_A] | (soon && !stopped(r) ? A_UIP : 0);
}

static u8 read_c(struct rtc *r, u64 now)
{
    u8 value;

    collect(r, now);
    value = r->flags | (interrupts(r) ? C_IRQF : 0);
    r->flags = 0;
    arm(r, now);
    return value;
}

static bool is_time(u8 index)
{
    return index <= RTC_YEAR && index != RTC_SECOND_ALARM && index != RTC_MINUTE_ALARM &&
           index != RTC_HOUR_ALARM;
}

u8 rtc_read(struct rtc *r, u16 port, u64 now)
{
    if (port == RTC_BASE)
        return 0xff; /* write-only */
    if ((is_time(r->index) || r->index == CMOS_CENTURY) && !stopped(r))
        take_time(r, now);
    if (is_time(r->index))
        return r->held[r->index];
    switch (r->index) {
    case CMOS_CENTURY:
        return r->held_century;
    case RTC_A:
        return read_a(r, now);
    case RTC_C:
        return read_c(r, now);
    case RTC_D:
        return D_VALID;
    default:
        return r->cmos[r->index];
    }
}

static void write_time(struct rtc *r, u8 value, u64 now)
{
    if (!stopped(r))
        take_time(r, now);
    if (r->index == CMOS_CENTURY)
        r->held_century = value;
    else
        r->held[r->index] = value;
    if (!stopped(r))
        set_time(r, now);
}

static void write_b(struct rtc *r, u8 value, u64 now)
{
    bool was_stopped = stopped(r);

    if (!was_stopped && value & B_SET) {
        take_time(r, now);
        value &= (u8)~B_UIE; /* "a high-going SET bit clears UIE" */
    }
    /* The mode of the numbers may change with SET's fall: the registers are read in the new one. */
    r->cmos[RTC_B] = value;
    if (was_stopped && !(value & B_SET))
        set_time(r, now);
}

void rtc_write(struct rtc *r, u16 port, u8 value, u64 now)
{
    if (port == RTC_BASE) {
        r->index = value & INDEX_MASK; /* bit 7 masks the NMI, of which there is none */
        return;
    }
    collect(r, now);
    if (is_time(r->index) || r->index == CMOS_CENTURY)
        write_time(r, value, now);
    else if (r->index == RTC_A)
        r->cmos[RTC_A] = value & (u8)~A_UIP;
    else if (r->index == RTC_B)
        write_b(r, value, now);
    else if (r->index != RTC_C && r->index != RTC_D)
        r->cmos[r->index] = value;
    if (r->index <= RTC_B)
        arm(r, now);
}

static u8 read_byte(void *device, u16 port)
{
    return rtc_read(device, port, sched_now());
}

static void write_byte(void *device, u16 port, u8 value)
{
    rtc_write(device, port, value, sched_now());
}

static u32 port_read_rtc(void *device, u16 port, unsigned size)
{
    return read_bytes(device, port, size, read_byte);
}

static void port_write_rtc(void *device, u16 port, unsigned size, u32 value)
{
    write_bytes(device, port, size, value, write_byte);
}

static void stop(void *device)
{
    timer_cancel(&((struct rtc *)device)->timer);
}

int rtc_attach(struct domain *d)
{
    static const struct port_ops ops = {.read = port_read_rtc, .write = port_write_rtc};
    struct rtc *r = device_alloc(d, sizeof(*r), stop);

    if (!r)
        return -ENOMEM;
    rtc_init(r, d, sched_now(), wall_clock(sched_now()), d->config.mem_bytes);
    return port_register(d, RTC_BASE, RTC_PORTS, &ops, r);
}
