/*
 * The local APIC's requests and priorities: what is on the way of every interrupt. Its registers
 * are in lapic_regs.c.
 *
 * Invariants: irr_used and isr_used follow from irr and isr; `next` is the highest requested vector
 * whose priority class is above the processor priority, or 0, and LAPIC_EXTINT if LINT0 is high and
 * wired through; every change to IRR, ISR, TPR, LINT0 or its table entry goes through
 * update(). SVR
 * is no part of it: a software-disabled APIC accepts nothing new, but keeps what it has requested.
 *
 * A domain begins as firmware leaves the processor: enabled, in "virtual wire mode", LINT0 being
 * the 8259s' and LINT1 the NMI.
 */
#include "lapic.h"

#include "domain.h"
#include "errno.h"
#include "event.h"
#include "frame.h"
#include "lapic_parts.h"
#include "sched.h"
#include "virt.h"
#include "wiring.h"

enum cr8 {
    CR8_SHIFT = 4, /* CR8 is the priority class alone */
    CR8_MASK = 0xf,
};

static inline void set_bit(u32 *bitmap, u8 vector)
{
    bitmap[vector / 32] |= 1u << vector % 32;
}

static inline void clear_bit(u32 *bitmap, u8 vector)
{
    bitmap[vector / 32] &= ~(1u << vector % 32);
}

/* The same for those of which `used` tells the words that are not 0. */
static inline void set(u32 *bitmap, u8 *used, u8 vector)
{
    set_bit(bitmap, vector);
    *used |= (u8)(1u << vector / 32);
}

static inline void clear(u32 *bitmap, u8 *used, u8 vector)
{
    clear_bit(bitmap, vector);
    if (!bitmap[vector / 32])
        *used &= (u8) ~(1u << vector / 32);
}

bool lapic_has(const u32 *bitmap, u8 vector)
{
    return bitmap[vector / 32] >> vector % 32 & 1;
}

/* Highest vector in a bitmap, or 0 (vectors below 16 are never in one). */
static inline u8 highest(const u32 *bitmap, u8 used)
{
    unsigned word;

    if (!used)
        return 0;
    word = 31 - (unsigned)__builtin_clz(used);
    return (u8)(word * 32 + 31 - (unsigned)__builtin_clz(bitmap[word]));
}

/* "Task and Processor Priorities" */
static inline u32 priority(const struct lapic *l)
{
    u32 isr = highest(l->isr, l->isr_used);

    return (l->tpr & PRIORITY_CLASS) >= (isr & PRIORITY_CLASS) ? l->tpr : isr & PRIORITY_CLASS;
}

u32 lapic_priority(const struct lapic *l)
{
    return priority(l);
}

/* LINT0 is wired through to the processor ("Local Vector Table", delivery mode ExtINT), as it is
 * where there is no APIC. */
static bool takes_extint(const struct lapic *l)
{
    return l->mode == LAPIC_DISABLED ||
           (l->lvt[LAPIC_LVT_LINT0] & (LVT_MASKED | LVT_MODE)) == LVT_EXTINT;
}

static inline void update(struct lapic *l)
{
    u8 vector = highest(l->irr, l->irr_used);

    l->next = (vector & PRIORITY_CLASS) > (priority(l) & PRIORITY_CLASS) ? vector : 0;
    if (unlikely(l->lint0) && takes_extint(l))
        l->next |= LAPIC_EXTINT;
    if (unlikely(l->nmi))
        l->next |= LAPIC_NMI;
}

void lapic_accept_nmi(struct lapic *l)
{
    l->nmi = false;
    update(l);
}

void lapic_update(struct lapic *l)
{
    update(l);
}

/* There may be something to deliver: the vcpu runs, and looks at it. */
void lapic_look(struct lapic *l)
{
    update(l);
    if (!l->next)
        return;
    sched_wake(l->vcpu);
    virt_kick(l->vcpu);
}

/* "Local APIC State After Power-Up or Reset" */
void lapic_reset(struct lapic *l)
{
    *l = (struct lapic){
        .vcpu = l->vcpu, .lint0 = l->lint0, .mode = l->mode, .svr = SVR_RESET, .dfr = ~0u};
    for (unsigned i = 0; i < LAPIC_LVTS; i++)
        l->lvt[i] = LVT_MASKED;
    timer_cancel(&l->vcpu->timer);
}

int lapic_init(struct vcpu *v)
{
    struct lapic *l = hv_alloc(v->domain, sizeof(*l));

    if (!l)
        return -ENOMEM;
    l->vcpu = v;
    lapic_reset(l);
    l->svr |= SVR_ENABLE;
    if (v->id == 0) {
        l->lvt[LAPIC_LVT_LINT0] = LVT_EXTINT;
        l->lvt[LAPIC_LVT_LINT1] = LVT_NMI;
    }
    v->lapic = l;
    return 0;
}

void lapic_destroy(struct vcpu *v)
{
    if (!v->lapic)
        return;
    timer_cancel(&v->timer);
    hv_free(v->domain, v->lapic, sizeof(*v->lapic));
    v->lapic = NULL;
}

void lapic_request_as(struct lapic *l, u8 vector, bool level)
{
    if (!(l->svr & SVR_ENABLE) || l->mode == LAPIC_DISABLED)
        return;
    if (vector < LOWEST_VECTOR) {
        l->esr |= ESR_ILLEGAL_RECEIVE;
        return;
    }
    set(l->irr, &l->irr_used, vector);
    if (level)
        set_bit(l->tmr, vector);
    else
        clear_bit(l->tmr, vector);
    lapic_look(l);
}

void lapic_request(struct lapic *l, u8 vector)
{
    lapic_request_as(l, vector, false);
}

void lapic_set_lint0(struct lapic *l, bool high)
{
    bool rises = high && !l->lint0;

    l->lint0 = high;
    if (rises && !(l->lvt[LAPIC_LVT_LINT0] & (LVT_MASKED | LVT_MODE)))
        lapic_request(l, l->lvt[LAPIC_LVT_LINT0] & LVT_VECTOR);
    else
        lapic_look(l);
}

void lapic_accept(struct lapic *l)
{
    u8 vector = lapic_next(l);

    clear(l->irr, &l->irr_used, vector);
    set(l->isr, &l->isr_used, vector);
    update(l);
}

u64 lapic_cr8(const struct lapic *l)
{
    return l->tpr >> CR8_SHIFT;
}

void lapic_set_cr8(struct lapic *l, u64 value)
{
    l->tpr = (u32)(value & CR8_MASK) << CR8_SHIFT;
    update(l);
}

void lapic_end(struct lapic *l)
{
    u8 vector = highest(l->isr, l->isr_used);

    if (vector)
        clear(l->isr, &l->isr_used, vector);
    update(l);
    if (vector && lapic_has(l->tmr, vector))
        wire_end(l->vcpu->domain, vector);
}
