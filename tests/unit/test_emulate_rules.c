// sources: src/cpu/emulate/*.c
// sources: tests/unit/stub_emulate_world.c
/*
 * The executor's rules, apart from arithmetic (tests/model/test_emulate.c has that) and privilege
 * (test_emulate_privilege.c): faults that leave no trace, segmentation, REP, LOCK, fetch across
 * pages, shadows and single steps; and random bytes with hooks that fail at random.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "stub_emulate_world.h"

static void step_and_resume_flags(void **state)
{
    (void)state;
    regs.rflags |= RFLAGS_TF | RFLAGS_RF;
    assert_int_equal(run("48 89 07"), EMULATE_OK);
    assert_int_equal(ctx.notes, EMULATE_SINGLE_STEP);
    assert_false(regs.rflags & RFLAGS_RF);
    regs.rcx = 3;
    assert_int_equal(run("f3 aa"), EMULATE_OK);
    assert_int_equal(ctx.notes, EMULATE_SINGLE_STEP | EMULATE_REP_MORE);
    assert_int_equal(regs.rcx, 2);
    assert_true(regs.rflags & RFLAGS_RF); /* between two iterations */
    regs.rcx = 1;
    assert_int_equal(run("f3 aa"), EMULATE_OK);
    assert_false(regs.rflags & RFLAGS_RF);
}

static void rep_stops_and_goes_on(void **state)
{
    (void)state;
    regs.rdi = DATA + DATA_SIZE - 0x28;
    regs.rcx = 10;
    assert_int_equal(run("f3 48 ab"), EMULATE_FAULT);
    assert_int_equal(ctx.fault.vector, VEC_PF);
    assert_int_equal(ctx.fault.cr2, DATA + DATA_SIZE);
    assert_int_equal(ctx.fault.error, PF_W);
    assert_int_equal(regs.rcx, 5);
    assert_int_equal(regs.rdi, DATA + DATA_SIZE);
    assert_int_equal(regs.rip, CODE);
    regs.rdi = DATA;
    regs.rcx = 600;
    for (unsigned left = 600; left > 256; left -= 256) {
        assert_int_equal(run("f3 aa"), EMULATE_OK);
        assert_int_equal(ctx.notes, EMULATE_REP_MORE);
        assert_int_equal(regs.rcx, left - 256);
        assert_int_equal(regs.rip, CODE);
    }
    assert_int_equal(run("f3 aa"), EMULATE_OK);
    assert_int_equal(ctx.notes, 0);
    assert_int_equal(regs.rcx, 0);
    assert_int_equal(w.data[599], 0x88);
    assert_int_equal(w.data[600], 0);
    assert_int_equal(run("f3 aa"), EMULATE_OK); /* no iteration */
    assert_int_equal(w.data[600], 0);
}

static void faults_leave_no_trace(void **state)
{
    (void)state;
    w.readonly_from = DATA;
    must_fault("48 89 07", CODE_64, 0, VEC_PF);
    assert_int_equal(ctx.fault.error, PF_P | PF_W);
    must_fault("48 83 07 01", CODE_64, 0, VEC_PF);
    assert_int_equal(ctx.fault.error, PF_P | PF_W); /* read-modify-write: a write's fault */
    must_fault("f0 48 83 07 01", CODE_64, 0, VEC_PF);
    must_fault("48 0f b1 1f", CODE_64, 0, VEC_PF);
    must_fault("48 87 1f", CODE_64, 0, VEC_PF);
    must_fault("50", CODE_64, 0, VEC_PF);
    must_fault("8f 07", CODE_64, 0, VEC_PF);
    must_fault("0f 01 07", CODE_64, 0, VEC_PF);
    must_fault("0f 94 07", CODE_64, 0, VEC_PF);
    assert_int_equal(run("48 8b 07"), EMULATE_OK);
    regs.rdi = DATA - 8;
    must_fault("48 8b 07", CODE_64, 0, VEC_PF);
    assert_int_equal(ctx.fault.error, 0);
    must_fault("48 83 07 01", CODE_64, 0, VEC_PF);
    assert_int_equal(ctx.fault.error, PF_W);
}

