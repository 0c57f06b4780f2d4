/*
 * Descriptors that a guest may have. Source: SDM, "Segment Descriptors".
 *
 * Invariant: no descriptor in a page of type FT_SEGDESC gives more than privilege level 3, and none
 * is a gate, a TSS or an LDT. So no selector that a guest loads changes its privilege.
 */
#include "segment.h"

#include "errno.h"

#define DESCRIPTOR_S   (1ULL << 44) /* code or data, not a system descriptor */
#define DESCRIPTOR_DPL (3ULL << 45)
#define DESCRIPTOR_P   (1ULL << 47)

bool segment_descriptor_ok(u64 descriptor)
{
    if (!(descriptor & DESCRIPTOR_P))
        return true; /* loading it faults */
    return (descriptor & DESCRIPTOR_S) && (descriptor & DESCRIPTOR_DPL) == DESCRIPTOR_DPL;
}

int segment_page_validate(const u64 *page)
{
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        if (!segment_descriptor_ok(page[i]))
            return -EINVAL;
    return 0;
}
