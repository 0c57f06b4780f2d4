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
    return 0;
}

/* Drops the frames of a leaf. */
static void release_leaf(void *context, u64 gfn, unsigned level, u64 *entry)
{
    struct domain *d = context;
    u64 count = level == 1 ? 1 : STAGE2_2M_FRAMES;
    struct frame *f = frame_of(stage2_mfn(*entry));

    (void)gfn;
    *entry = 0;
    for (u64 i = 0; i < count; i++)
        frame_put(&f[i]);
    d->frames -= count;
}

void physmap_destroy(struct domain *d)
{
    struct physmap *p = d->physmap;

    if (!p)
        return;
    tlb_flush_root(root_mfn(p));
    stage2_each_leaf(p, release_leaf, d);
    for (; p->reserve_left; p->reserve_left--, d->frames--)
        frame_put(p->reserve++);
    stage2_free_tables(p);
    d->physmap = NULL;
    hv_free(d, p, sizeof(*p));
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
    *mfn = mfn_of(stage2_mfn(entry).v + (level == 1 ? 0 : gfn.v % STAGE2_2M_FRAMES));
    return PHYSMAP_RAM;
}

/* A 2 MiB leaf fits at this empty entry of level 2. */
static bool large_fits(const struct physmap *p, u64 gfn)
{
    u64 first = gfn & ~(u64)(STAGE2_2M_FRAMES - 1);

    return !p->small_pages && !p->dirty_log && first + STAGE2_2M_FRAMES <= p->ram_frames;
}

static bool populate_large(struct domain *d, u64 gfn, u64 *entry)
{
    struct frame *f = frame_alloc_order(d->id, STAGE2_BITS);

    if (!f)
        return false;
    for (u64 i = 0; i < STAGE2_2M_FRAMES; i++)
        f[i].gfn = (u32)((gfn & ~(u64)(STAGE2_2M_FRAMES - 1)) + i);
    *entry = stage2_leaf(frame_mfn(f), 2, true);
    d->physmap->mapped_2m++;
    d->frames += STAGE2_2M_FRAMES;
    ledger_count(&d->ledger, LC_POPULATED_2M);
    TRACE(d, POPULATED_2M, gfn, frame_mfn(f).v);
    return true;
}

/* Takes some frames at once, so that most first touches need not go to the allocator. */
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

static int populate_small(struct domain *d, u64 gfn, u64 *entry)
{
    struct physmap *p = d->physmap;

    if (unlikely(!p->reserve_left) && !refill(d))
        return -ENOMEM;
    struct frame *f = p->reserve++;
    p->reserve_left--;
    f->gfn = (u32)gfn;
    if (unlikely(p->dirty_log))
        f->flags |= FRAME_DIRTY;
    *entry = stage2_leaf(frame_mfn(f), 1, true);
    p->mapped_4k++;
    ledger_count(&d->ledger, LC_POPULATED_4K);
    TRACE(d, POPULATED_4K, gfn, frame_mfn(f).v);
    return 0;
}

/*
 * Tour 37: memory on first touch. A domain with 64 MiB of RAM starts with next to none; a frame is
 * found when its first byte is touched. Large where it can be: one entry for 512 frames saves
 * memory, walks and exits. `physmap_populate` below is the quick way for the case that the table is
 * the one used last.
 */

/* Where the level-1 table of gfn is not the one found last. */
static int __attribute__((noinline)) populate_anywhere(struct domain *d, u64 gfn, mfn_t *mfn)
{
    struct physmap *p = d->physmap;
    unsigned level;

    if (gfn >= p->ram_frames)
        return -ENOENT;
    u64 *entry = stage2_find(p, gfn, &level);
    if (!stage2_present(*entry)) {
        if (level > 2 && !(entry = stage2_make(p, gfn, 2)))
            return -ENOMEM;
        level = MIN(level, 2);
        if (level == 2 && !(large_fits(p, gfn) && populate_large(d, gfn, entry))) {
            entry = stage2_make(p, gfn, 1);
            level = 1;
        }
        if (!entry || (level == 1 && populate_small(d, gfn, entry)))
            return -ENOMEM;
    }
    *mfn = mfn_of(stage2_mfn(*entry).v + (level == 1 ? 0 : gfn % STAGE2_2M_FRAMES));
    return 0;
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