static void addresses_64(void **state)
{
    (void)state;
    regs.rdi = 0x00007ffffffffffc;
    must_fault("48 89 07", CODE_64, 0, VEC_GP);
    must_fault("48 89 07", CODE_64, 3, VEC_GP);
    must_fault("89 07", CODE_64, 0, VEC_PF); /* its last byte is still canonical */
    regs.rdi = 0xffff7ffffffffff8;
    must_fault("48 8b 07", CODE_64, 0, VEC_GP);
    regs.rdi = 0xffff800000000000;
    must_fault("48 8b 07", CODE_64, 0, VEC_PF);
    regs.rbp = regs.rsp = 0x8000000000000000;
    must_fault("48 8b 45 00", CODE_64, 0, VEC_SS);
    must_fault("48 8b 04 24", CODE_64, 0, VEC_SS);
    must_fault("50", CODE_64, 0, VEC_SS);
    must_fault("3e 48 8b 45 00", CODE_64, 0, VEC_SS); /* ignored override */
    w.seg[SEG_GS].base = 0x8000000000000000;
    regs.rdi = DATA;
    must_fault("65 48 8b 07", CODE_64, 0, VEC_GP);
    w.seg[SEG_GS].base = 0x10;
    w.data[0x10] = 0x5a;
    assert_int_equal(run("65 8a 07"), EMULATE_OK);
    assert_int_equal(regs.rax & 0xff, 0x5a);
    regs.rdi = 0xabcd00000000 | DATA; /* 67: 32-bit address */
    assert_int_equal(run("67 8a 47 10"), EMULATE_OK);
    regs.rdi = DATA + 8;
    must_fault("f0 48 0f c7 0f", CODE_64, 0, VEC_GP); /* CMPXCHG16B, not aligned */
}

static void alignment_check(void **state)
{
    (void)state;
    regs.rflags |= RFLAGS_AC;
    regs.rdi = DATA + 1;
    w.cr0 |= CR0_AM;
    must_fault("89 07", CODE_64, 3, VEC_AC);
    assert_int_equal(run("89 07"), EMULATE_OK);
    assert_int_equal(run("64 01 07"), EMULATE_OK);
    assert_int_equal(run_with(&world_ops, "88 07", CODE_64, 3), EMULATE_OK);
    w.cr0 &= ~CR0_AM;
    assert_int_equal(run_with(&world_ops, "89 07", CODE_64, 3), EMULATE_OK);
}

enum { UNUSABLE = 1 << 12 };

static void segmentation_32(void **state)
{
    (void)state;
    w.seg[SEG_DS].limit = DATA + 6;
    must_fault("89 47 04", CODE_32, 0, VEC_GP);
    assert_int_equal(run_with(&world_ops, "89 47 03", CODE_32, 0), EMULATE_OK);
    w.seg[SEG_DS].attr = 0x491; /* read only */
    must_fault("89 07", CODE_32, 0, VEC_GP);
    assert_int_equal(run_with(&world_ops, "8b 07", CODE_32, 0), EMULATE_OK);
    w.seg[SEG_DS].attr = 0x499; /* execute only */
    must_fault("8b 07", CODE_32, 0, VEC_GP);
    w.seg[SEG_DS].attr = 0x493 | UNUSABLE;
    must_fault("8b 07", CODE_32, 0, VEC_GP);
    must_fault("2e 89 07", CODE_32, 0, VEC_GP); /* code is never writable */
    w.seg[SEG_SS].limit = 0x100;
    must_fault("50", CODE_32, 0, VEC_SS);
    must_fault("36 89 07", CODE_32, 0, VEC_SS);
    w.seg[SEG_ES] = (struct segment){.limit = DATA - 1, .attr = 0x497}; /* expand-down */
    regs.rdi = DATA - 1;
    must_fault("26 88 07", CODE_32, 0, VEC_GP);
    regs.rdi = DATA;
    assert_int_equal(run_with(&world_ops, "26 88 07", CODE_32, 0), EMULATE_OK);
    w.seg[SEG_ES].base = 0xfffff000; /* wraps at 4 GiB */
    regs.rdi = DATA + 0x1004;
    assert_int_equal(run_with(&world_ops, "26 c6 07 77", CODE_32, 0), EMULATE_OK);
    assert_int_equal(w.data[4], 0x77);
    w.cr0 = 0; /* real mode: types do not count, limits do */
    w.seg[SEG_DS] = (struct segment){.base = DATA, .limit = 0xffff, .attr = 0x91};
    regs.rbx = 0x20;
    assert_int_equal(run_with(&world_ops, "88 07", CODE_16, 0), EMULATE_OK);
    regs.rbx = 0xffff;
    must_fault("89 07", CODE_16, 0, VEC_GP);
    must_fault("0f 00 c0", CODE_16, 0, VEC_UD); /* SLDT */
}

