/*
 * The end of a paravirtualized domain's memory: pins are dropped, then what the hypervisor held,
 * then allocations; by the rules of page_type.c nothing is left but what others have mapped, or
 * their devices use, by grant.
 *
 * This is as long as the domain is large, and is done in pieces (domain_unbuild). Between them
 * others run. What they use of the domain's by grant stays what it was, and theirs until
 * they end it; nothing new of it can be had, since it is doomed.
 */
#include "devices.h"
#include "log.h"
#include "page_type.h"
#include "port.h"
#include "pv.h"

static void drop_pin(struct domain *d, struct frame *f)
{
    if (f->flags & FRAME_PINNED)
        page_unpin(d, frame_mfn(f).v);
}

/* A validation that was broken off. */
static void drop_partial(struct domain *d, struct frame *f)
{
    if (f->flags & FRAME_PARTIAL)
        page_drop_partial(d, f);
}

static void drop_allocation(struct domain *d, struct frame *f)
{
    if (!(f->extra16 & PAGE_ALLOCATED))
        return;
    m2p_set(frame_mfn(f).v, ~0ULL);
    page_release(d, f);
}

/* What others have mapped, or a device of theirs uses, by grant belongs to nobody until they let it
 * go: see page_put_last. */
static void leave_mapped(struct domain *d, struct frame *f)
{
    if (f->flags & FRAME_NOT_RAM)
        return;
    f->owner = DOMID_HYPERVISOR;
    d->frames--;
}

/* A piece of a walk over the domain's frames. True: it has come to the end. */
static bool walk(struct domain *d, void (*visit)(struct domain *d, struct frame *f))
{
    struct pv_domain *p = d->pv;
    u64 end = MIN(p->end_at + UNBUILD_FRAMES, frame_limit());

    for (; p->end_at < end; p->end_at++)
        if (frame_table[p->end_at].owner == d->id)
            visit(d, &frame_table[p->end_at]);
    if (end < frame_limit())
        return false;
    p->end_at = 0;
    return true;
}

static void put_held(struct domain *d, struct frame *f)
{
    if (f && f->type_count)
        page_put_and_type(d, f);
}

/* No table of the domain's is left, so what it had mapped of others' is let go. */
static bool drop_held(struct domain *d)
{
    put_held(d, d->pv->shared_frame);
    put_held(d, d->pv->console_frame);
    put_held(d, d->pv->store_frame);
    pv_store_destroy(d);
    pv_grants_destroy(d);
    return true;
}

static bool stop_devices(struct domain *d)
{
    io_space_destroy(d);
    pv_console_input_end(d);
    pv_watchdogs_end(d);
    return true;
}

static bool finish(struct domain *d)
{
    struct pv_domain *p = d->pv;

    pv_ports_destroy(d);
    if (p->window_l1)
        hv_free_pages(d, p->window_l1, p->window_order);
    if (p->window_l2)
        hv_free_pages(d, p->window_l2, 0);
    if (p->window_l3)
        hv_free_pages(d, p->window_l3, 0);
    hv_free(d, p, sizeof(*p));
    d->pv = NULL;
    return true;
}

/* A piece of the phase that has been reached. True: it is done. */
static bool phase(struct domain *d)
{
    enum phases { DEVICES, PINS, PARTIAL, TABLES, HELD, ALLOCATIONS, MAPPED };

    switch (d->pv->end_phase) {
    case DEVICES:
        return stop_devices(d);
    case PINS:
        return walk(d, drop_pin);
    case PARTIAL:
        return walk(d, drop_partial);
    case TABLES:
        return page_undo_some(d);
    case HELD:
        return drop_held(d);
    case ALLOCATIONS:
        return walk(d, drop_allocation);
    case MAPPED:
        return walk(d, leave_mapped);
    default:
        return finish(d);
    }
}

/* The vcpus, with their roots and descriptor pages, are gone. */
bool domain_unbuild(struct domain *d)
{
    if (!d->pv) {
        io_space_destroy(d);
        return true;
    }
    if (phase(d) && d->pv)
        d->pv->end_phase++;
    return !d->pv;
}
