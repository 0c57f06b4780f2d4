/*
 * A domain's interrupt lines, as the wires of a PC: a device raises and lowers its line, and the
 * interrupt controllers (two 8259s, an IOAPIC) make of it what the guest has programmed.
 * Source: "ISA System Architecture", "Interrupts"; MultiProcessor Specification, "Interrupt Modes".
 */
#ifndef IRQ_H
#define IRQ_H

#include "types.h"

struct domain;

/* Who is wired where. Lines below 16 reach the 8259s and the IOAPIC, the others the IOAPIC alone.
 */
enum irq_line {
    IRQ_TIMER = 0, /* the IOAPIC's pin 2 */
    IRQ_KEYBOARD = 1,
    IRQ_CASCADE = 2, /* the second 8259's output: no device's */
    IRQ_COM1 = 4,
    IRQ_RTC = 8,
    IRQ_ACPI = 9,
    IRQ_ATA = 14,
    IRQ_PIC_LINES = 16,
    IRQ_LINES = 24,
};

/* Sets a line's level; a line beyond the last is nobody's. Wakes and kicks the vcpu if the
 * interrupt can be delivered. */
void irq_set(struct domain *d, unsigned line, bool high);
/* Low, then high: an edge. The line stays high. False: an earlier request of this line was still
 * pending, and the two are one; or nobody listens. */
bool irq_pulse(struct domain *d, unsigned line);
/* Some controller would pass the line on. */
bool irq_heard(struct domain *d, unsigned line);
/* The processor's acknowledge cycle: the vector that the 8259s put on the bus. */
u8 irq_acknowledge(struct domain *d);

/* The domain is about to sleep: a tick that the timer owes it is told now. */
void irq_before_sleep(struct domain *d);

#endif
