/*
 * What forced-emulation CPUID tells a guest: Xen's own leaves, and of the machine's what is named
 * here. A plain CPUID does not trap. Source: xen/arch-x86/cpuid.h; SDM, "CPUID-CPU Identification".
 *
 * Hidden on purpose: what a guest in ring 3 cannot use or would take for its own (VME, PSE, PGE,
 * MTRR, MCE, MCA, ACPI, MONITOR, VMX, PCID, x2APIC, SMEP, SMAP, FSGSBASE, 1 GiB pages),
 * and what needs state that is not switched (MPX, PKU, AVX-512).
 */
#include "cpuid_bits.h"
#include "fpu.h"
#include "insn.h"
#include "pv.h"
#include "time_scale.h"
#include "timer.h"
#include "x86.h"

#include <xen/arch-x86/cpuid.h>

enum cpuid_out { EAX, EBX, ECX, EDX };
enum cpuid_leaves {
    LEAF_VENDOR = 0,
    LEAF_FEATURES = 1,
    LEAF_CACHE_DESCRIPTORS = 2,
    LEAF_CACHE = 4,
    LEAF_EXTENDED_FEATURES = 7,
    LEAF_XSAVE = 0xd,
};
#define LEAF_EXTENDED         0x80000000u
#define LEAF_EXTENDED_FEATURE 0x80000001u
#define LEAF_EXTENDED_BRAND   0x80000002u
#define LEAF_EXTENDED_POWER   0x80000007u
#define LEAF_EXTENDED_ADDRESS 0x80000008u
#define XEN_LEAVES_END        (XEN_CPUID_FIRST_LEAF + 0x10000)

/* Features that a guest may see. */
enum allowed {
    F1C_ALLOWED = F1C_SSE3 | F1C_PCLMULQDQ | F1C_SSSE3 | F1C_FMA | F1C_CX16 | F1C_SSE41 |
                  F1C_SSE42 | F1C_MOVBE | F1C_POPCNT | F1C_AES | F1C_XSAVE | F1C_OSXSAVE | F1C_AVX |
                  F1C_F16C | F1C_RDRAND,
    F1C_NEEDS_XSAVE = F1C_XSAVE | F1C_OSXSAVE | F1C_AVX | F1C_FMA | F1C_F16C,
    F1D_ALLOWED = F1D_FPU | F1D_DE | F1D_TSC | F1D_MSR | F1D_PAE | F1D_CX8 | F1D_APIC | F1D_SEP |
                  F1D_CMOV | F1D_PAT | F1D_CLFSH | F1D_MMX | F1D_FXSR | F1D_SSE | F1D_SSE2,
    F7B_ALLOWED = F7B_BMI1 | F7B_AVX2 | F7B_BMI2 | F7B_ERMS | F7B_RDSEED | F7B_ADX |
                  F7B_CLFLUSHOPT | F7B_CLWB | F7B_SHA,
    FXC_ALLOWED = FXC_LAHF | FXC_ABM | FXC_PREFETCHW,
    FXD_ALLOWED = FXD_SYSCALL | FXD_NX | FXD_LM,
};
enum feature_fields {
    F1B_KEPT = 0xffff,     /* brand, CLFLUSH's line */
    F1B_ONE_CPU = 1 << 16, /* of this package */
    CACHE_KEPT = 0x3fff,   /* EAX without the counts of sharing processors */
    POWER_INVARIANT_TSC = 1 << 8,
    ADDRESS_KEPT = 0xffff,
    PHYSICAL_BITS = 0xff,
    XSAVE_OPT = 1 << 0,
    XSAVE_COMPACT = 1 << 1,
    XSAVE_XGETBV1 = 1 << 2,
    XSAVE_LEGACY_BYTES = 576, /* x87, SSE and the header */
};
enum xen_leaf {
    XEN_LEAF_SIGNATURE,
    XEN_LEAF_VERSION,
    XEN_LEAF_HYPERCALLS,
    XEN_LEAF_TIME,
    XEN_LEAF_HVM,
    XEN_LEAF_PV,
    VERSION_MAJOR_SHIFT = 16,
    HYPERCALL_PAGES = 1,
    TSC_RELIABLE = 1 << 1, /* XEN_LEAF_TIME, EAX */
    TSC_NATIVE = 2,        /* EBX: never emulated */
};

static void zero(u32 out[4])
{
    out[EAX] = out[EBX] = out[ECX] = out[EDX] = 0;
}

static void ask(u32 leaf, u32 subleaf, u32 out[4])
{
    struct cpuid_regs r = cpuid(leaf, subleaf);

    out[EAX] = r.eax;
    out[EBX] = r.ebx;
    out[ECX] = r.ecx;
    out[EDX] = r.edx;
}

static u32 address_bits(void)
{
    return cpuid(LEAF_EXTENDED_ADDRESS, 0).eax & PHYSICAL_BITS;
}

static void time_leaf(u32 subleaf, u32 out[4])
{
    struct time_scale s = time_scale_of(tsc_khz);

    switch (subleaf) {
    case 0:
        out[EAX] = TSC_RELIABLE;
        out[EBX] = TSC_NATIVE;
        out[ECX] = (u32)tsc_khz;
        break;
    case 1: /* offset 0 */
        out[ECX] = s.mul;
        out[EDX] = (u32)(s32)s.shift;
        break;
    case 2:
        out[EAX] = (u32)tsc_khz;
        break;
    default:
        break;
    }
}

