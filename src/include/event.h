/*
 * How anything tells a guest that something happened: event channels under pv, an interrupt vector
 * under full virtualization. src/pv/event_channel.c and src/cpu/event_full.c implement it.
 */
#ifndef EVENT_H
#define EVENT_H

#include "types.h"

struct vcpu;

enum event_source {
    EVENT_TIMER,   /* the vcpu's own timer expired */
    EVENT_CONSOLE, /* console input, or room for output */
    EVENT_DEBUG,   /* a person wants the guest to print its state */
};

/* Makes it pending for v, wakes v if it sleeps, kicks it if it runs. Never blocks. */
void event_raise(struct vcpu *v, enum event_source source);
/* v has something pending that would be delivered if it ran now, or that ends its sleep. */
bool event_pending(struct vcpu *v);

#endif
