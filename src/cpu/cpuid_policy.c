/*
 * What CPUID tells a fully virtualized guest: the machine's own answer, with only those features
 * left that a guest may use here (cpuid_allowed.h). Source: SDM, "CPUID-CPU Identification".
 */
#include "cpuid_policy.h"

#include "cpuid_allowed.h"

#include "public/trivisor.h"
#include "x86.h"

enum subleaves { CACHE_SUBLEAVES = 4, XSAVE_SUBLEAVES = 3 };
#define LEAF_EXT_FEATURE 0x80000001u
#define LEAF_EXT_ADDRESS 0x80000008u
/* What hypervisors agree upon: EAX the TSC's rate, EBX the local APIC timer's, both in kHz. */
#define LEAF_TIMING 0x40000010u

/* "Processor Extended State Enumeration" (leaf 0xd) */
enum xsave_leaf {
    XSAVE_OPT = 1 << 0,
    XSAVE_COMPACT = 1 << 1,
    XSAVE_XGETBV1 = 1 << 2,
    XSAVE_LEGACY_BYTES = 576, /* x87, SSE and the header */
    XSAVE_AVX = 1 << 2,       /* of XCR0 */
};
enum cache_leaf { CACHE_KEPT = 0x3fff }; /* EAX without the counts of sharing processors */
enum address_leaf { ADDRESS_KEPT = 0xffff, PHYSICAL_BITS = 0xff };

struct cpuid_tables cpuid_tables;
static u32 cache[CACHE_SUBLEAVES][CPUID_REGISTERS];
static u32 xsave[XSAVE_SUBLEAVES][CPUID_REGISTERS];
static u32 timing_khz;

typedef void (*cpuid_host)(u32 leaf, u32 subleaf, u32 out[CPUID_REGISTERS]);

static void clear(u32 leaf[CPUID_REGISTERS])
{
    for (unsigned i = 0; i < CPUID_REGISTERS; i++)
        leaf[i] = 0;
}

/*
 * Leaves 1 and 7 become what a guest may see; they hold the machine's answer. A feature that is not
 * allowed (F1C_, F1D_, F7B_, F7C_ALLOWED) is hidden, whatever it is. In detail:
 * leaf 1: EBX keeps F1B_KEPT and counts one processor (F1B_ONE_CPU); in ECX the bit that says that
 * there is a hypervisor (F1C_HYPERVISOR) is set, and without XSAVE (with_xsave is false) all that
 * needs its state, F1C_NEEDS_XSAVE, is hidden too; EAX, the processor's model, stays. leaf 7: EAX
 * is 0, there being no further subleaves, and so is EDX; ECX keeps F7C_ALLOWED; without XSAVE EBX
 * has no AVX2.
 */
static void mask_features(bool with_xsave)
{
    /* lab trap.1 */
    u32 *f = cpuid_tables.basic[LEAF_FEATURES];

    f[CPUID_EBX] = (f[CPUID_EBX] & F1B_KEPT) | F1B_ONE_CPU;
    f[CPUID_ECX] &= F1C_ALLOWED;
    if (!with_xsave)
        f[CPUID_ECX] &= ~(u32)F1C_NEEDS_XSAVE;
    f[CPUID_ECX] |= F1C_HYPERVISOR;
    f[CPUID_EDX] &= F1D_ALLOWED;
    f = cpuid_tables.basic[LEAF_EXTENDED_FEATURES];
    f[CPUID_EAX] = 0; /* no further subleaves */
    f[CPUID_EBX] &= F7B_ALLOWED;
    if (!with_xsave)
        f[CPUID_EBX] &= ~(u32)F7B_AVX2;
    f[CPUID_ECX] &= F7C_ALLOWED;
    f[CPUID_EDX] = 0;
    /* lab end trap.1 */
}

static void init_xsave(cpuid_host host, u64 features)
{
    for (u32 i = 0; i < XSAVE_SUBLEAVES; i++)
        clear(xsave[i]);
    if (!features)
        return;
    host(LEAF_XSAVE, 1, xsave[1]);
    xsave[1][CPUID_EAX] &= XSAVE_OPT | XSAVE_COMPACT | XSAVE_XGETBV1;
    xsave[1][CPUID_EBX] = xsave[1][CPUID_ECX] = xsave[1][CPUID_EDX] = 0;
    if (features & XSAVE_AVX)
        host(LEAF_XSAVE, 2, xsave[2]);
    xsave[0][CPUID_EAX] = (u32)features;
    xsave[0][CPUID_ECX] = MAX(XSAVE_LEGACY_BYTES, xsave[2][CPUID_EAX] + xsave[2][CPUID_EBX]);
    xsave[0][CPUID_EDX] = (u32)(features >> 32);
}

static void init_extended(cpuid_host host, bool rdtscp)
{
    u32 last = LEAF_EXTENDED + EXTENDED_LEAVES - 1;

    for (u32 i = 0; i < EXTENDED_LEAVES; i++)
        clear(cpuid_tables.extended[i]);
    host(LEAF_EXTENDED, 0, cpuid_tables.extended[0]);
    last = MIN(last, cpuid_tables.extended[0][CPUID_EAX]);
    for (u32 leaf = LEAF_EXTENDED; leaf <= last && last >= LEAF_EXTENDED; leaf++)
        host(leaf, 0, cpuid_tables.extended[leaf - LEAF_EXTENDED]);
    cpuid_tables.extended[0][CPUID_EAX] = last;
    u32 *f = cpuid_tables.extended[LEAF_EXT_FEATURE - LEAF_EXTENDED];
    f[CPUID_ECX] &= FXC_ALLOWED;
    f[CPUID_EDX] &= FXD_ALLOWED | (rdtscp ? (u32)FXD_RDTSCP : 0);
    clear(cpuid_tables.extended[7]); /* power management */
    f = cpuid_tables.extended[LEAF_EXT_ADDRESS - LEAF_EXTENDED];
    f[CPUID_EAX] &= ADDRESS_KEPT;
    f[CPUID_EBX] = f[CPUID_ECX] = f[CPUID_EDX] = 0;
}

