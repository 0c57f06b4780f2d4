/*
 * What the files of the grader's host part share: a vcpu in a world of stubs, which write down what
 * was asked of them.
 */
#ifndef GRADE_TRAP_H
#define GRADE_TRAP_H

#include "grade_machine.h"

#include "domain.h"
#include "virt_ops.h"

enum { AT = 0x401000, LENGTH = 2 }; /* where the guest's instruction is, and its bytes */

/* What happened to the vcpu, beside its registers. */
struct world {
    struct domain domain;
    struct vcpu vcpu;
    struct virt_vcpu virt;

    unsigned injected; /* faults injected, and the last one */
    u8 vector;
    u32 error;
    unsigned emulated; /* calls of cpu_emulate */
    unsigned blocked;  /* calls of sched_block, and where RIP was at the last one */
    u64 blocked_at;
    bool pending;   /* what event_pending answers */
    unsigned ended; /* calls of domain_end, and the last one */
    enum end_reason reason;
    u64 msr_value;     /* the only MSR's, with number msr; cpu_wrmsr refuses values with bit 63 */
    u32 msr;           /* its number */
    unsigned accesses; /* of it */
    u64 xcr0;          /* what fpu_xcr0 answers */
};
extern struct world w;

/* A fresh world: registers full of dirt that depends on the run, RIP at AT. */
void world_init(void);
/* Handles an exit at an instruction of LENGTH bytes. */
void world_exit(struct exit *e);
/* Different from call to call and from run to run. */
/* Checks that RIP is behind the instruction, or still at it. */
void expect_done(const char *where);
void expect_not_done(const char *where);

/* grade_decode.c */
void modrm_registers(void **state);
void modrm_byte_registers(void **state);
void modrm_memory_64(void **state);
void modrm_sib(void **state);
void modrm_memory_32(void **state);
void modrm_memory_16(void **state);
/* grade_policy.c */
void policy_leaf_1(void **state);
void policy_leaf_7(void **state);
void policy_without_xsave(void **state);

#endif
