/*
 * The 8254's modes 1 to 5 on channel 2, whose gate and output are in port 0x61, its read-back
 * command and its decimal counts. An access may take many of its clocks where it exits, so what is
 * checked holds at any moment.
 */
#include "devices/devices.h"

enum pit {
    CHANNEL_2 = 0x42,
    COMMAND = 0x43,
    PORT_B = 0x61,
    GATE = 1,
    SPEAKER = 2,
    OUTPUT = 0x20,
    SELECT_2 = 0xb0, /* low byte, then high; the mode is added, << 1 */
    LATCH_2 = 0x80,
    READ_STATUS_2 = 0xe8,
    STATUS_KIND = 0x3f,
    BCD = 1,
};
enum { COUNT = 2000, CLOCK_TICKS = 42, SAMPLES = 400 };
#define COUNT_TICKS ((u64)COUNT * CLOCK_TICKS)

static u8 port;

static void gate(bool high)
{
    out8(PORT_B, port | (high ? GATE : 0));
}
static bool output(void)
{
    return in8(PORT_B) & OUTPUT;
}
static void program(unsigned mode, unsigned count)
{
    out8(COMMAND, (u8)(SELECT_2 | mode << 1));
    out8(CHANNEL_2, (u8)count);
    out8(CHANNEL_2, (u8)(count >> 8));
}
static unsigned latched(void)
{
    out8(COMMAND, LATCH_2);
    unsigned low = in8(CHANNEL_2);
    return low | (unsigned)in8(CHANNEL_2) << 8;
}
static void wait(u64 ticks)
{
    for (u64 start = rdtsc(); rdtsc() - start < ticks;)
        pause();
}

static void check_one_shot_mode(void)
{
    gate(false);
    program(1, COUNT);
    check("8254 mode 1: the output is high before", output());
    gate(true);
    wait(10 * CLOCK_TICKS);
    check("8254 mode 1: a rise of the gate lowers it", !output());
    wait(COUNT_TICKS / 2);
    gate(false);
    gate(true);
    wait(COUNT_TICKS * 3 / 4);
    check("8254 mode 1: another rise begins anew", !output());
    wait(COUNT_TICKS / 2);
    check("8254 mode 1: then it rises", output());
}

/* The shares of moments, in percent, in which the output is high. */
static unsigned high_share(unsigned *lowest, unsigned *highest, bool *wrapped)
{
    unsigned high = 0, last = 0;

    *lowest = ~0u;
    *highest = 0;
    *wrapped = false;
    for (unsigned i = 0; i < SAMPLES; i++) {
        unsigned now = latched();
        high += output();
        *wrapped |= i && now > last;
        last = now;
        *lowest = now < *lowest ? now : *lowest;
        *highest = now > *highest ? now : *highest;
        wait(CLOCK_TICKS * 37);
    }
    return high * 100 / SAMPLES;
}

static void check_periodic_modes(void)
{
    unsigned share, lowest, highest;
    bool wrapped;

    gate(true);
    program(2, COUNT);
    wait(10 * CLOCK_TICKS);
    share = high_share(&lowest, &highest, &wrapped);
    check("8254 mode 2: high but for a clock a period", share >= 98);
    check("8254 mode 2: counts from the count down to 1",
          lowest >= 1 && highest <= COUNT && wrapped);
    gate(false);
    wait(10 * CLOCK_TICKS);
    lowest = latched();
    wait(COUNT_TICKS / 3);
    check_equal("8254 mode 2: the gate stops it", lowest, latched());
    check("8254 mode 2: with the output high", output());
    gate(true);
    program(3, COUNT);
    wait(10 * CLOCK_TICKS);
    share = high_share(&lowest, &highest, &wrapped);
    check("8254 mode 3: high for half of the time", share >= 40 && share <= 60);
    check("8254 mode 3: counts by twos", highest <= COUNT && !(lowest & 1) && !(highest & 1));
    gate(false);
    check("8254 mode 3: high without the gate", output());
}

/* Modes 4 and 5 pull the output down for one clock when the count is over, and count on. */
static void check_strobes(void)
{
    gate(true);
    program(4, COUNT);
    wait(COUNT_TICKS / 2);
    check("8254 mode 4: it counts", latched() < COUNT && output());
    wait(COUNT_TICKS);
    check("8254 mode 4: and counts on behind the strobe", latched() > COUNT && output());
    gate(false);
    program(5, COUNT);
    wait(COUNT_TICKS / 2);
    gate(true);
    wait(COUNT_TICKS / 2);
    check("8254 mode 5: a rise of the gate begins it", latched() < COUNT && output());
    wait(COUNT_TICKS);
    check("8254 mode 5: and it counts on behind the strobe", latched() > COUNT && output());
}

static void check_read_back(void)
{
    unsigned wrong = 0;

    gate(true);
    program(2, COUNT);
    wait(10 * CLOCK_TICKS);
    out8(COMMAND, READ_STATUS_2);
    check_equal("8254: its status says how it was programmed", 0x34, in8(CHANNEL_2) & STATUS_KIND);
    out8(COMMAND, SELECT_2 | 2 << 1 | BCD);
    out8(CHANNEL_2, 0x00);
    out8(CHANNEL_2, 0x20); /* 2000 */
    wait(10 * CLOCK_TICKS);
    for (unsigned i = 0; i < SAMPLES; i++) {
        unsigned now = latched();
        for (unsigned digit = 0; digit < 4; digit++)
            wrong += (now >> 4 * digit & 0xf) > 9;
        wrong += now > 0x2000;
        wait(CLOCK_TICKS * 3);
    }
    check_equal("8254: decimal counts have decimal digits", 0, wrong);
    gate(false);
}

void check_pit_modes(void)
{
    port = in8(PORT_B) & (u8) ~(GATE | SPEAKER);
    check_one_shot_mode();
    check_periodic_modes();
    check_strobes();
    check_read_back();
}
