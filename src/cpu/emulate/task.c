/*
 * Switching tasks ("Task Management", "Task Switching"): by CALL and JMP to a TSS or a task gate,
 * by IRET with NT, by an interrupt through a task gate.
 *
 * Invariants
 *  - What can fault on the old task's account (the descriptor, both TSSs' memory) is looked at
 * before anything is written.
 *  - From the moment that TR is loaded faults are the new task's: its RIP and registers are there.
 *  - CS and SS are always a pair that could have been loaded. If the new task's are not, the old
 * ones stay, with the fault raised; on the processor they would be unusable, which no handler sees
 *    unless it is a task itself.
 */
#include "segments.h"

/* "32-Bit Task-State Segment (TSS)", "16-Bit ...": the parts, by the size of a word of them. */
enum tss_slot {
    SLOT_CR3,
    SLOT_IP,
    SLOT_FLAGS,
    SLOT_AX,
    SLOT_CX,
    SLOT_DX,
    SLOT_BX,
    SLOT_SP,
    SLOT_BP,
    SLOT_SI,
    SLOT_DI,
    SLOT_ES,
    SLOT_CS,
    SLOT_SS,
    SLOT_DS,
    SLOT_FS,
    SLOT_GS,
    SLOT_LDT,
    SLOT_TRAP,
    SLOTS
};
enum { NOT_THERE = 0xff, TRAP_BIT = 1, LIMIT_16 = 0x2b, LIMIT_32 = 0x67 };
enum { FLAGS_32 = 0x3f7fd5, FLAGS_16 = 0x7fd5 }; /* those that exist */
/* Offsets of the slots; the 16-bit TSS has neither CR3, nor FS and GS, nor the trap bit. */
static const u8 slot_at[2][SLOTS] = {
    {NOT_THERE, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 40, NOT_THERE, NOT_THERE, 42,
     NOT_THERE},
    {28, 32, 36, 40, 44, 48, 52, 56, 60, 64, 68, 72, 76, 80, 84, 88, 92, 96, 100},
};

/* A task's TSS: where it is, and what is in it. */
struct task {
    struct segment tr;   /* as TR has it */
    struct descriptor d; /* its descriptor */
    bool wide;           /* a 32-bit TSS */
    u32 slot[SLOTS];     /* its contents */
};

/* The eight general registers in the order of the slots from SLOT_AX on, which is the encoding's.
 */
enum { GENERAL = 8 };

static enum emulate_result find_new_task(struct emulate_ctx *ctx, u16 selector,
                                         enum emulate_task why, struct task *t)
{
    u8 vector = why == EMULATE_TASK_IRET ? VEC_TS : VEC_GP;
    unsigned type, wanted = why == EMULATE_TASK_IRET ? SYSTEM_BUSY : 0;

    if (is_null(selector) || selector & SELECTOR_LDT)
        return raise_selector(ctx, vector, selector);
    TRY(read_descriptor(ctx, selector, vector, false, &t->d));
    type = segment_type(&t->d.segment);
    if (!is_system(&t->d.segment) || (type & ~SYSTEM_32) != (SYSTEM_TSS_16 | wanted))
        return raise_selector(ctx, vector, selector);
    if (!(t->d.segment.attr & SEG_ATTR_P))
        return raise_selector(ctx, VEC_NP, selector);
    t->wide = type & SYSTEM_32;
    if (t->d.segment.limit < (t->wide ? LIMIT_32 : LIMIT_16))
        return raise_selector(ctx, VEC_TS, selector);
    t->tr = t->d.segment;
    t->tr.attr |= SYSTEM_BUSY;
    t->tr.selector = selector & ~SELECTOR_RPL;
    return EMULATE_OK;
}

/* A slot that the TSS does not have reads as 0. */
static enum emulate_result read_task(struct emulate_ctx *ctx, struct task *t)
{
    for (unsigned s = 0; s < SLOTS; s++) {
        u8 at = slot_at[t->wide][s];
        u64 value = 0;

        if (at != NOT_THERE)
            TRY(HOOK(ctx, system_read, t->tr.base + at, &value, t->wide ? 4 : 2));
        t->slot[s] = (u32)value;
    }
    return EMULATE_OK;
}

/* What is saved of the task that runs: not CR3, LDT or the trap bit. */
static enum emulate_result collect(struct emulate_ctx *ctx, struct task *t, u64 return_to,
                                   u64 flags)
{
    struct segment s;

    t->slot[SLOT_IP] = (u32)return_to;
    t->slot[SLOT_FLAGS] = (u32)flags;
    for (unsigned n = 0; n < GENERAL; n++)
        t->slot[SLOT_AX + n] = (u32)*gpr(ctx, n);
    for (unsigned seg = SEG_ES; seg <= SEG_GS; seg++) {
        TRY(HOOK(ctx, segment, seg, &s));
        t->slot[SLOT_ES + seg] = s.selector;
    }
    return EMULATE_OK;
}

