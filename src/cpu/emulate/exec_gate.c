/*
 * An event's way through the table of gates, in protected and in long mode, where the processor
 * cannot do it on its own: the guest has set CR0.PE, perhaps with paging and long mode, and its
 * segments are still those of real mode. Source: SDM, "Exception- and Interrupt-Handler
 * Procedures", "Interrupt Tasks", "64-Bit Mode Stack Frame", "Interrupt Stack Table", "Error Code",
 * "INT n".
 *
 * Not from virtual-8086 mode, which the processor can always be in.
 */
#include "far.h"

enum gate_error { ERROR_EXT = 1, ERROR_IDT = 2 };
/* Types of gates, less SYSTEM_32. */
enum gate_type { GATE_INTERRUPT = 6, GATE_TRAP = 7 };
enum {
    GATE_BYTES = 8,
    LONG_GATE_BYTES = 16,
    SELECTOR_SHIFT = 16,
    IST_SHIFT = 32,
    IST_MASK = 7,
    ATTR_SHIFT = 40,
    IST_1 = 36, /* where the TSS of 64 bits has the first of these stacks */
    FRAME_ALIGN = 16,
};

/* One of the table's. */
struct gate {
    u64 offset;   /* of the handler */
    u16 selector; /* of its code segment, or of a task's TSS */
    u8 type;      /* enum gate_type, or SYSTEM_TASK_GATE */
    u8 size;      /* of each value pushed: 2, 4, in long mode 8 */
    u8 ist;       /* long mode: which of the TSS's stacks; 0: none */
};

/* A program may use only the gates that are open to its level. */
static bool asked_for(const struct virt_event *ev)
{
    return ev->type == VIRT_SOFT_INT || ev->type == VIRT_SOFT_EXCEPTION;
}

static bool is_gate(unsigned type, bool long_mode)
{
    if (long_mode && !(type & SYSTEM_32))
        return false;
    return (type & ~SYSTEM_32) == GATE_INTERRUPT || (type & ~SYSTEM_32) == GATE_TRAP ||
           (type == SYSTEM_TASK_GATE && !long_mode);
}

/* The event's gate. */
static enum emulate_result read_gate(struct emulate_ctx *ctx, const struct virt_event *ev,
                                     bool long_mode, struct gate *g)
{
    const unsigned bytes = long_mode ? LONG_GATE_BYTES : GATE_BYTES, at = ev->vector * bytes;
    const u32 error = ev->vector * GATE_BYTES | ERROR_IDT;
    u64 base, low, high = 0;
    unsigned attr;
    u16 limit;

    TRY(HOOK(ctx, read_table, EMULATE_IDTR, &base, &limit));
    if (at + bytes - 1 > limit)
        return emulate_raise(ctx, VEC_GP, error);
    TRY(HOOK(ctx, system_read, base + at, &low, GATE_BYTES));
    if (long_mode)
        TRY(HOOK(ctx, system_read, base + at + GATE_BYTES, &high, GATE_BYTES));
    attr = low >> ATTR_SHIFT;
    if (!is_gate(attr & (SEG_ATTR_TYPE | SEG_ATTR_S), long_mode) ||
        (asked_for(ev) && (attr >> SEG_ATTR_DPL_SHIFT & 3) < ctx->cpl))
        return emulate_raise(ctx, VEC_GP, error);
    if (!(attr & SEG_ATTR_P))
        return emulate_raise(ctx, VEC_NP, error);
    *g = (struct gate){.selector = (u16)(low >> SELECTOR_SHIFT),
                       .type = attr & SEG_ATTR_TYPE,
                       .offset = low & 0xffff,
                       .size = long_mode          ? 8
                               : attr & SYSTEM_32 ? 4
                                                  : 2};
    if (attr & SYSTEM_32)
        g->offset |= (low >> 32 & 0xffff0000) | high << 32;
    if (long_mode)
        g->ist = low >> IST_SHIFT & IST_MASK;
    if (g->type != SYSTEM_TASK_GATE)
        g->type &= ~SYSTEM_32;
    return EMULATE_OK;
}

/* The code that it leads to, in long mode of 64 bits; at an inner level unless it conforms. */
static enum emulate_result handler_of(struct emulate_ctx *ctx, const struct gate *g, bool long_mode,
                                      struct far_target *target)
{
    struct descriptor d;
    unsigned dpl;

    if (is_null(g->selector))
        return emulate_raise(ctx, VEC_GP, 0);
    TRY(read_descriptor(ctx, g->selector, VEC_GP, false, &d));
    dpl = segment_dpl(&d.segment);
    if (!is_code(&d.segment) || dpl > ctx->cpl ||
        (long_mode && (d.segment.attr & (SEG_ATTR_L | SEG_ATTR_DB)) != SEG_ATTR_L))
        return raise_selector(ctx, VEC_GP, g->selector);
    return check_code_segment(ctx, g->selector, &d, g->offset,
                              d.segment.attr & TYPE_CONFORMING ? ctx->cpl : dpl, target);
}

/* The stack that the gate names; SS stays. */
static enum emulate_result stack_of_gate(struct emulate_ctx *ctx, unsigned ist, struct stack *s)
{
    unsigned at = IST_1 + 8 * (ist - 1);
    struct segment tss;

