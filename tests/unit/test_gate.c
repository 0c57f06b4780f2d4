// sources: src/cpu/emulate/*.c
// sources: tests/unit/stub_emulate_world.c
/*
 * An event delivered by hand in protected and long mode: what is pushed, by the gate's size and
 * kind, which flags it clears, and the faults with their error codes. Source: SDM, "INT n", "Error
 * Code".
 */
#include <stdarg.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>
#include "stub_emulate_world.h"

enum { CODE_0 = 0x08, DATA_0 = 0x10, CODE_3 = 0x18, ABSENT = 0x20, BEYOND = 0x50 };
enum { TABLE_AT = 0x400, TOP = 0x800, FROM = 0x1234, VECTOR = 13 };
enum gate {
    TASK = 0x85,
    INTERRUPT_16 = 0x86,
    TRAP_16,
    CALL_32 = 0x8c,
    INTERRUPT_32 = 0x8e,
    TRAP_32
};

static void set_gate(u8 attr, u16 selector, u32 offset)
{
    u64 gate =
        (offset & 0xffff) | (u64)selector << 16 | (u64)attr << 40 | (u64)(offset >> 16) << 48;

    memcpy(w.tables + TABLE_AT + VECTOR * 8, &gate, 8);
}

static int set_up(void **state)
{
    static const u64 gdt[] = {0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00cffb000000ffff,
                              0x00cf1b000000ffff};

    setup(state);
    memcpy(w.tables, gdt, sizeof(gdt));
    w.quiet_msr = true;
    w.msr = 0;
    w.seg[SEG_CS].selector = 0x800; /* real mode's */
    w.seg[SEG_SS] = (struct segment){.base = DATA, .limit = 0xffff, .attr = 0x93};
    regs.rsp = 0xabcd0000 | TOP;
    regs.rflags = RFLAGS_FIXED | RFLAGS_IF | RFLAGS_TF | RFLAGS_NT | RFLAGS_CF;
    return 0;
}

static enum emulate_result deliver(u8 type, u8 vector, bool has_error)
{
    const struct virt_event ev = {
        .type = type, .vector = vector, .has_error = has_error, .error = 0x58};

    emulate_init(&ctx, &regs, &world_ops, NULL, CODE_16, 0);
    return emulate_protected_interrupt(&ctx, &ev, FROM);
}

static u32 pushed(unsigned offset, unsigned size)
{
    u32 value = 0;

    memcpy(&value, w.data + offset, size);
    return value;
}

static void arrives(u8 attr, u8 type, bool has_error, bool rf)
{
    void *none = NULL;
    unsigned size = attr & 8 ? 4 : 2, at = TOP - size * (has_error ? 4 : 3);
    u32 offset = CODE + 0x100, mask = size == 4 ? ~0u : 0xffff;

    set_up(&none);
    u64 flags = regs.rflags;
    set_gate(attr, CODE_0 | 3, offset);
    assert_int_equal(deliver(type, VECTOR, has_error), EMULATE_OK);
    assert_int_equal(regs.rip, offset & mask);
    assert_int_equal(w.seg[SEG_CS].selector, CODE_0);
    assert_int_equal(regs.rsp, 0xabcd0000 | at);
    if (has_error) {
        assert_int_equal(pushed(at, size), 0x58);
        at += size;
    }
    assert_int_equal(pushed(at, size), FROM);
    assert_int_equal(pushed(at + size, size), 0x800);
    assert_int_equal(pushed(at + 2 * size, size), (flags | (rf ? RFLAGS_RF : 0)) & mask);
    assert_int_equal(regs.rflags, RFLAGS_FIXED | RFLAGS_CF | (attr & 1 ? RFLAGS_IF : 0));
}

/* RF that was set: INT n begins by clearing it, and an interrupt between two iterations of a REP
 * finds it. */
