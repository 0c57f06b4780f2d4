/*
 * Descriptors and their checks: see segments.h.
 */
#include "segments.h"

enum emulate_result processor_mode(struct emulate_ctx *ctx, enum processor_mode *mode)
{
    bool pe = true;

    if (ctx->regs->rflags & RFLAGS_VM) {
        *mode = MODE_V86;
        return EMULATE_OK;
    }
    if (ctx->code_size != CODE_64)
        TRY(cr_bit(ctx, 0, CR0_PE, &pe));
    *mode = pe ? MODE_PROTECTED : MODE_REAL;
    return EMULATE_OK;
}

enum emulate_result long_mode_active(struct emulate_ctx *ctx, bool *active)
{
    u64 efer = ctx->code_size == CODE_64 ? EFER_LMA : 0;

    if (!efer && ctx->ops->read_msr)
        TRY(ctx->ops->read_msr(ctx, MSR_EFER, &efer));
    *active = efer & EFER_LMA;
    return EMULATE_OK;
}

/* "Segment Descriptors" */
static void take_apart(struct descriptor *d, u16 selector)
{
    enum { LIMIT_LOW = 0xffff, LIMIT_HIGH = 0xf0000, BASE_LOW = 0xffffff, ATTR_HIGH = 0xf00 };
    u32 limit = (d->low & LIMIT_LOW) | (d->low >> 32 & LIMIT_HIGH);

    d->segment.selector = selector;
    d->segment.attr = (d->low >> 40 & 0xff) | (d->low >> 44 & ATTR_HIGH);
    d->segment.base = (d->low >> 16 & BASE_LOW) | (d->low >> 56) << 24 | d->high << 32;
    d->segment.limit =
        d->segment.attr & SEG_ATTR_G ? limit << PAGE_SHIFT | PAGE_OFFSET_MASK : limit;
}

enum emulate_result read_descriptor(struct emulate_ctx *ctx, u16 selector, u8 vector, bool wide,
                                    struct descriptor *out)
{
    unsigned last = (selector & SELECTOR_INDEX) + (wide ? 15 : 7);
    struct segment ldt;
    u64 base;
    u16 limit;

    *out = (struct descriptor){0};
    if (selector & SELECTOR_LDT) {
        TRY(HOOK(ctx, segment, SEG_LDTR, &ldt));
        if ((ldt.attr & SEG_ATTR_UNUSABLE) || last > ldt.limit)
            return raise_selector(ctx, vector, selector);
        base = ldt.base;
    } else {
        TRY(HOOK(ctx, read_table, EMULATE_GDTR, &base, &limit));
        if (last > limit)
            return raise_selector(ctx, vector, selector);
    }
    out->la = base + (selector & SELECTOR_INDEX);
    TRY(HOOK(ctx, system_read, out->la, &out->low, 8));
    if (wide)
        TRY(HOOK(ctx, system_read, out->la + 8, &out->high, 8));
    take_apart(out, selector);
    return EMULATE_OK;
}

enum emulate_result mark_descriptor(struct emulate_ctx *ctx, struct descriptor *d, unsigned type)
{
    enum { TYPE_BYTE = 5 };

    if ((d->segment.attr & type) == type)
        return EMULATE_OK;
    d->segment.attr |= type;
    return HOOK(ctx, system_write, d->la + TYPE_BYTE, d->segment.attr & 0xff, 1);
}

/* In real mode limit and attributes stay as they are ("unreal mode" lives of it); but what
 * protected mode left unusable becomes usable. */
enum emulate_result real_segment(struct emulate_ctx *ctx, enum processor_mode mode, enum seg seg,
                                 u16 selector, struct segment *out)
{
    if (mode == MODE_REAL) {
        TRY(HOOK(ctx, segment, seg, out));
    }
    if (mode != MODE_REAL || out->attr & SEG_ATTR_UNUSABLE) {
        out->limit = 0xffff;
        out->attr = TYPE_ACCESSED | TYPE_WRITABLE | SEG_ATTR_S | SEG_ATTR_P;
        if (mode == MODE_V86)
            out->attr |= 3 << SEG_ATTR_DPL_SHIFT;
    }
    out->selector = selector;
    out->base = (u32)selector << 4;
    return EMULATE_OK;
}

