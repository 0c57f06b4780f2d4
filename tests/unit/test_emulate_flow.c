// sources: src/cpu/emulate/*.c
// sources: tests/unit/stub_emulate_world.c
/*
 * The executor's rules on the flow of control and the stack: branches that leave the segment,
 * pushes that fail halfway, flags by privilege.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "stub_emulate_world.h"

static void near_branches(void **state)
{
    u64 value = 0x00007fffffffffff;

    (void)state;
    assert_int_equal(run("eb 10"), EMULATE_OK);
    assert_int_equal(regs.rip, CODE + 0x12);
    regs.rip = CODE;
    memcpy(w.data, &value, 8);
    assert_int_equal(run("ff 17"), EMULATE_OK); /* CALL */
    assert_int_equal(regs.rip, value);
    assert_int_equal(regs.rsp, DATA + 0x7f8);
    memcpy(&value, w.data + 0x7f8, 8);
    assert_int_equal(value, CODE + 2);
    regs.rip = CODE;
    assert_int_equal(run("c2 10 00"), EMULATE_OK);
    assert_int_equal(regs.rip, CODE + 2);
    assert_int_equal(regs.rsp, DATA + 0x810);
    regs.rip = CODE;
    value = 0x0000800000000000; /* nothing is pushed or popped for a target that is not canonical */
    memcpy(w.data, &value, 8);
    memcpy(w.data + 0x810, &value, 8);
    must_fault("ff 17", CODE_64, 0, VEC_GP);
    must_fault("ff 27", CODE_64, 0, VEC_GP);
    must_fault("c3", CODE_64, 0, VEC_GP);
    w.seg[SEG_CS].limit = CODE + 0x20;
    regs.rip = CODE;
    must_fault("eb 20", CODE_32, 0, VEC_GP);
    must_fault("0f 85 1b 00 00 00", CODE_32, 0, VEC_GP);
    regs.rcx = 2;
    must_fault("e2 20", CODE_32, 0, VEC_GP);
    assert_int_equal(regs.rcx, 2);
    assert_int_equal(run_with(&world_ops, "e2 1e", CODE_32, 0), EMULATE_OK);
    regs.rip = CODE;
    assert_int_equal(run_with(&world_ops, "e2 20", CODE_32, 0), EMULATE_OK); /* not taken */
}

/* Several words are pushed whole or not at all. */
static void whole_pushes(void **state)
{
    u8 before[DATA_SIZE];

    (void)state;
    memset(w.data, 0x5a, DATA_SIZE);
    memcpy(before, w.data, DATA_SIZE);
    regs.rsp = DATA + 24;
    must_fault("60", CODE_32, 0, VEC_PF); /* PUSHA: 32 bytes */
    regs.rbp = DATA + 0x200;
    must_fault("c8 00 00 08", CODE_32, 0, VEC_PF); /* ENTER: 36 */
    regs.rsp = DATA + 0x100;
    must_fault("c8 00 02 00", CODE_64, 0, VEC_PF); /* the new end is not there */
    assert_memory_equal(w.data, before, DATA_SIZE);
    assert_int_equal(run_with(&world_ops, "c8 80 00 00", CODE_32, 0), EMULATE_OK);
    assert_int_equal(regs.rbp, DATA + 0xfc);
    assert_int_equal(regs.rsp, DATA + 0x7c);
    assert_int_equal(run_with(&world_ops, "c9", CODE_32, 0), EMULATE_OK);
    assert_int_equal(regs.rbp, DATA + 0x200);
    assert_int_equal(regs.rsp, DATA + 0x100);
}

/* POPF by privilege. */
static void popf(void **state)
{
    const u64 all = 0x3fffff;

    (void)state;
    memcpy(w.data + 0x800, &all, 8);
    memcpy(w.data + 0x808, &all, 8);
    assert_int_equal(run("9d"), EMULATE_OK);
    assert_int_equal(regs.rflags, 0x247fd7);
    assert_int_equal(ctx.notes, 0); /* TF as it was before */
    regs.rflags = RFLAGS_FIXED;
    assert_int_equal(run_with(&world_ops, "9d", CODE_64, 3), EMULATE_OK);
    assert_int_equal(regs.rflags, 0x244dd7);
    regs.rflags = RFLAGS_FIXED | RFLAGS_VM | 1 << 12;
    must_fault("9d", CODE_16, 3, VEC_GP);
    must_fault("9c", CODE_16, 3, VEC_GP);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        TEST(near_branches),
        TEST(whole_pushes),
        TEST(popf),
    };
#undef TEST
    return cmocka_run_group_tests_name("emulate_flow", tests, NULL, NULL);
}
