/*
 * What paging needs of the second stage beyond physmap.h.
 */
#ifndef PHYSMAP_EPT_H
#define PHYSMAP_EPT_H

#include "physmap.h"

/* The guest, or the hypervisor for it, writes to gfn: if a leaf maps it, the leaf permits it from
 * now on, and the dirty log has noted it. False: no leaf does. */
bool physmap_allow_write(struct domain *d, gfn_t gfn);
/* The root, for the processor. */
mfn_t physmap_root(const struct domain *d);

#endif
