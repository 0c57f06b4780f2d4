/*
 * The end of a paravirtualized domain's memory: what the hypervisor held is dropped, then pins,
 * then allocations; by the rules of page_type.c nothing is left but what others have mapped by
 * grant.
 */
#include "devices.h"
#include "log.h"
#include "page_type.h"
#include "port.h"
#include "pv.h"

static void drop_pins(struct domain *d)
{
    for (u64 i = 0; i < frame_limit(); i++)
        if (frame_table[i].owner == d->id && frame_table[i].flags & FRAME_PINNED)
            page_unpin(d, i);
}

/* Validations that were broken off, and what is still to be undone. */
static void finish_tables(struct domain *d)
{
    for (u64 i = 0; i < frame_limit(); i++)
        if (frame_table[i].owner == d->id && frame_table[i].flags & FRAME_PARTIAL)
            page_drop_partial(d, &frame_table[i]);
    while (!page_undo_some(d))
        ;
}

static void drop_allocations(struct domain *d)
{
    for (u64 i = 0; i < frame_limit(); i++)
        if (frame_table[i].owner == d->id && frame_table[i].extra16 & PAGE_ALLOCATED) {
            m2p_set(i, ~0ULL);
            page_release(d, &frame_table[i]);
        }
}

/* What others have mapped by grant belongs to nobody until they let it go: see page_put_last. */
static void leave_mapped(struct domain *d)
{
    for (u64 i = 0; i < frame_limit(); i++)
        if (frame_table[i].owner == d->id && !(frame_table[i].flags & FRAME_NOT_RAM)) {
            frame_table[i].owner = DOMID_HYPERVISOR;
            d->frames--;
        }
}

/* The vcpus, with their roots and descriptor pages, are gone. */
void domain_unbuild(struct domain *d)
{
    struct pv_domain *p = d->pv;

    io_space_destroy(d);
    if (!p)
        return;
    pv_console_input_end(d);
    drop_pins(d);
    finish_tables(d);
    if (p->shared_frame && p->shared_frame->type_count)
        page_put_and_type(d, p->shared_frame);
    if (p->console_frame && p->console_frame->type_count)
        page_put_and_type(d, p->console_frame);
    if (p->store_frame && p->store_frame->type_count)
        page_put_and_type(d, p->store_frame);
    pv_store_destroy(d);
    pv_grants_destroy(d);
    drop_allocations(d);
    leave_mapped(d);
    pv_ports_destroy(d);
    if (p->window_l1)
        hv_free_pages(d, p->window_l1, p->window_order);
    if (p->window_l2)
        hv_free_pages(d, p->window_l2, 0);
    if (p->window_l3)
        hv_free_pages(d, p->window_l3, 0);
    hv_free(d, p, sizeof(*p));
    d->pv = NULL;
}
