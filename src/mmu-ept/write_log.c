/*
 * The dirty log of physmap.h, by the processor (`dirty_log=pml`): it sets the dirty flag of a leaf
 * at the first write to its frame, and notes the frame in a log of its own (virt_ops.log_collect).
 * No write costs an exit, but one in 512 of the first ones, when that log is full.
 *
 * Invariants, while it is on
 *  - There are no leaves above level 1.
 *  - A leaf whose dirty flag is set has its frame marked FRAME_DIRTY, or the frame is in a vcpu's
 *    log. (A frame may be marked without the flag: the hypervisor wrote to it.)
 *  - A function that has cleared a dirty flag flushes before it returns: a translation in the
 *    processor says "dirty already", and a write through it would not be logged.
 */
#include "domain.h"
#include "errno.h"
#include "frame.h"
#include "paging.h"
#include "physmap_ept.h"
#include "stage2.h"
#include "tlb.h"
#include "virt_ops.h"

void physmap_logs_changed(struct domain *d)
{
    for (u32 i = 0; i < d->vcpu_count; i++)
        virt_paging_changed(d->vcpu[i]);
}

void physmap_log_collect(struct domain *d)
{
    for (u32 i = 0; d->physmap->by_processor && i < d->vcpu_count; i++)
        virt_ops->log_collect(d->vcpu[i]);
}

/* The processor sets flags in this entry at the same time: nothing else of it may be lost. */
static void make_clean(u64 *entry)
{
    __atomic_and_fetch(entry, ~stage2_format->dirty, __ATOMIC_RELAXED);
    frame_of(stage2_mfn(*entry))->flags &= (u16)~FRAME_DIRTY;
}

static void clean_leaf(void *context, u64 gfn, unsigned level, u64 *entry)
{
    (void)context;
    (void)gfn;
    (void)level;
    make_clean(entry);
}

int physmap_log_start(struct domain *d)
{
    struct physmap *p = d->physmap;

    for (u32 i = 0; i < d->vcpu_count; i++)
        if (virt_ops->log_init(d->vcpu[i]))
            return -ENOMEM;
    stage2_each_leaf(p, clean_leaf, NULL);
    p->dirty_log = p->by_processor = true;
    physmap_logs_changed(d);
    tlb_flush_root(physmap_root(d));
    return 0;
}

void physmap_log_stop(struct domain *d)
{
    physmap_log_collect(d); /* so that it is empty the next time */
    d->physmap->by_processor = false;
    physmap_logs_changed(d);
}

/* What the processor writes down are addresses of frames that its tables map; and those of the
 * hypervisor's own writes come here, too. */
void paging_logged(struct domain *d, u64 gpa)
{
    struct physmap *p = d->physmap;
    gfn_t gfn = gpa_to_gfn(gpa_of(gpa));
    unsigned level;

    if (gfn.v >= p->ram_frames || !p->dirty_log)
        return;
    u64 entry = *stage2_find(p, gfn.v, &level);
    struct frame *f = stage2_present(entry) ? frame_of(stage2_mfn(entry)) : NULL;
    if (!f || f->flags & FRAME_DIRTY)
        return;
    f->flags |= FRAME_DIRTY;
    ledger_count(&d->ledger, LC_DIRTY_FRAME);
}

s64 physmap_log_read(struct domain *d, gfn_t first, u64 gfns, u8 *bits)
{
    struct physmap *p = d->physmap;
    u64 count = first.v < p->ram_frames ? MIN(gfns, p->ram_frames - first.v) : 0;
    s64 found = 0;

    physmap_log_collect(d);
    for (u64 i = 0; i < (gfns + 7) / 8; i++)
        bits[i] = 0;
    for (u64 i = 0; i < count; i++) {
        unsigned level;
        u64 *entry = stage2_find(p, first.v + i, &level);
        if (!stage2_present(*entry) || !(frame_of(stage2_mfn(*entry))->flags & FRAME_DIRTY))
            continue;
        make_clean(entry);
        bits[i / 8] |= (u8)(1u << i % 8);
        found++;
    }
    if (found)
        tlb_flush_root(physmap_root(d));
    return found;
}
