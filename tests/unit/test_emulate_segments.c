// sources: src/cpu/emulate/*.c
// sources: tests/unit/stub_emulate_world.c
/*
 * Segments in the executor: what may be loaded, which fault names what, far transfers between
 * levels and modes, software interrupts and IRET.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "stub_emulate_world.h"

enum selectors {
    CODE_0 = 0x08,
    DATA_0 = 0x10,
    CODE_64_0 = 0x18,
    DATA_3 = 0x23,
    CODE_3 = 0x2b,
    ABSENT = 0x30,
    FRESH = 0x38, /* not accessed yet */
    GATE = 0x40,  /* to CODE_0, callable from level 3 */
    TSS = 0x48,
    LDT = 0x50,
    GATE_64 = 0x60, /* two entries */
    BEYOND = 0x80,
};

enum { GATE_TO = CODE + 0x100, INNER_TOP = DATA + 0x1000 };

static int set_up_tables(void **state)
{
    static const u64 gdt[16] = {
        [CODE_0 >> 3] = 0x00cf9b000000ffff,    [DATA_0 >> 3] = 0x00cf93000000ffff,
        [CODE_64_0 >> 3] = 0x00af9b000000ffff, [DATA_3 >> 3] = 0x00cff3000000ffff,
        [CODE_3 >> 3] = 0x00cffb000000ffff,    [ABSENT >> 3] = 0x00cf13000000ffff,
        [FRESH >> 3] = 0x1240f234567800ff,     [GATE >> 3] = 0x0040ec0000080100,
        [TSS >> 3] = 0x0000890078000067,       [LDT >> 3] = 0x0000820074000017,
        [GATE_64 >> 3] = 0x0040ec0000180100,
    };
    u32 tss[4] = {0, INNER_TOP, DATA_0, 0};

    setup(state);
    memcpy(w.tables, gdt, sizeof(gdt));
    memcpy(w.tables + 0x800, tss, sizeof(tss));
    w.msr = 0;
    w.quiet_msr = true;
    return 0;
}

/* In protected mode, in 32-bit code: the fault of loading this selector. */
static void must_refuse(const char *hex, unsigned selector, unsigned cpl, u8 vector, u32 error)
{
    regs.rax = selector;
    must_fault(hex, CODE_32, cpl, vector);
    assert_int_equal(ctx.fault.error, error);
    assert_int_equal(w.loads, 0);
}

static void loads(void **state)
{
    const char *ds = "8e d8", *ss = "8e d0";

    (void)state;
    must_refuse(ds, BEYOND, 0, VEC_GP, BEYOND);
    must_refuse(ds, ABSENT, 0, VEC_NP, ABSENT);
    must_refuse(ds, GATE, 0, VEC_GP, GATE);
    must_refuse(ds, DATA_0, 3, VEC_GP, DATA_0);
    must_refuse(ds, DATA_0 + 3, 0, VEC_GP, DATA_0);
    must_refuse(ds, DATA_0 + 4, 0, VEC_GP, DATA_0 + 4); /* no LDT */
    must_refuse(ss, 0, 0, VEC_GP, 0);
    must_refuse(ss, ABSENT, 0, VEC_SS, ABSENT);
    must_refuse(ss, CODE_0, 0, VEC_GP, CODE_0);
    must_refuse(ss, DATA_3, 0, VEC_GP, DATA_3 & ~3);
    must_refuse("0f 00 d0", TSS, 0, VEC_GP, TSS); /* LLDT */
    must_refuse("0f 00 d8", LDT, 0, VEC_GP, LDT); /* LTR */
    must_refuse("0f 00 d8", 0, 0, VEC_GP, 0);
    must_refuse("0f 00 d8", TSS, 3, VEC_GP, 0);
    regs.rax = FRESH;
    assert_int_equal(run_with(&world_ops, ds, CODE_32, 3), EMULATE_OK);
    assert_int_equal(w.seg[SEG_DS].base, 0x12345678);
    assert_int_equal(w.seg[SEG_DS].limit, 0xff);
    assert_int_equal(w.seg[SEG_DS].attr, 0x4f3);
    assert_int_equal(w.seg[SEG_DS].selector, FRESH);
    assert_int_equal(w.tables[FRESH + 5], 0xf3); /* accessed */
    regs.rax = 2;
    assert_int_equal(run_with(&world_ops, ds, CODE_32, 0), EMULATE_OK);
    assert_int_equal(w.seg[SEG_DS].attr, SEG_ATTR_UNUSABLE);
    regs.rax = TSS;
    assert_int_equal(run_with(&world_ops, "0f 00 d8", CODE_32, 0), EMULATE_OK);
    assert_int_equal(w.seg[SEG_TR].base, 0x7800);
    assert_int_equal(w.tables[TSS + 5], 0x8b); /* busy */
    must_fault("0f 00 d8", CODE_32, 0, VEC_GP);
    regs.rax = LDT;
    assert_int_equal(run_with(&world_ops, "0f 00 d0", CODE_32, 0), EMULATE_OK);
    assert_int_equal(w.seg[SEG_LDTR].limit, 0x17);
}

