/*
 * For host tests and the labs' graders: the hypervisor's own pages, from the frame table.
 */
#include "frame.h"
#include "layout.h"

void *hv_alloc_pages(struct domain *d, unsigned order)
{
    struct frame *f = frame_alloc_order(DOMID_HYPERVISOR, order);

    (void)d;
    return f ? mfn_to_va(frame_mfn(f)) : NULL;
}

void hv_free_pages(struct domain *d, void *p, unsigned order)
{
    (void)d;
    for (unsigned i = 0; p && i < 1u << order; i++)
        frame_put(frame_of(mfn_of(va_to_mfn(p).v + i)));
}
