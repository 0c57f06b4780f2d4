/*
 * The machine's own clock, read once: the rest is the TSC's.
 */
#include "wall_clock.h"

#include "insn.h"
#include "timer.h"

#include "../io/rtc_time.h"

enum cmos {
    CMOS_INDEX = 0x70,
    CMOS_DATA = 0x71,
    CMOS_SECOND = 0,
    CMOS_MINUTE = 2,
    CMOS_HOUR = 4,
    CMOS_DAY = 7,
    CMOS_MONTH = 8,
    CMOS_YEAR = 9,
    CMOS_A = 10,
    CMOS_B = 11,
    CMOS_CENTURY = 0x32,
    A_UPDATING = 0x80,
    B_BINARY = 4,
    B_24 = 2,
    HOUR_PM = 0x80,
    TRIES = 100000, /* a machine without this clock reads all ones */
};

static u8 cmos_read(u8 index)
{
    outb(CMOS_INDEX, index);
    return inb(CMOS_DATA);
}

static u32 number(u8 value, bool binary)
{
    return binary ? value : (value >> 4) * 10u + (value & 0xf);
}

static u64 read_clock(void)
{
    bool binary = cmos_read(CMOS_B) & B_BINARY;
    struct calendar c = {0};

    for (unsigned i = 0; i < TRIES && cmos_read(CMOS_A) & A_UPDATING; i++)
        ;
    u8 hour = cmos_read(CMOS_HOUR);
    c.second = number(cmos_read(CMOS_SECOND), binary);
    c.minute = number(cmos_read(CMOS_MINUTE), binary);
    c.hour = number(hour & (u8)~HOUR_PM, binary);
    if (!(cmos_read(CMOS_B) & B_24))
        c.hour = c.hour % 12 + (hour & HOUR_PM ? 12 : 0);
    c.day = number(cmos_read(CMOS_DAY), binary);
    c.month = number(cmos_read(CMOS_MONTH), binary);
    c.year = number(cmos_read(CMOS_CENTURY), false) * 100 + number(cmos_read(CMOS_YEAR), binary);
    return seconds_of(&c);
}

u64 wall_clock(u64 now)
{
    static u64 start, start_tsc;

    if (!start_tsc) {
        start = read_clock();
        start_tsc = now;
    }
    return start + (now - start_tsc) / (tsc_khz * 1000);
}
