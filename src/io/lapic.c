/*
 * The local APIC's registers and priorities.
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
#include "lapic_parts.h"
#include "mmio.h"
#include "sched.h"
#include "virt.h"
#include "wiring.h"

#define ID_BITS  0xff000000u /* of ID, LDR and ICR */
#define DFR_ONES 0x0fffffffu /* bits of DFR that read as 1 */

enum lapic_values {
    VERSION_VALUE = (LAPIC_LVTS - 1) << 16 | 0x14,
    CR8_SHIFT = 4, /* CR8 is the priority class alone */
    CR8_MASK = 0xf,
    LAPIC_PAGE = 0x1000,
};

static void set_bit(u32 *bitmap, u8 vector)
{
    bitmap[vector / 32] |= 1u << vector % 32;
}

static void clear_bit(u32 *bitmap, u8 vector)
{
    bitmap[vector / 32] &= ~(1u << vector % 32);
}

bool lapic_has(const u32 *bitmap, u8 vector)
{
    return bitmap[vector / 32] >> vector % 32 & 1;
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
u32 lapic_priority(const struct lapic *l)
{
    u32 isr = highest(l->isr);

    return (l->tpr & PRIORITY_CLASS) >= (isr & PRIORITY_CLASS) ? l->tpr : isr & PRIORITY_CLASS;
}

/* LINT0 is wired through to the processor ("Local Vector Table", delivery mode ExtINT), as it is
 * where there is no APIC. */
static bool takes_extint(const struct lapic *l)
{
    return l->mode == LAPIC_DISABLED ||
           (l->lvt[LAPIC_LVT_LINT0] & (LVT_MASKED | LVT_MODE)) == LVT_EXTINT;
}

static void update(struct lapic *l)
{
    u8 vector = highest(l->irr);
    u32 busy = lapic_priority(l) & PRIORITY_CLASS;

    l->next = (vector & PRIORITY_CLASS) > busy ? vector : 0;
    if (l->lint0 && takes_extint(l))
        l->next |= LAPIC_EXTINT;
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
    set_bit(l->irr, vector);
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

static void end_of_interrupt(struct lapic *l)
{
    u8 vector = highest(l->isr);

    if (vector)
        clear_bit(l->isr, vector);
    update(l);
    if (vector && lapic_has(l->tmr, vector))
        wire_end(l->vcpu->domain, vector);
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
    u32 old = l->lvt[i];

    l->lvt[i] = value & (i == LAPIC_LVT_TIMER ? LVT_TIMER_WRITABLE : LVT_WRITABLE);
    if (!(l->svr & SVR_ENABLE))
        l->lvt[i] |= LVT_MASKED;
    update(l);
    if (i == LAPIC_LVT_TIMER)
        lapic_timer_mode(l, old);
}

static u32 read_bitmap(const struct lapic *l, u64 offset)
{
    unsigned word = offset / REG_STEP % LAPIC_WORDS;

    if (offset < REG_TMR)
        return l->isr[word];
    return offset < REG_IRR ? l->tmr[word] : l->irr[word];
}

u32 lapic_read(struct lapic *l, u64 offset)
{
    if (offset >= REG_ISR && offset < REG_BITMAP_END)
        return read_bitmap(l, offset);
    if (offset >= REG_LVT && offset < REG_INITIAL)
        return l->lvt[(offset - REG_LVT) / REG_STEP];
    switch (offset) {
    case REG_ID:
        return l->mode == LAPIC_X2APIC ? l->vcpu->id : l->vcpu->id << ID_SHIFT;
    case REG_VERSION:
        return VERSION_VALUE;
    case REG_TPR:
        return l->tpr;
    case REG_PPR:
        return lapic_priority(l);
    case REG_LDR:
        return l->mode == LAPIC_X2APIC ? lapic_x2_ldr(l->vcpu->id) : l->ldr;
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
        return lapic_current_count(l);
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
        lapic_command(l);
        break;
    case REG_ICR_HIGH:
        l->icr_high = value & ID_BITS;
        break;
    case REG_INITIAL:
        l->initial = l->lvt[LAPIC_LVT_TIMER] & LVT_DEADLINE ? 0 : value;
        lapic_start_timer(l);
        break;
    case REG_DIVIDE:
        l->divide = value & DIVIDE_WRITABLE;
        lapic_start_timer(l);
        break;
    default: /* read-only and reserved */
        break;
    }
}

/* Registers are 32 bits wide, at multiples of 16; other accesses are undefined: they read 0. In
 * the other modes nobody answers here. */
static u64 page_read(void *device, struct vcpu *v, u64 offset, unsigned size)
{
    (void)device;
    if (v->lapic->mode != LAPIC_XAPIC)
        return ~0ULL;
    return size == 4 && offset % REG_STEP == 0 ? lapic_read(v->lapic, offset) : 0;
}

static void page_write(void *device, struct vcpu *v, u64 offset, unsigned size, u64 value)
{
    (void)device;
    if (v->lapic->mode == LAPIC_XAPIC && size == 4 && offset % REG_STEP == 0)
        lapic_write(v->lapic, offset, (u32)value);
}

int lapic_attach(struct domain *d)
{
    static const struct mmio_ops ops = {.read = page_read, .write = page_write};

    return mmio_register(d, LAPIC_DEFAULT_BASE, LAPIC_PAGE, &ops, NULL);
}
