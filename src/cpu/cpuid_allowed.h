/*
 * Which features a guest may see (docs/cpuid.md has all of them, and why). One that is not named
 * here is hidden, so that a newer processor brings nothing that nobody has thought about.
 *
 * Hidden on purpose: x2APIC and TSC-deadline (the machine's: cpuid.c adds the model's), LA57, PKU
 * (CR4 bits that not every mode virtualizes), MONITOR, VMX, SGX, performance monitoring, AVX-512
 * (its state is not switched).
 */
#ifndef CPUID_ALLOWED_H
#define CPUID_ALLOWED_H

#include "cpuid_bits.h"

/* What a guest may see of each group of features. */
enum allowed {
    F1C_ALLOWED = F1C_SSE3 | F1C_PCLMULQDQ | F1C_SSSE3 | F1C_FMA | F1C_CX16 | F1C_SSE41 |
                  F1C_SSE42 | F1C_PCID | F1C_MOVBE | F1C_POPCNT | F1C_AES | F1C_XSAVE | F1C_AVX |
                  F1C_F16C | F1C_RDRAND,
    F1C_NEEDS_XSAVE = F1C_XSAVE | F1C_AVX | F1C_FMA | F1C_F16C,
    F1D_ALLOWED = F1D_FPU | F1D_VME | F1D_DE | F1D_PSE | F1D_TSC | F1D_MSR | F1D_PAE | F1D_CX8 |
                  F1D_MCE | F1D_MTRR | F1D_MCA | F1D_APIC | F1D_SEP | F1D_PGE | F1D_CMOV | F1D_PAT |
                  F1D_PSE36 | F1D_CLFSH | F1D_MMX | F1D_FXSR | F1D_SSE | F1D_SSE2,
    F7B_ALLOWED = F7B_FSGSBASE | F7B_TSC_ADJUST | F7B_BMI1 | F7B_AVX2 | F7B_SMEP | F7B_SMAP |
                  F7B_BMI2 | F7B_ERMS | F7B_INVPCID | F7B_RDSEED | F7B_ADX | F7B_CLFLUSHOPT |
                  F7B_CLWB | F7B_SHA,
    F7C_ALLOWED = F7C_UMIP,
    FXC_ALLOWED = FXC_LAHF | FXC_ABM | FXC_PREFETCHW,
    FXD_ALLOWED = FXD_SYSCALL | FXD_NX | FXD_PAGE1GB | FXD_LM,
};
enum features_ebx { F1B_APIC_ID_SHIFT = 24, F1B_KEPT = 0xffff, F1B_ONE_CPU = 1 << 16 };

#endif
