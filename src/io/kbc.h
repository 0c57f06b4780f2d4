/*
 * The keyboard controller of a PC, without a keyboard: what is left is the processor's reset and
 * the A20 gate. Source: the 8042's command set in "IBM PC AT Technical Reference", "Keyboard
 * Controller".
 */
#ifndef KBC_H
#define KBC_H

#include "types.h"

struct domain;

struct kbc {
    struct domain *domain; /* whose */
    u8 mode;               /* the command byte: interrupts, disabled ports */
    u8 output_port;        /* bit 1: A20, which changes nothing here */
    u8 expects;            /* command whose data byte comes next, or 0 */
    u8 data;               /* what port 0x60 reads */
    bool full;             /* data has not been read */
    bool timed_out;        /* data stands for a keyboard that did not answer */
};

void kbc_init(struct kbc *k, struct domain *d);
/* The ports 0x60 and 0x64. */
u8 kbc_read(struct kbc *k, u16 port);
void kbc_write(struct kbc *k, u16 port, u8 value);

#endif
