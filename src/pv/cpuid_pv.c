/*
 * What forced-emulation CPUID tells a guest: Xen's own leaves, and the machine's without what a
 * guest cannot use in ring 3. A plain CPUID does not trap. Source: xen/arch-x86/cpuid.h; SDM,
 * "CPUID-CPU Identification".
 */
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

/* Leaf 1, ECX and EDX: MONITOR, VMX, PDCM, PCID, x2APIC, TSC deadline; VME, PSE, MCE, SEP, MTRR,
 * PGE, MCA, PSE36, ACPI, TM. */
enum { F1C_HIDDEN = 1 << 3 | 1 << 5 | 1 << 15 | 1 << 17 | 1 << 21 | 1 << 24 };
enum {
    F1D_HIDDEN = 1 << 1 | 1 << 3 | 1 << 7 | 1 << 11 | 1 << 12 | 1 << 13 | 1 << 14 | 1 << 17 |
                 1 << 22 | 1 << 29
};
#define F1C_HYPERVISOR (1u << 31)
/* Leaf 7, EBX: FSGSBASE, TSC_ADJUST, SGX, SMEP, INVPCID, RTM, PQM, AVX-512, SMAP, PT. */
#define F7B_HIDDEN                                                                                 \
    (1u << 0 | 1u << 1 | 1u << 2 | 1u << 7 | 1u << 10 | 1u << 11 | 1u << 12 | 1u << 16 |           \
     1u << 17 | 1u << 20 | 1u << 21 | 1u << 25 | 1u << 26 | 1u << 27 | 1u << 28 | 1u << 30 |       \
     1u << 31)
/* 0x80000001: SVM, SKINIT, WDT; PSE, MCE, PGE, MTRR, MCA, PSE36, 1 GiB pages, RDTSCP. */
enum { FXC_HIDDEN = 1 << 2 | 1 << 12 | 1 << 13 };
enum { FXD_HIDDEN = 1 << 3 | 1 << 7 | 1 << 12 | 1 << 13 | 1 << 14 | 1 << 17 | 1 << 26 | 1 << 27 };

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
