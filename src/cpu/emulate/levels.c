/*
 * Between levels of privilege: see far.h ("Stack Switching", "Returning from a Called Procedure").
 */
#include "far.h"

enum emulate_result return_target(struct emulate_ctx *ctx, u16 selector, u64 offset,
                                  struct far_target *target)
{
    unsigned rpl = selector & SELECTOR_RPL, dpl;
    struct descriptor d;

    if (is_null(selector))
        return emulate_raise(ctx, VEC_GP, 0);
    TRY(read_descriptor(ctx, selector, VEC_GP, false, &d));
    dpl = segment_dpl(&d.segment);
    if (!is_code(&d.segment) || rpl < ctx->cpl ||
        (d.segment.attr & TYPE_CONFORMING ? dpl > rpl : dpl != rpl))
        return raise_selector(ctx, VEC_GP, selector);
    return check_code_segment(ctx, selector, &d, offset, rpl, target);
}

/* Data segments that the outer level could not have loaded, as a set. */
static enum emulate_result segments_to_drop(struct emulate_ctx *ctx, unsigned cpl, unsigned *set)
{
    const unsigned data = 1 << SEG_ES | 1 << SEG_DS | 1 << SEG_FS | 1 << SEG_GS;
    struct segment s;

    *set = 0;
    for (unsigned seg = SEG_ES; seg <= SEG_GS; seg++) {
        if (!(data >> seg & 1))
            continue;
        TRY(HOOK(ctx, segment, seg, &s));
        if (!(s.attr & SEG_ATTR_UNUSABLE) && segment_dpl(&s) < cpl &&
            !(is_code(&s) && (s.attr & TYPE_CONFORMING)))
            *set |= 1 << seg;
    }
    return EMULATE_OK;
}

enum emulate_result return_outwards(struct emulate_ctx *ctx, struct stack *s,
                                    const struct far_target *target, u64 release)
{
    const struct segment none = {.attr = SEG_ATTR_UNUSABLE};
    unsigned size = ctx->insn.operand_size, drop = 0;
    struct stack outer = {.width = 8};
    u64 selector;

    TRY(stack_pop(ctx, s, &outer.sp, size));
    TRY(stack_pop(ctx, s, &selector, size));
    TRY(check_stack_segment(ctx, selector, target->cpl, VEC_GP, target->size == CODE_64,
                            &outer.ss));
    if (target->cpl > ctx->cpl)
        TRY(segments_to_drop(ctx, target->cpl, &drop));
    if (target->size != CODE_64)
        outer.width = outer.ss.attr & SEG_ATTR_DB ? 4 : 2;
    stack_release(&outer, release);
    TRY(load_segment(ctx, SEG_SS, &outer.ss));
    TRY(enter_code(ctx, target));
    stack_commit(ctx, &outer);
    for (unsigned seg = SEG_ES; seg <= SEG_GS; seg++)
        if (drop >> seg & 1)
            TRY(load_segment(ctx, seg, &none));
    return EMULATE_OK;
}

/* "Task-State Segment": where SP and SS of level 0 are, and how far apart the levels. */
static enum emulate_result read_tss_stack(struct emulate_ctx *ctx, unsigned cpl, bool in_64,
                                          u64 *sp, u64 *selector)
{
    struct segment tss;
    unsigned size, at;

    TRY(HOOK(ctx, segment, SEG_TR, &tss));
    size = in_64 ? 8 : segment_type(&tss) & SYSTEM_32 ? 4 : 2;
    at = in_64 ? 4 + 8 * cpl : size + 2 * size * cpl;
    *selector = cpl; /* 64-bit: null, with this RPL */
    if (at + (in_64 ? 8 : size + 2) - 1 > tss.limit)
        return raise_selector(ctx, VEC_TS, tss.selector);
    TRY(HOOK(ctx, system_read, tss.base + at, sp, size));
    if (!in_64)
        TRY(HOOK(ctx, system_read, tss.base + at + size, selector, 2));
    return EMULATE_OK;
}

enum emulate_result inner_stack(struct emulate_ctx *ctx, unsigned cpl, bool in_64,
                                struct stack *out)
{
    u64 selector;

    *out = (struct stack){.width = 8, .system = true};
    TRY(read_tss_stack(ctx, cpl, in_64, &out->sp, &selector));
    TRY(check_stack_segment(ctx, selector, cpl, VEC_TS, in_64, &out->ss));
    out->error = selector & ~(u64)SELECTOR_RPL;
    if (!in_64)
        out->width = out->ss.attr & SEG_ATTR_DB ? 4 : 2;
    out->sp &= alu_mask(out->width);
    return EMULATE_OK;
}
