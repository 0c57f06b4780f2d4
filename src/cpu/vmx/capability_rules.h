/*
 * What VT-x's capability registers allow, as plain arithmetic on their values.
 */
#ifndef CAPABILITY_RULES_H
#define CAPABILITY_RULES_H

#include "types.h"

/* Something that the hypervisor cannot do without. */
struct vmx_requirement {
    u64 bit;          /* its bit in the register */
    const char *name; /* what the processor lacks if it is not there */
};

/*
 * The value for one field of controls ("Reserved Controls and Default Settings"). Of its capability
 * register the low half has the bits that must be 1 in the field ("allowed 0-settings"), the high
 * half those that may be 1 ("allowed 1-settings"). *controls becomes: every bit that must be 1,
 * every bit of the `count` requirements in `needed`, and those of `optional` that may be 1; no
 * other. Returns NULL; or the name of the first requirement that may not be 1, and *controls is
 * nothing's.
 */
const char *vmx_choose_controls(u64 capability, const struct vmx_requirement *needed, size_t count,
                                u32 optional, u32 *controls);

/*
 * Can the second stage be built and flushed as src/mmu-ept/ does it? capability is
 * IA32_VMX_EPT_VPID_CAP. Returns NULL, or the name of the first of these that is missing:
 *  - "page walks of length 4": the tables have four levels;
 *  - "write-back paging structures": they lie in ordinary memory;
 *  - "INVEPT", "single-context INVEPT", "all-context INVEPT": one domain's translations are
 * flushed, or everybody's;
 *  - "2 MiB pages": leaves at level 2.
 */
const char *vmx_ept_lacks(u64 capability);

#endif
