/*
 * Frames of another domain's in a guest's page tables, by grant. Source: xen/grant_table.h.
 *
 * Invariants
 *  - An L1 entry names another domain's frame only if it was stored here. It holds the same
 *    references as any other entry (page_type.c, rules 1 and 2), so however it goes, by unmapping,
 *    overwriting, or the end of its table, they go with it; and the guest cannot store such an
 * entry itself, nor have a page with one in it validated again, for the frame is not its own.
 *  - A handle is one use of a grant (grant_pin), until it is unmapped or its domain ends. An entry
 *    that the guest has overwritten leaves the handle behind, as under Xen.
 *  - Unmapping changes only an entry that names the handle's frame with the handle's right to
 * write, and flushes before the call returns: the other domain may then use its frame for something
 * else.
 *  - When the domain that granted ends, frames still mapped belong to nobody until the last entry
 *    goes (unbuild.c), and its handles at others point at nobody.
 */
#include "grant_table.h"

#include "hypercall.h"
#include "layout.h"
#include "table.h"

/* A free handle, or GRANT_NO_HANDLE. */
static s32 take_handle(struct domain *d, struct pv_grants *g)
{
    u32 handle = g->free_track - 1;

    if (!g->free_track) {
        u32 page = g->tracks / TRACKS_PER_PAGE;

        if (page == GRANT_TRACK_PAGES || !(g->track[page] = hv_alloc_pages(d, 0)))
            return GRANT_NO_HANDLE;
        for (u32 i = 1; i < TRACKS_PER_PAGE; i++)
            g->track[page][i].ref = i + 1 < TRACKS_PER_PAGE ? g->tracks + i + 2 : 0;
        handle = g->tracks;
        g->free_track = handle + 2;
        g->tracks += TRACKS_PER_PAGE;
    } else {
        g->free_track = grant_track(g, handle)->ref;
    }
    return (s32)handle;
}

static void free_handle(struct pv_grants *g, u32 handle)
{
    *grant_track(g, handle) = (struct grant_track){.ref = g->free_track};
    g->free_track = handle + 1;
}

/* The place of the L1 entry that a host_addr names, or NULL. */
static u64 *place_of(const struct vcpu *v, u64 address, u32 flags)
{
    struct frame *table;

    if (!(flags & GNTMAP_contains_pte))
        return table_find_l1(v->domain, v->virt->kernel_root, address, &table);
    table = page_of(v->domain, address >> PAGE_SHIFT);
    if (!table || address % sizeof(u64) || !(table->flags & FRAME_VALIDATED) ||
        table->type != FT_L1)
        return NULL;
    return mpa_to_va(mpa_of(address));
}

/* Takes the references of an entry for the granter's frame. */
static bool hold(struct domain *granter, u64 mfn, bool write)
{
    struct frame *f = page_of(granter, mfn);

    if (!page_get(f))
        return false;
    if (!write || !page_get_type(granter, f, FT_WRITABLE))
        return true;
    page_put(granter, f);
    return false;
}

static s16 map(struct vcpu *v, const struct gnttab_map_grant_ref *op, struct domain *granter,
               u64 *mfn)
{
    bool write = !(op->flags & GNTMAP_readonly);
    u64 *place = place_of(v, op->host_addr, op->flags);
    s16 status = grant_pin(granter, v->domain->id, op->ref, write, mfn);

    if (status != GNTST_okay)
        return status;
    if (!place || !hold(granter, *mfn, write)) {
        grant_unpin(granter, op->ref, write);
        return GNTST_general_error;
    }
    table_store_held(v->domain, place,
                     *mfn << PAGE_SHIFT | PTE_P | PTE_U | PTE_A | PTE_D | (write ? PTE_W : 0));
    return GNTST_okay;
}

