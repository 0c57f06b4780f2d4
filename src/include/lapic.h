/*
 * A vcpu's local APIC, in xAPIC (memory) and x2APIC (MSR) mode. Source: SDM, "Advanced Programmable
 * Interrupt Controller".
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
    LAPIC_NMI = 1 << 9,    /* also of it */
    LAPIC_MSR_FIRST = 0x800,
    LAPIC_MSRS = 0x40,
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

/* "Local APIC State Transitions" */
enum lapic_mode { LAPIC_XAPIC, LAPIC_X2APIC, LAPIC_DISABLED };

struct lapic {
    struct vcpu *vcpu;    /* whose it is */
    u16 next;             /* see lapic_pending; follows from what is below */
    bool nmi;             /* an NMI is pending */
    bool lint0;           /* level of its input LINT0: the 8259s' INTR */
    u8 mode;              /* enum lapic_mode */
    u32 tpr;              /* task priority */
    u32 svr;              /* spurious-interrupt vector register */
    u32 ldr, dfr;         /* logical destination, destination format; xAPIC mode */
    u32 esr;              /* error status */
    u32 icr_high;         /* interrupt command: destination */
    u32 icr_low;          /* interrupt command as last written */
    u32 lvt[LAPIC_LVTS];  /* local vector table */
    u32 irr[LAPIC_WORDS]; /* requested, a bit for each vector */
    u32 isr[LAPIC_WORDS]; /* in service */
    u8 irr_used;          /* bit w: irr[w] is not 0 */
    u8 isr_used;          /* the same of isr */
    u32 tmr[LAPIC_WORDS]; /* level-triggered, as requested last */
    u32 divide;           /* divide configuration register */
    u32 initial;          /* timer's initial count, 0: stopped */
    u64 started;          /* TSC at which the current count began */
    u64 deadline;         /* IA32_TSC_DEADLINE, 0: not armed */
};

/* An interrupt on its way to one or more local APICs. */
struct lapic_message {
    u8 vector;       /* which */
    u8 mode;         /* delivery mode: fixed and lowest priority are delivered */
    bool logical;    /* destination mode */
    bool level;      /* level-triggered: its end is told to the IOAPIC */
    u32 destination; /* APIC ID or logical destination; all ones: everybody */
};

/* Makes v->lapic, as firmware leaves it. 0 or -ENOMEM. */
int lapic_init(struct vcpu *v);
/* As it is when the processor has been switched on, and after INIT: all but its mode, its number
 * and what comes in at LINT0. */
void lapic_reset(struct lapic *l);
void lapic_destroy(struct vcpu *v);
/* Claims the MMIO page for the domain. 0 or -E. */
int lapic_attach(struct domain *d);
/* Requests an edge-triggered interrupt; wakes the vcpu if it can be delivered. */
void lapic_request(struct lapic *l, u8 vector);
/* The message to those of the domain's local APICs that it names. */
void lapic_send(struct domain *d, const struct lapic_message *m);
/* One of those that it names has its vector requested already. */
bool lapic_requested(struct domain *d, const struct lapic_message *m);
/* LINT0's level changed. An ExtINT (the vector is the 8259s') lasts as long as the level; an input
 * that is programmed as fixed requests its vector at the rise. */
void lapic_set_lint0(struct lapic *l, bool high);
/* What is to be delivered now: a vector, LAPIC_EXTINT, LAPIC_NMI, several or nothing (0). */
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
/* The processor takes the NMI. */
void lapic_accept_nmi(struct lapic *l);
/* CR8: the upper half of the task priority. */
u64 lapic_cr8(const struct lapic *l);
void lapic_set_cr8(struct lapic *l, u64 value);
/* Requests the timer's interrupt, if it is not masked. */
void lapic_timer_expired(struct lapic *l);
/* The registers, by offset in the page; what is reserved reads 0. */
u32 lapic_read(struct lapic *l, u64 offset);
void lapic_write(struct lapic *l, u64 offset, u32 value);
/* x2APIC's registers: MSRs from LAPIC_MSR_FIRST on. False: #GP(0). */
bool lapic_rdmsr(struct lapic *l, u32 msr, u64 *value);
bool lapic_wrmsr(struct lapic *l, u32 msr, u64 value);
/* IA32_APIC_BASE; false: #GP(0). The page stays where it is. */
u64 lapic_base(const struct lapic *l);
bool lapic_set_base(struct lapic *l, u64 value);
/* IA32_TSC_DEADLINE: 0 unless the timer is in that mode. */
u64 lapic_deadline(const struct lapic *l);
void lapic_set_deadline(struct lapic *l, u64 tsc);

#endif
