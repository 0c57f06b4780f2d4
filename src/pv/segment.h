/*
 * A guest's segment descriptors and selectors: what it may have in its GDT and LDT.
 */
#ifndef SEGMENT_H
#define SEGMENT_H

#include "types.h"

/* Makes a descriptor one that a guest may have: code and data of a lower level become level 3, as
 * under Xen. False: it is a gate or a system segment, which a guest may not have. */
bool segment_descriptor_adjust(u64 *descriptor);
/* The same for a whole page of them: 0 or -EINVAL. */
int segment_page_adjust(u64 *page);
/* Present, and of 64-bit code. */
bool segment_descriptor_is_code64(u64 descriptor);

enum selector_bits { SELECTOR_RPL = 3 };

#endif
