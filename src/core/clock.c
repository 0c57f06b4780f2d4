/*
 * Timers of one processor, and the TSC's rate.
 *
 * Invariants: the list is sorted by deadline and holds each timer at most once; a timer is on the
 * list exactly while its deadline is not 0; none fires before its deadline.
 */
#include "timer.h"

#include "insn.h"
#include "local_apic.h"

enum pit {
    PIT_HZ = 1193182,
    PIT_CHANNEL2 = 0x42,
    PIT_COMMAND = 0x43,
    PIT_CHANNEL2_ONESHOT = 0xb0, /* channel 2, low then high byte, mode 0 */
    PIT_GATE = 0x61,
    GATE_CHANNEL2 = 1, /* counts */
    GATE_SPEAKER = 2,  /* is heard */
    GATE_OUT2 = 0x20,  /* the count has run out */
    CALIBRATE_MS = 10,
};

u64 tsc_khz;
static u64 tsc_at_boot;
static u64 apic_per_tsc_1024; /* local APIC ticks per 1024 TSC ticks */

/* Starts channel 2 for CALIBRATE_MS and waits until it has run out. */
static void wait_pit(void)
{
    u32 count = PIT_HZ * CALIBRATE_MS / 1000;

    outb(PIT_GATE, (inb(PIT_GATE) & ~GATE_SPEAKER) | GATE_CHANNEL2);
    outb(PIT_COMMAND, PIT_CHANNEL2_ONESHOT);
    outb(PIT_CHANNEL2, (u8)count);
    outb(PIT_CHANNEL2, (u8)(count >> 8));
    while (!(inb(PIT_GATE) & GATE_OUT2))
        ;
}

/* Rounds to three digits, so that a rate measured twice is the same number. */
static u64 rounded(u64 v)
{
    u64 unit = 1;

    while (v / unit >= 1000)
        unit *= 10;
    return (v + unit / 2) / unit * unit;
}

void timer_init(void)
{
    local_apic_init();
    local_apic_timer(~0u);
    u64 start = rdtsc();
    wait_pit();
    u64 tsc = rdtsc() - start;
    u64 apic = ~0u - local_apic_timer_left();
    local_apic_timer(0);
    tsc_khz = rounded(tsc / CALIBRATE_MS);
    apic_per_tsc_1024 = rounded(apic * 1024 / tsc);
    if (!apic_per_tsc_1024)
        apic_per_tsc_1024 = 1;
    if (apic_per_tsc_1024 > 1000 && apic_per_tsc_1024 < 1050)
        apic_per_tsc_1024 = 1024;
    tsc_at_boot = start;
}

void timer_arm_hardware(u64 deadline)
{
    u64 now = rdtsc();
    u64 ticks;

    if (!deadline) {
        local_apic_timer(0);
        return;
    }
    ticks = deadline > now ? deadline - now : 1;
    ticks = MIN(ticks, 1ULL << 40) * apic_per_tsc_1024 / 1024;
    local_apic_timer((u32)MAX(MIN(ticks, (u64)~0u), 1));
}

u64 system_time_ns(u64 tsc)
{
    return mul_div(tsc - tsc_at_boot, 1000000, tsc_khz);
}

u64 system_time_to_tsc(u64 ns)
{
    return mul_div(ns, tsc_khz, 1000000) + tsc_at_boot;
}
