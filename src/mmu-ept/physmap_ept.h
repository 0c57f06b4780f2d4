/*
 * What paging needs of the second stage beyond physmap.h.
 */
#ifndef PHYSMAP_EPT_H
#define PHYSMAP_EPT_H

#include "physmap.h"

/* The guest, or the hypervisor for it, writes to gfn: if it is filled, makes it writable and marks
 * it dirty. False if there is nothing. */
bool physmap_allow_write(struct domain *d, gfn_t gfn);
/* The root, for the processor. */
mfn_t physmap_root(const struct domain *d);

#endif
