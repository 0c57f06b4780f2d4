/*
 * Recounting a second stage from scratch (debug builds and tests).
 */
#include "domain.h"
#include "frame.h"
#include "machine.h"
#include "paging.h"
#include "physmap.h"
#include "stage2.h"

struct recount {
    struct domain *domain;    /* whose */
    u64 leaves_4k, leaves_2m; /* found */
    unsigned bad;             /* violations */
};

static void violation(struct recount *r, u64 gfn, const char *what)
{
    machine_violation("%s: gfn %lx: %s", r->domain->config.name, gfn, what);
    r->bad++;
}

static void check_frame(struct recount *r, u64 gfn, mfn_t mfn, bool writable)
{
    const struct frame *f = frame_of(mfn);

    if (!f) {
        violation(r, gfn, "maps what is not RAM");
        return;
    }
    if (f->owner != r->domain->id)
        violation(r, gfn, "maps a frame that is not the domain's");
    else if (f->gfn != gfn)
        violation(r, gfn, "maps a frame that has another gfn");
    if (r->domain->physmap->dirty_log && writable != !!(f->flags & FRAME_DIRTY))
        violation(r, gfn, "is writable but not marked dirty, or the other way round");
}

static void check_leaf(void *context, u64 gfn, unsigned level, u64 *entry)
{
    struct recount *r = context;
    u64 count = level == 1 ? 1 : STAGE2_2M_FRAMES;

    if (level > 2)
        violation(r, gfn, "is mapped above level 2");
    if (level == 1)
        r->leaves_4k++;
    else
        r->leaves_2m++;
    if (gfn + count > r->domain->physmap->ram_frames)
        violation(r, gfn, "lies behind the end of RAM");
    for (u64 i = 0; i < count; i++)
        check_frame(r, gfn + i, mfn_of(stage2_mfn(*entry).v + i), *entry & stage2_format->write);
}

unsigned physmap_check(struct domain *d)
{
    struct recount r = {.domain = d};
    const struct physmap *p = d->physmap;

    stage2_each_leaf(d->physmap, check_leaf, &r);
    if (r.leaves_4k != p->mapped_4k || r.leaves_2m != p->mapped_2m)
        violation(&r, 0, "the count of leaves is not what the tables say");
    if (r.leaves_4k + r.leaves_2m * STAGE2_2M_FRAMES + p->reserve_left != d->frames)
        violation(&r, 0, "the count of frames is not what the tables say");
    return r.bad + paging_check(d);
}

unsigned paging_check(struct domain *d)
{
    (void)d;
    return 0;
}