    *s = (struct stack){.width = 8, .system = true};
    TRY(HOOK(ctx, segment, SEG_TR, &tss));
    if (at + 7 > tss.limit)
        return raise_selector(ctx, VEC_TS, tss.selector);
    return HOOK(ctx, system_read, tss.base + at, &s->sp, 8);
}

/* Where the frame goes. inner: SS is to be loaded too. */
static enum emulate_result handlers_stack(struct emulate_ctx *ctx, const struct gate *g,
                                          const struct far_target *target, bool inner,
                                          struct stack *s)
{
    bool in_64 = target->size == CODE_64;

    if (inner)
        TRY(inner_stack(ctx, target->cpl, in_64, s));
    else if (!in_64)
        TRY(stack_open(ctx, s));
    else
        *s = (struct stack){.width = 8, .sp = ctx->regs->rsp};
    if (g->ist) {
        struct segment ss = s->ss;

        TRY(stack_of_gate(ctx, g->ist, s));
        s->ss = ss;
    }
    if (in_64)
        s->sp &= ~(u64)(FRAME_ALIGN - 1);
    return EMULATE_OK;
}

/* The flags that are pushed, with RF as "Instruction-Breakpoint Exception Condition" says: 1 of a
 * fault, whose instruction will be started again past a breakpoint on it, but not of #DB, which is
 * that breakpoint or comes behind an instruction; 0 of INT n; otherwise as it is. */
static u64 pushed_flags(const struct emulate_ctx *ctx, const struct virt_event *ev)
{
    u64 flags = ctx->regs->rflags;

    if (ev->type >= VIRT_SOFT_INT)
        return flags & ~RFLAGS_RF;
    if (ev->type == VIRT_EXCEPTION && ev->vector != VEC_DB && ev->vector != VEC_DF)
        return flags | RFLAGS_RF;
    return flags;
}

/* SS:RSP in long mode always, otherwise if the level changes; FLAGS, CS, RIP; the error code. */
static enum emulate_result push_frame(struct emulate_ctx *ctx, const struct gate *g,
                                      const struct virt_event *ev, u64 return_to, bool inner,
                                      struct stack *s)
{
    u64 values[6];
    struct segment cs, ss;
    unsigned n = 0;

    TRY(HOOK(ctx, segment, SEG_CS, &cs));
    TRY(HOOK(ctx, segment, SEG_SS, &ss));
    if (inner || g->size == 8) {
        values[n++] = ss.selector;
        values[n++] = ctx->regs->rsp;
    }
    values[n++] = pushed_flags(ctx, ev);
    values[n++] = cs.selector;
    values[n++] = return_to;
    if (ev->has_error)
        values[n++] = ev->error;
    return stack_push(ctx, s, values, n, g->size);
}

static enum emulate_result go_through(struct emulate_ctx *ctx, const struct gate *g,
                                      const struct virt_event *ev, u64 return_to, bool long_mode)
{
    u64 cleared = RFLAGS_TF | RFLAGS_NT | RFLAGS_RF | RFLAGS_VM;
    struct far_target target;
    struct stack s;
    bool inner;

    TRY(handler_of(ctx, g, long_mode, &target));
    inner = target.cpl < ctx->cpl;
    TRY(handlers_stack(ctx, g, &target, inner, &s));
    TRY(push_frame(ctx, g, ev, return_to, inner, &s));
    if (inner)
        TRY(load_segment(ctx, SEG_SS, &s.ss));
    TRY(enter_code(ctx, &target));
    stack_commit(ctx, &s);
    if (g->type == GATE_INTERRUPT)
        cleared |= RFLAGS_IF;
    ctx->regs->rflags &= ~cleared;
    return EMULATE_OK;
}

/* The flags go to the old task's TSS as they would be pushed. */
static enum emulate_result go_to_task(struct emulate_ctx *ctx, u16 selector,
                                      const struct virt_event *ev, u64 return_to)
{
    u64 before = ctx->regs->rflags;
    enum emulate_result result;

    ctx->regs->rflags = pushed_flags(ctx, ev);
    result = emulate_switch_task(ctx, selector, EMULATE_TASK_GATE, return_to,
                                 ev->has_error ? &ev->error : NULL);
    if (!(ctx->notes & EMULATE_NEW_TASK))
        ctx->regs->rflags = before;
    return result;
}

static enum emulate_result deliver(struct emulate_ctx *ctx, const struct virt_event *ev,
                                   u64 return_to)
{
    bool long_mode;
    struct gate g;

    TRY(long_mode_active(ctx, &long_mode));
    TRY(read_gate(ctx, ev, long_mode, &g));
    if (g.type == SYSTEM_TASK_GATE)
        return go_to_task(ctx, g.selector, ev, return_to);
    return go_through(ctx, &g, ev, return_to, long_mode);
}

enum emulate_result emulate_protected_interrupt(struct emulate_ctx *ctx,
                                                const struct virt_event *ev, u64 return_to)
{
    enum emulate_result result;

    ctx->notes = 0;
    if (ctx->regs->rflags & RFLAGS_VM)
        return EMULATE_UNHANDLEABLE;
    result = deliver(ctx, ev, return_to);
    if (result == EMULATE_FAULT && ctx->fault.has_error && ctx->fault.vector != VEC_PF &&
        ev->type < VIRT_SOFT_INT)
        ctx->fault.error |= ERROR_EXT;
    return result;
}
