/*
 * The local APIC's registers, priorities and timer.
 *
 * Invariant: `next` is the highest requested vector whose priority class is above the processor
 * priority, or 0, and LAPIC_EXTINT if LINT0 is high and wired through; every change to IRR, ISR,
 * TPR, LINT0 or its table entry goes through update(). SVR is no part of it: a software-disabled
 * APIC accepts nothing new, but keeps what it has requested.
 *
 * A domain begins as firmware leaves the processor: enabled, in "virtual wire mode", LINT0 being
 * the 8259s' and LINT1 the NMI.
 */
#include "lapic.h"

#include "domain.h"
#include "errno.h"
#include "event.h"
#include "frame.h"
#include "mmio.h"
#include "sched.h"
#include "trace.h"
#include "virt.h"

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
    REG_STEP = 0x10,
    REG_BITMAP_END = 0x280,
    LAPIC_PAGE = 0x1000,
};

#define ID_BITS  0xff000000u /* of ID, LDR and ICR */
#define DFR_ONES 0x0fffffffu /* bits of DFR that read as 1 */

enum lapic_bits {
    VERSION_VALUE = (LAPIC_LVTS - 1) << 16 | 0x14,
    ID_SHIFT = 24,
    ID_ALL = 0xff,
    PRIORITY_CLASS = 0xf0, /* of a vector, and of TPR: "Task and Processor Priorities" */
    PRIORITY_MASK = 0xff,
    CR8_SHIFT = 4, /* CR8 is the priority class alone */
    CR8_MASK = 0xf,
    DIVIDE_LOW = 3, /* "Divide Configuration Register": bits 1, 0 and 3 */
    DIVIDE_HIGH = 1 << 3,
    DIVIDE_BY_1 = 7,
    LVT_VECTOR = 0xff,
    LVT_MODE = 7 << 8,
    LVT_NMI = 4 << 8,
    LVT_EXTINT = 7 << 8,
    LVT_MASKED = 1 << 16,
    LVT_PERIODIC = 1 << 17,
    LVT_WRITABLE = 0x177ff, /* without delivery status and remote IRR */
    LVT_TIMER_WRITABLE = LVT_VECTOR | LVT_MASKED | LVT_PERIODIC,
    SVR_ENABLE = 1 << 8,
    SVR_WRITABLE = 0x1ff,
    SVR_RESET = 0xff,
    DIVIDE_WRITABLE = 0xb,
    LOWEST_VECTOR = 16,
    ESR_ILLEGAL_SEND = 1 << 5,
    ESR_ILLEGAL_RECEIVE = 1 << 6,
    ICR_DELIVERY_SHIFT = 8, /* 3 bits; 0: fixed */
    ICR_LOGICAL = 1 << 11,
    ICR_SHORTHAND_SHIFT = 18,
    ICR_WRITABLE = 0xccfff & ~(1 << 12),
    MIN_PERIOD_US = 50, /* a shorter period would keep the processor busy with timers alone */
};
enum icr_shorthand { TO_DESTINATION, TO_SELF, TO_ALL, TO_OTHERS };

static void set_bit(u32 *bitmap, u8 vector)
{
    bitmap[vector / 32] |= 1u << vector % 32;
}

static void clear_bit(u32 *bitmap, u8 vector)
{
    bitmap[vector / 32] &= ~(1u << vector % 32);
}

/* Highest vector in a bitmap, or 0 (vectors below 16 are never in one). */
static u8 highest(const u32 *bitmap)
{
    for (int i = LAPIC_WORDS - 1; i >= 0; i--)
        if (bitmap[i])
            return (u8)(i * 32 + 31 - __builtin_clz(bitmap[i]));
    return 0;
}

/* "Task and Processor Priorities" */
static u32 processor_priority(const struct lapic *l)
{
    u32 isr = highest(l->isr);

    return (l->tpr & PRIORITY_CLASS) >= (isr & PRIORITY_CLASS) ? l->tpr : isr & PRIORITY_CLASS;
}

/* LINT0 is wired through to the processor ("Local Vector Table", delivery mode ExtINT). */
static bool takes_extint(const struct lapic *l)
{
    return (l->lvt[LAPIC_LVT_LINT0] & (LVT_MASKED | LVT_MODE)) == LVT_EXTINT;
}

static void update(struct lapic *l)
{
    u8 vector = highest(l->irr);
    u32 busy = processor_priority(l) & PRIORITY_CLASS;

    l->next = (vector & PRIORITY_CLASS) > busy ? vector : 0;
    if (l->lint0 && takes_extint(l))
        l->next |= LAPIC_EXTINT;
}

/* There is something to deliver: the vcpu runs, and looks at it. */
static void tell(struct lapic *l)
{
    if (!l->next)
        return;
    sched_wake(l->vcpu);
    virt_kick(l->vcpu);
}

