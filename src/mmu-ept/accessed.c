/*
 * The accessed log: which frames a domain uses, by the accessed flags that the processor keeps in
 * the second stage. For whoever wants to know a domain's working set: memory that is not in it can
 * be taken away, or be sent first when the domain moves.
 *
 * Invariants
 *  - While it is on there are no leaves above level 1, which would tell of 512 frames at once.
 *  - A function that has cleared an accessed flag flushes before it returns: a translation in the
 *    processor would serve an access without setting it again.
 *  - The hypervisor's own accesses are not in it.
 */
#include "domain.h"
#include "errno.h"
#include "physmap_ept.h"
#include "stage2.h"
#include "tlb.h"
#include "virt_ops.h"

/* Clears the flag; was it set? */
static bool take_flag(u64 *entry)
{
    u64 before = __atomic_fetch_and(entry, ~stage2_format->accessed, __ATOMIC_RELAXED);

    return before & stage2_format->accessed;
}

static void clear_leaf(void *context, u64 gfn, unsigned level, u64 *entry)
{
    (void)context;
    (void)gfn;
    (void)level;
    take_flag(entry);
}

int physmap_accessed_start(struct domain *d)
{
    struct physmap *p = d->physmap;

    if (!(virt_ops->second_stage() & SECOND_STAGE_FLAGS))
        return -EOPNOTSUPP;
    if (p->accessed_log)
        return -EBUSY;
    int error = physmap_split_all(d);
    if (error)
        return error;
    p->accessed_log = true;
    stage2_each_leaf(p, clear_leaf, NULL);
    physmap_logs_changed(d);
    tlb_flush_root(physmap_root(d));
    return 0;
}

void physmap_accessed_stop(struct domain *d)
{
    if (!d->physmap->accessed_log)
        return;
    d->physmap->accessed_log = false;
    physmap_logs_changed(d);
    physmap_merge_all(d);
}

s64 physmap_accessed_read(struct domain *d, gfn_t first, u64 gfns, u8 *bits)
{
    struct physmap *p = d->physmap;
    u64 count = first.v < p->ram_frames ? MIN(gfns, p->ram_frames - first.v) : 0;
    s64 found = 0;

    if (!p->accessed_log)
        return -EINVAL;
    for (u64 i = 0; i < (gfns + 7) / 8; i++)
        bits[i] = 0;
    for (u64 i = 0; i < count; i++) {
        unsigned level;
        u64 *entry = stage2_find(p, first.v + i, &level);
        if (!stage2_present(*entry) || !take_flag(entry))
            continue;
        bits[i / 8] |= (u8)(1u << i % 8);
        found++;
    }
    if (found)
        tlb_flush_root(physmap_root(d));
    return found;
}