/* Of real mode: base and selector change, nothing else; of virtual-8086 mode all. */
static void loads_without_descriptors(void **state)
{
    (void)state;
    w.cr0 = 0;
    regs.rax = 0x1234;
    assert_int_equal(run_with(&world_ops, "8e d8", CODE_16, 0), EMULATE_OK);
    assert_int_equal(w.seg[SEG_DS].base, 0x12340);
    assert_int_equal(w.seg[SEG_DS].limit, 0xffffffff);
    assert_int_equal(w.seg[SEG_DS].attr, 0x493);
    regs.rflags |= RFLAGS_VM;
    assert_int_equal(run_with(&world_ops, "8e c0", CODE_16, 3), EMULATE_OK);
    assert_int_equal(w.seg[SEG_ES].limit, 0xffff);
    assert_int_equal(w.seg[SEG_ES].attr, 0xf3);
    must_fault("0f 00 d8", CODE_16, 3, VEC_UD);
}

static void asking(void **state)
{
    static const struct {
        const char *hex;
        u16 selector;
        bool yes;
        u32 answer;
    } cases[] = {
        {"0f 02 c8", DATA_3, true, 0xcff300},
        {"0f 02 c8", GATE, true, 0x40ec00},
        {"0f 02 c8", DATA_0, false, 0},
        {"0f 02 c8", BEYOND, false, 0},
        {"0f 03 c8", DATA_3, true, 0xffffffff},
        {"0f 03 c8", GATE, false, 0},
        {"0f 03 c8", FRESH, true, 0xff},
        {"0f 00 e0", CODE_3, true, 0},
        {"0f 00 e8", CODE_3, false, 0},
        {"0f 00 e8", DATA_3, true, 0},
        {"0f 00 e0", 0, false, 0},
    };

    for (unsigned n = 0; n < ARRAY_SIZE(cases); n++) {
        set_up_tables(state);
        regs.rax = cases[n].selector;
        regs.rcx = 0;
        assert_int_equal(run_with(&world_ops, cases[n].hex, CODE_32, 3), EMULATE_OK);
        assert_int_equal(!!(regs.rflags & RFLAGS_ZF), cases[n].yes);
        if (cases[n].answer)
            assert_int_equal(regs.rcx & 0xfff0ff00, cases[n].answer & 0xfff0ff00);
    }
}

static void far_jumps(void **state)
{
    (void)state;
    assert_int_equal(run_with(&world_ops, "ea 00 10 40 00 08 00", CODE_32, 0), EMULATE_OK);
    assert_int_equal(regs.rip, CODE + 0x1000);
    assert_int_equal(w.seg[SEG_CS].selector, CODE_0);
    assert_int_equal(w.seg[SEG_CS].attr, 0xc9b);
    regs.rip = CODE;
    w.loads = 0;
    must_fault("ea 00 10 40 00 00 00", CODE_32, 0, VEC_GP);
    must_fault("ea 00 10 40 00 10 00", CODE_32, 0, VEC_GP);
    assert_int_equal(ctx.fault.error, DATA_0);
    must_fault("ea 00 10 40 00 2b 00", CODE_32, 0, VEC_GP); /* outwards */
    must_fault("ea 00 10 40 00 08 00", CODE_32, 3, VEC_GP); /* inwards */
    assert_int_equal(w.loads, 0);
    assert_int_equal(run_with(&world_ops, "ea 00 00 00 00 48 00", CODE_32, 0), EMULATE_RETRY);
    assert_string_equal(w.log, "task 48 2;");
    w.msr = EFER_LMA; /* into 64-bit code */
    assert_int_equal(run_with(&world_ops, "ea 00 10 40 00 18 00", CODE_32, 0), EMULATE_OK);
    assert_int_equal(w.seg[SEG_CS].attr, 0xa9b);
    regs.rip = CODE;
    must_fault("ea 00 00 00 00 48 00", CODE_32, 0, VEC_GP);
    w.cr0 = 0;
    w.seg[SEG_CS] = (struct segment){.base = CODE, .limit = 0xffff, .attr = 0x93};
    regs.rip = 0;
    memcpy(w.code, "\xea\x34\x12\x00\xf0", 5);
    emulate_init(&ctx, &regs, &world_ops, NULL, CODE_16, 0);
    assert_int_equal(emulate_insn(&ctx), EMULATE_OK);
    assert_int_equal(regs.rip, 0x1234);
    assert_int_equal(w.seg[SEG_CS].base, 0xf0000);
    assert_int_equal(w.seg[SEG_CS].limit, 0xffff);
}

