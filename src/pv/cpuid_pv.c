/*
 * What forced-emulation CPUID tells a guest: Xen's own leaves, and the machine's without what a
 * guest cannot use in ring 3. A plain CPUID does not trap. Source: xen/arch-x86/cpuid.h; SDM,
 * "CPUID-CPU Identification".
 */
#include "cpuid_bits.h"
#include "fpu.h"
#include "insn.h"
#include "pv.h"
#include "x86.h"

#include <xen/arch-x86/cpuid.h>

enum cpuid_out { EAX, EBX, ECX, EDX };
enum cpuid_leaves {
    LEAF_MAX = 0,
    LEAF_FEATURES = 1,
    LEAF_MONITOR = 5,
    LEAF_EXTENDED_FEATURES = 7,
    LEAF_PERFORMANCE = 0xa,
    LEAF_XSAVE = 0xd,
    XEN_LEAVES = 3, /* 0x40000000..2 */
    VERSION_MAJOR_SHIFT = 16,
};
#define LEAF_EXTENDED_1 0x80000001u

/* What a guest in ring 3 cannot use, or what is the machine's. */
enum hidden {
    F1C_HIDDEN = F1C_MONITOR | F1C_VMX | F1C_PDCM | F1C_PCID | F1C_X2APIC | F1C_TSC_DEADLINE,
    F1D_HIDDEN = F1D_VME | F1D_PSE | F1D_MCE | F1D_SEP | F1D_MTRR | F1D_PGE | F1D_MCA | F1D_PSE36 |
                 F1D_ACPI | F1D_TM,
    FXC_HIDDEN = FXC_SVM | FXC_SKINIT | FXC_WDT,
    FXD_HIDDEN =
        FXD_PSE | FXD_MCE | FXD_MTRR | FXD_PGE | FXD_MCA | FXD_PSE36 | FXD_PAGE1GB | FXD_RDTSCP,
};
#define F7B_HIDDEN                                                                                 \
    (F7B_FSGSBASE | F7B_TSC_ADJUST | F7B_SGX | F7B_SMEP | F7B_INVPCID | F7B_RTM | F7B_PQM |        \
     F7B_AVX512F | F7B_AVX512DQ | F7B_SMAP | F7B_AVX512_IFMA | F7B_PT | F7B_AVX512PF |             \
     F7B_AVX512ER | F7B_AVX512CD | F7B_AVX512BW | F7B_AVX512VL)

static void zero(u32 out[4])
{
    out[EAX] = out[EBX] = out[ECX] = out[EDX] = 0;
}

static void xen_leaf(u32 leaf, u32 out[4])
{
    zero(out);
    switch (leaf - XEN_CPUID_FIRST_LEAF) {
    case 0:
        out[EAX] = XEN_CPUID_FIRST_LEAF + XEN_LEAVES - 1;
        out[EBX] = XEN_CPUID_SIGNATURE_EBX;
        out[ECX] = XEN_CPUID_SIGNATURE_ECX;
        out[EDX] = XEN_CPUID_SIGNATURE_EDX;
        break;
    case 1:
        out[EAX] = PV_VERSION_MAJOR << VERSION_MAJOR_SHIFT | PV_VERSION_MINOR;
        break;
    default: /* no hypercall pages by MSR */
        break;
    }
}

void pv_cpuid(u32 leaf, u32 subleaf, u32 out[4])
{
    struct cpuid_regs r;

    if (leaf - XEN_CPUID_FIRST_LEAF < XEN_LEAVES) {
        xen_leaf(leaf, out);
        return;
    }
    r = cpuid(leaf, subleaf);
    out[EAX] = r.eax;
    out[EBX] = r.ebx;
    out[ECX] = r.ecx;
    out[EDX] = r.edx;
    switch (leaf) {
    case LEAF_MAX:
        out[EAX] = MIN(out[EAX], LEAF_XSAVE);
        break;
    case LEAF_FEATURES:
        out[ECX] = (out[ECX] & ~(u32)F1C_HIDDEN) | F1C_HYPERVISOR;
        out[EDX] &= ~(u32)F1D_HIDDEN;
        break;
    case LEAF_MONITOR:
    case LEAF_PERFORMANCE:
        zero(out);
        break;
    case LEAF_EXTENDED_FEATURES:
        out[EAX] = 0;
        out[EBX] &= ~F7B_HIDDEN;
        out[ECX] = out[EDX] = 0;
        break;
    case LEAF_EXTENDED_1:
        out[ECX] &= ~(u32)FXC_HIDDEN;
        out[EDX] &= ~(u32)FXD_HIDDEN;
        break;
    default:
        break;
    }
}
