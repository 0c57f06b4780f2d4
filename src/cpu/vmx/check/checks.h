/*
 * What the files of the checks share.
 */
#ifndef CHECKS_H
#define CHECKS_H

#include "entry_check.h"
#include "../vmcs.h"
#include "virt.h"
#include "x86.h"

enum { FIELD_STEP = 2 }; /* between the encodings of two segments' fields */

static inline u64 get(const struct entry_check *c, u32 field)
{
    return c->read(c->context, field);
}
static inline bool bit_set(u64 value, u64 bits)
{
    return (value & bits) == bits;
}
/* The controls that are active: the secondary ones only if the primary ones say so. */
static inline u64 secondary_controls(const struct entry_check *c)
{
    return get(c, VMCS_PROC_CONTROLS) & PROC_SECONDARY ? get(c, VMCS_PROC_CONTROLS2) : 0;
}

/* entry_check.c: the rule is broken; the field that shows it, and a few words more or "". */
void entry_broken(struct entry_check *c, enum entry_rule rule, u32 field, const char *more)
    __attribute__((cold));
/* The rule wants `good`. */
static inline void need(struct entry_check *c, enum entry_rule rule, u32 field, bool good)
{
    if (unlikely(!good))
        entry_broken(c, rule, field, "");
}
/* The field has all bits of `must` and no others than `may`. */
void need_bits(struct entry_check *c, enum entry_rule rule, u32 field, u64 must, u64 may);
/* A physical address with `low` bits of 0, within the processor's width. */
void need_address(struct entry_check *c, enum entry_rule rule, u32 field, unsigned low);
/* No bit of the field at or above the physical-address width. */
void need_width(struct entry_check *c, enum entry_rule rule, u32 field);
/* An MSR area of a VM entry or exit: 16-byte aligned, its last byte within the width. */
void need_msr_area(struct entry_check *c, enum entry_rule rule, u32 address, u32 count);
void need_canonical(struct entry_check *c, enum entry_rule rule, u32 field);
/* A PAT's eight bytes are each 0, 1, 4, 5, 6 or 7. */
void need_pat(struct entry_check *c, enum entry_rule rule, u32 field);

void check_controls(struct entry_check *c);
void check_injection(struct entry_check *c);
void check_host(struct entry_check *c);
void check_guest_registers(struct entry_check *c);
void check_rip_and_flags(struct entry_check *c); /* a part of the above */
void check_guest_segments(struct entry_check *c);
void check_guest_other(struct entry_check *c);

#endif
