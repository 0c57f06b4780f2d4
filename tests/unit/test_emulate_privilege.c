// sources: src/cpu/emulate/*.c
// sources: tests/unit/stub_emulate_world.c
/*
 * Who may execute what, in the emulator: privileged instructions and which hook they reach, those
 * that CR4 or IOPL decide on, ports; and the emulator's use for such instructions only.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "stub_emulate_world.h"

/* Each privileged instruction: at CPL 0 it reaches its hook, at CPL 3 it is #GP, without a hook it
 * is unhandleable. */
static void privileged(void **state)
{
    static const struct {
        u8 size;
        const char *hex, *log;
        u64 rax, rdx; /* after; 0: unchanged */
    } cases[] = {
        {8, "0f 20 c0", "", CR0_PE, 0},
        {8, "0f 20 d8", "", 0xc003, 0},
        {8, "44 0f 20 c0", "", 0xc008, 0},
        {8, "0f 22 d8", "write_cr 3 1122334455667788;", 0, 0},
        {4, "0f 22 d8", "write_cr 3 55667788;", 0, 0},
        {8, "0f 21 f8", "read_dr 7;", 0xd07, 0},
        {8, "0f 21 e0", "read_dr 6;", 0xd06, 0},
        {8, "0f 23 c0", "write_dr 0 1122334455667788;", 0, 0},
        {8, "0f 32", "read_msr c0000080;", 0x22222222, 0x11111111},
        {8, "0f 30", "write_msr c0000080 3f855667788;", 0, 0},
        {8, "0f 06", "write_cr 0 1;", 0, 0},
        {8, "0f 01 f0", "write_cr 0 9;", 0, 0},
        {8, "0f 01 16", "table 0 605040302010000 0;", 0, 0},
        {8, "0f 01 38", "", 0, 0}, /* INVLPG of a non-canonical address: nothing */
        {8, "0f 01 3f", "invlpg 10000;", 0, 0},
        {8, "66 0f 38 82 2f", "invpcid 0 0 0;", 0, 0},
        {8, "0f 09", "wbinvd 1;", 0, 0},
        {8, "0f 08", "wbinvd 0;", 0, 0},
        {8, "f4", "hlt;", 0, 0},
        {8, "0f 01 f8", "swapgs;", 0, 0},
        {8, "0f 01 d1", "xsetbv c0000080 3f855667788;", 0, 0},
    };

    for (unsigned n = 0; n < ARRAY_SIZE(cases); n++) {
        bool lgdt = strncmp(cases[n].log, "table", 5) == 0;
        enum emulate_result result;

        setup(state);
        w.cr4 = CR4_OSXSAVE;
        if (lgdt) /* a base that is canonical */
            for (unsigned b = 0; b < 6; b++)
                w.data[0x102 + b] = 0x10 * b;
        result = run_with(&world_ops, cases[n].hex, cases[n].size, 0);
        if (result != EMULATE_OK)
            fail_msg("%s: %d", cases[n].hex, result);
        if (strcmp(w.log, lgdt ? "table 0 504030201000 0;" : cases[n].log) != 0)
            fail_msg("%s: %s", cases[n].hex, w.log);
        assert_int_equal(regs.rax, cases[n].rax ? cases[n].rax : 0x1122334455667788);
        assert_int_equal(regs.rdx, cases[n].rdx ? cases[n].rdx : 0x99000003f8);
        setup(state);
        w.cr4 = CR4_OSXSAVE;
        must_fault(cases[n].hex, cases[n].size, 3, VEC_GP);
        if (strcmp(cases[n].hex, "0f 01 38") == 0)
            continue;
        result = run_with(&world_fetch_only, cases[n].hex, cases[n].size, 0);
        assert_int_equal(result, EMULATE_UNHANDLEABLE);
    }
}

