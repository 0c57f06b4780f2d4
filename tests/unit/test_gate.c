// sources: src/cpu/emulate/*.c
// sources: tests/unit/stub_emulate_world.c
/*
 * An event delivered by hand in protected mode: what is pushed, by the gate's size and kind, which
 * flags it clears, and the faults with their error codes. Source: SDM, "INT n", "Error Code".
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

static void left_alone(void **state)
{
    (void)state;
    set_gate(TASK, CODE_0, 0);
    assert_int_equal(deliver(VIRT_INTERRUPT, VECTOR, false), EMULATE_UNHANDLEABLE);
    set_gate(INTERRUPT_32, CODE_0, CODE);
    w.msr = EFER_LMA;
    assert_int_equal(deliver(VIRT_INTERRUPT, VECTOR, false), EMULATE_UNHANDLEABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrivals),
        cmocka_unit_test_setup(resume_flag, set_up),
        cmocka_unit_test_setup(refusals, set_up),
        cmocka_unit_test_setup(left_alone, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
