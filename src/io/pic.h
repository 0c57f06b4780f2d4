/*
 * The two 8259A interrupt controllers of a PC. Source: the 8259A data sheet (Intel 231468);
 * the edge/level control registers: 82371SB (PIIX3) data sheet, "Interrupt Controller Registers".
 */
#ifndef PIC_H
#define PIC_H

#include "types.h"

struct domain;

enum pic_chips { PIC_MASTER, PIC_SLAVE, PIC_CHIPS };

/* One controller. Bit n of a register is its input IRn. */
struct i8259 {
    u8 lines;           /* levels of the inputs */
    u8 irr;             /* requests: edges that have come, or levels that are there */
    u8 isr;             /* in service */
    u8 imr;             /* masked */
    u8 elcr;            /* inputs that are level-triggered */
    u8 base;            /* vector of IR0 */
    u8 lowest;          /* the input with the lowest priority: 7 unless rotated */
    u8 step;            /* the initialization command word that is expected next, 0: none */
    bool single;        /* ICW1: no ICW3 follows */
    bool wants_icw4;    /* ICW1: ICW4 follows */
    bool all_level;     /* ICW1: all inputs are level-triggered */
    bool auto_eoi;      /* ICW4: in service ends at the acknowledgement */
    bool rotate_auto;   /* OCW2: and rotates the priorities */
    bool nested;        /* ICW4: special fully nested mode */
    bool special_mask;  /* OCW3: a masked input in service does not hold others back */
    bool poll;          /* OCW3: the next read acknowledges */
    bool read_isr;      /* OCW3: a read at the even port gives ISR, not IRR */
    bool level_cascade; /* the master: IR2 follows the slave's output, without edges */
};

struct pic {
    struct domain *domain;        /* whose */
    struct i8259 chip[PIC_CHIPS]; /* the slave's output is the master's IR2 */
    bool intr;                    /* the master's output, as last told */
};

/* All inputs masked and edge-triggered, not yet initialized. */
void pic_init(struct pic *p, struct domain *d);
/* Lines 0 to 15. Line 2 is the cascade's: ignored. */
void pic_set_line(struct pic *p, unsigned line, bool high);
/* The line has a request that is not yet acknowledged. */
bool pic_requested(const struct pic *p, unsigned line);
/* The line is not masked. */
bool pic_heard(const struct pic *p, unsigned line);
/* The processor's acknowledge cycle: the vector; without a request the spurious one, IR7's. */
u8 pic_acknowledge(struct pic *p);
/* The ports 0x20, 0x21, 0xa0, 0xa1, 0x4d0 and 0x4d1, a byte. */
u8 pic_read(struct pic *p, u16 port);
void pic_write(struct pic *p, u16 port, u8 value);

#endif