/* Those that CR4 makes privileged. */
static void decided_by_cr4(void **state)
{
    static const struct {
        const char *hex;
        u64 bit;
        bool forbids;
    } cases[] = {
        {"0f 31", CR4_TSD, true},     {"0f 01 f9", CR4_TSD, true},  {"0f 33", CR4_PCE, false},
        {"0f 01 e0", CR4_UMIP, true}, {"0f 01 06", CR4_UMIP, true}, {"0f 01 0e", CR4_UMIP, true},
        {"0f 00 c0", CR4_UMIP, true}, {"0f 00 c8", CR4_UMIP, true},
    };

    for (unsigned n = 0; n < ARRAY_SIZE(cases); n++)
        for (unsigned set = 0; set < 2; set++) {
            setup(state);
            w.cr4 = set ? cases[n].bit : 0;
            if (set == cases[n].forbids)
                must_fault(cases[n].hex, CODE_64, 3, VEC_GP);
            else
                assert_int_equal(run_with(&world_ops, cases[n].hex, CODE_64, 3), EMULATE_OK);
            setup(state);
            w.cr4 = set ? cases[n].bit : 0;
            assert_int_equal(run(cases[n].hex), EMULATE_OK);
        }
    setup(state);
    must_fault("0f 01 d0", CODE_64, 0, VEC_UD); /* XGETBV without OSXSAVE */
    must_fault("0f 01 d1", CODE_64, 3, VEC_UD);
    w.cr4 = CR4_DE;
    must_fault("0f 21 e0", CODE_64, 0, VEC_UD); /* DR4 */
}

static void unprivileged(void **state)
{
    (void)state;
    assert_int_equal(run_with(&world_ops, "0f 31", CODE_64, 3), EMULATE_OK);
    assert_int_equal(regs.rax, 0x44444444);
    assert_int_equal(regs.rdx, 0x33333333);
    assert_int_equal(run_with(&world_ops, "0f 01 f9", CODE_64, 3), EMULATE_OK);
    assert_int_equal(regs.rcx, 0x22222222);
    regs.rax = 0xffffffff00000007;
    regs.rcx = 1;
    assert_int_equal(run_with(&world_ops, "0f 0b 78 65 6e 0f a2", CODE_64, 3), EMULATE_OK);
    assert_string_equal(w.log, "cpuid 7 1;");
    assert_int_equal(regs.rax, 0xf0000000);
    assert_int_equal(regs.rbx, 0xf0000001);
    assert_int_equal(regs.rcx, 0xf0000002);
    assert_int_equal(regs.rdx, 0xf0000003);
    assert_int_equal(run_with(&world_ops, "0f a2", CODE_64, 3), EMULATE_OK);
    assert_int_equal(run_with(&world_ops, "0f 01 c1", CODE_64, 3), EMULATE_OK);
    assert_string_equal(w.log, "vmcall;");
    assert_int_equal(run("0f 01 07"), EMULATE_OK); /* SGDT */
    assert_memory_equal(w.data, "\x7f\x00\x00\x70\x00\x00\x00\x00\x00\x00", 10);
    assert_int_equal(run("48 8c d8"), EMULATE_OK); /* MOV RAX, DS */
    assert_int_equal(regs.rax, 0x13);
    assert_int_equal(run("0f 00 0f"), EMULATE_OK); /* STR [RDI] */
    assert_memory_equal(w.data, "\x17\x00\x00\x70", 4);
}

