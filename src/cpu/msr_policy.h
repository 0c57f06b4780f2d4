/*
 * What becomes of each MSR under full virtualization, a line an entry; docs/msrs.md is checked
 * against it. An MSR that no line names does not exist for a guest.
 *
 * PASS(number, name): the guest's own, no exit: in the VMCS or switched (switch.c).
 * EMULATE(number, name, read, write): exits, and a model answers (msr.c).
 * CONSTANT(number, name): reads 0, ignores writes: there are kernels that do not ask.
 * MTRR(first, last, name): exits, and mtrr.c answers.
 * ABSENT(first, last, name): #GP, said by name because CPUID hides the feature.
 */
#ifndef MSR_POLICY_H
#define MSR_POLICY_H

#include "x86.h"

/* clang-format off */
#define MSR_POLICY(PASS, EMULATE, CONSTANT, ABSENT, MTRR)                                   \
    EMULATE(0x00000010, "IA32_TIME_STAMP_COUNTER", read_tsc, write_tsc)                     \
    CONSTANT(0x00000017, "IA32_PLATFORM_ID")                                                \
    EMULATE(0x0000001b, "IA32_APIC_BASE", read_apic_base, write_apic_base)                  \
    ABSENT(0x0000003a, 0x0000003a, "IA32_FEATURE_CONTROL")                                  \
    EMULATE(0x0000003b, "IA32_TSC_ADJUST", read_tsc_adjust, write_tsc_adjust)               \
    ABSENT(0x00000048, 0x00000049, "IA32_SPEC_CTRL, IA32_PRED_CMD")                         \
    CONSTANT(0x0000008b, "IA32_BIOS_SIGN_ID")                                               \
    ABSENT(0x000000c1, 0x000000c8, "IA32_PMC0 to 7")                                        \
    ABSENT(0x000000ce, 0x000000ce, "MSR_PLATFORM_INFO")                                     \
    MTRR(0x000000fe, 0x000000fe, "IA32_MTRRCAP")                                            \
    ABSENT(0x0000010a, 0x0000010a, "IA32_ARCH_CAPABILITIES")                                \
    PASS(0x00000174, "IA32_SYSENTER_CS")                                                    \
    PASS(0x00000175, "IA32_SYSENTER_ESP")                                                   \
    PASS(0x00000176, "IA32_SYSENTER_EIP")                                                   \
    EMULATE(0x00000179, "IA32_MCG_CAP", NULL, refuse)                                       \
    CONSTANT(0x0000017a, "IA32_MCG_STATUS")                                                 \
    ABSENT(0x0000017b, 0x0000017b, "IA32_MCG_CTL")                                          \
    EMULATE(0x000001a0, "IA32_MISC_ENABLE", read_misc_enable, NULL)                         \
    CONSTANT(0x000001d9, "IA32_DEBUGCTL")                                                   \
    MTRR(0x00000200, 0x0000020f, "IA32_MTRR_PHYSBASE0 to PHYSMASK7")                        \
    MTRR(0x00000250, 0x00000250, "IA32_MTRR_FIX64K_00000")                                  \
    MTRR(0x00000258, 0x00000259, "IA32_MTRR_FIX16K_80000, _A0000")                          \
    MTRR(0x00000268, 0x0000026f, "IA32_MTRR_FIX4K_C0000 to _F8000")                         \
    EMULATE(0x00000277, "IA32_PAT", read_pat, write_pat)                                    \
    MTRR(0x000002ff, 0x000002ff, "IA32_MTRR_DEF_TYPE")                                      \
    ABSENT(0x00000400, 0x0000047f, "machine-check banks")                                   \
    ABSENT(0x00000480, 0x00000491, "VMX capabilities")                                      \
    EMULATE(0x000006e0, "IA32_TSC_DEADLINE", read_deadline, write_deadline)                 \
    ABSENT(0x00000da0, 0x00000da0, "IA32_XSS")                                              \
    EMULATE(0xc0000080, "IA32_EFER", read_efer, cpu_write_efer)                             \
    PASS(0xc0000081, "IA32_STAR")                                                           \
    PASS(0xc0000082, "IA32_LSTAR")                                                          \
    PASS(0xc0000083, "IA32_CSTAR")                                                          \
    PASS(0xc0000084, "IA32_FMASK")                                                          \
    PASS(0xc0000100, "IA32_FS_BASE")                                                        \
    PASS(0xc0000101, "IA32_GS_BASE")                                                        \
    PASS(0xc0000102, "IA32_KERNEL_GS_BASE")                                                 \
    PASS(0xc0000103, "IA32_TSC_AUX")
/* clang-format on */

/* For the kinds that a user of the list leaves out. */
#define MSR_NOT(...)

#endif