void cpuid_policy_init(cpuid_host host, u64 features, bool rdtscp, u32 tsc_khz)
{
    static const u8 kept[] = {LEAF_FEATURES, LEAF_CACHE_DESCRIPTORS, LEAF_EXTENDED_FEATURES};
    u32 last;

    timing_khz = tsc_khz;
    for (u32 i = 0; i < BASIC_LEAVES; i++)
        clear(cpuid_tables.basic[i]);
    host(LEAF_VENDOR, 0, cpuid_tables.basic[LEAF_VENDOR]);
    last = cpuid_tables.basic[LEAF_VENDOR][CPUID_EAX] =
        MIN(cpuid_tables.basic[LEAF_VENDOR][CPUID_EAX], (u32)LEAF_XSAVE);
    for (unsigned i = 0; i < ARRAY_SIZE(kept); i++)
        if (kept[i] <= last)
            host(kept[i], 0, cpuid_tables.basic[kept[i]]);
    mask_features(features != 0);
    for (u32 i = 0; i < CACHE_SUBLEAVES; i++) {
        clear(cache[i]);
        if (last >= LEAF_CACHE)
            host(LEAF_CACHE, i, cache[i]);
        cache[i][CPUID_EAX] &= CACHE_KEPT;
    }
    init_xsave(host, last >= LEAF_XSAVE ? features : 0);
    init_extended(host, rdtscp);
}

static void copy(u32 out[CPUID_REGISTERS], const u32 from[CPUID_REGISTERS])
{
    for (unsigned i = 0; i < CPUID_REGISTERS; i++)
        out[i] = from[i];
}

static void answer_subleaves(u32 leaf, u32 subleaf, const struct cpuid_vcpu *v,
                             u32 out[CPUID_REGISTERS])
{
    clear(out);
    if (leaf == LEAF_CACHE && subleaf < CACHE_SUBLEAVES)
        copy(out, cache[subleaf]);
    if (leaf == LEAF_EXTENDED_FEATURES && subleaf == 0)
        copy(out, cpuid_tables.basic[leaf]);
    if (leaf != LEAF_XSAVE || subleaf >= XSAVE_SUBLEAVES)
        return;
    copy(out, xsave[subleaf]);
    /* The size of the area for what is enabled now. */
    if (subleaf <= 1 && out[CPUID_EAX])
        out[CPUID_EBX] = v->xcr0 & XSAVE_AVX ? xsave[0][CPUID_ECX] : XSAVE_LEGACY_BYTES;
}

void cpuid_policy(u32 leaf, u32 subleaf, const struct cpuid_vcpu *v, u32 out[CPUID_REGISTERS])
{
    if (leaf < BASIC_LEAVES) {
        if (leaf == LEAF_CACHE || leaf == LEAF_EXTENDED_FEATURES || leaf == LEAF_XSAVE) {
            answer_subleaves(leaf, subleaf, v, out);
            return;
        }
        copy(out, cpuid_tables.basic[leaf]);
        if (leaf == LEAF_FEATURES) {
            out[CPUID_EBX] |= v->apic_id << F1B_APIC_ID_SHIFT;
            out[CPUID_ECX] |= v->osxsave ? (u32)F1C_OSXSAVE : 0;
        }
    } else if (leaf - LEAF_EXTENDED < EXTENDED_LEAVES) {
        copy(out, cpuid_tables.extended[leaf - LEAF_EXTENDED]);
    } else if (leaf == TRIVISOR_CPUID_LEAF) {
        out[CPUID_EAX] = LEAF_TIMING;
        out[CPUID_EBX] = TRIVISOR_CPUID_EBX;
        out[CPUID_ECX] = TRIVISOR_CPUID_ECX;
        out[CPUID_EDX] = TRIVISOR_CPUID_EDX;
    } else if (leaf == LEAF_TIMING) {
        clear(out);
        out[CPUID_EAX] = out[CPUID_EBX] = timing_khz;
    } else {
        clear(out);
    }
}

bool cpuid_policy_xsave(void)
{
    return cpuid_tables.basic[LEAF_FEATURES][CPUID_ECX] & F1C_XSAVE;
}

u8 cpuid_policy_maxphyaddr(void)
{
    u32 bits = cpuid_tables.extended[LEAF_EXT_ADDRESS - LEAF_EXTENDED][CPUID_EAX] & PHYSICAL_BITS;

    return bits ? (u8)bits : 36;
}

bool cpuid_policy_page1gb(void)
{
    return cpuid_tables.extended[LEAF_EXT_FEATURE - LEAF_EXTENDED][CPUID_EDX] & FXD_PAGE1GB;
}

u64 cpuid_policy_cr4(void)
{
    const u32 *seven = cpuid_tables.basic[LEAF_EXTENDED_FEATURES];
    u64 cr4 = cpuid_tables.basic[LEAF_FEATURES][CPUID_ECX] & F1C_PCID ? CR4_PCIDE : 0;

    cr4 |= seven[CPUID_EBX] & F7B_SMEP ? CR4_SMEP : 0;
    cr4 |= seven[CPUID_EBX] & F7B_SMAP ? CR4_SMAP : 0;
    return cr4 | (seven[CPUID_ECX] & F7C_UMIP ? CR4_UMIP : 0);
}

bool cpuid_policy_invpcid(void)
{
    return cpuid_tables.basic[LEAF_EXTENDED_FEATURES][CPUID_EBX] & F7B_INVPCID;
}
