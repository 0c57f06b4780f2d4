/*
 * A page that was a page table is data again: nobody tells the hypervisor. It goes by the writes: a
 * few in a row, or one by an instruction that is not meant for a single entry, to a table that no
 * running root leads to, and its shadows are dropped, so that the rest of the writes do not trap.
 */
#include "domain.h"
#include "shadow.h"
#include "sync.h"
#include "tlb.h"
#include "trace.h"

bool shadow_in_use(const struct domain *d, const struct shadow *s)
{
    const struct shadow_pool *pool = &d->physmap->pool;
    u32 known = !!s->parent[0] + !!s->parent[1];

    if (s->refs > known || shadow_runs(d, s))
        return true;
    for (unsigned i = 0; i < ARRAY_SIZE(s->parent); i++)
        if (s->parent[i] && shadow_in_use(d, &pool->shadow[s->parent[i] >> SHADOW_INDEX_BITS]))
            return true;
    return false;
}

void shadow_give_up_unused(struct domain *d, struct shadow *s)
{
    if (shadow_in_use(d, s))
        return;
    ledger_count(&d->ledger, LC_SHADOW_DROP_TABLE);
    TRACE(d, SHADOW_DROP_TABLE, s->gfn, s->role);
    shadow_drop(d, s);
    tlb_flush_all();
}