static void ports(void **state)
{
    (void)state;
    assert_int_equal(run("ec"), EMULATE_OK);
    assert_string_equal(w.log, "in 3f8 1;");
    assert_int_equal(regs.rax, 0x11223344556677a4);
    assert_int_equal(run("e5 80"), EMULATE_OK);
    assert_string_equal(w.log, "in 80 4;");
    assert_int_equal(regs.rax, 0xa1a2a3a4);
    assert_int_equal(run("66 ef"), EMULATE_OK);
    assert_string_equal(w.log, "out 3f8 2 a3a4;");
    assert_int_equal(run_with(&world_ops, "ee", CODE_64, 3), EMULATE_OK);
    assert_string_equal(w.log, "io_allowed 3f8 1;out 3f8 1 a4;");
    regs.rflags |= RFLAGS_IOPL;
    assert_int_equal(run_with(&world_ops, "ee", CODE_64, 3), EMULATE_OK);
    assert_string_equal(w.log, "out 3f8 1 a4;");
    regs.rflags &= ~RFLAGS_IOPL;
    assert_int_equal(run_with(&world_fetch_only, "ee", CODE_64, 3), EMULATE_FAULT);
    assert_int_equal(ctx.fault.vector, VEC_GP);
    regs.rcx = 3;
    memcpy(w.data + 0x100, "xyz", 3);
    assert_int_equal(run("f3 6e"), EMULATE_OK);
    assert_string_equal(w.log, "out 3f8 1 78;out 3f8 1 79;out 3f8 1 7a;");
    assert_int_equal(regs.rcx, 0);
    assert_int_equal(regs.rsi, DATA + 0x103);
    regs.rcx = 2;
    regs.rflags |= RFLAGS_DF;
    regs.rdi = DATA + 0x20;
    assert_int_equal(run("f3 6d"), EMULATE_OK);
    assert_string_equal(w.log, "in 3f8 4;in 3f8 4;");
    assert_int_equal(regs.rdi, DATA + 0x18);
    assert_memory_equal(w.data + 0x1c, "\xa4\xa3\xa2\xa1\xa4\xa3\xa2\xa1", 8);
    regs.rdi = DATA + DATA_SIZE; /* the port must not be read if the bytes cannot be stored */
    must_fault("6c", CODE_64, 0, VEC_PF);
}

static void interrupt_flag(void **state)
{
    (void)state;
    assert_int_equal(run("fb"), EMULATE_OK);
    assert_true(regs.rflags & RFLAGS_IF);
    assert_int_equal(ctx.notes, EMULATE_STI_SHADOW);
    assert_int_equal(run("fb"), EMULATE_OK);
    assert_int_equal(ctx.notes, 0);
    assert_int_equal(run("fa"), EMULATE_OK);
    assert_false(regs.rflags & RFLAGS_IF);
    must_fault("fa", CODE_64, 3, VEC_GP);
    must_fault("fb", CODE_64, 1, VEC_GP);
    regs.rflags |= 1 << 12;
    assert_int_equal(run_with(&world_ops, "fb", CODE_64, 1), EMULATE_OK);
    w.cr0 = 0;
    regs.rflags |= RFLAGS_TF; /* nor is a step due behind a load of SS */
    assert_int_equal(run_with(&world_ops, "8e d0", CODE_16, 0), EMULATE_OK);
    assert_int_equal(ctx.notes, EMULATE_MOV_SS_SHADOW);
    assert_int_equal(run_with(&world_ops, "8e d8", CODE_16, 0), EMULATE_OK);
    assert_int_equal(ctx.notes, EMULATE_SINGLE_STEP);
}

static void system_only(void **state)
{
    (void)state;
    put_code(CODE, "48 89 07");
    emulate_init(&ctx, &regs, &world_ops, NULL, CODE_64, 0);
    ctx.system_only = true;
    assert_int_equal(emulate_insn(&ctx), EMULATE_UNHANDLEABLE);
    put_code(CODE, "66 48 89 07");
    emulate_init(&ctx, &regs, &world_ops, NULL, CODE_64, 0);
    ctx.system_only = true;
    assert_int_equal(emulate_insn(&ctx), EMULATE_UNHANDLEABLE);
    put_code(CODE, "ec");
    emulate_init(&ctx, &regs, &world_ops, NULL, CODE_64, 0);
    ctx.system_only = true;
    assert_int_equal(emulate_insn(&ctx), EMULATE_OK);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        TEST(privileged), TEST(decided_by_cr4), TEST(unprivileged),
        TEST(ports),      TEST(interrupt_flag), TEST(system_only),
    };
#undef TEST
    return cmocka_run_group_tests_name("emulate_privilege", tests, NULL, NULL);
}
