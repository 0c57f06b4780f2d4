/* Running a block of 16-bit and 32-bit code below 1 MiB, and checking what it found (low.inc). */
#ifndef KIT_LOW_H
#define KIT_LOW_H

#include "kit/kit.h"

/* Where the block runs. */
#define LOW_BASE 0x8000UL

/* What the block's EXPECTs expect. */
struct low_expectation {
    const char *what; /* for the @check line */
    u32 value;        /* of EAX */
    u32 zero;
};

/* From the guest's .asm file, by low.inc. */
extern const u8 low_start[], low_end[];
extern const struct low_expectation low_expect[];
extern const u64 low_result_at;
extern const u32 low_count;
void low_enter(void);

/* Copies the block down, runs it, and checks its results. Only where the processor is the guest's
 * own. */
static inline void low_run(void)
{
    const u32 *result = (const u32 *)low_result_at;

    memcpy((void *)LOW_BASE, low_start, (size_t)(low_end - low_start));
    low_enter();
    for (u32 i = 0; i < low_count; i++)
        check_equal(low_expect[i].what, low_expect[i].value, result[i]);
}

#endif
