/*
 * trap.1: what a guest sees of a processor whose features are chosen at random, or that has them
 * all.
 */
#include "grade_trap.h"

#include "grade.h"

#include "../../src/cpu/cpuid_allowed.h"
#include "../../src/cpu/cpuid_policy.h"

#include <string.h>

#define WHERE "trap.1: src/cpu/cpuid_policy.c, mask_features"
static u32 machine[BASIC_LEAVES][CPUID_REGISTERS];
static bool all;

static void host(u32 leaf, u32 subleaf, u32 out[CPUID_REGISTERS])
{
    (void)subleaf;
    for (unsigned i = 0; i < CPUID_REGISTERS; i++)
        out[i] = all ? ~0u : (u32)random_u64();
    if (leaf == 0)
        out[CPUID_EAX] = 0x20;
    if (leaf >= LEAF_EXTENDED)
        out[CPUID_EAX] = 0;
    if (leaf < BASIC_LEAVES)
        memcpy(machine[leaf], out, sizeof(machine[leaf]));
}

static void make(bool with_xsave)
{
    cpuid_policy_init(host, with_xsave ? 7 : 0, true, 50000);
}

static void leaf_1(bool with_xsave)
{
    const u32 *got = cpuid_tables.basic[1], *raw = machine[1];
    u32 ecx = raw[CPUID_ECX] & F1C_ALLOWED & ~(with_xsave ? 0u : (u32)F1C_NEEDS_XSAVE);

    GRADE_EQUAL("leaf 1, EAX", got[CPUID_EAX], raw[CPUID_EAX], WHERE);
    GRADE_EQUAL("leaf 1, EBX", got[CPUID_EBX], (raw[CPUID_EBX] & 0xffff) | 1 << 16, WHERE);
    GRADE_EQUAL("leaf 1, ECX: bits that are hidden, but shown",
                got[CPUID_ECX] & ~(ecx | F1C_HYPERVISOR), 0, WHERE);
    GRADE_EQUAL("leaf 1, ECX: the hypervisor's bit", got[CPUID_ECX] & F1C_HYPERVISOR,
                F1C_HYPERVISOR, WHERE);
    GRADE_EQUAL("leaf 1, ECX", got[CPUID_ECX], ecx | F1C_HYPERVISOR, WHERE);
    GRADE_EQUAL("leaf 1, EDX", got[CPUID_EDX], raw[CPUID_EDX] & F1D_ALLOWED, WHERE);
}

static void leaf_7(bool with_xsave)
{
    const u32 *got = cpuid_tables.basic[7], *raw = machine[7];

    GRADE_EQUAL("leaf 7, EAX", got[CPUID_EAX], 0, WHERE);
    GRADE_EQUAL("leaf 7, EBX", got[CPUID_EBX],
                raw[CPUID_EBX] & F7B_ALLOWED & ~(with_xsave ? 0u : (u32)F7B_AVX2), WHERE);
    GRADE_EQUAL("leaf 7, ECX", got[CPUID_ECX], raw[CPUID_ECX] & F7C_ALLOWED, WHERE);
    GRADE_EQUAL("leaf 7, EDX", got[CPUID_EDX], 0, WHERE);
}

static void many(void (*check)(bool with_xsave), bool with_xsave)
{
    for (unsigned i = 0; i < 50; i++) {
        all = i == 0;
        make(with_xsave);
        GRADE_CASE("a processor with leaf 1 ECX %08x EDX %08x, leaf 7 EBX %08x, %s XSAVE",
                   machine[1][CPUID_ECX], machine[1][CPUID_EDX], machine[7][CPUID_EBX],
                   with_xsave ? "with" : "without");
        check(with_xsave);
    }
}

void policy_leaf_1(void **state)
{
    (void)state;
    many(leaf_1, true);
}

void policy_leaf_7(void **state)
{
    (void)state;
    many(leaf_7, true);
}

void policy_without_xsave(void **state)
{
    (void)state;
    many(leaf_1, false);
    many(leaf_7, false);
}
