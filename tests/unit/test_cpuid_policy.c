// sources: src/cpu/cpuid_policy.c
/*
 * What CPUID tells a guest: hidden features stay hidden on a processor that has them all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "../../src/cpu/cpuid_policy.h"
#include "public/trivisor.h"
#include "x86.h"

static u32 highest_leaf = 0x20;

/* A processor with every bit set. */
static void everything(u32 leaf, u32 subleaf, u32 out[CPUID_REGISTERS])
{
    (void)subleaf;
    memset(out, 0xff, sizeof(u32) * CPUID_REGISTERS);
    if (leaf == 0)
        out[CPUID_EAX] = highest_leaf;
    if (leaf == 0x80000000)
        out[CPUID_EAX] = 0x80000020;
    if (leaf == 0x80000008)
        out[CPUID_EAX] = 0x3027;
    if (leaf == 0xd && subleaf == 2) {
        out[CPUID_EAX] = 256;
        out[CPUID_EBX] = 576;
    }
}

static const u32 *ask(u32 leaf, u32 subleaf, const struct cpuid_vcpu *v)
{
    static u32 out[CPUID_REGISTERS];

    cpuid_policy(leaf, subleaf, v, out);
    const u32 *quick = cpuid_policy_constant(leaf);
    if (quick)
        assert_memory_equal(quick, out, sizeof(out));
    return out;
}

static void hidden(void **state)
{
    const struct cpuid_vcpu v = {.apic_id = 2};
    enum { MONITOR = 1 << 3, VMX = 1 << 5, X2APIC = 1 << 21, DEADLINE = 1 << 24 };
    enum { PSN = 1 << 18, DS = 1 << 21, ACPI = 1 << 22 };
    enum { SMEP = 1 << 7, AVX512F = 1 << 16, SMAP = 1 << 20, UMIP = 1 << 2 };

    (void)state;
    cpuid_policy_init(everything, 7, true, 50000);
    const u32 *r = ask(1, 0, &v);
    assert_int_equal(r[CPUID_ECX] & (MONITOR | VMX | X2APIC | DEADLINE), 0);
    assert_int_equal(r[CPUID_EDX] & (PSN | DS | ACPI), 0);
    assert_true(r[CPUID_ECX] >> 31); /* a hypervisor is present */
    assert_int_equal(r[CPUID_EBX] >> 24, 2);
    assert_int_equal(r[CPUID_ECX] >> 27 & 1, 0); /* OSXSAVE follows CR4 */
    assert_int_equal(ask(1, 0, &(struct cpuid_vcpu){.osxsave = true})[CPUID_ECX] >> 27 & 1, 1);
    r = ask(7, 0, &v);
    assert_int_equal(r[CPUID_EBX] & (SMEP | AVX512F | SMAP), SMEP | SMAP);
    assert_int_equal(cpuid_policy_cr4(), CR4_UMIP | CR4_PCIDE | CR4_SMEP | CR4_SMAP);
    assert_true(cpuid_policy_invpcid());
    assert_int_equal(r[CPUID_ECX], UMIP);
    assert_int_equal(r[CPUID_EAX] | r[CPUID_EDX], 0);
    assert_int_equal(ask(7, 1, &v)[CPUID_EBX], 0);
    for (u32 leaf = 8; leaf < 0x40; leaf++)
        if (leaf != 0xd)
            assert_int_equal(ask(leaf, 0, &v)[CPUID_EAX] | ask(leaf, 0, &v)[CPUID_EDX], 0);
    assert_int_equal(ask(0, 0, &v)[CPUID_EAX], 0xd);
}

/* The table of cpuid_features.inc against the answers: what it passes is shown, what it hides, and
 * what it does not name, is not. */