static enum emulate_result save(struct emulate_ctx *ctx, const struct task *t)
{
    unsigned size = t->wide ? 4 : 2;

    for (unsigned s = SLOT_IP; s <= SLOT_GS; s++) {
        u8 at = slot_at[t->wide][s];

        if (s >= SLOT_ES) /* of a selector two bytes: what is above it stays */
            size = 2;
        if (at != NOT_THERE)
            TRY(HOOK(ctx, system_write, t->tr.base + at, t->slot[s] & alu_mask(size), size));
    }
    return EMULATE_OK;
}

/* The descriptor's B bit. */
static enum emulate_result set_busy(struct emulate_ctx *ctx, u64 la, bool busy)
{
    enum { TYPE_BYTE = 5 };
    u64 byte;

    TRY(HOOK(ctx, system_read, la + TYPE_BYTE, &byte, 1));
    byte = busy ? byte | SYSTEM_BUSY : byte & ~(u64)SYSTEM_BUSY;
    return HOOK(ctx, system_write, la + TYPE_BYTE, byte, 1);
}

/* Leaves the old task: its state into its TSS, B bits, the link back. */
static enum emulate_result leave(struct emulate_ctx *ctx, struct task *old, struct task *new,
                                 enum emulate_task why, u64 return_to)
{
    bool nested = why == EMULATE_TASK_CALL || why == EMULATE_TASK_GATE;
    u64 flags = ctx->regs->rflags, base;
    u16 limit;

    if (why == EMULATE_TASK_IRET)
        flags &= ~RFLAGS_NT;
    TRY(collect(ctx, old, return_to, flags));
    TRY(save(ctx, old));
    if (!nested) {
        TRY(HOOK(ctx, read_table, EMULATE_GDTR, &base, &limit));
        TRY(set_busy(ctx, base + (old->tr.selector & SELECTOR_INDEX), false));
    }
    if (why != EMULATE_TASK_IRET)
        TRY(set_busy(ctx, new->d.la, true));
    if (!nested)
        return EMULATE_OK;
    new->slot[SLOT_FLAGS] |= RFLAGS_NT;
    return HOOK(ctx, system_write, new->tr.base, old->tr.selector, 2);
}

/* What cannot fault: TR, TS, general registers, RIP and flags. */
static enum emulate_result enter(struct emulate_ctx *ctx, const struct task *t)
{
    const u32 flags = t->wide ? FLAGS_32 : FLAGS_16;
    u64 cr0;

    TRY(load_segment(ctx, SEG_TR, &t->tr));
    TRY(HOOK(ctx, read_cr, 0, &cr0));
    TRY(HOOK(ctx, write_cr, 0, cr0 | CR0_TS));
    for (unsigned n = 0; n < GENERAL; n++)
        *gpr(ctx, n) = t->wide ? t->slot[SLOT_AX + n] : t->slot[SLOT_AX + n] | 0xffff0000u;
    ctx->regs->rip = t->slot[SLOT_IP];
    ctx->regs->rflags = (t->slot[SLOT_FLAGS] & flags) | RFLAGS_FIXED;
    if (t->wide && cr0 & CR0_PG)
        return HOOK(ctx, write_cr, 3, t->slot[SLOT_CR3]);
    return EMULATE_OK;
}

static enum emulate_result load_ldt(struct emulate_ctx *ctx, u16 selector)
{
    struct descriptor d = {.segment = {.selector = selector, .attr = SEG_ATTR_UNUSABLE}};

    TRY(load_segment(ctx, SEG_LDTR, &d.segment));
    if (is_null(selector))
        return EMULATE_OK;
    if (selector & SELECTOR_LDT)
        return raise_selector(ctx, VEC_TS, selector);
    TRY(read_descriptor(ctx, selector, VEC_TS, false, &d));
    if (!is_system(&d.segment) || segment_type(&d.segment) != SYSTEM_LDT ||
        !(d.segment.attr & SEG_ATTR_P))
        return raise_selector(ctx, VEC_TS, selector);
    return load_segment(ctx, SEG_LDTR, &d.segment);
}

/* CS at the level of its own RPL. */
static enum emulate_result check_code(struct emulate_ctx *ctx, u16 selector, struct segment *cs)
{
    unsigned cpl = selector & SELECTOR_RPL, dpl;
    struct descriptor d;

