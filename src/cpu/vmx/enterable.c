/*
 * May the processor enter a guest whose mode is as it is now? With `unrestricted guest` always;
 * without it a VM entry wants protected mode and segments that protected mode could have loaded,
 * which on the way from real mode they are not yet.
 *
 * These are the rules of "Checks on Guest Segment Registers" that a guest can break which does what
 * an instruction does; check/entry_check_segments.c has all of them, and a host test compares.
 */
#include "enterable.h"

#include "vmx.h"
#include "x86.h"

enum type {
    ACCESSED = 1 << 0,
    WRITABLE = 1 << 1,   /* code: readable */
    CONFORMING = 1 << 2, /* code */
    CODE = 1 << 3,
    TSS16_BUSY = 3,
    TSS_BUSY = 11,
};
enum { SELECTOR_RPL = 3, SELECTOR_TI = 4 };

static bool has(const struct segment *s, unsigned bits)
{
    return (s->attr & bits) == bits;
}

static unsigned dpl(const struct segment *s)
{
    return s->attr >> SEG_ATTR_DPL_SHIFT & 3;
}

static bool right_code(const struct segment *cs, const struct segment *ss)
{
    if (!has(cs, CODE | ACCESSED | SEG_ATTR_S | SEG_ATTR_P))
        return false;
    return cs->attr & CONFORMING ? dpl(cs) <= dpl(ss) : dpl(cs) == dpl(ss);
}

static bool right_stack(const struct segment *cs, const struct segment *ss)
{
    if ((ss->selector & SELECTOR_RPL) != (cs->selector & SELECTOR_RPL) ||
        dpl(ss) != (ss->selector & SELECTOR_RPL))
        return false;
    return ss->attr & SEG_ATTR_UNUSABLE ||
           (has(ss, WRITABLE | ACCESSED | SEG_ATTR_S | SEG_ATTR_P) && !(ss->attr & CODE));
}

static bool right_data(const struct segment *s)
{
    if (s->attr & SEG_ATTR_UNUSABLE)
        return true;
    if (!has(s, ACCESSED | SEG_ATTR_S | SEG_ATTR_P) || (s->attr & CODE && !(s->attr & WRITABLE)))
        return false;
    return has(s, CODE | CONFORMING) || dpl(s) >= (s->selector & SELECTOR_RPL);
}

static bool right_task(const struct segment *tr)
{
    unsigned type = tr->attr & SEG_ATTR_TYPE;

    return (type == TSS_BUSY || type == TSS16_BUSY) && !(tr->selector & SELECTOR_TI) &&
           has(tr, SEG_ATTR_P) && !(tr->attr & (SEG_ATTR_UNUSABLE | SEG_ATTR_S));
}

bool vmx_segments_enterable(const struct segment segment[SEG_TR + 1])
{
    for (unsigned s = SEG_ES; s <= SEG_GS; s++)
        if (s != SEG_CS && s != SEG_SS && !right_data(&segment[s]))
            return false;
    return right_code(&segment[SEG_CS], &segment[SEG_SS]) &&
           right_stack(&segment[SEG_CS], &segment[SEG_SS]) && right_task(&segment[SEG_TR]);
}

bool vmx_enterable(struct vcpu *v)
{
    struct segment segment[SEG_TR + 1];

    if (vmx_cap.ept) /* and with it `unrestricted guest` */
        return true;
    if (!(virt_get(v, VREG_CR0) & CR0_PE))
        return false;
    if (virt_get(v, VREG_RFLAGS) & RFLAGS_VM)
        return true;
    for (unsigned s = SEG_ES; s <= SEG_TR; s++)
        vmx_get_segment(v, s, &segment[s]);
    return vmx_segments_enterable(segment);
}
