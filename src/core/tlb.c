/*
 * Every flush goes through here. In debug builds the stale set is kept: translations that were
 * taken away or weakened in a table and that some TLB may still hold.
 *
 * Invariant (debug): an entry leaves the set only by a flush that covers it. When the set is full
 * everything is flushed, which is always right.
 */
#include "tlb.h"

#include "log.h"

#if defined(DEBUG_BUILD) || defined(HOST_TEST)

enum { STALE_MAX = 512 };

struct stale {
    mfn_t root;  /* of the tables it was in, or TLB_ANY_ROOT */
    u64 gva;     /* page address, or TLB_ANY_GVA */
    mfn_t frame; /* what it led to */
};

static struct stale stale[STALE_MAX];
static unsigned stale_count;

void tlb_note_stale(mfn_t root, u64 gva, mfn_t frame)
{
    if (stale_count == STALE_MAX)
        tlb_flush_all();
    stale[stale_count++] = (struct stale){root, gva, frame};
}

/* Drops what a flush of this root (and address, unless TLB_ANY_GVA) covers. A translation of an
 * unknown root or address is covered only by a flush of all roots or addresses. */
static void drop(mfn_t root, u64 gva)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < stale_count; i++) {
        const struct stale *s = &stale[i];
        bool same_page = gva == TLB_ANY_GVA ||
                         (s->gva != TLB_ANY_GVA && s->gva >> PAGE_SHIFT == gva >> PAGE_SHIFT);
        if (!mfn_eq(s->root, root) || !same_page)
            stale[kept++] = *s;
    }
    stale_count = kept;
}

void tlb_assert_gone(mfn_t frame)
{
    for (unsigned i = 0; i < stale_count; i++)
        if (mfn_eq(stale[i].frame, frame))
            panic("frame %lx changes hands while a TLB may map it at %lx", frame.v, stale[i].gva);
}

static void drop_all(void)
{
    stale_count = 0;
}

#else

static void drop(mfn_t root, u64 gva)
{
    (void)root;
    (void)gva;
}

static void drop_all(void)
{
}

#endif

void tlb_flush_page(mfn_t root, u64 gva)
{
    tlb_hw_flush_page(root, gva);
    drop(root, gva);
}

void tlb_flush_root(mfn_t root)
{
    tlb_hw_flush_root(root);
    drop(root, TLB_ANY_GVA);
}

void tlb_flush_all(void)
{
    tlb_hw_flush_all();
    drop_all();
}