void grant_map(struct vcpu *v, struct gnttab_map_grant_ref *op)
{
    struct domain *granter = domain_by_id(op->dom);
    struct pv_grants *g = grants_of(v->domain);
    s32 handle;
    u64 mfn = 0;

    op->handle = (grant_handle_t)GRANT_NO_HANDLE;
    op->status = GNTST_bad_gntref;
    if (!(op->flags & (GNTMAP_host_map | GNTMAP_device_map)))
        return;
    op->status = GNTST_bad_domain;
    if (!granter || !granter->pv || granter->doomed)
        return;
    op->status = GNTST_no_device_space; /* no device reaches a domain's memory */
    if (op->flags & GNTMAP_device_map)
        return;
    op->status = GNTST_no_space;
    handle = g ? take_handle(v->domain, g) : GRANT_NO_HANDLE;
    if (handle == GRANT_NO_HANDLE)
        return;
    op->status = map(v, op, granter, &mfn);
    if (op->status != GNTST_okay) {
        free_handle(g, (u32)handle);
        return;
    }
    *grant_track(g, (u32)handle) =
        (struct grant_track){op->ref, (u32)mfn, granter->id, (u16)op->flags};
    op->handle = (u32)handle;
    op->dev_bus_addr = mfn << PAGE_SHIFT;
}

static void end_use(const struct grant_track *t)
{
    if (t->dom != DOMID_HYPERVISOR)
        grant_unpin(domain_by_id(t->dom), t->ref, !(t->flags & GNTMAP_readonly));
}

/* The entry at address, of this handle, becomes the one at `from` (0: none), which is cleared. */
static s16 unmap(struct vcpu *v, u32 handle, u64 address, u64 from)
{
    struct pv_grants *g = v->domain->pv->grants;
    const struct grant_track *t;
    u64 *place, *source = NULL, entry = 0;

    if (!g || handle >= g->tracks || !grant_track(g, handle)->flags)
        return GNTST_bad_handle;
    t = grant_track(g, handle);
    if (!address)
        return GNTST_okay;
    place = place_of(v, address, t->flags);
    if (!place || !(*place & PTE_P) || (*place & PTE_ADDR) >> PAGE_SHIFT != t->mfn ||
        !(*place & PTE_W) != !!(t->flags & GNTMAP_readonly))
        return GNTST_general_error;
    if (from) {
        source = t->flags & GNTMAP_contains_pte ? NULL : place_of(v, from, 0);
        if (!source || source == place)
            return GNTST_general_error;
        entry = __atomic_exchange_n(source, 0, __ATOMIC_SEQ_CST);
    }
    table_store_held(v->domain, place, entry);
    end_use(t);
    free_handle(g, handle);
    return GNTST_okay;
}

void grant_unmap(struct vcpu *v, struct gnttab_unmap_grant_ref *op)
{
    op->status = unmap(v, op->handle, op->host_addr, 0);
}

void grant_unmap_and_replace(struct vcpu *v, struct gnttab_unmap_and_replace *op)
{
    op->status = unmap(v, op->handle, op->host_addr, op->new_addr);
}

/* Others' handles on what is d's point at nobody from now on. */
static void forget_granter(const struct domain *d)
{
    for (u16 id = 0; id < DOMAIN_MAX; id++) {
        const struct domain *other = domain_by_id(id);
        const struct pv_grants *g = other && other->pv ? other->pv->grants : NULL;

        for (u32 i = 0; g && i < g->tracks; i++)
            if (grant_track(g, i)->flags && grant_track(g, i)->dom == d->id)
                grant_track(g, i)->dom = DOMID_HYPERVISOR;
    }
}

/* Its tables are gone, so nothing of others' is mapped any more. */
void pv_grants_destroy(struct domain *d)
{
    struct pv_grants *g = d->pv->grants;

    if (!g)
        return;
    for (u32 i = 0; i < g->tracks; i++)
        if (grant_track(g, i)->flags)
            end_use(grant_track(g, i));
    forget_granter(d);
    grants_unpin_all(d);
    for (u32 i = 0; i < GRANT_TRACK_PAGES && g->track[i]; i++)
        hv_free_pages(d, g->track[i], 0);
    for (u32 i = 0; i < g->frames; i++) {
        page_put_and_type(d, g->frame[i]);
        hv_free_pages(d, g->active[i], 0);
    }
    hv_free(d, g, sizeof(*g));
    d->pv->grants = NULL;
}

bool pv_grant_explains(const struct domain *d, u64 entry)
{
    const struct pv_grants *g = d->pv ? d->pv->grants : NULL;

    for (u32 i = 0; g && i < g->tracks; i++) {
        const struct grant_track *t = grant_track(g, i);
        if (t->flags && t->mfn == (entry & PTE_ADDR) >> PAGE_SHIFT &&
            !(entry & PTE_W) == !!(t->flags & GNTMAP_readonly))
            return true;
    }
    return false;
}
