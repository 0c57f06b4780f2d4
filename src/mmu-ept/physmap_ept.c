/*
 * physmap.h on the second stage: the tables themselves are the map, and RAM that is in none of them
 * is lazy.
 *
 * Invariants
 *  - Each leaf's frames belong to the domain, hold one reference each and name their gfn; no frame
 *    is in two leaves.
 *  - The dirty log's, in dirty_log.c.
 *  - The frames in reserve belong to the domain too and hold one reference, but no gfn.
 *  - A frame leaves the domain only after its root has been flushed.
 */
#include "domain.h"
#include "errno.h"
#include "frame.h"
#include "layout.h"
#include "physmap_ept.h"
#include "stage2.h"
#include "tlb.h"
#include "trace.h"

enum { RESERVE_ORDER = 4 };

static mfn_t root_mfn(const struct physmap *p)
{
    return va_to_mfn(p->root);
}

mfn_t physmap_root(const struct domain *d)
{
    return root_mfn(d->physmap);
}

int physmap_init(struct domain *d)
{
    struct physmap *p = hv_alloc(d, sizeof(*p));

    if (!p)
        return -ENOMEM;
    struct frame *root = frame_alloc(DOMID_HYPERVISOR);
    if (!root) {
        hv_free(d, p, sizeof(*p));
        return -ENOMEM;
    }
    p->root = mfn_to_va(frame_mfn(root));
    p->tables = 1;
    p->ram_frames = d->config.mem_bytes >> PAGE_SHIFT;
    p->small_pages = d->config.small_pages;
    d->physmap = p;
    d->execute_only = 0;
    if (d->config.eager)
        physmap_fill_1g(d);
    return 0;
}

/* Drops frames of the first leaf that has some left, in order, at most a piece; the entry goes with
 * the last. False: there is no leaf. */
static bool release_some(struct domain *d, struct physmap *p)
{
    unsigned level;
    u64 gfn, *entry = stage2_next_leaf(p, p->released, &gfn, &level), first, count;

    if (!entry)
        return false;
    first = p->released > gfn ? p->released - gfn : 0;
    count = MIN(stage2_frames(level) - first, (u64)UNBUILD_FRAMES);
    for (u64 i = first; i < first + count; i++)
        frame_put(frame_of(stage2_mfn(*entry)) + i);
    if (first + count == stage2_frames(level))
        *entry = 0;
    p->released = gfn + first + count;
    d->frames -= count;
    return true;
}

/* The domain runs no more, so that nobody walks the tables; what was remembered of them goes
 * first. */
bool physmap_destroy(struct domain *d)
{
    struct physmap *p = d->physmap;

    if (!p)
        return true;
    if (!p->released)
        tlb_flush_root(root_mfn(p));
    for (u64 end = p->released + UNBUILD_FRAMES; release_some(d, p);)
        if (p->released >= end)
            return false;
    for (; p->reserve_left; p->reserve_left--, d->frames--)
        frame_put(p->reserve++);
    stage2_free_tables(p);
    d->physmap = NULL;
    hv_free(d, p, sizeof(*p));
    return true;
}

/* The frame of gfn, whose leaf this is. */
static mfn_t frame_in_leaf(u64 leaf, unsigned level, u64 gfn)
{
    return mfn_of(stage2_mfn(leaf).v + gfn % stage2_frames(level));
}

enum physmap_kind physmap_lookup(struct domain *d, gfn_t gfn, mfn_t *mfn)
{
    struct physmap *p = d->physmap;
    unsigned level;

    if (gfn.v >= p->ram_frames)
        return PHYSMAP_NONE;
    u64 entry = *stage2_find(p, gfn.v, &level);
    if (!stage2_present(entry))
        return PHYSMAP_LAZY;
    *mfn = frame_in_leaf(entry, level, gfn.v);
    return PHYSMAP_RAM;
}

/*
 * Fills the 2 MiB of RAM around gfn with one leaf at entry, the empty entry for it at level 2. They
 * must lie inside the RAM as a whole, and their 512 machine frames must be contiguous and begin at
 * a multiple of 512 (frame_alloc_order with order STAGE2_BITS). Each frame's record is told its
 * gfn: the i-th the first gfn of the 2 MiB, plus i; physmap.mapped_2m and the domain's count of
 * frames go up. False: they do not fit, or there are no such frames, and nothing has changed.
 */
static bool make_large(struct domain *d, u64 gfn, u64 *entry)
{
    /* lab ept.6: return false; */
    struct physmap *p = d->physmap;
    u64 first = gfn - gfn % STAGE2_2M_FRAMES;

    if (first + STAGE2_2M_FRAMES > p->ram_frames)
        return false;
    struct frame *f = frame_alloc_order(d->id, STAGE2_BITS);
    if (!f)
        return false;
    for (u64 i = 0; i < STAGE2_2M_FRAMES; i++)
        f[i].gfn = (u32)(first + i);
    *entry = stage2_leaf(frame_mfn(f), 2, true);
    p->mapped_2m++;
    d->frames += STAGE2_2M_FRAMES;
    return true;
    /* lab end ept.6 */
}

