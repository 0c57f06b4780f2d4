/*
 * The local APIC's registers, and the page of memory in which xAPIC mode has them.
 */
#include "lapic_parts.h"
#include "mmio.h"
#include "vcpu.h"

#define ID_BITS  0xff000000u /* of ID, LDR and ICR */
#define DFR_ONES 0x0fffffffu /* bits of DFR that read as 1 */

enum lapic_values {
    VERSION_VALUE = (LAPIC_LVTS - 1) << 16 | 0x14,
    LAPIC_PAGE = 0x1000,
};

static void write_svr(struct lapic *l, u32 value)
{
    l->svr = value & SVR_WRITABLE;
    /* "Local APIC State After It Has Been Software Disabled": the LVT is masked, and nothing new
     * is accepted. */
    if (!(l->svr & SVR_ENABLE))
        for (unsigned i = 0; i < LAPIC_LVTS; i++)
            l->lvt[i] |= LVT_MASKED;
    lapic_update(l);
}

static void write_lvt(struct lapic *l, enum lapic_lvt i, u32 value)
{
    u32 old = l->lvt[i];

    l->lvt[i] = value & (i == LAPIC_LVT_TIMER ? LVT_TIMER_WRITABLE : LVT_WRITABLE);
    if (!(l->svr & SVR_ENABLE))
        l->lvt[i] |= LVT_MASKED;
    lapic_update(l);
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
        lapic_update(l);
        break;
    case REG_EOI:
        lapic_end(l);
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

/* Registers are 32 bits wide, at multiples of 16. Other accesses are undefined: what lies within a
 * register reads that part of it, as processors do, anything else 0. In the other modes nobody
 * answers here. */
static u64 page_read(void *device, struct vcpu *v, u64 offset, unsigned size)
{
    (void)device;
    if (v->lapic->mode != LAPIC_XAPIC)
        return ~0ULL;
    unsigned from = offset % REG_STEP;
    if (from + size > REG_BYTES)
        return 0;
    return (u32)lapic_read(v->lapic, offset - from) >> 8 * from & (~0ULL >> (64 - 8 * size));
}

static void page_write(void *device, struct vcpu *v, u64 offset, unsigned size, u64 value)
{
    (void)device;
    if (v->lapic->mode != LAPIC_XAPIC || size != 4 || offset % REG_STEP)
        return;
    if (offset == REG_EOI)
        lapic_end(v->lapic);
    else
        lapic_write(v->lapic, offset, (u32)value);
}

int lapic_attach(struct domain *d)
{
    static const struct mmio_ops ops = {.read = page_read, .write = page_write};

    return mmio_register(d, LAPIC_DEFAULT_BASE, LAPIC_PAGE, &ops, NULL);
}