static void resume_flag(void **state)
{
    (void)state;
    set_gate(INTERRUPT_32, CODE_0, CODE);
    regs.rflags |= RFLAGS_RF;
    assert_int_equal(deliver(VIRT_SOFT_INT, VECTOR, false), EMULATE_OK);
    assert_false(pushed(TOP - 4, 4) & RFLAGS_RF);
    set_up(state);
    set_gate(INTERRUPT_32, CODE_0, CODE);
    regs.rflags |= RFLAGS_RF;
    assert_int_equal(deliver(VIRT_INTERRUPT, VECTOR, false), EMULATE_OK);
    assert_true(pushed(TOP - 4, 4) & RFLAGS_RF);
    assert_false(regs.rflags & RFLAGS_RF);
}

static void arrivals(void **state)
{
    static const u8 gates[] = {INTERRUPT_16, TRAP_16, INTERRUPT_32, TRAP_32};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(gates); i++) {
        arrives(gates[i], VIRT_EXCEPTION, true, true);
        arrives(gates[i], VIRT_EXCEPTION, false, true);
        arrives(gates[i], VIRT_INTERRUPT, false, false);
        arrives(gates[i], VIRT_NMI, false, false);
        arrives(gates[i], VIRT_SOFT_EXCEPTION, false, false);
    }
}

/* The fault, with EXT unless a program asked for the interrupt; nothing has changed. */
static void refused(u8 attr, u16 selector, u32 offset, u8 vector, u32 error)
{
    for (unsigned soft = 0; soft < 2; soft++) {
        struct regs before;

        set_gate(attr, selector, offset);
        before = regs;
        assert_int_equal(deliver(soft ? VIRT_SOFT_INT : VIRT_INTERRUPT, VECTOR, false),
                         EMULATE_FAULT);
        assert_int_equal(ctx.fault.vector, vector);
        assert_int_equal(ctx.fault.error, error | !soft);
        assert_memory_equal(&before, &regs, sizeof(regs));
        assert_int_equal(w.loads, 0);
    }
}

static void refusals(void **state)
{
    const u32 own = VECTOR * 8 | 2;

    (void)state;
    refused(CALL_32, CODE_0, CODE, VEC_GP, own);
    refused(0, CODE_0, CODE, VEC_GP, own);
    refused(INTERRUPT_32 & 0x7f, CODE_0, CODE, VEC_NP, own);
    refused(INTERRUPT_32, 3, CODE, VEC_GP, 0);
    refused(INTERRUPT_32, BEYOND | 0xf00, CODE, VEC_GP, BEYOND | 0xf00);
    refused(INTERRUPT_32, DATA_0, CODE, VEC_GP, DATA_0);
    refused(INTERRUPT_32, CODE_3, CODE, VEC_GP, CODE_3);
    refused(INTERRUPT_32, ABSENT, CODE, VEC_NP, ABSENT);
    regs.rsp = 0x10000 | 2;
    w.seg[SEG_SS].limit = 0x7fff; /* the second word would be at 0xfffe */
    refused(INTERRUPT_16, CODE_0, CODE, VEC_SS, 0);
    set_up(state);
    assert_int_equal(deliver(VIRT_INTERRUPT, 16, false), EMULATE_FAULT); /* beyond the table */
    assert_int_equal(ctx.fault.error, 16 * 8 | 3);
}

/* A gate of 64 bits; its table has eight. */
enum { LONG_VECTOR = 6, TSS_AT = 0x800, STACK_0 = 4, IST_3 = 52, FLAT = 0x28, FLAT_0 = 0x30 };
static void set_long_gate(u8 attr, u16 selector, unsigned ist, u64 offset)
{
    const u64 gate[] = {(offset & 0xffff) | (u64)selector << 16 | (u64)ist << 32 | (u64)attr << 40 |
                            (offset >> 16 & 0xffff) << 48,
                        offset >> 32};

    memcpy(w.tables + TABLE_AT + LONG_VECTOR * 16, gate, sizeof(gate));
}

static int set_up_long(void **state)
{
    const u64 flat = 0x00af9b000000ffff;
    const u64 stacks[] = {DATA + 0x406, DATA + 0x60f};

    set_up(state);
    w.msr = EFER_LMA;
    memcpy(w.tables + FLAT, &flat, 8);
    memcpy(w.tables + TSS_AT + STACK_0, &stacks[0], 8);
    memcpy(w.tables + TSS_AT + IST_3, &stacks[1], 8);
    w.seg[SEG_SS].selector = 0x123;
    regs.rsp = DATA + TOP + 6;
    return 0;
}

