/*
 * Leaves of 1 GiB. They are made for RAM that is filled beforehand (`populate=eager`), where a
 * whole GiB of machine memory is free: on first touch nobody would want to give a guest so much.
 */
#include "domain.h"
#include "frame.h"
#include "physmap_ept.h"
#include "errno.h"
#include "layout.h"
#include "stage2.h"
#include "virt_ops.h"

static bool fill_1g(struct domain *d, u64 gfn)
{
    struct physmap *p = d->physmap;
    u64 *entry = stage2_make(p, gfn, 3);
    struct frame *f = entry ? frame_alloc_1g(d->id) : NULL;

    if (!f)
        return false;
    for (u64 i = 0; i < STAGE2_1G_FRAMES; i++)
        f[i].gfn = (u32)(gfn + i);
    *entry = stage2_leaf(frame_mfn(f), 3, true);
    p->mapped_1g++;
    d->frames += STAGE2_1G_FRAMES;
    return true;
}

void physmap_fill_1g(struct domain *d)
{
    const struct physmap *p = d->physmap;

    if (p->small_pages || p->ram_frames < STAGE2_1G_FRAMES ||
        !(virt_ops->second_stage() & SECOND_STAGE_1G))
        return;
    for (u64 gfn = 0; gfn + STAGE2_1G_FRAMES <= p->ram_frames; gfn += STAGE2_1G_FRAMES)
        if (!fill_1g(d, gfn))
            return;
}

/* As stage2_split, a level higher. */
int physmap_split_1g(struct domain *d, u64 *entry)
{
    struct physmap *p = d->physmap;
    struct frame *f = frame_alloc(DOMID_HYPERVISOR);
    u64 first = stage2_mfn(*entry).v, *to;
    bool write = *entry & stage2_format->write;

    if (!f)
        return -ENOMEM;
    to = mfn_to_va(frame_mfn(f));
    for (u64 i = 0; i < 1u << STAGE2_BITS; i++)
        to[i] = stage2_leaf(mfn_of(first + i * STAGE2_2M_FRAMES), 2, write);
    *entry = mfn_to_mpa(frame_mfn(f)).v | stage2_format->table;
    p->tables++;
    p->mapped_1g--;
    p->mapped_2m += 1u << STAGE2_BITS;
    ledger_count(&d->ledger, LC_SPLIT_LEAF);
    return 0;
}
