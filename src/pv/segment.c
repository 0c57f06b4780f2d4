/*
 * Descriptors that a guest may have. Source: SDM, "Segment Descriptors".
 *
 * Invariant: no descriptor in a page of type FT_SEGDESC gives more than privilege level 3, and none
 * is a TSS, an LDT, or a gate that ring 3 may use. So no selector that a guest loads changes its
 * privilege.
 */
#include "segment.h"

#include "errno.h"
#include "pv.h"

#define DESCRIPTOR_S         (1ULL << 44) /* code or data, not a system descriptor */
#define DESCRIPTOR_DPL       (3ULL << 45)
#define DESCRIPTOR_P         (1ULL << 47)
#define DESCRIPTOR_X         (1ULL << 43)  /* code */
#define DESCRIPTOR_L         (1ULL << 53)  /* 64-bit code */
#define DESCRIPTOR_TYPE      (15ULL << 40) /* of a system descriptor; 0: none */
#define DESCRIPTOR_CALL_GATE (12ULL << 40)
#define GATE_ZERO            (0xffULL << 32) /* reserved, in long mode */
enum { GATE_SELECTOR_SHIFT = 16, GATE_SELECTOR = 0xffff, INDEX_SHIFT = 3, SELECTOR_TI = 1 << 2 };

/* A call gate has its level where others have part of their base. As under Xen it may be there, but
 * for level 0 alone, so that its use is #GP; the level that the guest wanted is kept in its
 * selector, which may not be one of the hypervisor's. */
static bool gate_adjust(u64 *descriptor)
{
    u64 selector = *descriptor >> GATE_SELECTOR_SHIFT & GATE_SELECTOR;

    if (*descriptor & GATE_ZERO)
        return false;
    if (selector >> INDEX_SHIFT >= FIRST_RESERVED_GDT_ENTRY && selector != FLAT_KERNEL_CS &&
        !(selector & SELECTOR_TI))
        return false;
    *descriptor = (*descriptor & ~DESCRIPTOR_DPL) | (u64)SELECTOR_RPL << GATE_SELECTOR_SHIFT;
    return true;
}

bool segment_descriptor_adjust(u64 *descriptor)
{
    u64 d = *descriptor;

    if (!(d & DESCRIPTOR_P))
        return true; /* loading it faults */
    if (!(d & (DESCRIPTOR_S | DESCRIPTOR_TYPE)))
        return true; /* it does, too: the second half of a gate */
    if ((d & (DESCRIPTOR_S | DESCRIPTOR_TYPE)) == DESCRIPTOR_CALL_GATE)
        return gate_adjust(descriptor);
    *descriptor |= DESCRIPTOR_DPL;
    return d & DESCRIPTOR_S;
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
