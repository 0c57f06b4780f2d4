/*
 * Architectural constants, in the order of the Intel SDM; each group names its section's
 * title. Nothing here executes: see insn.h for the instructions.
 */
#ifndef X86_H
#define X86_H

#include "types.h"

/* "Control Registers" */
#define CR0_PE (1ULL << 0)
#define CR0_MP (1ULL << 1)
#define CR0_EM (1ULL << 2)
#define CR0_TS (1ULL << 3)
#define CR0_ET (1ULL << 4)
#define CR0_NE (1ULL << 5)
#define CR0_WP (1ULL << 16)
#define CR0_AM (1ULL << 18)
#define CR0_NW (1ULL << 29)
#define CR0_CD (1ULL << 30)
#define CR0_PG (1ULL << 31)

/* CR3 outside long mode: "Use of CR3 with PAE Paging", "32-Bit Paging" */
#define CR3_PDPT      0xffffffe0ULL
#define CR3_DIRECTORY 0xfffff000ULL
/* "Process-Context Identifiers (PCIDs)": CR3 with CR4.PCIDE; bit 63 of what is loaded: what the
 * processor remembers for the PCID is still good */
#define CR3_PCID     0xfffULL
#define CR3_NO_FLUSH (1ULL << 63)

/* "INVPCID-Invalidate Process-Context Identifier": its types */
enum invpcid_type {
    INVPCID_ADDRESS,
    INVPCID_CONTEXT,
    INVPCID_EVERYTHING,
    INVPCID_EVERYTHING_BUT_GLOBAL,
};

#define CR4_VME        (1ULL << 0)
#define CR4_PVI        (1ULL << 1)
#define CR4_TSD        (1ULL << 2)
#define CR4_DE         (1ULL << 3)
#define CR4_PSE        (1ULL << 4)
#define CR4_PAE        (1ULL << 5)
#define CR4_MCE        (1ULL << 6)
#define CR4_PGE        (1ULL << 7)
#define CR4_PCE        (1ULL << 8)
#define CR4_OSFXSR     (1ULL << 9)
#define CR4_OSXMMEXCPT (1ULL << 10)
#define CR4_UMIP       (1ULL << 11)
#define CR4_LA57       (1ULL << 12)
#define CR4_VMXE       (1ULL << 13)
#define CR4_SMXE       (1ULL << 14)
#define CR4_FSGSBASE   (1ULL << 16)
#define CR4_PCIDE      (1ULL << 17)
#define CR4_OSXSAVE    (1ULL << 18)
#define CR4_SMEP       (1ULL << 20)
#define CR4_SMAP       (1ULL << 21)
#define CR4_PKE        (1ULL << 22)

/* "Extended Feature Enable Register" */
#define EFER_SCE (1ULL << 0)
#define EFER_LME (1ULL << 8)
#define EFER_LMA (1ULL << 10)
#define EFER_NXE (1ULL << 11)

/* "Extended Control Registers (Including XCR0)" */
#define XCR0_X87 (1ULL << 0)
#define XCR0_SSE (1ULL << 1)
#define XCR0_AVX (1ULL << 2)

/* "EFLAGS Register" */
#define RFLAGS_CF    (1ULL << 0)
#define RFLAGS_FIXED (1ULL << 1)
#define RFLAGS_PF    (1ULL << 2)
#define RFLAGS_AF    (1ULL << 4)
#define RFLAGS_ZF    (1ULL << 6)
#define RFLAGS_SF    (1ULL << 7)
#define RFLAGS_TF    (1ULL << 8)
#define RFLAGS_IF    (1ULL << 9)
#define RFLAGS_DF    (1ULL << 10)
#define RFLAGS_OF    (1ULL << 11)
#define RFLAGS_IOPL  (3ULL << 12)
#define RFLAGS_NT    (1ULL << 14)
#define RFLAGS_RF    (1ULL << 16)
#define RFLAGS_VM    (1ULL << 17)
#define RFLAGS_AC    (1ULL << 18)
#define RFLAGS_VIF   (1ULL << 19)
#define RFLAGS_VIP   (1ULL << 20)
#define RFLAGS_ID    (1ULL << 21)

/* "Debug Status Register (DR6)": what a guest may write, what stands there besides, what a debug
 * exception sets */
#define DR6_RESET       0xffff0ff0ULL
#define DR6_WRITABLE    0x0000e00fULL
#define DR6_TRAPPED     0x0000600fULL
#define DR6_BREAKPOINTS 0x0000000fULL
#define DR6_BD          (1ULL << 13) /* an access to the debug registers, with GD */
#define DR6_BS          (1ULL << 14) /* single step */
/* "Debug Control Register (DR7)" */
#define DR7_RESET   0x400ULL  /* bit 10 is always 1 */
#define DR7_ENABLES 0xffULL   /* of the four breakpoints, local and global */
#define DR7_ZERO    0xd800ULL /* always 0 */
#define DR7_GD      (1ULL << 13)

