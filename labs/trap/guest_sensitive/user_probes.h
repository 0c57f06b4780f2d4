/*
 * The instructions of Robin and Irvine's list ("Analysis of the Intel Pentium's Ability to Support
 * a Secure Virtual Machine Monitor", USENIX Security 2000), each in a function that runs as well in
 * ring 0 as in ring 3, and says what it saw. Those of the list that 64-bit code lacks (PUSH CS) are
 * there in the form that it has.
 */
#ifndef USER_PROBES_H
#define USER_PROBES_H

#include "kit/types.h"

enum probe_constants {
    RING0_CODE = 0x08,   /* the kit's selectors: kernel's code, */
    RING0_DATA = 0x10,   /* and data */
    RING3_DATA = 0x23,   /* user's data */
    PROBE_VECTOR = 0x21, /* INT n: a gate for ring 0 only */
};

/* name, what it is written as, what its result is */
#define SENSITIVE(X)                                                                               \
    X(sgdt, "sgdt", "address of the GDT")                                                          \
    X(sidt, "sidt", "address of the IDT")                                                          \
    X(sldt, "sldt", "selector of the LDT")                                                         \
    X(str, "str", "selector of the TSS")                                                           \
    X(smsw, "smsw", "CR0, 16 bits")                                                                \
    X(pushf, "pushf", "IF")                                                                        \
    X(popf, "popf", "IF behind a POPF that clears it")                                             \
    X(lar, "lar", "rights of the kernel's code segment")                                           \
    X(lsl, "lsl", "limit of the kernel's code segment")                                            \
    X(verr, "verr", "the kernel's data can be read")                                               \
    X(verw, "verw", "the kernel's data can be written")                                            \
    X(mov_from_seg, "mov from seg", "selector in CS")                                              \
    X(push_seg, "push seg", "selector in FS")                                                      \
    X(pop_seg, "pop seg", "FS behind a POP of the kernel's data selector")                         \
    X(call_far, "call far", "CS behind a call to the kernel's code segment")                       \
    X(jmp_far, "jmp far", "CS behind a jump to the kernel's code segment")                         \
    X(ret_far, "ret far", "CS behind a return to the kernel's code segment")                       \
    X(int_n, "int n", "the vector that the handler got")
/* Privileged ones, for comparison. */
#define PRIVILEGED(X)                                                                              \
    X(cli, "cli", "IF behind it")                                                                  \
    X(mov_from_cr, "mov from cr0", "CR0, 16 bits")                                                 \
    X(rdmsr, "rdmsr", "EFER")                                                                      \
    X(in, "in", "port 0x80")

#define DECLARE(name, text, result) u64 user_##name(u64 unused);
SENSITIVE(DECLARE)
PRIVILEGED(DECLARE)
#undef DECLARE

#endif
