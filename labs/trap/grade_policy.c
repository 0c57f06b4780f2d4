/*
 * trap.1: what a guest sees of a processor whose features are chosen at random, or that has them
 * all.
 */
#include "grade_trap.h"

#include "grade.h"

#include "../../src/cpu/cpuid_policy.h"

#include <string.h>

#define WHERE  "trap.1: src/cpu/cpuid_policy.c, mask_features"
#define BIT(n) (1u << (n))

/* As in the manual: what is allowed, again, so that a list that was changed does not help. */
#define ALLOWED_1C                                                                                 \
    (BIT(0) | BIT(1) | BIT(9) | BIT(12) | BIT(13) | BIT(19) | BIT(20) | BIT(22) | BIT(23) |        \
     BIT(25) | BIT(26) | BIT(28) | BIT(29) | BIT(30))
#define ALLOWED_1D                                                                                 \
    (BIT(0) | BIT(1) | BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(8) | BIT(9) | BIT(11) |    \
     BIT(13) | BIT(15) | BIT(16) | BIT(17) | BIT(19) | BIT(23) | BIT(24) | BIT(25) | BIT(26))
#define XSAVE_1C (BIT(12) | BIT(26) | BIT(28) | BIT(29))
#define ALLOWED_7B                                                                                 \
    (BIT(0) | BIT(3) | BIT(5) | BIT(8) | BIT(9) | BIT(18) | BIT(19) | BIT(23) | BIT(24) | BIT(29))
#define HYPERVISOR BIT(31)
#define AVX2       BIT(5)

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
    u32 ecx = raw[CPUID_ECX] & ALLOWED_1C & ~(with_xsave ? 0 : XSAVE_1C);

    GRADE_EQUAL("leaf 1, EAX", got[CPUID_EAX], raw[CPUID_EAX], WHERE);
    GRADE_EQUAL("leaf 1, EBX", got[CPUID_EBX], (raw[CPUID_EBX] & 0xffff) | 1 << 16, WHERE);
    GRADE_EQUAL("leaf 1, ECX: bits that are hidden, but shown",
                got[CPUID_ECX] & ~(ecx | HYPERVISOR), 0, WHERE);
    GRADE_EQUAL("leaf 1, ECX: the hypervisor's bit", got[CPUID_ECX] & HYPERVISOR, HYPERVISOR,
                WHERE);
    GRADE_EQUAL("leaf 1, ECX", got[CPUID_ECX], ecx | HYPERVISOR, WHERE);
    GRADE_EQUAL("leaf 1, EDX", got[CPUID_EDX], raw[CPUID_EDX] & ALLOWED_1D, WHERE);
}

static void leaf_7(bool with_xsave)
{
    const u32 *got = cpuid_tables.basic[7], *raw = machine[7];

    GRADE_EQUAL("leaf 7, EAX", got[CPUID_EAX], 0, WHERE);
    GRADE_EQUAL("leaf 7, EBX", got[CPUID_EBX],
                raw[CPUID_EBX] & ALLOWED_7B & ~(with_xsave ? 0 : AVX2), WHERE);
    GRADE_EQUAL("leaf 7, ECX", got[CPUID_ECX], 0, WHERE);
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