    if (is_null(selector))
        return emulate_raise(ctx, VEC_TS, 0);
    TRY(read_descriptor(ctx, selector, VEC_TS, false, &d));
    dpl = segment_dpl(&d.segment);
    if (!is_code(&d.segment) || (d.segment.attr & TYPE_CONFORMING ? dpl > cpl : dpl != cpl))
        return raise_selector(ctx, VEC_TS, selector);
    if (!(d.segment.attr & SEG_ATTR_P))
        return raise_selector(ctx, VEC_NP, selector);
    TRY(mark_descriptor(ctx, &d, TYPE_ACCESSED));
    *cs = d.segment;
    return EMULATE_OK;
}

static enum emulate_result load_v86(struct emulate_ctx *ctx, const struct task *t)
{
    struct segment s;

    ctx->cpl = 3;
    ctx->code_size = CODE_16;
    for (unsigned seg = SEG_ES; seg <= SEG_GS; seg++) {
        TRY(real_segment(ctx, MODE_V86, seg, t->slot[SLOT_ES + seg], &s));
        TRY(load_segment(ctx, seg, &s));
    }
    return EMULATE_OK;
}

/* LDTR, then SS and CS, then the others. Until it is loaded one of the latter is unusable. */
static enum emulate_result load_segments(struct emulate_ctx *ctx, const struct task *t)
{
    static const u8 data[] = {SEG_DS, SEG_ES, SEG_FS, SEG_GS};
    struct segment cs, ss, s = {.attr = SEG_ATTR_UNUSABLE};
    unsigned cpl = t->slot[SLOT_CS] & SELECTOR_RPL;

    for (unsigned n = 0; n < ARRAY_SIZE(data); n++) {
        s.selector = t->slot[SLOT_ES + data[n]];
        TRY(load_segment(ctx, data[n], &s));
    }
    TRY(load_ldt(ctx, t->slot[SLOT_LDT]));
    if (t->slot[SLOT_FLAGS] & RFLAGS_VM && t->wide)
        return load_v86(ctx, t);
    TRY(check_stack_segment(ctx, t->slot[SLOT_SS], cpl, VEC_TS, false, &ss));
    TRY(check_code(ctx, t->slot[SLOT_CS], &cs));
    TRY(load_segment(ctx, SEG_SS, &ss));
    TRY(load_segment(ctx, SEG_CS, &cs));
    ctx->cpl = cpl;
    ctx->code_size = cs.attr & SEG_ATTR_DB ? CODE_32 : CODE_16;
    for (unsigned n = 0; n < ARRAY_SIZE(data); n++) {
        TRY(check_data_segment(ctx, t->slot[SLOT_ES + data[n]], VEC_TS, &s));
        TRY(load_segment(ctx, data[n], &s));
    }
    return t->slot[SLOT_IP] > cs.limit ? emulate_raise(ctx, VEC_GP, 0) : EMULATE_OK;
}

static enum emulate_result push_error(struct emulate_ctx *ctx, const struct task *t, u64 error)
{
    struct stack s;

    TRY(stack_open(ctx, &s));
    TRY(stack_push(ctx, &s, &error, 1, t->wide ? 4 : 2));
    stack_commit(ctx, &s);
    return EMULATE_OK;
}

/* A task gate's TSS. */
static enum emulate_result through_gate(struct emulate_ctx *ctx, u16 *selector)
{
    struct descriptor d;

    if (is_null(*selector))
        return EMULATE_OK;
    TRY(read_descriptor(ctx, *selector, VEC_GP, false, &d));
    if (is_system(&d.segment) && segment_type(&d.segment) == SYSTEM_TASK_GATE)
        *selector = d.low >> 16;
    return EMULATE_OK;
}

enum emulate_result emulate_switch_task(struct emulate_ctx *ctx, u16 selector,
                                        enum emulate_task why, u64 return_to, const u32 *error)
{
    struct task old = {0}, new = {0};
    u64 link;

    ctx->notes = 0;
    TRY(HOOK(ctx, segment, SEG_TR, &old.tr));
    old.wide = segment_type(&old.tr) & SYSTEM_32;
    if (why == EMULATE_TASK_IRET) {
        TRY(HOOK(ctx, system_read, old.tr.base, &link, 2));
        selector = link;
    } else if (why != EMULATE_TASK_GATE) {
        TRY(through_gate(ctx, &selector));
    }
    TRY(find_new_task(ctx, selector, why, &new));
    TRY(read_task(ctx, &new));
    TRY(leave(ctx, &old, &new, why, return_to));
    ctx->notes = EMULATE_NEW_TASK;
    if (new.slot[SLOT_TRAP] & TRAP_BIT)
        ctx->notes |= EMULATE_TASK_TRAP;
    TRY(enter(ctx, &new));
    TRY(load_segments(ctx, &new));
    return error ? push_error(ctx, &new, *error) : EMULATE_OK;
}
