// sources: src/cpu/emulate/*.c
// sources: tests/unit/stub_emulate_world.c
/*
 * INVPCID: which types, descriptors and addresses are #GP, with CR4.PCIDE and without. Source: SDM,
 * "INVPCID-Invalidate Process-Context Identifier".
 */
#include <stdarg.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>
#include "stub_emulate_world.h"

#define INVPCID       "66 0f 38 82 2f" /* invpcid rbp, [rdi] */
#define NON_CANONICAL 0x0000800000000000ULL
#define ADDRESS       0xffff812345678000ULL

/* What becomes of it: the hook is reached, or #GP(0). */
static void expect(bool good, u64 type, u64 pcid, u64 address, enum code_size size, bool pcide)
{
    void *none = NULL;

    setup(&none);
    w.cr4 = pcide ? CR4_PCIDE : 0;
    regs.rbp = type;
    memcpy(w.data, &pcid, sizeof(pcid));
    memcpy(w.data + sizeof(pcid), &address, sizeof(address));
    if (!good) {
        must_fault(INVPCID, size, 0, VEC_GP);
        return;
    }
    assert_int_equal(run_with(&world_ops, INVPCID, size, 0), EMULATE_OK);
    assert_memory_equal(w.log, "invpcid ", 8);
    assert_int_equal(w.log[8], (char)('0' + (size == CODE_64 ? type : (u32)type)));
}

static void types(void **state)
{
    (void)state;
    for (unsigned pcide = 0; pcide < 2; pcide++) {
        for (u64 type = 0; type < 16; type++)
            expect(type < 4, type, 0, ADDRESS, CODE_64, pcide);
        for (unsigned bit = 2; bit < 64; bit++) {
            expect(false, 1ULL << bit | 1, 0, ADDRESS, CODE_64, pcide);
            expect(bit >= 32, 1ULL << bit | 1, 0, ADDRESS, CODE_32, false);
        }
    }
}

static void pcids(void **state)
{
    (void)state;
    for (u64 type = 0; type < 4; type++) {
        for (unsigned bit = 0; bit < 64; bit++) {
            expect(bit < 12, type, 1ULL << bit, ADDRESS, CODE_64, true);
            expect(bit < 12 && type >= 2, type, 1ULL << bit, ADDRESS, CODE_64, false);
        }
        expect(true, type, 0xfff, ADDRESS, CODE_64, true);
        expect(false, type, 0x1fff, ADDRESS, CODE_64, true);
    }
}

static void addresses(void **state)
{
    (void)state;
    for (u64 type = 0; type < 4; type++) {
        expect(type != 0, type, 1, NON_CANONICAL, CODE_64, true);
        expect(type != 0, type, 0, ~NON_CANONICAL, CODE_64, false);
        expect(true, type, 1, NON_CANONICAL - 1, CODE_64, true);
    }
}

static void who_and_where(void **state)
{
    setup(state);
    must_fault(INVPCID, CODE_64, 3, VEC_GP);
    setup(state);
    regs.rdi = DATA + DATA_SIZE; /* no memory: before the type is judged */
    regs.rbp = 0;
    must_fault(INVPCID, CODE_64, 0, VEC_PF);
    setup(state);
    regs.rdi = DATA + DATA_SIZE - 8; /* its second half */
    regs.rbp = 0;
    must_fault(INVPCID, CODE_64, 0, VEC_PF);
    setup(state);
    regs.rdi = NON_CANONICAL;
    must_fault(INVPCID, CODE_64, 0, VEC_GP);
    setup(state);
    must_fault("f0 " INVPCID, CODE_64, 0, VEC_UD);
    must_fault("66 0f 38 82 ef", CODE_64, 0, VEC_UD); /* a register operand */
    assert_int_equal(run_with(&world_fetch_only, INVPCID, CODE_64, 0), EMULATE_UNHANDLEABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types),
        cmocka_unit_test(pcids),
        cmocka_unit_test(addresses),
        cmocka_unit_test(who_and_where),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