static void as_the_table_says(void **state)
{
    enum group { G_1C, G_1D, G_7B, G_7C, G_7D, G_XC, G_XD, GROUPS };
    enum what { PASS, MODEL, HIDE };
    static const struct {
        u32 leaf, reg;
    } where[GROUPS] = {
        [G_1C] = {1, CPUID_ECX},          [G_1D] = {1, CPUID_EDX}, [G_7B] = {7, CPUID_EBX},
        [G_7C] = {7, CPUID_ECX},          [G_7D] = {7, CPUID_EDX}, [G_XC] = {0x80000001, CPUID_ECX},
        [G_XD] = {0x80000001, CPUID_EDX},
    };
    static const struct {
        u8 group, bit, what;
    } row[] = {
#define CPUID_BIT(group, bit, name, what, why) {G_##group, bit, what},
#include "../../src/cpu/cpuid_features.inc"
#undef CPUID_BIT
    };
    const struct cpuid_vcpu v = {.xcr0 = 3};
    u32 passed[GROUPS] = {0}, models[GROUPS] = {0};

    (void)state;
    cpuid_policy_init(everything, 7, true, 50000);
    for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        if (row[i].what == PASS)
            passed[row[i].group] |= 1u << row[i].bit;
        if (row[i].what == MODEL)
            models[row[i].group] |= 1u << row[i].bit;
    }
    for (unsigned g = 0; g < GROUPS; g++)
        assert_int_equal(ask(where[g].leaf, 0, &v)[where[g].reg] & ~models[g], passed[g]);
}

static void xsave(void **state)
{
    struct cpuid_vcpu v = {.xcr0 = 3};

    (void)state;
    cpuid_policy_init(everything, 7, true, 50000);
    assert_true(cpuid_policy_xsave());
    assert_int_equal(ask(0xd, 0, &v)[CPUID_EAX], 7);
    assert_int_equal(ask(0xd, 0, &v)[CPUID_EBX], 576);
    assert_int_equal(ask(0xd, 0, &v)[CPUID_ECX], 832);
    v.xcr0 = 7;
    assert_int_equal(ask(0xd, 0, &v)[CPUID_EBX], 832);
    assert_int_equal(ask(0xd, 1, &v)[CPUID_EAX] & 8, 0); /* XSAVES */
    assert_int_equal(ask(0xd, 3, &v)[CPUID_EAX], 0);
    cpuid_policy_init(everything, 0, false, 50000);
    assert_false(cpuid_policy_xsave());
    assert_int_equal(ask(1, 0, &v)[CPUID_ECX] & (1 << 26 | 1 << 28 | 1 << 12), 0);
    assert_int_equal(ask(7, 0, &v)[CPUID_EBX] & 1 << 5, 0);
    assert_int_equal(ask(0xd, 0, &v)[CPUID_EAX], 0);
    assert_int_equal(ask(0x80000001, 0, &v)[CPUID_EDX] & 1 << 27, 0);
}

static void hypervisor_leaves(void **state)
{
    const struct cpuid_vcpu v = {0};

    (void)state;
    cpuid_policy_init(everything, 7, true, 50000);
    const u32 *r = ask(TRIVISOR_CPUID_LEAF, 0, &v);
    assert_memory_equal(&r[CPUID_EBX], "TrivisorTriv", 12);
    assert_int_equal(ask(0x40000010, 0, &v)[CPUID_EAX], 50000);
    assert_int_equal(ask(0x40000001, 0, &v)[CPUID_EAX], 0);
    assert_int_equal(cpuid_policy_maxphyaddr(), 0x27);
    assert_true(cpuid_policy_page1gb());
    assert_int_equal(ask(0x80000007, 0, &v)[CPUID_EDX], 0);
    assert_int_equal(ask(0x80000009, 0, &v)[CPUID_EAX], 0);
}

static void old_processor(void **state)
{
    const struct cpuid_vcpu v = {0};

    (void)state;
    highest_leaf = 1;
    cpuid_policy_init(everything, 0, false, 50000);
    assert_int_equal(ask(0, 0, &v)[CPUID_EAX], 1);
    assert_int_equal(ask(7, 0, &v)[CPUID_EBX], 0);
    assert_int_equal(ask(4, 0, &v)[CPUID_EAX], 0);
    assert_int_equal(cpuid_policy_cr4(), CR4_PCIDE);
    assert_false(cpuid_policy_invpcid());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hidden),        cmocka_unit_test(as_the_table_says),
        cmocka_unit_test(xsave),         cmocka_unit_test(hypervisor_leaves),
        cmocka_unit_test(old_processor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
