/*
 * The 8254 programmable interval timer and the speaker port 0x61. Source: the 82C54 data sheet
 * (Intel 231244), "Operational Description"; port 0x61: 82371SB (PIIX3) data sheet, "NMI Status and
 * Control Register".
 */
#ifndef PIT_H
#define PIT_H

#include "device_clock.h"
#include "types.h"
#include "vcpu.h"

struct domain;

enum pit_limits { PIT_HZ = 1193182, PIT_CHANNELS = 3 };

struct pit_channel {
    u8 mode;             /* 0 to 5 */
    u8 access;           /* 1: the low byte is read and written, 2: the high one, 3: both in turn */
    bool bcd;            /* counts four decimal digits */
    bool gate;           /* the GATE input; high for ever but at channel 2 */
    bool loaded;         /* a count has been written */
    bool running;        /* counting began: at once, or in modes 1 and 5 by a rise of GATE */
    bool paused;         /* GATE stops it: `held` clocks have gone by */
    bool high_next;      /* write: the high byte follows; `low` has come */
    u8 low;              /* the low byte written */
    bool read_high_next; /* read: the high byte follows */
    u8 latched;          /* bytes of `latch` that are still to be read */
    u16 latch;           /* a count, held for reading */
    bool has_status;     /* `status` is to be read next */
    u8 status;           /* the status, held for reading */
    u32 reload;          /* what it counts down from: 1 to 65536 */
    u32 next;            /* modes 2 and 3: replaces reload at `next_at`; 0: nothing */
    u64 next_at;         /* in PIT clocks */
    u64 start;           /* PIT clock at which counting began */
    u64 held;            /* see paused */
};

struct pit {
    struct domain *domain;                    /* whose */
    struct pit_channel channel[PIT_CHANNELS]; /* 0: IRQ 0, 1: nothing, 2: the speaker */
    struct timer timer;                       /* channel 0's next tick */
    struct device_clock clock;                /* its crystal */
    s64 told;                                 /* ticks told, of those since channel 0's start */
    s64 kept;                                 /* ticks still owed when nobody listened any more */
    bool unheard;                             /* nobody listened to the last tick */
    bool taken;                               /* the last tick did not meet an earlier one */
    bool one_told;                            /* modes 0 and 4: the one tick has been told */
    u8 speaker;                               /* port 0x61's low two bits */
};

/* Nothing is programmed; the three channels stand still. Time begins at TSC `now`. */
void pit_init(struct pit *p, struct domain *d, u64 now);
/* The ports 0x40 to 0x43, and 0x61. */
u8 pit_read(struct pit *p, u16 port, u64 now);
void pit_write(struct pit *p, u16 port, u8 value, u64 now);
/* Somebody listens to IRQ 0 again. */
void pit_listen(struct pit *p, u64 now);
/* The count that a channel stands at, and its OUT pin. */
u16 pit_count(struct pit *p, unsigned channel, u64 now);
bool pit_out(struct pit *p, unsigned channel, u64 now);

/* The guest is about to sleep, and no tick is pending: what is owed need not wait. */
void pit_before_sleep(struct pit *p, u64 now);

#endif
