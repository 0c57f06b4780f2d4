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
#define DESCRIPTOR_X   (1ULL << 43) /* code */
#define DESCRIPTOR_L   (1ULL << 53) /* 64-bit code */

bool segment_descriptor_adjust(u64 *descriptor)
{
    if (!(*descriptor & DESCRIPTOR_P))
        return true; /* loading it faults */
    *descriptor |= DESCRIPTOR_DPL;
    return *descriptor & DESCRIPTOR_S;
}

bool segment_descriptor_is_code64(u64 descriptor)
{
    const u64 want = DESCRIPTOR_P | DESCRIPTOR_S | DESCRIPTOR_X | DESCRIPTOR_L;

    return (descriptor & want) == want;
}

int segment_page_adjust(u64 *page)
{
    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        u64 descriptor = page[i];

        if (!segment_descriptor_adjust(&descriptor))
            return -EINVAL;
        if (descriptor != page[i])
            page[i] = descriptor;
    }
    return 0;
}
