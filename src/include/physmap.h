/*
 * What a domain's frame numbers mean: gfn -> mfn. Under EPT it is the second-stage table itself,
 * under shadow a table of the hypervisor's, under pv the check of ownership (a pv guest speaks of
 * machine frames).
 *
 * Invariant: a gfn maps to a frame owned by the domain, or to nothing; two gfns never map to one
 * frame.
 */
#ifndef PHYSMAP_H
#define PHYSMAP_H

#include "types.h"

struct domain;

enum physmap_kind {
    PHYSMAP_NONE, /* nothing there: MMIO or a hole */
    PHYSMAP_RAM,  /* mfn is valid */
    PHYSMAP_LAZY, /* RAM not yet filled: physmap_populate makes it PHYSMAP_RAM */
};

/* 0 or -ENOMEM. RAM is [0, mem_bytes). */
int physmap_init(struct domain *d);
/* Frees every frame and the map. */
void physmap_destroy(struct domain *d);
/* What gfn is; *mfn is set with PHYSMAP_RAM. */
enum physmap_kind physmap_lookup(struct domain *d, gfn_t gfn, mfn_t *mfn);
/* Makes gfn RAM if it is lazy RAM. 0 (also if it was filled already), -ENOENT for a hole, -ENOMEM.
 */
int physmap_populate(struct domain *d, gfn_t gfn, mfn_t *mfn);
/* A pointer to the guest's frame for the hypervisor's own access, populating it; NULL for a hole.
 */
void *physmap_map(struct domain *d, gfn_t gfn);
/* Dirty log: off, on; moves the set of frames written since the last call into bits
 * (one a gfn, from 0), and write-protects them again. Returns frames that were dirty, or -E. */
int physmap_dirty_start(struct domain *d);
void physmap_dirty_stop(struct domain *d);
s64 physmap_dirty_read(struct domain *d, u8 *bits, u64 gfns);
/* Debug builds: recounts everything (full virtualization: paging_check too); violations found, each
 * printed. */
unsigned physmap_check(struct domain *d);

#endif
