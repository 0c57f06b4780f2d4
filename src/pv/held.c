/*
 * The references to a domain's frames that the hypervisor holds: see page_check.h.
 */
#include "page_check.h"
#include "pv.h"

static void visit_frames(const u64 *mfn, unsigned n,
                         void (*visit)(void *context, struct frame *f, bool typed), void *context)
{
    for (unsigned i = 0; i < n; i++)
        if (mfn[i])
            visit(context, &frame_table[mfn[i]], true);
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
}
