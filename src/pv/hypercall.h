/*
 * The hypercall table, and calls that are broken off and made again.
 */
#ifndef HYPERCALL_H
#define HYPERCALL_H

#include "pv.h"

/* The hypercall table: an entry is made where its handler stands, collected by the linker. */
struct hypercall {
    u32 number;  /* __HYPERVISOR_* */
    u32 counter; /* enum ledger_counter */
    s64 (*handler)(u64, u64, u64, u64, u64, u64);
};
/* On the host the section's name must be an identifier, so that the linker gives its bounds. */
#ifdef HOST_TEST
#define HYPERCALL_SECTION "hypercalls"
#else
#define HYPERCALL_SECTION ".hypercalls"
#endif
#define HYPERCALL(number, handler, counter)                                                        \
    static const struct hypercall handler##_entry                                                  \
        __attribute__((used, section(HYPERCALL_SECTION))) = {                                      \
            number, counter, (s64(*)(u64, u64, u64, u64, u64, u64))(void (*)(void))handler}
enum { HYPERCALLS = 64, HYPERCALL_UNKNOWN = HYPERCALLS - 1 };
/* As entry.asm reads it. */
struct hypercall_slot {
    s64 (*handler)(u64, u64, u64, u64, u64, u64); /* never NULL */
    u64 cell;                                     /* offset of its ledger cell in struct domain */
};
extern struct hypercall_slot hypercall_slot[HYPERCALLS];
void hypercall_init(void);
/* Whether a call that goes on for long, after its item i, must let others run; if so it returns
 * what pv_again gives: the guest makes the call again with these first two arguments. */
bool pv_time_is_up(u64 i);
/* The same where a single item may be long. */
bool pv_time_is_up_now(void);
s64 pv_again(struct vcpu *v, u64 number, u64 first, u64 second);
/* The same for a call that goes on with another third argument. */
s64 pv_again_third(struct vcpu *v, u64 number, u64 first, u64 second, u64 third);
/* Lists with a count of what is done (mmu_update, mmuext_op): bit 31 of the number of items says
 * that the call is made again, and what was done before is to be added. */
#define PV_COUNT_AGAIN (1u << 31)
static inline u32 pv_count_left(u32 left)
{
    return left | PV_COUNT_AGAIN;
}
static inline bool pv_put_done(u64 gva, u32 done)
{
    return pv_copy_to(gva, &done, sizeof(done));
}
static inline u32 pv_done_before(u32 *count, u64 gva)
{
    u32 before = 0;

    if (unlikely(*count & PV_COUNT_AGAIN) && gva &&
        !pv_copy_bytes_from(&before, gva, sizeof(before)))
        before = 0;
    *count &= ~PV_COUNT_AGAIN;
    return before;
}
/* Writes the stubs through which a guest calls. */
void hypercall_page_fill(void *page);

#endif
