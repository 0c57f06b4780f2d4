/*
 * Recounting a second stage from scratch (debug builds and tests).
 */
#include "domain.h"
#include "frame.h"
#include "machine.h"
#include "paging.h"
#include "physmap_ept.h"
#include "stage2.h"

struct recount {
    struct domain *domain;  /* whose */
    u64 leaves[STAGE2_TOP]; /* found, by level - 1 */
    u64 execute_only;       /* leaves that can only be executed */
    unsigned bad;           /* violations */
};

static void violation(struct recount *r, u64 gfn, const char *what)
{
    machine_violation("%s: gfn %lx: %s", r->domain->config.name, gfn, what);
    r->bad++;
}

static void check_frame(struct recount *r, u64 gfn, mfn_t mfn, u64 entry)
{
    const struct frame *f = frame_of(mfn);
    const struct physmap *p = r->domain->physmap;
    const u64 dirty = p->by_processor ? stage2_format->dirty : stage2_format->write;

    if (!f) {
        violation(r, gfn, "maps what is not RAM");
        return;
    }
    if (f->owner != r->domain->id)
        violation(r, gfn, "maps a frame that is not the domain's");
    else if (f->gfn != gfn)
        violation(r, gfn, "maps a frame that has another gfn");
    /* A frame that was filled, or written to by the hypervisor, is not dirty to the processor. */
    if (p->dirty_log && !!(entry & dirty) != !!(f->flags & FRAME_DIRTY) &&
        (entry & dirty || !p->by_processor))
        violation(r, gfn, "is writable but not marked dirty, or the other way round");
}

static void check_leaf(void *context, u64 gfn, unsigned level, u64 *entry)
{
    struct recount *r = context;
    const struct physmap *p = r->domain->physmap;
    u64 count = stage2_frames(level);

    if (level > 3)
        violation(r, gfn, "is mapped above level 3");
    if (level > 1 && (p->dirty_log || p->accessed_log))
        violation(r, gfn, "is mapped by a large leaf while a log is on");
    if (!(*entry & stage2_format->read))
        r->execute_only++;
    r->leaves[level - 1]++;
    if (gfn + count > p->ram_frames)
        violation(r, gfn, "lies behind the end of RAM");
    for (u64 i = 0; i < count; i++)
        check_frame(r, gfn + i, mfn_of(stage2_mfn(*entry).v + i), *entry);
}

unsigned physmap_check(struct domain *d)
{
    struct recount r = {.domain = d};
    const struct physmap *p = d->physmap;

    physmap_log_collect(d);
    stage2_each_leaf(d->physmap, check_leaf, &r);
    if (r.leaves[0] != p->mapped_4k || r.leaves[1] != p->mapped_2m || r.leaves[2] != p->mapped_1g)
        violation(&r, 0, "the count of leaves is not what the tables say");
    if (r.execute_only != d->execute_only)
        violation(&r, 0,
                  "the count of frames that can only be executed is not what the tables say");
    if (r.leaves[0] + r.leaves[1] * STAGE2_2M_FRAMES + r.leaves[2] * STAGE2_1G_FRAMES +
            p->reserve_left !=
        d->frames)
        violation(&r, 0, "the count of frames is not what the tables say");
    return r.bad + paging_check(d);
}

unsigned paging_check(struct domain *d)
{
    (void)d;
    return 0;
}