/* The same, if leaves at level 2 are wanted at all. */
static bool populate_large(struct domain *d, u64 gfn, u64 *entry)
{
    const struct physmap *p = d->physmap;

    if (p->small_pages || p->dirty_log || p->accessed_log || !make_large(d, gfn, entry))
        return false;
    ledger_count(&d->ledger, LC_POPULATED_2M);
    TRACE(d, POPULATED_2M, gfn, stage2_mfn(*entry).v);
    return true;
}

/* Fills the reserve: takes some frames at once, so that most first touches need not go to the
 * allocator. They are cleared, belong to the domain and are in its count of frames. */
static bool __attribute__((noinline)) refill(struct domain *d)
{
    struct physmap *p = d->physmap;

    for (int order = RESERVE_ORDER; order >= 0; order--) {
        p->reserve = frame_alloc_order(d->id, (unsigned)order);
        if (!p->reserve)
            continue;
        p->reserve_left = 1u << order;
        d->frames += p->reserve_left;
        return true;
    }
    return false;
}

/*
 * Fills gfn with a 4 KiB leaf at entry, its empty entry at level 1, from the next frame in reserve.
 * The frame's record is told its gfn, and is marked dirty if the dirty log is on: it has contents
 * that nobody has seen. physmap.mapped_4k goes up; the domain's count of frames has them already.
 * 0 or -ENOMEM.
 */
static int populate_small(struct domain *d, u64 gfn, u64 *entry)
{
    struct physmap *p = d->physmap;

    if (unlikely(!p->reserve_left) && !refill(d))
        return -ENOMEM;
    /* lab ept.4 */
    struct frame *f = p->reserve++;
    p->reserve_left--;
    f->gfn = (u32)gfn;
    if (unlikely(p->dirty_log))
        f->flags |= FRAME_DIRTY;
    *entry = stage2_leaf(frame_mfn(f), 1, true);
    p->mapped_4k++;
    /* lab end ept.4 */
    ledger_count(&d->ledger, LC_POPULATED_4K);
    TRACE(d, POPULATED_4K, gfn, stage2_mfn(*entry).v);
    return 0;
}

/*
 * Tour 37: memory on first touch. A domain with 64 MiB of RAM starts with next to none; a frame is
 * found when its first byte is touched. Large where it can be: one entry for 512 frames saves
 * memory, walks and exits. `physmap_populate` below is the quick way for the case that the table is
 * the one used last.
 */

/* Fills gfn, which is RAM that no leaf maps yet: with a 2 MiB leaf, if the tables are still empty
 * there and populate_large can; else with a 4 KiB one. 0 or -ENOMEM. */
static int fill(struct domain *d, u64 gfn)
{
    /* lab ept.4 */
    struct physmap *p = d->physmap;
    u64 *entry = stage2_make(p, gfn, 2);

    if (!entry)
        return -ENOMEM;
    if (!stage2_present(*entry) && populate_large(d, gfn, entry))
        return 0;
    entry = stage2_make(p, gfn, 1);
    return entry ? populate_small(d, gfn, entry) : -ENOMEM;
    /* lab end ept.4 */
}

/* physmap_populate, where the level-1 table of gfn is not the one found last. */
static int __attribute__((noinline)) populate_anywhere(struct domain *d, u64 gfn, mfn_t *mfn)
{
    /* lab ept.4 */
    unsigned level;

    if (gfn >= d->physmap->ram_frames)
        return -ENOENT;
    u64 *entry = stage2_find(d->physmap, gfn, &level);
    if (!stage2_present(*entry)) {
        int error = fill(d, gfn);
        if (error)
            return error;
        entry = stage2_find(d->physmap, gfn, &level);
    }
    *mfn = frame_in_leaf(*entry, level, gfn);
    return 0;
    /* lab end ept.4 */
}

int physmap_populate(struct domain *d, gfn_t gfn, mfn_t *mfn)
{
    struct physmap *p = d->physmap;
    u64 *entry = stage2_recent(p, gfn.v);

    if (unlikely(!entry || gfn.v >= p->ram_frames))
        return populate_anywhere(d, gfn.v, mfn);
    if (!stage2_present(*entry) && populate_small(d, gfn.v, entry))
        return -ENOMEM;
    *mfn = stage2_mfn(*entry);
    return 0;
}

void *physmap_map(struct domain *d, gfn_t gfn)
{
    mfn_t mfn;

    return physmap_populate(d, gfn, &mfn) == 0 ? mfn_to_va(mfn) : NULL;
}
