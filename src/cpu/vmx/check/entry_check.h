/*
 * The checks that a VM entry makes, made in software: what the processor answers with no more than
 * "invalid control field" or "invalid guest state" is told as a sentence with the field, its value
 * and what was wanted. The rules, in the manual's order: entry_rules.h.
 *
 * Nothing here is privileged: fields and memory are read through callbacks, what the processor
 * offers stands in a structure. Rules about controls that this hypervisor has no name for (Intel
 * PT, sub-page permissions, CET, LBR, PKS, the tertiary controls) are not here.
 */
#ifndef ENTRY_CHECK_H
#define ENTRY_CHECK_H

#include "types.h"

/* What the processor's capability MSRs say; controls: low half: must be 1, high half: may be 1. */
struct entry_machine {
    u64 pin, proc, proc2, exit, entry; /* controls: the TRUE MSRs' where there are any */
    u64 cr0_fixed0, cr0_fixed1;        /* CR0 bits that must be 1, that may be 1 */
    u64 cr4_fixed0, cr4_fixed1;        /* the same for CR4 */
    u64 basic;                         /* IA32_VMX_BASIC */
    u64 misc;                          /* IA32_VMX_MISC */
    u64 ept_vpid;                      /* IA32_VMX_EPT_VPID_CAP, or 0 */
    u64 vmfunc;                        /* IA32_VMX_VMFUNC, or 0 */
    u8 maxphyaddr;                     /* physical-address width */
};

enum entry_rule {
#define ENTRY_GROUP(title)
#define ENTRY_RULE(id, wanted) RULE_##id,
#include "entry_rules.h"
#undef ENTRY_GROUP
#undef ENTRY_RULE
    ENTRY_RULES
};

/* One check of all. */
struct entry_check {
    const struct entry_machine *machine;
    /* A field of the VMCS; one that the processor does not have reads as 0. */
    u64 (*read)(void *context, u32 field);
    /* 8 bytes of machine memory at an aligned address; false: none there. */
    bool (*read_memory)(void *context, u64 address, u64 *value);
    /* A broken rule; the sentence is good during the call. */
    void (*broken)(void *context, enum entry_rule rule, u32 field, const char *sentence);
    void *context;   /* for the callbacks */
    unsigned failed; /* rules found broken */
};

/* Checks the controls, the host's and the guest's state; returns the number of broken rules. The
 * processor stops at the first of controls and host state, and looks at the guest's only then. */
unsigned entry_check(struct entry_check *c);
/* Only what depends on the event to be delivered, RIP, RFLAGS and the guest's blocking. */
unsigned entry_check_event(struct entry_check *c);
/* The manual's section that has the rule, and what the rule wants. */
const char *entry_rule_section(enum entry_rule rule);
const char *entry_rule_wanted(enum entry_rule rule);

#endif