static void long_frame(u64 top, bool has_error)
{
    const u64 frame[] = {0x58, FROM, 0x800, 0, DATA + TOP + 6, 0x123};
    unsigned skip = has_error ? 0 : 1;
    u64 there[ARRAY_SIZE(frame)];

    memcpy(there + skip, w.data + (top - DATA) - 8 * (6 - skip), 8 * (6 - skip));
    for (unsigned i = skip; i < ARRAY_SIZE(frame); i++)
        if (i != 3)
            assert_int_equal(there[i], frame[i]);
    assert_int_equal(there[3], RFLAGS_FIXED | RFLAGS_IF | RFLAGS_TF | RFLAGS_NT | RFLAGS_CF |
                                   (has_error ? RFLAGS_RF : 0));
    assert_int_equal(regs.rsp, top - 8 * (6 - skip));
}

/* SS:RSP always, at a multiple of 16, on the gate's stack or this one; SS stays. */
static void long_arrivals(void **state)
{
    for (unsigned ist = 0; ist <= 3; ist += 3) {
        for (unsigned error = 0; error < 2; error++) {
            set_up_long(state);
            set_long_gate(INTERRUPT_32, FLAT, ist, 0xffff800000001234);
            assert_int_equal(deliver(error ? VIRT_EXCEPTION : VIRT_INTERRUPT, LONG_VECTOR, error),
                             EMULATE_OK);
            assert_int_equal(regs.rip, 0xffff800000001234);
            assert_int_equal(w.seg[SEG_CS].selector, FLAT);
            assert_int_equal(w.seg[SEG_SS].selector, 0x123);
            long_frame(ist ? DATA + 0x600 : DATA + TOP, error);
            assert_int_equal(regs.rflags, RFLAGS_FIXED | RFLAGS_CF);
        }
    }
}

/* From level 3: the stack of level 0, SS null; or the gate's. */
static void long_inwards(void **state)
{
    const struct virt_event ev = {.type = VIRT_INTERRUPT, .vector = LONG_VECTOR};

    for (unsigned ist = 0; ist <= 3; ist += 3) {
        set_up_long(state);
        set_long_gate(TRAP_32, FLAT, ist, CODE);
        emulate_init(&ctx, &regs, &world_ops, NULL, CODE_16, 3);
        assert_int_equal(emulate_protected_interrupt(&ctx, &ev, FROM), EMULATE_OK);
        assert_int_equal(w.seg[SEG_SS].selector, 0);
        assert_true(w.seg[SEG_SS].attr & SEG_ATTR_UNUSABLE);
        long_frame(ist ? DATA + 0x600 : DATA + 0x400, false);
    }
}

static void long_refusal(u8 attr, u16 selector, unsigned ist, u64 offset, u8 vector, u32 error)
{
    struct regs before = regs;

    set_long_gate(attr, selector, ist, offset);
    assert_int_equal(deliver(VIRT_INTERRUPT, LONG_VECTOR, false), EMULATE_FAULT);
    assert_int_equal(ctx.fault.vector, vector);
    assert_int_equal(ctx.fault.error, error | 1);
    assert_memory_equal(&before, &regs, sizeof(regs));
    assert_int_equal(w.loads, 0);
}

static void long_refusals(void **state)
{
    const u32 own = LONG_VECTOR * 8 | 2;

    (void)state;
    long_refusal(INTERRUPT_16, FLAT, 0, CODE, VEC_GP, own);
    long_refusal(TASK, FLAT, 0, CODE, VEC_GP, own);
    long_refusal(TRAP_32 & 0x7f, FLAT, 0, CODE, VEC_NP, own);
    long_refusal(INTERRUPT_32, CODE_0, 0, CODE, VEC_GP, CODE_0); /* of 32 bits */
    long_refusal(INTERRUPT_32, FLAT, 0, 1ULL << 47, VEC_GP, 0);
    w.seg[SEG_TR].limit = IST_3 + 6;
    long_refusal(INTERRUPT_32, FLAT, 3, CODE, VEC_TS, 0x14);
    regs.rsp = 2ULL << 47;
    long_refusal(INTERRUPT_32, FLAT, 0, CODE, VEC_SS, 0);
    set_up_long(state);
    assert_int_equal(deliver(VIRT_INTERRUPT, 8, false), EMULATE_FAULT); /* beyond the table */
    assert_int_equal(ctx.fault.error, 8 * 8 | 3);
}

