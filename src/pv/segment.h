/*
 * A guest's segment descriptors and selectors: what it may have in its GDT and LDT.
 */
#ifndef SEGMENT_H
#define SEGMENT_H

#include "types.h"

/* Whether a guest may have this descriptor: none, not present, or code or data of level 3. */
bool segment_descriptor_ok(u64 descriptor);
/* All of a page of them: 0 or -EINVAL. */
int segment_page_validate(const u64 *page);

enum selector_bits { SELECTOR_RPL = 3 };

#endif