static void null_segment(u16 selector, struct segment *out)
{
    *out = (struct segment){.selector = selector, .attr = SEG_ATTR_UNUSABLE};
}

enum emulate_result check_stack_segment(struct emulate_ctx *ctx, u16 selector, unsigned cpl,
                                        u8 vector, bool in_64, struct segment *out)
{
    struct descriptor d;

    if (is_null(selector)) {
        if (!in_64 || cpl == 3 || (selector & SELECTOR_RPL) != cpl)
            return emulate_raise(ctx, vector, 0);
        null_segment(selector, out);
        out->attr |= cpl << SEG_ATTR_DPL_SHIFT;
        return EMULATE_OK;
    }
    TRY(read_descriptor(ctx, selector, vector, false, &d));
    if ((selector & SELECTOR_RPL) != cpl || segment_dpl(&d.segment) != cpl ||
        is_system(&d.segment) || is_code(&d.segment) || !(d.segment.attr & TYPE_WRITABLE))
        return raise_selector(ctx, vector, selector);
    if (!(d.segment.attr & SEG_ATTR_P))
        return raise_selector(ctx, VEC_SS, selector);
    TRY(mark_descriptor(ctx, &d, TYPE_ACCESSED));
    *out = d.segment;
    return EMULATE_OK;
}

enum emulate_result check_data_segment(struct emulate_ctx *ctx, u16 selector, u8 vector,
                                       struct segment *out)
{
    struct descriptor d;
    bool conforming;

    if (is_null(selector)) {
        null_segment(selector, out);
        return EMULATE_OK;
    }
    TRY(read_descriptor(ctx, selector, vector, false, &d));
    if (is_system(&d.segment) || (is_code(&d.segment) && !(d.segment.attr & TYPE_WRITABLE)))
        return raise_selector(ctx, vector, selector);
    conforming = is_code(&d.segment) && (d.segment.attr & TYPE_CONFORMING);
    if (!conforming && MAX(ctx->cpl, selector & SELECTOR_RPL) > segment_dpl(&d.segment))
        return raise_selector(ctx, vector, selector);
    if (!(d.segment.attr & SEG_ATTR_P))
        return raise_selector(ctx, VEC_NP, selector);
    TRY(mark_descriptor(ctx, &d, TYPE_ACCESSED));
    *out = d.segment;
    return EMULATE_OK;
}

enum emulate_result check_segment(struct emulate_ctx *ctx, enum seg seg, u16 selector,
                                  struct segment *out)
{
    enum processor_mode mode;

    TRY(processor_mode(ctx, &mode));
    if (mode != MODE_PROTECTED)
        return real_segment(ctx, mode, seg, selector, out);
    if (seg == SEG_SS)
        return check_stack_segment(ctx, selector, ctx->cpl, VEC_GP, ctx->code_size == CODE_64, out);
    return check_data_segment(ctx, selector, VEC_GP, out);
}

enum emulate_result check_code_segment(struct emulate_ctx *ctx, u16 selector, struct descriptor *d,
                                       u64 offset, unsigned cpl, struct far_target *target)
{
    bool long_mode;

    TRY(long_mode_active(ctx, &long_mode));
    if (!(d->segment.attr & SEG_ATTR_P))
        return raise_selector(ctx, VEC_NP, selector);
    target->size = d->segment.attr & SEG_ATTR_DB ? CODE_32 : CODE_16;
    if (long_mode && (d->segment.attr & SEG_ATTR_L)) {
        if (d->segment.attr & SEG_ATTR_DB)
            return raise_selector(ctx, VEC_GP, selector);
        target->size = CODE_64;
    }
    if (target->size == CODE_64 ? !canonical(offset) : offset > d->segment.limit)
        return emulate_raise(ctx, VEC_GP, 0);
    TRY(mark_descriptor(ctx, d, TYPE_ACCESSED));
    target->cs = d->segment;
    target->cs.selector = (selector & ~SELECTOR_RPL) | cpl;
    target->offset = offset;
    target->cpl = cpl;
    return EMULATE_OK;
}
