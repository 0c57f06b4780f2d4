/*
 * "32-Bit Paging": entries of 4 bytes, two levels; PS maps 4 MiB if CR4.PSE says so. There are no
 * reserved bits but those of a 4 MiB page.
 */
#include "format.h"

enum { CR4_PSE = 1 << 4, RSVD_LARGE = 1 << 21 };

const struct format format = {
    .name = "torture32",
    .entry_size = 4,
    .index_bits = 10,
    .bits = {.rsvd_large = RSVD_LARGE},
};

/* One directory maps 4 GiB. */
u32 format_root(const void *low, const void *high)
{
    (void)high;
    return (u32)(uintptr_t)low;
}

void format_set(bool on, struct mode *m)
{
    write_cr4((read_cr4() & ~(u32)CR4_PSE) | (on ? CR4_PSE : 0));
    m->large = on;
    m->reserved_large = RSVD_LARGE;
}

void format_store(volatile void *entry, u64 value)
{
    *(volatile u32 *)entry = (u32)value;
}
