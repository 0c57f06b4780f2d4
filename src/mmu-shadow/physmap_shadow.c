/*
 * physmap.h under shadow paging: a table of the hypervisor's, gfn -> machine frame number, a page
 * of it for each 4 MiB of RAM.
 *
 * Invariants
 *  - Each frame in the map belongs to the domain, holds one reference and names its gfn; no frame
 * is in it twice.
 *  - The frames in reserve belong to the domain too and hold one reference, but no gfn.
 *  - While the dirty log is on, no leaf of a shadow is writable unless its frame is FRAME_DIRTY.
 *  - A frame leaves the domain only after all its shadows are gone and flushed.
 */
#include "../cpu/cpuid_policy.h"
#include "domain.h"
#include "errno.h"
#include "shadow.h"
#include "tlb.h"
#include "trace.h"

enum { RESERVE_ORDER = 4, MAX_ORDER = 9 };

static u64 leaf_count(const struct physmap *p)
{
    return (p->ram_frames + (1u << PHYSMAP_LEAF_BITS) - 1) >> PHYSMAP_LEAF_BITS;
}

static bool make_map(struct physmap *p)
{
    while (((u64)PAGE_SIZE << p->leaf_order) < leaf_count(p) * sizeof(p->leaf[0]))
        p->leaf_order++;
    if (p->leaf_order > MAX_ORDER)
        return false;
    p->leaf = hv_alloc_pages(NULL, p->leaf_order);
    if (!p->leaf)
        return false;
    for (u64 i = 0; i < leaf_count(p); i++) {
        p->leaf[i] = hv_alloc_pages(NULL, 0);
        if (!p->leaf[i])
            return false;
    }
    return true;
}

static void free_map(struct physmap *p)
{
    for (u64 i = 0; p->leaf && i < leaf_count(p); i++)
        hv_free_pages(NULL, p->leaf[i], 0);
    hv_free_pages(NULL, p->leaf, p->leaf_order);
}

int physmap_init(struct domain *d)
{
    struct physmap *p = hv_alloc(d, sizeof(*p));

    if (!p)
        return -ENOMEM;
    p->ram_frames = d->config.mem_bytes >> PAGE_SHIFT;
    p->rsvd = PTE_ADDR & ~((1ULL << cpuid_policy_maxphyaddr()) - 1);
    if (!make_map(p) || shadow_pool_init(&p->pool, d->config.shadow_bytes)) {
        free_map(p);
        hv_free(d, p, sizeof(*p));
        return -ENOMEM;
    }
    d->physmap = p;
    return 0;
}

bool physmap_destroy(struct domain *d)
{
    struct physmap *p = d->physmap;

    if (!p)
        return true;
    if (!p->released && !shadow_pool_destroy(d))
        return false;
    for (u64 end = MIN(p->released + UNBUILD_FRAMES, p->ram_frames); p->released < end;) {
        u32 mfn = physmap_mfn(p, p->released++);
        if (!mfn)
            continue;
        frame_put(&frame_table[mfn]);
        d->frames--;
    }
    if (p->released < p->ram_frames)
        return false;
    for (; p->reserve_left; p->reserve_left--, d->frames--)
        frame_put(p->reserve++);
    free_map(p);
    d->physmap = NULL;
    hv_free(d, p, sizeof(*p));
    return true;
}

enum physmap_kind physmap_lookup(struct domain *d, gfn_t gfn, mfn_t *mfn)
{
    const struct physmap *p = d->physmap;
    u32 have = physmap_mfn(p, gfn.v);

    if (have) {
        *mfn = mfn_of(have);
        return PHYSMAP_RAM;
    }
    return gfn.v < p->ram_frames ? PHYSMAP_LAZY : PHYSMAP_NONE;
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

int physmap_populate(struct domain *d, gfn_t gfn, mfn_t *mfn)
{
    struct physmap *p = d->physmap;
    u32 have = physmap_mfn(p, gfn.v);

    if (likely(have)) {
        *mfn = mfn_of(have);
        return 0;
    }
    if (gfn.v >= p->ram_frames)
        return -ENOENT;
    if (unlikely(!p->reserve_left) && !refill(d))
        return -ENOMEM;
    struct frame *f = p->reserve++;
    p->reserve_left--;
    f->gfn = (u32)gfn.v;
    *mfn = frame_mfn(f);
    p->leaf[gfn.v >> PHYSMAP_LEAF_BITS][gfn.v & ((1u << PHYSMAP_LEAF_BITS) - 1)] = (u32)mfn->v;
    p->filled++;
    ledger_count(&d->ledger, LC_POPULATED_4K);
    TRACE(d, POPULATED_4K, gfn.v, mfn->v);
    return 0;
}

void *physmap_map(struct domain *d, gfn_t gfn)
{
    mfn_t mfn;

    return physmap_populate(d, gfn, &mfn) == 0 ? mfn_to_va(mfn) : NULL;
}

/* Every frame of first .. first + gfns - 1 that is marked, unmarked and noted in bits (if not
 * NULL).
 */
static s64 collect(struct physmap *p, u64 first, u64 gfns, u8 *bits)
{
    u64 count = first < p->ram_frames ? MIN(gfns, p->ram_frames - first) : 0;
    s64 found = 0;

    for (u64 i = 0; i < count; i++) {
        struct frame *f = &frame_table[physmap_mfn(p, first + i)];
        if (!physmap_mfn(p, first + i) || !(f->flags & FRAME_DIRTY))
            continue;
        f->flags &= (u16)~FRAME_DIRTY;
        found++;
        if (bits)
            bits[i / 8] |= (u8)(1u << i % 8);
    }
    return found;
}

int physmap_dirty_start(struct domain *d)
{
    struct physmap *p = d->physmap;

    if (p->dirty_log)
        return -EBUSY;
    collect(p, 0, p->ram_frames, NULL);
    p->dirty_log = true;
    shadow_protect_all(d);
    tlb_flush_all();
    return 0;
}

/* Leaves become writable again as they are written to. */
void physmap_dirty_stop(struct domain *d)
{
    d->physmap->dirty_log = false;
    collect(d->physmap, 0, d->physmap->ram_frames, NULL);
}

/* Takes writing away from the frames in bits, of each by the places that it remembers. False: some
 * leaf that maps one is remembered nowhere. */
static bool protect_found(struct domain *d, u64 first, u64 gfns, const u8 *bits)
{
    struct physmap *p = d->physmap;

    for (u64 i = 0; i < gfns; i++) {
        struct frame *f;
        if (!(bits[i / 8] >> i % 8 & 1))
            continue;
        f = &frame_table[physmap_mfn(p, first + i)];
        if ((u64) !!f->next + !!f->prev != f->type_count)
            return false;
        shadow_protect_frame(d, f);
    }
    return true;
}

/* Goes through the leaves of all shadows only where a frame is mapped in more ways than it
 * remembers. */
s64 physmap_dirty_read(struct domain *d, gfn_t first, u64 gfns, u8 *bits)
{
    struct physmap *p = d->physmap;

    if (!p->dirty_log)
        return -EINVAL;
    for (u64 i = 0; i < (gfns + 7) / 8; i++)
        bits[i] = 0;
    s64 found = collect(p, first.v, gfns, bits);
    if (found && !protect_found(d, first.v, gfns, bits))
        shadow_protect_all(d);
    if (found)
        tlb_flush_all();
    return found;
}
