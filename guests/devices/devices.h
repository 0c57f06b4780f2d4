/* The parts of the guest `devices`, and the registers that they share. */
#ifndef DEVICES_H
#define DEVICES_H

#include "kit/kit.h"

#define APIC_BASE   0xfee00000ULL
#define IOAPIC_BASE 0xfec00000ULL

/* "Local APIC Register Address Map" */
enum apic_register {
    APIC_ID = 0x20,
    APIC_VERSION = 0x30,
    APIC_TPR = 0x80,
    APIC_PPR = 0xa0,
    APIC_EOI = 0xb0,
    APIC_SVR = 0xf0,
    APIC_ISR = 0x100,
    APIC_IRR = 0x200,
    APIC_ICR_LOW = 0x300,
    APIC_ICR_HIGH = 0x310,
    APIC_LVT_TIMER = 0x320,
    APIC_INITIAL = 0x380,
    APIC_CURRENT = 0x390,
    APIC_DIVIDE = 0x3e0,
};
enum apic_msr {
    MSR_APIC_BASE = 0x1b,
    MSR_X2APIC = 0x800, /* and the register's offset / 16 */
    MSR_X2APIC_SELF = 0x83f,
    BASE_X2APIC = 1 << 10,
};
enum ioapic_register { IOAPIC_SELECT = 0, IOAPIC_WINDOW = 0x10, IOAPIC_VERSION = 1 };

static inline u32 apic_get(unsigned reg)
{
    return *(volatile u32 *)(APIC_BASE + reg);
}
static inline void apic_put(unsigned reg, u32 value)
{
    *(volatile u32 *)(APIC_BASE + reg) = value;
}
static inline u32 ioapic_get(u32 reg)
{
    *(volatile u32 *)(IOAPIC_BASE + IOAPIC_SELECT) = reg;
    return *(volatile u32 *)(IOAPIC_BASE + IOAPIC_WINDOW);
}
static inline void ioapic_put(u32 reg, u32 value)
{
    *(volatile u32 *)(IOAPIC_BASE + IOAPIC_SELECT) = reg;
    *(volatile u32 *)(IOAPIC_BASE + IOAPIC_WINDOW) = value;
}
static inline u64 x2apic_get(unsigned reg)
{
    return rdmsr(MSR_X2APIC + reg / 16);
}
static inline void x2apic_put(unsigned reg, u64 value)
{
    wrmsr(MSR_X2APIC + reg / 16, value);
}

enum cmos { CMOS_INDEX = 0x70, CMOS_DATA = 0x71 };
static inline u8 cmos_get(u8 reg)
{
    out8(CMOS_INDEX, reg);
    return in8(CMOS_DATA);
}
static inline void cmos_put(u8 reg, u8 value)
{
    out8(CMOS_INDEX, reg);
    out8(CMOS_DATA, value);
}

/* timers.c; the second needs x2APIC mode, and so does the third, which moves the TSC. */
void check_timers(void);
void check_deadline(void);
void check_tsc(void);
void check_pit(void);
/* pit_modes.c, pic.c */
void check_pit_modes(void);
void check_pic(void);
/* board.c; the second only under Trivisor: each of the first lives ends in it. */
void check_board(void);
void check_resets(void);
/* emulated.c */
void check_emulated(void);
/* dirty_log.c; only under Trivisor. */
void check_dirty_log(void);
/* figures.c: what devices and the exits to them cost; the second needs x2APIC mode. */
void measure_devices(void);
void measure_x2apic(void);

#endif
