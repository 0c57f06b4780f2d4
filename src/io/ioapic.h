/*
 * The I/O APIC. Source: the 82093AA data sheet; its EOI register: ICH9 data sheet, "APIC Indirect
 * Memory-Mapped Registers".
 */
#ifndef IOAPIC_H
#define IOAPIC_H

#include "irq.h"
#include "types.h"

struct domain;

#define IOAPIC_BASE 0xfec00000ULL

struct ioapic {
    struct domain *domain; /* whose */
    u32 select;            /* the register that the window shows */
    u32 id;                /* its identification register */
    u32 lines;             /* levels of the pins, a bit each */
    u64 entry[IRQ_LINES];  /* redirection table */
};

/* All pins masked. */
void ioapic_init(struct ioapic *a, struct domain *d);
void ioapic_set_pin(struct ioapic *a, unsigned pin, bool high);
/* The pin is not masked; and its interrupt is still waiting for the processor. */
bool ioapic_heard(const struct ioapic *a, unsigned pin);
bool ioapic_requested(const struct ioapic *a, unsigned pin);
/* A processor ended the service of a level-triggered vector. */
void ioapic_end(struct ioapic *a, u8 vector);
/* The registers in its memory: 32 bits wide. */
u32 ioapic_read(const struct ioapic *a, u64 offset);
void ioapic_write(struct ioapic *a, u64 offset, u32 value);

#endif