/* In protected mode from level 3: SS:ESP of level 0, the old pair pushed; INT n needs an open gate.
 */
static void inwards(void **state)
{
    const u32 stack[] = {DATA + 0x400, FLAT_0};
    const u64 data = 0x00cf93000000ffff;
    struct virt_event ev = {.type = VIRT_INTERRUPT, .vector = VECTOR};

    (void)state;
    memcpy(w.tables + FLAT_0, &data, 8);
    memcpy(w.tables + TSS_AT + STACK_0, stack, sizeof(stack));
    w.seg[SEG_SS].selector = 0x123;
    set_gate(INTERRUPT_32, CODE_0, CODE);
    emulate_init(&ctx, &regs, &world_ops, NULL, CODE_16, 3);
    assert_int_equal(emulate_protected_interrupt(&ctx, &ev, FROM), EMULATE_OK);
    assert_int_equal(w.seg[SEG_CS].selector, CODE_0);
    assert_int_equal(w.seg[SEG_SS].selector, FLAT_0);
    assert_int_equal((u32)regs.rsp, DATA + 0x400 - 20);
    assert_int_equal(pushed(0x400 - 4, 4), 0x123);
    assert_int_equal(pushed(0x400 - 8, 4), 0xabcd0000 | TOP);
    assert_int_equal(pushed(0x400 - 20, 4), FROM);
    ev.type = VIRT_SOFT_INT;
    emulate_init(&ctx, &regs, &world_ops, NULL, CODE_16, 3);
    assert_int_equal(emulate_protected_interrupt(&ctx, &ev, FROM), EMULATE_FAULT);
    assert_true(ctx.fault.vector == VEC_GP && ctx.fault.error == (VECTOR * 8 | 2));
}

/* A task gate: the old task's flags with RF, the error code on the new one's stack; faults on the
 * old one's account leave it as it was. */
static void tasks(void **state)
{
    enum { NEW_AT = 0xa00, SLOT_EIP = 32, SLOT_EFLAGS = 36, SLOT_ESP = 56, SLOT_CS = 76 };
    const u64 tss = 0x000089007a000067, data = 0x00cf93000000ffff;
    const u32 entry[] = {CODE, 2}, segments[] = {CODE_0, FLAT_0}, esp = DATA + 0x300;
    u64 before = regs.rflags;

    (void)state;
    memcpy(w.tables + FLAT, &tss, 8);
    memcpy(w.tables + FLAT_0, &data, 8);
    memcpy(w.tables + NEW_AT + SLOT_EIP, entry, sizeof(entry));
    memcpy(w.tables + NEW_AT + SLOT_ESP, &esp, 4);
    memcpy(w.tables + NEW_AT + SLOT_CS, segments, sizeof(segments));
    w.seg[SEG_TR].attr = SEG_ATTR_P | 0xb;
    set_gate(TASK, DATA_0, 0);
    assert_int_equal(deliver(VIRT_EXCEPTION, VECTOR, true), EMULATE_FAULT);
    assert_true(ctx.fault.vector == VEC_GP && ctx.fault.error == (DATA_0 | 1));
    assert_true(!(ctx.notes & EMULATE_NEW_TASK) && regs.rflags == before);
    set_gate(TASK, FLAT, 0);
    assert_int_equal(deliver(VIRT_EXCEPTION, VECTOR, true), EMULATE_OK);
    assert_true(ctx.notes & EMULATE_NEW_TASK);
    assert_int_equal(regs.rip, CODE);
    assert_int_equal(regs.rsp, esp - 4);
    assert_int_equal(pushed(0x300 - 4, 4), 0x58);
    assert_int_equal(regs.rflags, RFLAGS_FIXED | RFLAGS_NT);
    memcpy(&before, w.tables + TSS_AT + SLOT_EIP, 8);
    assert_int_equal((u32)before, FROM);
    assert_true(before >> 32 & RFLAGS_RF);
}

