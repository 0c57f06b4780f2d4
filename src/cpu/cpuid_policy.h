/*
 * What CPUID tells a fully virtualized guest.
 */
#ifndef CPUID_POLICY_H
#define CPUID_POLICY_H

#include "types.h"

enum cpuid_register { CPUID_EAX, CPUID_EBX, CPUID_ECX, CPUID_EDX, CPUID_REGISTERS };

/* What of the answer depends on the vcpu and the moment. */
struct cpuid_vcpu {
    u32 apic_id;  /* its local APIC's */
    bool osxsave; /* CR4.OSXSAVE */
    u64 xcr0;     /* its XCR0 */
};

/* Reads the machine's leaves through `host` and masks them, once at boot. features: the XCR0 bits
 * that guests may set; rdtscp: RDTSCP works in a guest; tsc_khz: the TSC's rate. */
void cpuid_policy_init(void (*host)(u32 leaf, u32 subleaf, u32 out[CPUID_REGISTERS]), u64 features,
                       bool rdtscp, u32 tsc_khz);
/* The answer. Leaves that are hidden or do not exist are zero. */
void cpuid_policy(u32 leaf, u32 subleaf, const struct cpuid_vcpu *v, u32 out[CPUID_REGISTERS]);
/* The static part of the answers, and the leaves for which it is not all. */
enum cpuid_leaf {
    LEAF_VENDOR = 0,
    LEAF_FEATURES = 1,
    LEAF_CACHE_DESCRIPTORS = 2,
    LEAF_CACHE = 4,
    LEAF_EXTENDED_FEATURES = 7,
    LEAF_XSAVE = 0xd,
    BASIC_LEAVES = LEAF_XSAVE + 1,
    EXTENDED_LEAVES = 9,
    VARYING_LEAVES =
        1 << LEAF_FEATURES | 1 << LEAF_CACHE | 1 << LEAF_EXTENDED_FEATURES | 1 << LEAF_XSAVE,
};
#define LEAF_EXTENDED 0x80000000u
struct cpuid_tables {
    u32 basic[BASIC_LEAVES][CPUID_REGISTERS];
    u32 extended[EXTENDED_LEAVES][CPUID_REGISTERS];
};
extern struct cpuid_tables cpuid_tables;

/* The answer to a leaf that depends on nothing else, or NULL: the quick way for most. */
static inline const u32 *cpuid_policy_constant(u32 leaf)
{
    if (leaf < BASIC_LEAVES)
        return (u32)VARYING_LEAVES >> leaf & 1 ? NULL : cpuid_tables.basic[leaf];
    leaf -= LEAF_EXTENDED;
    return leaf < EXTENDED_LEAVES ? cpuid_tables.extended[leaf] : NULL;
}
/* XSAVE, and NX, 1 GiB pages, as the guest is told. */
bool cpuid_policy_xsave(void);
/* Physical address bits (leaf 0x80000008). */
u8 cpuid_policy_maxphyaddr(void);
/* 1 GiB pages. */
bool cpuid_policy_page1gb(void);
/* CR4.UMIP, PCIDE, SMEP and SMAP, as far as a guest is told of them. */
u64 cpuid_policy_cr4(void);
/* INVPCID. */
bool cpuid_policy_invpcid(void);

#endif
