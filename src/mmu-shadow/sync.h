/*
 * Bringing a shadow up to date with its guest's table. Shared by a write that trapped (sync.c), and
 * by what makes up for many that did not (out_of_sync.c).
 */
#ifndef SHADOW_SYNC_H
#define SHADOW_SYNC_H

#include "domain.h"
#include "rights.h"
#include "shadow.h"
#include "trace.h"

/* What the leaf becomes; 0 if the guest's entry maps nothing, or has to be walked first. */
static inline u64 leaf_after(const struct physmap *p, const struct shadow *s, u64 entry)
{
    u32 mfn;

    if ((entry & (PTE_P | PTE_A | s->rsvd)) != (PTE_P | PTE_A))
        return 0;
    mfn = physmap_mfn(p, (entry & PTE_ADDR) >> PAGE_SHIFT);
    return mfn ? leaf_value(p, s->role, entry, &frame_table[mfn], false) : 0;
}

/* A written leaf is filled ahead of its first use: with A set, nobody sees the difference. */
static inline void shadow_sync_leaf(struct domain *d, struct shadow *s, unsigned index, u64 entry)
{
    struct physmap *p = d->physmap;
    u64 value = leaf_after(p, s, entry);

    if (s->table[index] == value)
        return;
    if (unlikely(p->dirty_log) && value & PTE_W)
        frame_table[(value & PTE_ADDR) >> PAGE_SHIFT].flags |= FRAME_DIRTY;
    shadow_set_leaf(d, s, index, value);
    ledger_count(&d->ledger, LC_SHADOW_WRITE_ENTRY);
    TRACE(d, SHADOW_WRITE_ENTRY, s->gfn, index, entry);
}

/* sync.c: the same for an entry above level 1. One that names the same table as before keeps its
 * child, which is returned if its rights have changed; any other is filled when it is used. */
struct shadow *shadow_sync_link(struct domain *d, struct shadow *s, unsigned index, u64 entry);

/*
 * flood.c: a table that the guest has given up is found out by its writes.
 */
enum { FIRST_DOUBT = 4, LATER_DOUBTS = 32 };

/* Of a table that an address space begins with: without parents while another one is loaded. */
static inline bool may_be_root(const struct shadow *s)
{
    return shadow_level(s) == (s->role & (ROLE_32BIT | ROLE_PAE) ? 2 : WALK_MAX_LEVEL);
}

/* To be asked after a write: whether it is time to look if s is still used as a table. */
static inline bool shadow_doubted(struct shadow *s)
{
    return ++s->writes == FIRST_DOUBT || s->writes % LATER_DOUBTS == 0 ||
           (!s->refs && !may_be_root(s));
}

/* Some vcpu's root leads to s, or it cannot be told quickly. */
bool shadow_in_use(const struct domain *d, const struct shadow *s);
/* Drops s, and flushes, if no vcpu's root leads to it. */
void shadow_give_up_unused(struct domain *d, struct shadow *s);

#endif
