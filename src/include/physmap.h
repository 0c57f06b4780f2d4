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
/* Frees every frame and the map, a piece at a call (domain_unbuild). True: all is gone. */
bool physmap_destroy(struct domain *d);
/* What gfn is; *mfn is set with PHYSMAP_RAM. */
enum physmap_kind physmap_lookup(struct domain *d, gfn_t gfn, mfn_t *mfn);
/* Makes gfn RAM if it is lazy RAM. 0 (also if it was filled already), -ENOENT for a hole, -ENOMEM.
 */
int physmap_populate(struct domain *d, gfn_t gfn, mfn_t *mfn);
/* A pointer to the guest's frame for the hypervisor's own access, populating it; NULL for a hole.
 */
void *physmap_map(struct domain *d, gfn_t gfn);

/*
 * The dirty log: which frames of its RAM a domain has written, for whoever copies memory that is in
 * use (live migration, a debugger). A frame is dirty from the first write to it after it was last
 * read, by the guest or by the hypervisor on its behalf, or because it was filled since; no write
 * is ever missed, whatever a TLB still holds. How a mode notices the first write is its own affair:
 * write protection, or the processor's log. While the log is on no mapping is larger than 4 KiB,
 * for a larger one could not tell which of its frames was written.
 */
/* Switches it on, with every frame clean. Takes time in proportion to the domain's RAM. 0; -EBUSY:
 * it is on; -ENOMEM: it stays off. */
int physmap_dirty_start(struct domain *d);
/* Switches it off, if it is on, and forgets what was noted. Mappings may become large again. */
void physmap_dirty_stop(struct domain *d);
/* Moves the frames of first .. first + gfns - 1 that are dirty into bits, bit i % 8 of byte i / 8
 * for first + i, and makes them clean; what lies behind the end of RAM never is dirty. Returns how
 * many there were, or -EINVAL: it is off. Nothing is flushed if nothing was dirty. */
s64 physmap_dirty_read(struct domain *d, gfn_t first, u64 gfns, u8 *bits);
/* A guest's call for its own log (public/trivisor.h, TRIVISOR_DIRTY_* and what follows): what it
 * finds in rax. */
s64 physmap_dirty_command(struct domain *d, u64 command, u64 argument);
/* Of those the ones that only a second stage can do (-ENOSYS under shadow). */
s64 physmap_second_stage_command(struct domain *d, u64 command, u64 argument);
/* gfn can be executed, but neither read nor written (TRIVISOR_EXECUTE_ONLY). Asked only if the
 * domain's execute_only is not 0. */
bool physmap_execute_only(struct domain *d, gfn_t gfn);

/* Debug builds: recounts everything (full virtualization: paging_check too); violations found, each
 * printed. */
unsigned physmap_check(struct domain *d);

#endif
