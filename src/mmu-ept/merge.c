/*
 * The opposite of splitting: 512 leaves of one table become one leaf a level higher, if they map
 * what it would map. What was split for a log becomes large again when the log ends, since frames
 * do not move; what was filled 4 KiB at a time hardly ever.
 *
 * Invariant: a table is freed only after the root was flushed. Until then a processor may still
 * walk through it: it keeps entries that name tables, too ("Caching Translation Information").
 */
#include "domain.h"
#include "frame.h"
#include "layout.h"
#include "physmap_ept.h"
#include "stage2.h"
#include "tlb.h"
#include "virt_ops.h"

/* The tables that nothing names any more, chained by their frames' next. */
struct merged {
    struct domain *domain; /* whose */
    struct frame *tables;  /* the last one, or NULL */
};

/* The leaf of `level` that maps what the entries of this table, a level lower, map: all writable,
 * contiguous, and the first one aligned. 0: there is none. */
static u64 leaf_for(const u64 *table, unsigned level)
{
    const u64 kept_by_processor = stage2_format->accessed | stage2_format->dirty;
    u64 each = stage2_frames(level - 1), mfn = stage2_mfn(table[0]).v;

    if (!stage2_present(table[0]) || mfn % stage2_frames(level))
        return 0;
    for (u64 i = 0; i < 1u << STAGE2_BITS; i++)
        if ((table[i] & ~kept_by_processor) != stage2_leaf(mfn_of(mfn + i * each), level - 1, true))
            return 0;
    return stage2_leaf(mfn_of(mfn), level, true);
}

static void count(struct physmap *p, unsigned level)
{
    if (level == 2) {
        p->mapped_4k -= 1u << STAGE2_BITS;
        p->mapped_2m++;
    } else {
        p->mapped_2m -= 1u << STAGE2_BITS;
        p->mapped_1g++;
    }
    p->tables--;
}

/* Merges below this table first, so that what has become large can be merged further. */
static void merge_table(struct merged *m, u64 *table, unsigned level)
{
    for (unsigned i = 0; i < 1u << STAGE2_BITS; i++) {
        if (!stage2_present(table[i]) || stage2_is_leaf(table[i], level))
            continue;
        struct frame *f = frame_of(stage2_mfn(table[i]));
        u64 *below = mfn_to_va(frame_mfn(f));
        if (level > 2)
            merge_table(m, below, level - 1);
        if (level > 3 || (level == 3 && !(virt_ops->second_stage() & SECOND_STAGE_1G)))
            continue;
        u64 leaf = leaf_for(below, level);
        if (!leaf)
            continue;
        table[i] = leaf;
        f->next = m->tables ? (u32)frame_mfn(m->tables).v : 0;
        m->tables = f;
        count(m->domain->physmap, level);
        ledger_count(&m->domain->ledger, LC_MERGED_LEAF);
    }
}

void physmap_merge_all(struct domain *d)
{
    struct physmap *p = d->physmap;
    struct merged m = {.domain = d};

    if (p->small_pages || p->dirty_log || p->accessed_log)
        return;
    merge_table(&m, p->root, STAGE2_TOP);
    if (!m.tables)
        return;
    p->last_table = NULL;
    tlb_flush_root(physmap_root(d));
    while (m.tables) {
        struct frame *f = m.tables;
        m.tables = f->next ? &frame_table[f->next] : NULL;
        f->next = 0;
        frame_put(f);
    }
}