int lapic_init(struct vcpu *v)
{
    struct lapic *l = hv_alloc(v->domain, sizeof(*l));

    if (!l)
        return -ENOMEM;
    l->vcpu = v;
    l->svr = SVR_ENABLE | SVR_RESET;
    l->dfr = ~0u;
    for (unsigned i = 0; i < LAPIC_LVTS; i++)
        l->lvt[i] = LVT_MASKED;
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

void lapic_request(struct lapic *l, u8 vector)
{
    if (!(l->svr & SVR_ENABLE))
        return;
    if (vector < LOWEST_VECTOR) {
        l->esr |= ESR_ILLEGAL_RECEIVE;
        return;
    }
    set_bit(l->irr, vector);
    update(l);
    tell(l);
}

void lapic_set_lint0(struct lapic *l, bool high)
{
    bool rises = high && !l->lint0;

    l->lint0 = high;
    if (rises && !(l->lvt[LAPIC_LVT_LINT0] & (LVT_MASKED | LVT_MODE))) {
        lapic_request(l, l->lvt[LAPIC_LVT_LINT0] & LVT_VECTOR);
        return;
    }
    update(l);
    tell(l);
}

void lapic_accept(struct lapic *l)
{
    u8 vector = lapic_next(l);

    clear_bit(l->irr, vector);
    set_bit(l->isr, vector);
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

/* "Divide Configuration Register": log2 of the divisor. */
static unsigned divide_shift(const struct lapic *l)
{
    unsigned code = (l->divide & DIVIDE_LOW) | (l->divide & DIVIDE_HIGH) >> 1;

    return code == DIVIDE_BY_1 ? 0 : code + 1;
}

static u64 period(const struct lapic *l)
{
    return (u64)l->initial << divide_shift(l);
}

static void fire(struct timer *t, u64 now)
{
    struct lapic *l = container_of(t, struct vcpu, timer)->lapic;

    lapic_timer_expired(l);
    if (!(l->lvt[LAPIC_LVT_TIMER] & LVT_PERIODIC))
        return;
    /* Counted from when it was due, so that lateness does not add up; periods that have gone by
     * entirely are one interrupt. */
    u64 p = MAX(period(l), us_to_ticks(MIN_PERIOD_US));
    l->started += (now - l->started) / p * p;
    timer_set(t, l->started + p);
}

static void start_timer(struct lapic *l)
{
    timer_cancel(&l->vcpu->timer);
    if (!l->initial)
        return;
    u64 p = period(l);
    if (l->lvt[LAPIC_LVT_TIMER] & LVT_PERIODIC)
        p = MAX(p, us_to_ticks(MIN_PERIOD_US));
    l->started = sched_now();
    l->vcpu->timer.fire = fire;
    timer_set(&l->vcpu->timer, l->started + p);
}

void lapic_timer_expired(struct lapic *l)
{
    u32 lvt = l->lvt[LAPIC_LVT_TIMER];

    if (lvt & LVT_MASKED)
        return;
    ledger_count(&l->vcpu->domain->ledger, LC_DELIVERED_TIMER);
    TRACE(l->vcpu->domain, DELIVERED_TIMER);
    lapic_request(l, lvt & LVT_VECTOR);
}

/* "APIC Timer": the current count. */
static u32 current_count(const struct lapic *l)
{
    u64 gone;

    if (!l->initial)
        return 0;
    gone = (sched_now() - l->started) >> divide_shift(l);
    if (l->lvt[LAPIC_LVT_TIMER] & LVT_PERIODIC)
        gone %= l->initial;
    return gone >= l->initial ? 0 : l->initial - (u32)gone;
}

/* "Issuing Interprocessor Interrupts": fixed delivery to this domain's vcpus. */
static void send_ipi(struct lapic *l)
{
    struct domain *d = l->vcpu->domain;
    u8 vector = l->icr_low & LVT_VECTOR;
    u32 to = l->icr_high >> ID_SHIFT, shorthand = l->icr_low >> ICR_SHORTHAND_SHIFT & 3;

    if (l->icr_low >> ICR_DELIVERY_SHIFT & 7)
        return; /* INIT, start-up, SMI, NMI: there is nobody to start */
    if (vector < LOWEST_VECTOR) {
        l->esr |= ESR_ILLEGAL_SEND;
        return;
    }
    for (u32 i = 0; i < d->vcpu_count; i++) {
        struct lapic *other = d->vcpu[i]->lapic;
        if (!other)
            continue;
        bool self = other == l, hit = shorthand == TO_ALL || (shorthand == TO_SELF && self) ||
                                      (shorthand == TO_OTHERS && !self);
        if (shorthand == TO_DESTINATION)
            hit = l->icr_low & ICR_LOGICAL ? (other->ldr >> ID_SHIFT & to) != 0
                                           : to == i || to == ID_ALL;
        if (hit)
            lapic_request(other, vector);
    }
}

static void end_of_interrupt(struct lapic *l)
{
    u8 vector = highest(l->isr);

    if (vector)
        clear_bit(l->isr, vector);
    update(l);
}

static void write_svr(struct lapic *l, u32 value)
{
    l->svr = value & SVR_WRITABLE;
    /* "Local APIC State After It Has Been Software Disabled": the LVT is masked, and nothing new
     * is accepted. */
    if (!(l->svr & SVR_ENABLE))
        for (unsigned i = 0; i < LAPIC_LVTS; i++)
            l->lvt[i] |= LVT_MASKED;
    update(l);
}

static void write_lvt(struct lapic *l, enum lapic_lvt i, u32 value)
{
    bool was_periodic = l->lvt[i] & LVT_PERIODIC;

    l->lvt[i] = value & (i == LAPIC_LVT_TIMER ? LVT_TIMER_WRITABLE : LVT_WRITABLE);
    if (!(l->svr & SVR_ENABLE))
        l->lvt[i] |= LVT_MASKED;
    update(l);
    if (i == LAPIC_LVT_TIMER && was_periodic != !!(l->lvt[i] & LVT_PERIODIC))
        start_timer(l);
}

u32 lapic_read(struct lapic *l, u64 offset)
{
    if (offset >= REG_ISR && offset < REG_BITMAP_END) {
        unsigned word = offset / REG_STEP % LAPIC_WORDS;
        if (offset < REG_TMR)
            return l->isr[word];
        return offset < REG_IRR ? 0 : l->irr[word]; /* TMR: all are edge-triggered */
    }
    if (offset >= REG_LVT && offset < REG_INITIAL)
        return l->lvt[(offset - REG_LVT) / REG_STEP];
    switch (offset) {
    case REG_ID:
        return l->vcpu->id << ID_SHIFT;
    case REG_VERSION:
        return VERSION_VALUE;
    case REG_TPR:
        return l->tpr;
    case REG_PPR:
        return processor_priority(l);
    case REG_LDR:
        return l->ldr;
    case REG_DFR:
        return l->dfr;
    case REG_SVR:
        return l->svr;
    case REG_ESR:
        return l->esr;
    case REG_ICR_LOW:
        return l->icr_low;
    case REG_ICR_HIGH:
        return l->icr_high;
    case REG_INITIAL:
        return l->initial;
    case REG_CURRENT:
        return current_count(l);
    case REG_DIVIDE:
        return l->divide;
    default:
        return 0;
    }
}

void lapic_write(struct lapic *l, u64 offset, u32 value)
{
    if (offset >= REG_LVT && offset < REG_INITIAL) {
        write_lvt(l, (offset - REG_LVT) / REG_STEP, value);
        return;
    }
    switch (offset) {
    case REG_TPR:
        l->tpr = value & PRIORITY_MASK;
        update(l);
        break;
    case REG_EOI:
        end_of_interrupt(l);
        break;
    case REG_LDR:
        l->ldr = value & ID_BITS;
        break;
    case REG_DFR:
        l->dfr = value | DFR_ONES;
        break;
    case REG_SVR:
        write_svr(l, value);
        break;
    case REG_ESR:
        l->esr = 0;
        break;
    case REG_ICR_LOW:
        l->icr_low = value & ICR_WRITABLE;
        send_ipi(l);
        break;
    case REG_ICR_HIGH:
        l->icr_high = value & ID_BITS;
        break;
    case REG_INITIAL:
        l->initial = value;
        start_timer(l);
        break;
    case REG_DIVIDE:
        l->divide = value & DIVIDE_WRITABLE;
        start_timer(l);
        break;
    default: /* read-only and reserved */
        break;
    }
}

/* Registers are 32 bits wide, at multiples of 16; other accesses are undefined: they read 0. */
static u64 page_read(void *device, struct vcpu *v, u64 offset, unsigned size)
{
    (void)device;
    return size == 4 && offset % REG_STEP == 0 ? lapic_read(v->lapic, offset) : 0;
}

static void page_write(void *device, struct vcpu *v, u64 offset, unsigned size, u64 value)
{
    (void)device;
    if (size == 4 && offset % REG_STEP == 0)
        lapic_write(v->lapic, offset, (u32)value);
}

int lapic_attach(struct domain *d)
{
    static const struct mmio_ops ops = {.read = page_read, .write = page_write};

    return mmio_register(d, LAPIC_DEFAULT_BASE, LAPIC_PAGE, &ops, NULL);
}
