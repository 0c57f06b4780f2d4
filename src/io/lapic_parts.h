/*
 * What the local APIC's files share: requests and priorities (lapic.c), registers
 * (lapic_regs.c), x2APIC and IA32_APIC_BASE
 * (lapic_msr.c), messages (lapic_send.c), the timer (lapic_timer.c).
 */
#ifndef LAPIC_PARTS_H
#define LAPIC_PARTS_H

#include "lapic.h"

/* "Local APIC Register Address Map" */
enum lapic_register {
    REG_ID = 0x20,
    REG_VERSION = 0x30,
    REG_TPR = 0x80,
    REG_PPR = 0xa0,
    REG_EOI = 0xb0,
    REG_LDR = 0xd0,
    REG_DFR = 0xe0,
    REG_SVR = 0xf0,
    REG_ISR = 0x100,
    REG_TMR = 0x180,
    REG_IRR = 0x200,
    REG_ESR = 0x280,
    REG_ICR_LOW = 0x300,
    REG_ICR_HIGH = 0x310,
    REG_LVT = 0x320, /* LAPIC_LVTS registers, 16 bytes apart */
    REG_INITIAL = 0x380,
    REG_CURRENT = 0x390,
    REG_DIVIDE = 0x3e0,
    REG_SELF = 0x3f0, /* x2APIC only */
    REG_STEP = 0x10,
    REG_BYTES = 4,
    REG_BITMAP_END = 0x280,
};

enum lapic_bits {
    ID_SHIFT = 24,
    ID_ALL = 0xff,         /* physical destination: everybody */
    PRIORITY_CLASS = 0xf0, /* of a vector, and of TPR: "Task and Processor Priorities" */
    PRIORITY_MASK = 0xff,
    LVT_VECTOR = 0xff,
    LVT_MODE = 7 << 8,
    LVT_NMI = 4 << 8,
    LVT_EXTINT = 7 << 8,
    LVT_MASKED = 1 << 16,
    LVT_PERIODIC = 1 << 17,
    LVT_DEADLINE = 1 << 18,
    LVT_TIMER_MODE = LVT_PERIODIC | LVT_DEADLINE,
    LVT_WRITABLE = 0x1a7ff, /* without delivery status and remote IRR */
    LVT_TIMER_WRITABLE = LVT_VECTOR | LVT_MASKED | LVT_TIMER_MODE,
    SVR_ENABLE = 1 << 8,
    SVR_WRITABLE = 0x1ff,
    SVR_RESET = 0xff,
    DIVIDE_WRITABLE = 0xb,
    LOWEST_VECTOR = 16,
    ESR_ILLEGAL_SEND = 1 << 5,
    ESR_ILLEGAL_RECEIVE = 1 << 6,
    ICR_WRITABLE = 0xccfff & ~(1 << 12),
};

/* What x2APIC's registers have in LDR: a cluster of 16 and a bit in it ("Logical x2APIC ID"). */
static inline u32 lapic_x2_ldr(u32 id)
{
    return id / 16 << 16 | 1u << id % 16;
}

/* lapic.c */
bool lapic_has(const u32 *bitmap, u8 vector);
u32 lapic_priority(const struct lapic *l);
/* Requests a vector; not below LOWEST_VECTOR, and only if the APIC is enabled. */
void lapic_request_as(struct lapic *l, u8 vector, bool level);
/* LINT0 or what it may do has changed. */
void lapic_look(struct lapic *l);
/* What follows from its registers is brought up to date. */
void lapic_update(struct lapic *l);
/* End of interrupt. */
void lapic_end(struct lapic *l);

/* lapic_send.c: the interrupt command register has been written. */
void lapic_command(struct lapic *l);

/* lapic_timer.c */
void lapic_start_timer(struct lapic *l);
u32 lapic_current_count(const struct lapic *l);
/* The timer's table entry has changed. */
void lapic_timer_mode(struct lapic *l, u32 old_lvt);

#endif