/* Through a gate to level 0 and back. */
static void inwards_and_back(void **state)
{
    u32 words[4];

    (void)state;
    w.seg[SEG_CS].selector = CODE_3;
    w.seg[SEG_SS].selector = DATA_3;
    w.seg[SEG_ES].attr = 0xc93; /* of level 0 */
    w.seg[SEG_DS].attr = 0xcf3;
    assert_int_equal(run_with(&world_ops, "9a 00 00 00 00 43 00", CODE_32, 3), EMULATE_OK);
    assert_int_equal(regs.rip, GATE_TO);
    assert_int_equal(w.seg[SEG_CS].selector, CODE_0);
    assert_int_equal(w.seg[SEG_SS].selector, DATA_0);
    assert_int_equal(regs.rsp, INNER_TOP - 16);
    memcpy(words, w.data + 0x1000 - 16, 16);
    assert_int_equal(words[0], CODE + 7);
    assert_int_equal(words[1], CODE_3);
    assert_int_equal(words[2], DATA + 0x800);
    assert_int_equal(words[3], DATA_3);
    regs.rip = CODE;
    assert_int_equal(run_with(&world_ops, "cb", CODE_32, 0), EMULATE_OK);
    assert_int_equal(regs.rip, CODE + 7);
    assert_int_equal(w.seg[SEG_CS].selector, CODE_3);
    assert_int_equal(w.seg[SEG_SS].selector, DATA_3);
    assert_int_equal(regs.rsp, DATA + 0x800);
    assert_int_equal(w.seg[SEG_ES].attr, SEG_ATTR_UNUSABLE);
    assert_int_equal(w.seg[SEG_DS].attr, 0xcf3);
    regs.rip = CODE;
    w.seg[SEG_TR].limit = 8; /* the TSS has no stack */
    must_fault("9a 00 00 00 00 43 00", CODE_32, 3, VEC_TS);
    assert_int_equal(ctx.fault.error, 0x14);
}

static void interrupts(void **state)
{
    static const u8 entry[4] = {0x00, 0x10, 0x00, 0x02}; /* 0200:1000 */

    (void)state;
    assert_int_equal(run_with(&world_ops, "cd 80", CODE_32, 3), EMULATE_FAULT);
    assert_int_equal(ctx.fault.type, VIRT_SOFT_INT);
    assert_int_equal(ctx.fault.vector, 0x80);
    assert_int_equal(ctx.fault.insn_len, 2);
    assert_int_equal(run_with(&world_ops, "cc", CODE_64, 3), EMULATE_FAULT);
    assert_int_equal(ctx.fault.type, VIRT_SOFT_EXCEPTION);
    assert_int_equal(ctx.fault.vector, VEC_BP);
    assert_int_equal(run_with(&world_ops, "ce", CODE_32, 3), EMULATE_OK);
    regs.rflags |= RFLAGS_VM;
    must_fault("cd 10", CODE_16, 3, VEC_GP);
    regs.rflags |= RFLAGS_IOPL;
    assert_int_equal(run_with(&world_ops, "cd 10", CODE_16, 3), EMULATE_FAULT);
    assert_int_equal(ctx.fault.type, VIRT_SOFT_INT);
    w.cr0 = 0;
    memcpy(w.tables + 0x400 + 4 * 0x10, entry, 4);
    regs.rflags = RFLAGS_FIXED | RFLAGS_IF | RFLAGS_TF | RFLAGS_CF;
    regs.rip = 0x20;
    regs.rsp = 0x800;
    w.seg[SEG_CS] = (struct segment){.base = CODE, .limit = 0xffff, .attr = 0x9b, .selector = 0x77};
    w.seg[SEG_SS] = (struct segment){.base = DATA, .limit = 0xffff, .attr = 0x93};
    memcpy(w.code + 0x20, "\xcd\x10", 2);
    emulate_init(&ctx, &regs, &world_ops, NULL, CODE_16, 0);
    assert_int_equal(emulate_insn(&ctx), EMULATE_OK);
    assert_int_equal(regs.rip, 0x1000);
    assert_int_equal(w.seg[SEG_CS].base, 0x2000);
    assert_int_equal(regs.rsp, 0x7fa);
    assert_int_equal(regs.rflags, RFLAGS_FIXED | RFLAGS_CF);
    assert_int_equal(ctx.notes, EMULATE_JUMPED);
    assert_memory_equal(w.data + 0x7fa, "\x22\x00\x77\x00\x03\x03", 6);
    w.seg[SEG_CS].base = CODE; /* IRET goes back */
    memcpy(w.code + 0x1000, "\xcf", 1);
    emulate_init(&ctx, &regs, &world_ops, NULL, CODE_16, 0);
    assert_int_equal(emulate_insn(&ctx), EMULATE_OK);
    assert_int_equal(regs.rip, 0x22);
    assert_int_equal(w.seg[SEG_CS].base, 0x770);
    assert_int_equal(regs.rflags, RFLAGS_FIXED | RFLAGS_IF | RFLAGS_TF | RFLAGS_CF);
    assert_int_equal(ctx.notes, EMULATE_JUMPED);
    emulate_init(&ctx, &regs, &world_ops, NULL, CODE_16, 0);
    assert_int_equal(emulate_real_interrupt(&ctx, 0x20, 0), EMULATE_FAULT); /* beyond the table */
}