/* "4-Level Paging": the bits of a page-table entry */
#define PTE_P     (1ULL << 0)
#define PTE_W     (1ULL << 1)
#define PTE_U     (1ULL << 2)
#define PTE_PWT   (1ULL << 3)
#define PTE_PCD   (1ULL << 4)
#define PTE_A     (1ULL << 5)
#define PTE_D     (1ULL << 6)
#define PTE_PS    (1ULL << 7) /* levels 2 and 3: maps a page */
#define PTE_PAT   (1ULL << 7) /* level 1 */
#define PTE_G     (1ULL << 8)
#define PTE_NX    (1ULL << 63)
#define PTE_ADDR  0x000ffffffffff000ULL
#define PTE_AVAIL 0x7ff0000000000e00ULL /* bits the processor ignores */

/* "Page-Fault Exceptions": the error code */
#define PF_P    (1u << 0) /* caused by rights, not by a missing entry */
#define PF_W    (1u << 1)
#define PF_U    (1u << 2)
#define PF_RSVD (1u << 3)
#define PF_I    (1u << 4)

/* "Exception and Interrupt Reference" */
enum vector {
    VEC_DE = 0,
    VEC_DB = 1,
    VEC_NMI = 2,
    VEC_BP = 3,
    VEC_OF = 4,
    VEC_BR = 5,
    VEC_UD = 6,
    VEC_NM = 7,
    VEC_DF = 8,
    VEC_TS = 10,
    VEC_NP = 11,
    VEC_SS = 12,
    VEC_GP = 13,
    VEC_PF = 14,
    VEC_MF = 16,
    VEC_AC = 17,
    VEC_MC = 18,
    VEC_XM = 19,
    VEC_VE = 20,
    VEC_CP = 21,
    VEC_FIRST_EXTERNAL = 32,
};

/* Bit v is set if exception v pushes an error code. */
#define VECTORS_WITH_ERROR_CODE 0x00227d00u

/* "Model-Specific Registers" */
enum msr {
    MSR_TSC = 0x10,
    MSR_APIC_BASE = 0x1b,
    MSR_FEATURE_CONTROL = 0x3a,
    MSR_MTRRCAP = 0xfe,
    MSR_SYSENTER_CS = 0x174,
    MSR_SYSENTER_ESP = 0x175,
    MSR_SYSENTER_EIP = 0x176,
    MSR_MISC_ENABLE = 0x1a0,
    MSR_DEBUGCTL = 0x1d9,
    MSR_PAT = 0x277,
    MSR_VMX_BASIC = 0x480,
    MSR_VMX_PINBASED = 0x481,
    MSR_VMX_PROCBASED = 0x482,
    MSR_VMX_EXIT = 0x483,
    MSR_VMX_ENTRY = 0x484,
    MSR_VMX_MISC = 0x485,
    MSR_VMX_CR0_FIXED0 = 0x486,
    MSR_VMX_CR0_FIXED1 = 0x487,
    MSR_VMX_CR4_FIXED0 = 0x488,
    MSR_VMX_CR4_FIXED1 = 0x489,
    MSR_VMX_PROCBASED2 = 0x48b,
    MSR_VMX_EPT_VPID_CAP = 0x48c,
    MSR_VMX_TRUE_PINBASED = 0x48d,
    MSR_VMX_TRUE_PROCBASED = 0x48e,
    MSR_VMX_TRUE_EXIT = 0x48f,
    MSR_VMX_TRUE_ENTRY = 0x490,
    MSR_VMX_VMFUNC = 0x491,
    MSR_XSS = 0xda0,
};
#define MSR_EFER           0xc0000080u
#define MSR_STAR           0xc0000081u
#define MSR_LSTAR          0xc0000082u
#define MSR_CSTAR          0xc0000083u
#define MSR_SFMASK         0xc0000084u
#define MSR_FS_BASE        0xc0000100u
#define MSR_GS_BASE        0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define MSR_TSC_AUX        0xc0000103u

/* A linear address is canonical if bits 63..47 are all equal ("Canonical Addressing"). */
static inline bool canonical(u64 la)
{
    return (u64)((s64)(la << 16) >> 16) == la;
}

/* Entry index of a linear address at a paging level (1: page table .. 4: PML4). */
static inline unsigned pt_index(u64 la, unsigned level)
{
    return (la >> (PAGE_SHIFT + 9 * (level - 1))) & (PT_ENTRIES - 1);
}

#endif
