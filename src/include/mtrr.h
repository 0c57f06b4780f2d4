/*
 * Memory-type range registers, as a guest sees them.
 */
#ifndef MTRR_H
#define MTRR_H

#include "types.h"

/* "IA32_MTRRCAP Register": what there is. */
enum mtrr_counts { MTRR_RANGES = 8, MTRR_FIXED = 11 };

struct mtrr {
    u64 range[2 * MTRR_RANGES]; /* IA32_MTRR_PHYSBASEn, IA32_MTRR_PHYSMASKn, by turns */
    u64 fixed[MTRR_FIXED];      /* those of fixed ranges, in the order of their addresses */
    u64 def_type;               /* IA32_MTRR_DEF_TYPE */
};

/* As a PC's firmware leaves them: write-back is the default, the legacy hole and the devices below
 * 4 GiB are uncacheable. maxphyaddr: bits of a physical address, as the guest is told. */
void mtrr_init(struct mtrr *m, u8 maxphyaddr);
/* False: there is no such register, #GP(0). */
bool mtrr_read(const struct mtrr *m, u32 msr, u64 *value);
/* False: there is no such register, it cannot be written, or the value has a reserved bit or type:
 * #GP(0). */
bool mtrr_write(struct mtrr *m, u32 msr, u64 value, u8 maxphyaddr);

#endif
