/*
 * The references to a domain's frames that the hypervisor holds: see page_check.h.
 */
#include "page_check.h"

#include "grant_table.h"
#include "layout.h"

static void visit_frames(const u64 *mfn, unsigned n,
                         void (*visit)(void *context, struct frame *f, bool typed), void *context)
{
    for (unsigned i = 0; i < n; i++)
        if (mfn[i])
            visit(context, &frame_table[mfn[i]], true);
}

bool page_granted(const struct domain *d, u64 entry)
{
    return pv_grant_explains(d, entry);
}

/* A level-1 table whose entries hold references. */
static bool holds_as_l1(const struct frame *f)
{
    return f->flags & (FRAME_VALIDATED | FRAME_UNDOING) && f->type == FT_L1;
}

/* Entries of an L1 table of another domain's that name frames of d's. */
static void visit_entries(const struct domain *d, const struct frame *table,
                          void (*visit)(void *context, struct frame *f, bool typed), void *context)
{
    const u64 *entry = mfn_to_va(frame_mfn(table));

    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        struct frame *f = entry[i] & PTE_P ? page_of(d, (entry[i] & PTE_ADDR) >> PAGE_SHIFT) : NULL;
        if (f)
            visit(context, f, entry[i] & PTE_W);
    }
}

/* What d's devices, so called, use of `granter`: grant_map.c. */
static void visit_devices(const struct domain *d, const struct domain *granter,
                          void (*visit)(void *context, struct frame *f, bool typed), void *context)
{
    const struct pv_grants *g = d && d->pv ? d->pv->grants : NULL;

    for (u32 i = 0; g && i < g->tracks; i++) {
        const struct grant_track *t = grant_track(g, i);
        if (t->flags & GNTMAP_device_map && t->dom == granter->id)
            visit(context, &frame_table[t->mfn], !(t->flags & GNTMAP_readonly));
    }
}

/* Its grant table, and what others have of it. */
static void visit_grants(const struct domain *d,
                         void (*visit)(void *context, struct frame *f, bool typed), void *context)
{
    const struct pv_grants *g = d->pv->grants;

    if (!g)
        return;
    for (u32 i = 0; i < g->frames; i++)
        visit(context, g->frame[i], true);
    for (u32 ref = 0; ref < g->frames * GRANTS_PER_FRAME; ref++)
        if (grant_in_use(grant_active(g, ref)))
            visit(context, &frame_table[grant_active(g, ref)->mfn], false);
    for (u64 i = 0; i < frame_limit(); i++)
        if (frame_table[i].owner < DOMAIN_MAX && frame_table[i].owner != d->id &&
            holds_as_l1(&frame_table[i]))
            visit_entries(d, &frame_table[i], visit, context);
    for (u16 id = 0; id < DOMAIN_MAX; id++)
        visit_devices(domain_by_id(id), d, visit, context);
}

void page_each_held(struct domain *d, void (*visit)(void *context, struct frame *f, bool typed),
                    void *context)
{
    for (u32 i = 0; i < d->vcpu_count; i++) {
        const struct virt_vcpu *x = d->vcpu[i]->virt;
        const u64 roots[] = {x->kernel_root >> PAGE_SHIFT, x->user_root >> PAGE_SHIFT};

        visit_frames(roots, ARRAY_SIZE(roots), visit, context);
        visit_frames(x->gdt_mfn, ARRAY_SIZE(x->gdt_mfn), visit, context);
        visit_frames(x->ldt_mfn, ARRAY_SIZE(x->ldt_mfn), visit, context);
        if (x->info_frame)
            visit(context, x->info_frame, true);
    }
    visit(context, d->pv->shared_frame, true);
    visit(context, d->pv->console_frame, true);
    if (d->pv->store_frame) /* the small machine of the tests has none */
        visit(context, d->pv->store_frame, true);
    visit_grants(d, visit, context);
}
