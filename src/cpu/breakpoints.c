/*
 * Breakpoints on data and ports that an access meets which the hypervisor makes for the guest, and
 * on code that it executes by hand: the processor does not see those. Source: SDM, "Debug Control
 * Register (DR7)", "Breakpoint Field Recognition".
 *
 * All data counts: an instruction's operands, a stack that an event's delivery pushes on, and the
 * tables of descriptors, gates and tasks that a segment's load or a delivery reads and marks. Of
 * the tables the manual says nothing, and processors differ. Page tables do not count.
 */
#include "cpu.h"
#include "vcpu.h"
#include "virt.h"
#include "x86.h"

enum dr7_fields {
    BREAKPOINTS = 4,
    ENABLE_BITS = 2, /* a breakpoint: local, global */
    ENABLES = 3,
    CONDITIONS = 16, /* the first one's bit */
    CONDITION_BITS = 4,
    ON = 3, /* of a condition: on what; above it the length */
    ON_CODE = 0,
    ON_WRITE = 1,
    ON_PORT = 2,
    ON_DATA = 3,
    LENGTH_SHIFT = 2,
    LENGTHS = 3,
};

/* On code a length other than that of one byte is undefined: it meets nothing. */
static bool watches(u64 condition, enum cpu_access how)
{
    unsigned on = condition & ON;

    if (how == ACCESS_CODE)
        return on == ON_CODE && !(condition >> LENGTH_SHIFT & LENGTHS);
    if (how == ACCESS_PORT)
        return on == ON_PORT;
    return on == ON_DATA || (on == ON_WRITE && how == ACCESS_WRITE);
}

u64 cpu_breakpoints_met(struct vcpu *v, enum cpu_access how, u64 at, unsigned len)
{
    static const u8 lengths[] = {1, 2, 8, 4};
    u64 met = 0;

    if (how == ACCESS_PORT && !(virt_get(v, VREG_CR4) & CR4_DE))
        return 0; /* undefined without it */
    for (unsigned n = 0; n < BREAKPOINTS; n++) {
        u64 condition = v->dr7 >> (CONDITIONS + CONDITION_BITS * n);
        u64 length = lengths[condition >> LENGTH_SHIFT & LENGTHS];
        u64 first = v->dr[n] & ~(length - 1); /* "lower-order address bits are ignored" */

        if ((v->dr7 >> ENABLE_BITS * n & ENABLES) && watches(condition, how) &&
            (at - first < length || first - at < len))
            met |= 1ULL << n;
    }
    return met;
}
