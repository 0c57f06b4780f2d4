/*
 * The dirty log of physmap.h, by write protection (the other way: write_log.c): a leaf that may not
 * be written makes the first write to its frame a violation, and the violation's handler notes the
 * frame and gives the right back. All later writes to it cost nothing, until the log is read.
 *
 * Invariants
 *  - While the log is on there are no 2 MiB leaves, and a leaf is writable exactly if its frame is
 *    marked FRAME_DIRTY. While it is off every leaf is writable, but for those that can only be
 *    executed, and no frame is marked.
 *  - A function that has taken the right to write from a leaf flushes before it returns: else a
 *    processor with the old translation would write on unseen.
 */
#include "domain.h"
#include "errno.h"
#include "frame.h"
#include "paging.h"
#include "physmap_ept.h"
#include "stage2.h"
#include "tlb.h"

/* Makes the 4 KiB leaf at entry read-only and its frame clean. A processor may still have the old
 * translation: tlb.h is told (which guest-virtual addresses it is for nobody knows), and the caller
 * flushes. */
static void make_clean(struct domain *d, u64 *entry)
{
    /* lab ept.8 */
    mfn_t mfn = stage2_mfn(*entry);

    *entry &= ~stage2_format->write;
    frame_of(mfn)->flags &= (u16)~FRAME_DIRTY;
    tlb_note_stale(physmap_root(d), TLB_ANY_GVA, mfn);
    /* lab end ept.8 */
}

static void clean_leaf(void *context, u64 gfn, unsigned level, u64 *entry)
{
    (void)gfn;
    (void)level;
    make_clean(context, entry);
}

int physmap_split_all(struct domain *d)
{
    struct physmap *p = d->physmap;

    for (u64 gfn = 0; gfn < p->ram_frames; gfn += STAGE2_2M_FRAMES) {
        unsigned level;
        u64 *entry = stage2_find(p, gfn, &level);
        int error = 0;
        if (level == 3 && stage2_present(*entry)) {
            error = physmap_split_1g(d, entry);
            entry = stage2_find(p, gfn, &level);
        }
        if (!error && level == 2 && stage2_present(*entry)) {
            error = stage2_split(p, entry);
            ledger_count(&d->ledger, LC_SPLIT_LEAF);
        }
        if (error)
            return error;
    }
    return 0;
}

/*
 * Tour 38: who wrote where. To move a running domain to another machine one has to know which pages
 * it has written since they were copied. All pages are made read-only; the first write to each is a
 * violation, which is noted and then permitted. The flush at the end is the part that is easily
 * forgotten: without it the processor goes on with the rights that it remembers.
 */
int physmap_dirty_start(struct domain *d)
{
    struct physmap *p = d->physmap;

    if (p->dirty_log)
        return -EBUSY;
    int error = physmap_split_all(d);
    if (error)
        return error;
    if (d->config.log_by_processor)
        return physmap_log_start(d);
    p->dirty_log = true;
    /* lab ept.8 */
    stage2_each_leaf(p, clean_leaf, d);
    tlb_flush_root(physmap_root(d));
    return 0;
    /* lab end ept.8 */
}

static void free_leaf(void *context, u64 gfn, unsigned level, u64 *entry)
{
    (void)context;
    (void)gfn;
    (void)level;
    if (*entry & stage2_format->read)
        *entry |= stage2_format->write;
    frame_of(stage2_mfn(*entry))->flags &= (u16)~FRAME_DIRTY;
}

/* No flush: a translation that lacks a right is dropped by the violation that it causes. */
void physmap_dirty_stop(struct domain *d)
{
    struct physmap *p = d->physmap;

    if (!p->dirty_log)
        return;
    if (p->by_processor)
        physmap_log_stop(d);
    p->dirty_log = false;
    stage2_each_leaf(p, free_leaf, NULL);
    physmap_merge_all(d);
}

/* The first write since the log was read to the frame of a 4 KiB leaf, whose entry this is: it is
 * noted, and permitted from now on. */
static void first_write(u64 *entry)
{
    /* lab ept.8 */
    *entry |= stage2_format->write;
    frame_of(stage2_mfn(*entry))->flags |= FRAME_DIRTY;
    /* lab end ept.8 */
}

bool physmap_allow_write(struct domain *d, gfn_t gfn)
{
    struct physmap *p = d->physmap;
    unsigned level;

    if (gfn.v >= p->ram_frames)
        return false;
    u64 *entry = stage2_find(p, gfn.v, &level);
    if (!stage2_present(*entry) || !(*entry & stage2_format->read))
        return false;
    if (p->by_processor)
        paging_logged(d, gfn_to_gpa(gfn).v);
    else if (!(*entry & stage2_format->write)) {
        first_write(entry);
        ledger_count(&d->ledger, LC_DIRTY_FRAME);
    }
    return true;
}

s64 physmap_dirty_read(struct domain *d, gfn_t first, u64 gfns, u8 *bits)
{
    struct physmap *p = d->physmap;
    s64 found = 0;

    if (!p->dirty_log)
        return -EINVAL;
    if (p->by_processor)
        return physmap_log_read(d, first, gfns, bits);
    for (u64 i = 0; i < (gfns + 7) / 8; i++)
        bits[i] = 0;
    u64 count = first.v < p->ram_frames ? MIN(gfns, p->ram_frames - first.v) : 0;
    /* lab ept.8 */
    for (u64 i = 0; i < count; i++) {
        unsigned level;
        u64 *entry = stage2_find(p, first.v + i, &level);
        if (!(*entry & stage2_format->write))
            continue;
        make_clean(d, entry);
        bits[i / 8] |= (u8)(1u << i % 8);
        found++;
    }
    if (found)
        tlb_flush_root(physmap_root(d));
    return found;
    /* lab end ept.8 */
}