static void fetch_over_pages(void **state)
{
    (void)state;
    for (unsigned before = 1; before < 8; before++) {
        regs.rip = CODE + PAGE_SIZE - before;
        assert_int_equal(run("48 c7 87 00 01 00 00 78 56 34 12"), EMULATE_OK);
    }
    assert_memory_equal(w.data + 0x100, "\x78\x56\x34\x12\0\0\0\0", 8);
    w.code_page_2 = false;
    regs.rip = CODE + PAGE_SIZE - 3;
    assert_int_equal(run("48 89 07"), EMULATE_OK);
    regs.rip = CODE + PAGE_SIZE - 2;
    must_fault("48 89 07", CODE_64, 0, VEC_PF);
    assert_int_equal(ctx.fault.cr2, CODE + PAGE_SIZE);
    assert_int_equal(ctx.fault.error, PF_I);
    regs.rip = CODE + PAGE_SIZE - 2;
    must_fault("0f 0b", CODE_64, 0, VEC_UD);
    regs.rip = CODE;
    must_fault("3e 3e 3e 3e 3e 3e 3e 3e 3e 3e 3e 3e 3e 3e 3e 90", CODE_64, 0, VEC_GP);
    must_fault("f0 90", CODE_64, 0, VEC_UD);
    w.seg[SEG_CS].limit = CODE + 1;
    must_fault("b8 00 00 00 00", CODE_32, 0, VEC_GP);
    assert_int_equal(run_with(&world_ops, "89 07", CODE_32, 0), EMULATE_OK);
}

static void locked_loops(void **state)
{
    u64 value = 0x100;

    (void)state;
    memcpy(w.data, &value, 8);
    w.lost_exchanges = 3;
    assert_int_equal(run("f0 48 81 07 00 10 00 00"), EMULATE_OK);
    memcpy(&value, w.data, 8);
    assert_int_equal(value, 0x1103);
    w.lost_exchanges = 1000;
    assert_int_equal(run("f0 48 81 07 00 10 00 00"), EMULATE_RETRY);
    w.lost_exchanges = 0;
    value = 1;
    memcpy(w.data, &value, 8);
    assert_int_equal(run("f0 48 f7 1f"), EMULATE_OK); /* LOCK NEG */
    memcpy(&value, w.data, 8);
    assert_int_equal(value, -1);
    assert_int_equal(regs.rflags &
                         (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF),
                     RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_SF);
    regs.rax = -1;
    assert_int_equal(run("f0 48 0f b1 1f"), EMULATE_OK);
    memcpy(&value, w.data, 8);
    assert_int_equal(value, 0xb);
    assert_true(regs.rflags & RFLAGS_ZF);
    assert_int_equal(regs.rax, -1);
    assert_int_equal(run("f0 48 0f b1 1f"), EMULATE_OK);
    assert_false(regs.rflags & RFLAGS_ZF);
    assert_int_equal(regs.rax, 0xb);
    regs.rdx = 0;
    assert_int_equal(run("f0 48 0f c7 0f"), EMULATE_OK); /* CMPXCHG16B: equal */
    assert_true(regs.rflags & RFLAGS_ZF);
    memcpy(&value, w.data + 8, 8);
    assert_int_equal(value, regs.rcx);
}

static void movbe(void **state)
{
    (void)state;
    assert_int_equal(run("48 0f 38 f1 07"), EMULATE_OK);
    assert_memory_equal(w.data, "\x11\x22\x33\x44\x55\x66\x77\x88", 8);
    assert_int_equal(run("66 0f 38 f0 07"), EMULATE_OK);
    assert_int_equal(regs.rax, 0x1122334455661122);
}

