/*
 * The feature bits of CPUID, by leaf and register. Source: SDM, "CPUID-CPU Identification"; APM,
 * "CPUID Fn8000_0001" for what Intel leaves to AMD.
 */
#ifndef CPUID_BITS_H
#define CPUID_BITS_H

/* "Feature Information Returned in the ECX Register" (leaf 1) */
enum features_ecx {
    F1C_SSE3 = 1 << 0,
    F1C_PCLMULQDQ = 1 << 1,
    F1C_MONITOR = 1 << 3,
    F1C_VMX = 1 << 5,
    F1C_SSSE3 = 1 << 9,
    F1C_FMA = 1 << 12,
    F1C_CX16 = 1 << 13,
    F1C_PDCM = 1 << 15,
    F1C_PCID = 1 << 17,
    F1C_SSE41 = 1 << 19,
    F1C_SSE42 = 1 << 20,
    F1C_X2APIC = 1 << 21,
    F1C_MOVBE = 1 << 22,
    F1C_POPCNT = 1 << 23,
    F1C_TSC_DEADLINE = 1 << 24,
    F1C_AES = 1 << 25,
    F1C_XSAVE = 1 << 26,
    F1C_OSXSAVE = 1 << 27,
    F1C_AVX = 1 << 28,
    F1C_F16C = 1 << 29,
    F1C_RDRAND = 1 << 30,
};
#define F1C_HYPERVISOR (1u << 31)

/* "More on Feature Information Returned in the EDX Register" (leaf 1) */
enum features_edx {
    F1D_FPU = 1 << 0,
    F1D_VME = 1 << 1,
    F1D_DE = 1 << 2,
    F1D_PSE = 1 << 3,
    F1D_TSC = 1 << 4,
    F1D_MSR = 1 << 5,
    F1D_PAE = 1 << 6,
    F1D_MCE = 1 << 7,
    F1D_CX8 = 1 << 8,
    F1D_APIC = 1 << 9,
    F1D_SEP = 1 << 11,
    F1D_MTRR = 1 << 12,
    F1D_PGE = 1 << 13,
    F1D_MCA = 1 << 14,
    F1D_CMOV = 1 << 15,
    F1D_PAT = 1 << 16,
    F1D_PSE36 = 1 << 17,
    F1D_CLFSH = 1 << 19,
    F1D_ACPI = 1 << 22,
    F1D_MMX = 1 << 23,
    F1D_FXSR = 1 << 24,
    F1D_SSE = 1 << 25,
    F1D_SSE2 = 1 << 26,
    F1D_TM = 1 << 29,
};

/* "Structured Extended Feature Flags" (leaf 7, subleaf 0), EBX */
enum extended_ebx {
    F7B_FSGSBASE = 1 << 0,
    F7B_TSC_ADJUST = 1 << 1,
    F7B_SGX = 1 << 2,
    F7B_BMI1 = 1 << 3,
    F7B_AVX2 = 1 << 5,
    F7B_SMEP = 1 << 7,
    F7B_BMI2 = 1 << 8,
    F7B_ERMS = 1 << 9,
    F7B_INVPCID = 1 << 10,
    F7B_RTM = 1 << 11,
    F7B_PQM = 1 << 12,
    F7B_AVX512F = 1 << 16,
    F7B_AVX512DQ = 1 << 17,
    F7B_RDSEED = 1 << 18,
    F7B_ADX = 1 << 19,
    F7B_SMAP = 1 << 20,
    F7B_AVX512_IFMA = 1 << 21,
    F7B_CLFLUSHOPT = 1 << 23,
    F7B_CLWB = 1 << 24,
    F7B_PT = 1 << 25,
    F7B_AVX512PF = 1 << 26,
    F7B_AVX512ER = 1 << 27,
    F7B_AVX512CD = 1 << 28,
    F7B_SHA = 1 << 29,
    F7B_AVX512BW = 1 << 30,
};
#define F7B_AVX512VL (1u << 31)

/* The same, ECX */
enum extended_ecx {
    F7C_UMIP = 1 << 2,
};

/* Extended function 0x80000001, ECX and EDX */
enum extended_features {
    FXC_LAHF = 1 << 0,
    FXC_SVM = 1 << 2,
    FXC_ABM = 1 << 5,
    FXC_PREFETCHW = 1 << 8,
    FXC_SKINIT = 1 << 12,
    FXC_WDT = 1 << 13,
    FXD_PSE = 1 << 3,
    FXD_MCE = 1 << 7,
    FXD_SYSCALL = 1 << 11,
    FXD_MTRR = 1 << 12,
    FXD_PGE = 1 << 13,
    FXD_MCA = 1 << 14,
    FXD_PSE36 = 1 << 17,
    FXD_NX = 1 << 20,
    FXD_PAGE1GB = 1 << 26,
    FXD_RDTSCP = 1 << 27,
    FXD_LM = 1 << 29,
};

#endif
