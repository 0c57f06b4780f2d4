/*
 * A table of the guest's that cannot stay one: an access to it has to be made by the processor
 * itself. The frame stops being a table, until it is used as one again; unless the access goes
 * through it.
 */
#include "domain.h"
#include "fault.h"

/* Whether the walk to gva passes through the table in f. */
static bool on_the_way(struct vcpu *v, u64 gva, const struct frame *f)
{
    const struct walk_mode *m = &v->paging->mode;
    struct walk_result r;
    bool found = false;

    walk(m, gva, WALK_READ | WALK_PEEK, &shadow_walk_memory, v->domain, &r);
    for (unsigned level = m->levels; level && level >= r.level; level--)
        found |= r.entry[level].gpa >> PAGE_SHIFT == f->gfn;
    return found;
}

static bool stop_shadowing(struct vcpu *v, u64 gva, struct frame *f)
{
    return !on_the_way(v, gva, f) && shadow_drop_frame(v->domain, f);
}

bool paging_stop_shadowing(struct vcpu *v, u64 gva, u64 gpa)
{
    struct frame *f = &frame_table[physmap_mfn(v->domain->physmap, gpa >> PAGE_SHIFT)];

    return f->flags & FRAME_SHADOWED && stop_shadowing(v, gva, f);
}

enum paging_result shadow_pushed_on(struct vcpu *v, u64 gva, struct frame *f,
                                    struct paging_fault *out)
{
    if (stop_shadowing(v, gva, f))
        return PAGING_FIXED;
    out->why = "it has its stack in a page table that it runs on";
    return PAGING_KILL;
}
