/*
 * The entries of guest page tables, checked and counted.
 */
#ifndef TABLE_H
#define TABLE_H

#include "page_type.h"

/* Among the bits that the processor ignores: an L1 entry that the guest made without U; Xen's. */
#define PTE_GUEST_KERNEL (1ULL << 52)

/* Writes one entry of a table in use: p is its place in frame f. keep_ad: a new
 * entry that is present gets the old one's accessed and dirty flags, whether that was present or
 * not; one that is not present is stored as it is. (The flags are those of the moment of the call:
 * the one processor is here, and walks no table of the guest's before the entry is stored.) 0, or,
 * the entry being as before: -EINVAL: bits that may not be set, or the slot is the hypervisor's; at
 * level 1: the frame is not the domain's: what table_stranger says; -EBUSY: it is in use as
 * something else; for an entry that is to lead to a table: -EINVAL for all of these; what is wrong
 * with an entry of a table that it would make. */
int table_set_entry(struct domain *d, struct frame *f, u64 *p, u64 entry, bool keep_ad);
/* Why a present L1 entry for a frame that is not the domain's own is refused: -EBUSY: it is RAM, be
 * it free, another domain's or the hypervisor's; -EPERM: it is a device's, or not there; -EINVAL:
 * its number has all bits set, by which Xen means none. */
int table_stranger(u64 entry);
/* Is a new L1 entry, present, for the old one's frame, with the same right to write and the same
 * caching? Then it may be stored whoever's frame that is: it holds what the old one holds. */
static inline bool table_same_use(u64 old, u64 entry)
{
    const u64 harmless = PTE_U | PTE_A | PTE_D | PTE_G | PTE_AVAIL | PTE_NX;

    return entry & PTE_P && !((old ^ entry) & ~harmless);
}
/* Stores an L1 entry whose references are held already, or 0; those of the old one are dropped. */
void table_store_held(struct domain *d, u64 *p, u64 entry);
/* The place of the L1 entry that maps va in the tables at this root, or NULL; *table is the frame
 * it lies in. */
u64 *table_find_l1(const struct domain *d, u64 root, u64 va, struct frame **table);
/* L4 slots that are the hypervisor's in every guest table. */
static inline bool slot_is_hypervisors(unsigned slot)
{
    enum { FIRST = 256, COUNT = 16 };

    return slot - FIRST < COUNT;
}
/* d->linear_l4 has become true (roots.c; in host tests a stub). */
void l4_linear_noted(const struct domain *d);
/* Writes the hypervisor's slots of a guest's L4 (roots.c; in host tests a stub), or clears them. */
void l4_fill(const struct domain *d, u64 *l4);
void l4_clear(u64 *l4);

#endif
