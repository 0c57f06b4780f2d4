/*
 * What paging needs of the second stage beyond physmap.h.
 */
#ifndef PHYSMAP_EPT_H
#define PHYSMAP_EPT_H

#include "physmap.h"

/* The guest, or the hypervisor for it, writes to gfn: if a leaf maps it, the leaf permits it from
 * now on, and the dirty log has noted it. False: no leaf does. */
bool physmap_allow_write(struct domain *d, gfn_t gfn);
/* Cuts every larger leaf into 4 KiB ones. 0 or -ENOMEM, some being cut. */
int physmap_split_all(struct domain *d);
/* merge.c: makes larger leaves of small ones where it can, unless a log needs them small. */
void physmap_merge_all(struct domain *d);
/* giga.c: fills what it can of RAM that is still empty with leaves of 1 GiB. */
void physmap_fill_1g(struct domain *d);
/* Cuts the 1 GiB leaf at entry into 512 of 2 MiB. 0 or -ENOMEM. */
int physmap_split_1g(struct domain *d, u64 *entry);
/* accessed.c: as physmap_dirty_start, physmap_dirty_stop and physmap_dirty_read. */
int physmap_accessed_start(struct domain *d);
void physmap_accessed_stop(struct domain *d);
s64 physmap_accessed_read(struct domain *d, gfn_t first, u64 gfns, u8 *bits);
/* write_log.c: the dirty log, kept by the processor. */
int physmap_log_start(struct domain *d);
void physmap_log_stop(struct domain *d);
s64 physmap_log_read(struct domain *d, gfn_t first, u64 gfns, u8 *bits);
/* What the processor has logged so far is in the frames' marks. */
void physmap_log_collect(struct domain *d);
/* What paging_get_controls answers about the logs has changed. */
void physmap_logs_changed(struct domain *d);
/* The root, for the processor. */
mfn_t physmap_root(const struct domain *d);

#endif