/* Any gate, descriptors and stacks, with hooks that fail now and then: what is not delivered has
 * changed no register; what is has an error code pushed, RF, TF and NT clear, and CS of its mode.
 */
static void at_random(void **state)
{
    enum { CASES = 100000 };
    static const u64 descriptors[] = {0x00af9b000000ffff, 0x00cf9b000000ffff, 0x00cf9f000000ffff,
                                      0x00cf93000000ffff, 0x00affb000000ffff, 0x000089007a000067,
                                      0x00002f000000ffff, 0x000082007a000067, 0};
    static const u8 types[] = {VIRT_INTERRUPT, VIRT_NMI, VIRT_EXCEPTION, VIRT_SOFT_INT};
    unsigned arrived = 0, switched = 0;

    (void)state;
    world_seed(1);
    for (unsigned n = 0; n < CASES; n++) {
        bool long_mode = random_u32() & 1, has_error = random_u32() & 1;
        struct virt_event ev = {.vector = LONG_VECTOR, .has_error = has_error, .error = 0x58};
        enum emulate_result result;
        struct regs before;

        set_up(state);
        for (unsigned i = 0; i < 16; i++)
            memcpy(w.tables + 8 * i, &descriptors[random_u32() % ARRAY_SIZE(descriptors)], 8);
        for (unsigned i = TABLE_AT; i < TABLE_AT + 0x80; i += 8) {
            u64 gate = (u64)random_u32() << 32 | random_u32();

            gate = (gate & ~0xff00ffff0000ULL) | (random_u32() & 0x7b) << 16 |
                   (random_u32() % 8 ? 0x84ULL + random_u32() % 12 : random_u32() & 0xff) << 40;
            memcpy(w.tables + i, &gate, 8);
        }
        w.msr = long_mode ? EFER_LMA : 0;
        w.seg[SEG_TR].limit = random_u32() % 4 ? 0x67 : random_u32() & 0x7f;
        w.seg[SEG_TR].attr = SEG_ATTR_P | 0xb;
        w.fail_one_in = random_u32() % 4 ? 0x7fffffff : 6;
        w.gdt = 0; /* as then addresses are taken */
        w.idt = TABLE_AT;
        w.seg[SEG_TR].base = TSS_AT;
        ev.type = types[random_u32() % ARRAY_SIZE(types)];
        before = regs;
        emulate_init(&ctx, &regs, &world_ops, NULL, CODE_16, random_u32() % 3 ? 0 : 3);
        result = emulate_protected_interrupt(&ctx, &ev, FROM);
        switched += ctx.notes & EMULATE_NEW_TASK ? 1 : 0;
        if (ctx.notes & EMULATE_NEW_TASK)
            continue;
        if (result != EMULATE_OK) {
            assert_memory_equal(&before, &regs, sizeof(regs));
            continue;
        }
        arrived++;
        assert_false(regs.rflags & (RFLAGS_TF | RFLAGS_NT | RFLAGS_RF));
        assert_true(!long_mode || w.seg[SEG_CS].attr & SEG_ATTR_L);
        assert_true(!long_mode || regs.rsp % 16 == (has_error ? 0 : 8));
    }
    assert_in_range(arrived, CASES / 50, CASES / 2);
    assert_in_range(switched, CASES / 1000, CASES / 2);
}

static void left_alone(void **state)
{
    (void)state;
    set_gate(INTERRUPT_32, CODE_0, CODE);
    regs.rflags |= RFLAGS_VM;
    assert_int_equal(deliver(VIRT_INTERRUPT, VECTOR, false), EMULATE_UNHANDLEABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrivals),
        cmocka_unit_test_setup(resume_flag, set_up),
        cmocka_unit_test_setup(refusals, set_up),
        cmocka_unit_test_setup(inwards, set_up),
        cmocka_unit_test_setup(tasks, set_up),
        cmocka_unit_test(long_arrivals),
        cmocka_unit_test(long_inwards),
        cmocka_unit_test_setup(long_refusals, set_up_long),
        cmocka_unit_test(at_random),
        cmocka_unit_test_setup(left_alone, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
