/*
 * A vcpu's local APIC, in xAPIC (MMIO) mode. Source: SDM, "Advanced Programmable Interrupt
 * Controller".
 *
 * The timer counts TSC ticks divided by the divide configuration.
 */
#ifndef LAPIC_H
#define LAPIC_H

#include "types.h"
#include "timer.h"

struct vcpu;
struct domain;

#define LAPIC_DEFAULT_BASE 0xfee00000ULL

enum lapic_limits {
    LAPIC_WORDS = 8,
    LAPIC_VECTOR = 0xff,   /* of lapic_pending's answer */
    LAPIC_EXTINT = 1 << 8, /* also of it */
};

/* Local vector table, in the order of its registers. */
enum lapic_lvt {
    LAPIC_LVT_TIMER,
    LAPIC_LVT_THERMAL,
    LAPIC_LVT_PERFORMANCE,
    LAPIC_LVT_LINT0,
    LAPIC_LVT_LINT1,
    LAPIC_LVT_ERROR,
    LAPIC_LVTS
};

struct lapic {
    struct vcpu *vcpu;    /* whose it is */
    u16 next;             /* see lapic_pending; follows from what is below */
    bool lint0;           /* level of its input LINT0: the 8259s' INTR */
    u32 tpr;              /* task priority */
    u32 svr;              /* spurious-interrupt vector register */
    u32 ldr, dfr;         /* logical destination, destination format */
    u32 esr;              /* error status */
    u32 icr_high;         /* interrupt command: destination */
    u32 icr_low;          /* interrupt command as last written */
    u32 lvt[LAPIC_LVTS];  /* local vector table */
    u32 irr[LAPIC_WORDS]; /* requested, a bit for each vector */
    u32 isr[LAPIC_WORDS]; /* in service */
    u32 divide;           /* divide configuration register */
    u32 initial;          /* timer's initial count, 0: stopped */
    u64 started;          /* TSC at which the current count began */
};

/* Makes v->lapic, as reset leaves it. 0 or -ENOMEM. */
int lapic_init(struct vcpu *v);
void lapic_destroy(struct vcpu *v);
/* Claims the MMIO page for the domain. 0 or -E. */
int lapic_attach(struct domain *d);
/* Requests an edge-triggered interrupt; wakes the vcpu if it can be delivered. */
void lapic_request(struct lapic *l, u8 vector);
/* LINT0's level changed. An ExtINT (the vector is the 8259s') lasts as long as the level; an input
 * that is programmed as fixed requests its vector at the rise. */
void lapic_set_lint0(struct lapic *l, bool high);
/* What is to be delivered now: a vector, LAPIC_EXTINT, both or nothing (0). */
static inline u16 lapic_pending(const struct lapic *l)
{
    return l->next;
}
/* The APIC's own vector that is to be delivered now, or 0. */
static inline u8 lapic_next(const struct lapic *l)
{
    return l->next & LAPIC_VECTOR;
}
/* The processor takes lapic_next's vector: it is in service. */
void lapic_accept(struct lapic *l);
/* CR8: the upper half of the task priority. */
u64 lapic_cr8(const struct lapic *l);
void lapic_set_cr8(struct lapic *l, u64 value);
/* Requests the timer's interrupt, if it is not masked. */
void lapic_timer_expired(struct lapic *l);
/* The registers, by offset in the page; what is reserved reads 0. */
u32 lapic_read(struct lapic *l, u64 offset);
void lapic_write(struct lapic *l, u64 offset, u32 value);

#endif