static void xen_leaf(u32 leaf, u32 subleaf, u32 out[4])
{
    zero(out);
    switch (leaf - XEN_CPUID_FIRST_LEAF) {
    case XEN_LEAF_SIGNATURE:
        out[EAX] = XEN_CPUID_FIRST_LEAF + XEN_CPUID_MAX_NUM_LEAVES;
        out[EBX] = XEN_CPUID_SIGNATURE_EBX;
        out[ECX] = XEN_CPUID_SIGNATURE_ECX;
        out[EDX] = XEN_CPUID_SIGNATURE_EDX;
        break;
    case XEN_LEAF_VERSION:
        out[EAX] = PV_VERSION_MAJOR << VERSION_MAJOR_SHIFT | PV_VERSION_MINOR;
        break;
    case XEN_LEAF_HYPERCALLS:
        out[EAX] = HYPERCALL_PAGES;
        out[EBX] = PV_MSR_HYPERCALL_PAGE;
        out[ECX] = XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD;
        break;
    case XEN_LEAF_TIME:
        time_leaf(subleaf, out);
        break;
    case XEN_LEAF_PV:
        if (!subleaf)
            out[EBX] = address_bits();
        break;
    default: /* XEN_LEAF_HVM: not for such a guest */
        break;
    }
}

/* The area's size for what the guest has enabled is the processor's own answer: its XCR0 is loaded.
 */
static void xsave_leaf(u32 subleaf, u32 out[4])
{
    u64 features = fpu_features();

    if (subleaf > 2 || !features || (subleaf == 2 && !(features & XCR0_AVX))) {
        zero(out);
        return;
    }
    ask(LEAF_XSAVE, subleaf, out);
    if (subleaf == 0) {
        struct cpuid_regs avx = cpuid(LEAF_XSAVE, 2);

        out[EAX] = (u32)features;
        out[ECX] = features & XCR0_AVX ? avx.eax + avx.ebx : XSAVE_LEGACY_BYTES;
        out[EDX] = (u32)(features >> 32);
    } else if (subleaf == 1) {
        out[EAX] &= XSAVE_OPT | XSAVE_COMPACT | XSAVE_XGETBV1;
        out[ECX] = out[EDX] = 0;
    }
}

static void feature_leaf(u32 out[4])
{
    out[EBX] = (out[EBX] & F1B_KEPT) | F1B_ONE_CPU;
    out[ECX] = (out[ECX] & F1C_ALLOWED) | F1C_HYPERVISOR;
    if (!fpu_features())
        out[ECX] &= ~(u32)F1C_NEEDS_XSAVE;
    out[EDX] &= F1D_ALLOWED;
}

static void basic_leaf(u32 leaf, u32 subleaf, u32 out[4])
{
    if (leaf == LEAF_XSAVE) {
        xsave_leaf(subleaf, out);
        return;
    }
    ask(leaf, subleaf, out);
    switch (leaf) {
    case LEAF_VENDOR:
        out[EAX] = MIN(out[EAX], LEAF_XSAVE);
        break;
    case LEAF_FEATURES:
        feature_leaf(out);
        break;
    case LEAF_CACHE_DESCRIPTORS:
        break;
    case LEAF_CACHE:
        out[EAX] &= CACHE_KEPT;
        break;
    case LEAF_EXTENDED_FEATURES:
        out[EBX] = subleaf ? 0 : out[EBX] & F7B_ALLOWED;
        if (!fpu_features())
            out[EBX] &= ~(u32)F7B_AVX2;
        out[EAX] = out[ECX] = out[EDX] = 0;
        break;
    default:
        zero(out);
        break;
    }
}

static void extended_leaf(u32 leaf, u32 out[4])
{
    ask(leaf, 0, out);
    switch (leaf) {
    case LEAF_EXTENDED:
        out[EAX] = MIN(out[EAX], LEAF_EXTENDED_ADDRESS);
        break;
    case LEAF_EXTENDED_FEATURE:
        out[EBX] = 0;
        out[ECX] &= FXC_ALLOWED;
        out[EDX] &= FXD_ALLOWED;
        break;
    case LEAF_EXTENDED_BRAND ... LEAF_EXTENDED_POWER - 1: /* name, caches */
        break;
    case LEAF_EXTENDED_POWER:
        out[EAX] = out[EBX] = out[ECX] = 0;
        out[EDX] &= POWER_INVARIANT_TSC;
        break;
    default: /* LEAF_EXTENDED_ADDRESS */
        out[EAX] &= ADDRESS_KEPT;
        out[EBX] = out[ECX] = out[EDX] = 0;
        break;
    }
}

void pv_cpuid(u32 leaf, u32 subleaf, u32 out[4])
{
    zero(out);
    if (leaf <= LEAF_XSAVE)
        basic_leaf(leaf, subleaf, out);
    else if (leaf >= LEAF_EXTENDED && leaf <= LEAF_EXTENDED_ADDRESS)
        extended_leaf(leaf, out);
    else if (leaf >= XEN_CPUID_FIRST_LEAF && leaf < XEN_LEAVES_END)
        xen_leaf(leaf, subleaf, out);
}