static void iret(void **state)
{
    const u32 to_v86[9] = {0x100, 0x1234, RFLAGS_VM | RFLAGS_FIXED | RFLAGS_IF, 0xfff0, 0x200, 1, 2,
                           3,     4};
    const u64 to_user[5] = {CODE + 0x40, CODE_3, RFLAGS_FIXED | RFLAGS_IF | RFLAGS_RF, 0x5000,
                            DATA_3};

    (void)state;
    memcpy(w.data + 0x800, to_v86, sizeof(to_v86));
    assert_int_equal(run_with(&world_ops, "cf", CODE_32, 0), EMULATE_OK);
    assert_int_equal(regs.rip, 0x100);
    assert_int_equal(regs.rsp, 0xfff0);
    assert_int_equal(regs.rflags, RFLAGS_VM | RFLAGS_FIXED | RFLAGS_IF);
    assert_int_equal(w.seg[SEG_CS].base, 0x12340);
    assert_int_equal(w.seg[SEG_DS].base, 0x20);
    assert_int_equal(w.seg[SEG_GS].attr, 0xf3);
    set_up_tables(state);
    w.msr = EFER_LMA;
    memcpy(w.data + 0x800, to_user, sizeof(to_user));
    assert_int_equal(run("48 cf"), EMULATE_OK);
    assert_int_equal(regs.rip, CODE + 0x40);
    assert_int_equal(regs.rsp, 0x5000);
    assert_int_equal(w.seg[SEG_SS].selector, DATA_3);
    assert_int_equal(regs.rflags, RFLAGS_FIXED | RFLAGS_IF | RFLAGS_RF);
    assert_int_equal(w.seg[SEG_DS].attr, SEG_ATTR_UNUSABLE);
    set_up_tables(state);
    regs.rflags |= RFLAGS_NT;
    must_fault("48 cf", CODE_64, 0, VEC_GP);
    assert_int_equal(run_with(&world_ops, "cf", CODE_32, 0), EMULATE_RETRY);
    assert_string_equal(w.log, "task 0 1;");
}

static void far_pointers(void **state)
{
    (void)state;
    memcpy(w.data, "\x78\x56\x34\x12\x23\x00", 6);
    assert_int_equal(run_with(&world_ops, "c4 07", CODE_32, 3), EMULATE_OK);
    assert_int_equal(regs.rax, 0x12345678);
    assert_int_equal(w.seg[SEG_ES].selector, DATA_3);
    assert_int_equal(run_with(&world_ops, "0f b4 1f", CODE_32, 3), EMULATE_OK);
    assert_int_equal(w.seg[SEG_FS].selector, DATA_3);
    w.data[4] = ABSENT;
    must_fault("c5 07", CODE_32, 3, VEC_GP);
    must_fault("0f b2 07", CODE_32, 0, VEC_SS);
    assert_int_equal(ctx.fault.error, ABSENT);
    regs.rax = 5;
    memcpy(w.data, "\x01\x00\x00\x00\x04\x00\x00\x00", 8);
    must_fault("62 07", CODE_32, 3, VEC_BR);
    regs.rax = 4;
    assert_int_equal(run_with(&world_ops, "62 07", CODE_32, 3), EMULATE_OK);
    assert_int_equal(run_with(&world_ops, "06", CODE_32, 3), EMULATE_OK);
    assert_memory_equal(w.data + 0x7fc, "\x23\x00\x00\x00", 4);
    w.data[0x7fc] = DATA_0;
    must_fault("1f", CODE_32, 3, VEC_GP);
    assert_int_equal(run_with(&world_ops, "1f", CODE_32, 0), EMULATE_OK);
    assert_int_equal(regs.rsp, DATA + 0x800);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up_tables)
    const struct CMUnitTest tests[] = {
        TEST(loads),
        TEST(loads_without_descriptors),
        TEST(asking),
        TEST(far_jumps),
        TEST(inwards_and_back),
        TEST(interrupts),
        TEST(iret),
        TEST(far_pointers),
    };
#undef TEST
    return cmocka_run_group_tests_name("emulate_segments", tests, NULL, NULL);
}