/* What Unicorn does not have. */
static void counting(void **state)
{
    static const struct {
        const char *hex;
        u64 rbx, rax, flags;
    } cases[] = {
        {"f3 48 0f bc c3", 0x80, 7, 0},
        {"f3 0f bc c3", 0x100000000, 32, RFLAGS_CF},
        {"f3 0f bc c3", 1, 0, RFLAGS_ZF},
        {"f3 48 0f bd c3", 1, 63, 0},
        {"f3 0f bd c3", 0x80000000, 0, RFLAGS_ZF},
        {"f3 48 0f bd c3", 0, 64, RFLAGS_CF},
        {"f3 48 0f b8 c3", 0xf00000000000000f, 8, 0},
        {"f3 0f b8 c3", 0xf00000000, 0, RFLAGS_ZF},
    };

    for (unsigned n = 0; n < ARRAY_SIZE(cases); n++) {
        setup(state);
        regs.rbx = cases[n].rbx;
        assert_int_equal(run(cases[n].hex), EMULATE_OK);
        assert_int_equal(regs.rax, cases[n].rax);
        assert_int_equal(regs.rflags & (RFLAGS_CF | RFLAGS_ZF), cases[n].flags);
    }
}

/* Their arithmetic-free moves are compared with Unicorn's; here is what that cannot say. */
static void vectors(void **state)
{
    static const u64 value[4] = {1, 2, 3, 4};

    (void)state;
    must_fault("0f 11 07", CODE_64, 0, VEC_UD); /* CR4.OSFXSR */
    w.cr4 = CR4_OSFXSR;
    w.cr0 |= CR0_TS;
    must_fault("0f 11 07", CODE_64, 0, VEC_NM);
    w.cr0 = CR0_PE | CR0_EM;
    must_fault("0f 11 07", CODE_64, 0, VEC_UD);
    w.cr0 = CR0_PE;
    memcpy(w.vectors[1], value, 32);
    assert_int_equal(run("0f 11 4f 01"), EMULATE_OK);
    assert_memory_equal(w.data + 1, value, 16);
    must_fault("0f 29 4f 01", CODE_64, 0, VEC_GP);
    assert_int_equal(run("0f 28 17"), EMULATE_OK); /* MOVAPS XMM2, [RDI] */
    assert_memory_equal(w.vectors[2], w.data, 16);
    memset(w.vectors[3], 0x5a, 32);
    assert_int_equal(run("0f 28 1f"), EMULATE_OK); /* the upper half stays */
    assert_int_equal(w.vectors[3][2], 0x5a5a5a5a5a5a5a5a);
    w.readonly_from = DATA + 0x1000;
    regs.rdi = DATA + 0xffc;
    memset(w.data + 0xff0, 0, 32);
    must_fault("0f 11 0f", CODE_64, 0, VEC_PF);
    assert_int_equal(w.data[0xffc], 0);            /* all or nothing */
    must_fault("c5 fc 11 0f", CODE_64, 0, VEC_UD); /* CR4.OSXSAVE */
    w.cr4 |= CR4_OSXSAVE;
    w.readonly_from = ~0ULL;
    regs.rdi = DATA;
    assert_int_equal(run("c5 fc 11 0f"), EMULATE_OK);
    assert_memory_equal(w.data, value, 32);
    assert_int_equal(run("c5 f8 10 1f"), EMULATE_OK); /* VEX.128: zeroed */
    assert_int_equal(w.vectors[3][1], 2);
    assert_int_equal(w.vectors[3][2], 0);
    assert_int_equal(run("c5 fc 10 1f"), EMULATE_OK);
    assert_memory_equal(w.vectors[3], value, 32);
    memcpy(w.vectors[9], (u64[]){5, 6, 7, 8}, 32);
    assert_int_equal(run("c5 b0 12 1f"), EMULATE_OK); /* VMOVLPS XMM3, XMM9, [RDI] */
    assert_memory_equal(w.vectors[3], ((u64[]){1, 6, 0, 0}), 32);
    assert_int_equal(run("c5 b0 16 1f"), EMULATE_OK); /* VMOVHPS */
    assert_memory_equal(w.vectors[3], ((u64[]){5, 1, 0, 0}), 32);
    w.cr0 = 0;
    must_fault("c5 f8 10 1f", CODE_16, 0, VEC_UD);
}

