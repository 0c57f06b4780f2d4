/*
 * The local APIC's timer, through its registers in memory; its rate is measured against the TSC.
 * Source: SDM, "Advanced Programmable Interrupt Controller (APIC)", "APIC Timer".
 */
#include "kit/insn.h"
#include "kit/machine.h"
#include "kit/trap.h"

#define APIC_BASE 0xfee00000ULL
enum apic_registers {
    APIC_TASK_PRIORITY = 0x80,
    APIC_END_OF_INTERRUPT = 0xb0,
    APIC_SPURIOUS = 0xf0,
    APIC_TIMER = 0x320,
    APIC_INITIAL_COUNT = 0x380,
    APIC_CURRENT_COUNT = 0x390,
    APIC_DIVIDE = 0x3e0,
};
enum apic_bits {
    SPURIOUS_ENABLE = 0x100,
    TIMER_MASKED = 0x10000,
    TIMER_PERIODIC = 0x20000,
    DIVIDE_BY_1 = 0xb,
};
enum apic_calibration { CALIBRATE_TICKS = 100000, RATE_SHIFT = 24 };

void (*timer_handler)(void);
static u64 rate; /* APIC counts per tick, << RATE_SHIFT */

static void apic_write(unsigned reg, u32 value)
{
    *(volatile u32 *)(APIC_BASE + reg) = value;
}
static u32 apic_read(unsigned reg)
{
    return *(volatile u32 *)(APIC_BASE + reg);
}

static struct trap_frame *timer_interrupt(struct trap_frame *frame)
{
    if (timer_handler)
        timer_handler();
    apic_write(APIC_END_OF_INTERRUPT, 0);
    return frame;
}

static struct trap_frame *spurious(struct trap_frame *frame)
{
    return frame;
}

void apic_init(void)
{
    u64 start, ticks;
    u32 counts;

    trap_handle(TRAP_TIMER, timer_interrupt);
    trap_handle(TRAP_SPURIOUS, spurious);
    apic_write(APIC_SPURIOUS, SPURIOUS_ENABLE | TRAP_SPURIOUS);
    apic_write(APIC_TASK_PRIORITY, 0);
    apic_write(APIC_DIVIDE, DIVIDE_BY_1);
    apic_write(APIC_TIMER, TIMER_MASKED | TRAP_TIMER);
    apic_write(APIC_INITIAL_COUNT, ~0u);
    start = rdtsc();
    while (rdtsc() - start < CALIBRATE_TICKS)
        pause();
    counts = ~0u - apic_read(APIC_CURRENT_COUNT);
    ticks = rdtsc() - start;
    apic_write(APIC_INITIAL_COUNT, 0);
    rate = ((u64)counts << RATE_SHIFT) / ticks;
}

static void apic_start(u32 mode, u64 ticks)
{
    u64 counts = ticks * rate >> RATE_SHIFT;

    apic_write(APIC_TIMER, mode | TRAP_TIMER);
    apic_write(APIC_INITIAL_COUNT, counts ? (u32)counts : 1);
}

void apic_once(u64 ticks)
{
    apic_start(0, ticks);
}

void apic_periodic(u64 ticks)
{
    apic_start(TIMER_PERIODIC, ticks);
}

void apic_stop(void)
{
    apic_write(APIC_TIMER, TIMER_MASKED | TRAP_TIMER);
    apic_write(APIC_INITIAL_COUNT, 0);
}