static void x87(void **state)
{
    (void)state;
    assert_int_equal(run("db e3"), EMULATE_OK);
    assert_string_equal(w.log, "fninit;");
    assert_int_equal(run("dd 3f"), EMULATE_OK);
    assert_int_equal(run("d9 7f 02"), EMULATE_OK);
    assert_memory_equal(w.data, "\x00\x38\x7f\x03\x00", 5);
    assert_int_equal(run("df e0"), EMULATE_OK);
    assert_int_equal(regs.rax, 0x1122334455663800);
    w.cr0 |= CR0_TS;
    must_fault("db e3", CODE_64, 0, VEC_NM);
    assert_int_equal(run("d8 c1"), EMULATE_UNHANDLEABLE);
}

static void divide_errors(void **state)
{
    static const char *const cases[] = {"48 f7 f3", "48 f7 fb", "f6 f3", "f7 fb"};

    for (unsigned n = 0; n < ARRAY_SIZE(cases); n++) {
        setup(state);
        regs.rbx = 0;
        must_fault(cases[n], CODE_64, 0, VEC_DE);
    }
    must_fault("d4 00", CODE_32, 0, VEC_DE); /* AAM */
    regs.rbx = 1;
    regs.rdx = 1;
    must_fault("48 f7 f3", CODE_64, 0, VEC_DE); /* too large */
    regs.rbx = -1;
    regs.rdx = 0xffffffffffffffff;
    regs.rax = 1ULL << 63;
    must_fault("48 f7 fb", CODE_64, 0, VEC_DE);
}

static void not_ours(void **state)
{
    (void)state;
    assert_int_equal(run("0f ae 07"), EMULATE_UNHANDLEABLE);
    assert_int_equal(run("c5 f8 58 07"), EMULATE_UNHANDLEABLE);
    assert_int_equal(run("0f 05"), EMULATE_UNHANDLEABLE);
    must_fault("0f 0b 90", CODE_64, 0, VEC_UD);
    must_fault("c7 0f 00 00 00 00", CODE_64, 0, VEC_UD);
}

/* Any bytes, any state, hooks that fail: no crash, and no half-done instruction. */
static void random_bytes(void **state)
{
    static const u8 sizes[] = {CODE_16, CODE_32, CODE_64};
    unsigned results[4] = {0};

    setup(state);
    world_seed(7);
    w.fail_one_in = 12;
    for (unsigned n = 0; n < 400000; n++) {
        struct regs before;
        enum emulate_result result;
        bool rep;

        for (unsigned b = 0; b < 16; b += 4) {
            u32 r = random_u32();
            memcpy(w.code + b, &r, 4);
        }
        if (n & 1)
            w.code[0] = 0x0f;
        for (unsigned r = 0; r < sizeof(regs) / 4; r++)
            ((u32 *)&regs)[r] = random_u32() % 3 ? random_u32() : 0;
        regs.rip = CODE;
        regs.rcx &= 0xf00000000000003f;
        before = regs;
        w.log[0] = 0;
        emulate_init(&ctx, &regs, &world_ops, NULL, sizes[n % 3], random_u32() % 4);
        result = emulate_insn(&ctx);
        results[result]++;
        rep = ctx.insn.operation >= OP_MOVS && ctx.insn.operation <= OP_OUTS;
        if (result != EMULATE_OK && !rep)
            assert_memory_equal(&regs, &before, sizeof(regs));
        if (result == EMULATE_OK && !(ctx.notes & (EMULATE_REP_MORE | EMULATE_JUMPED)))
            assert_in_range(regs.rip - CODE, 1, INSN_MAX);
    }
    for (unsigned n = 0; n < ARRAY_SIZE(results); n++)
        assert_true(results[n] > 1000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        TEST(step_and_resume_flags),
        TEST(addresses_64),
        TEST(rep_stops_and_goes_on),
        TEST(faults_leave_no_trace),
        TEST(alignment_check),
        TEST(segmentation_32),
        TEST(fetch_over_pages),
        TEST(locked_loops),
        TEST(movbe),
        TEST(counting),
        TEST(divide_errors),
        TEST(vectors),
        TEST(x87),
        TEST(not_ours),
        TEST(random_bytes),
    };
#undef TEST
    return cmocka_run_group_tests_name("emulate_rules", tests, NULL, NULL);
}
