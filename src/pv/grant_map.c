/*
 * Frames of another domain's in a guest's page tables, or in use by a device, by grant. Source:
 * xen/grant_table.h.
 *
 * A mapping has one part or two, which begin together and end each on its own: the host's, an L1
 * entry; and the device's, which without an IOMMU is a promise alone: a device that the guest
 * drives may be told the frame's machine address (dev_bus_addr) and reach it from then on, so the
 * frame must stay what it is although no entry names it.
 *
 * Invariants
 *  - An L1 entry names another domain's frame only if it was stored here. It holds the same
 *    references as any other entry (page_type.c, rules 1 and 2), so however it goes, by unmapping,
 *    overwriting, or the end of its table, they go with it; and the guest cannot store such an
 *    entry itself, nor have a page with one in it validated again, for the frame is not its own.
 *    (Bits for which nothing is held it may change: table_same_use.)
 *  - A device's part holds a general reference of the handle's frame and, unless it is read-only, a
 *    type reference as writable memory: until it ends the frame is nobody else's and no page table.
 *    Nothing outside of this file can end it: the guest has nothing there to overwrite.
 *  - The counts. Each part that a handle still has (GRANT_PARTS in its flags) is one use of its
 *    grant: pins[k] of a grant is the number of handles with a part of kind k, its right being
 *    GNTMAP_readonly of the same handle. Each device part is one pair of references as above.
 *  - Unmapping changes only an entry that names the handle's frame with the handle's right to
 *    write, and flushes before the call returns: the other domain may then use its frame for
 *    something else.
 *  - When the domain that granted ends, frames still mapped or in use belong to nobody until the
 *    last reference goes (unbuild.c), and its handles at others point at nobody.
 *
 * Why the counts hold: a part's flag is set in one place (grant_map), after its use has been
 * counted and its references taken; it is cleared in one place (end_parts), which gives back
 * exactly that, and is handed only parts that the handle still has. Right and frame of a handle
 * never change, so what is given back is what was taken, whatever stands in the guest's operation
 * or in the entry today. No step between two of these can fail: all checks of an unmapping come
 * before the first change. A handle is free when it has no part left, so none outlives its handle.
 * The frame of a handle is that of its grant while the granter lives (grant_access.c), and its
 * number means the same frame after that as long as a device's part holds it. An entry that the
 * guest has overwritten leaves its handle's part behind, as under Xen: that is a use too many,
 * never one too few.
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

/* Takes the references of an entry for the granter's frame, or of a device that uses it. */
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

/* Drops them; d: who held them. */
static void let_go(struct domain *d, u64 mfn, bool write)
{
    struct frame *f = &frame_table[mfn];

    if (write)
        page_put_type(d, f);
    page_put(d, f);
}

/* As Xen makes it: never to be executed, with the guest's own bits where it wants them. */
static u64 entry_for(u64 mfn, u32 flags)
{
    enum { AVAIL_BITS = 7, AVAIL_SHIFT = 9 };
    u64 entry = mfn << PAGE_SHIFT | PTE_P | PTE_U | PTE_A | PTE_D | PTE_NX;

    entry |= flags & GNTMAP_application_map ? PTE_G : PTE_GUEST_KERNEL;
    entry |= (u64)(flags >> _GNTMAP_guest_avail0 & AVAIL_BITS) << AVAIL_SHIFT;
    return flags & GNTMAP_readonly ? entry : entry | PTE_W;
}

/* What the parts of a mapping hold, and the entry. */
static bool begin_parts(struct vcpu *v, const struct gnttab_map_grant_ref *op,
                        struct domain *granter, u64 mfn)
{
    bool write = !(op->flags & GNTMAP_readonly);
    u64 *place;

    if (op->flags & GNTMAP_device_map && !hold(granter, mfn, write))
        return false;
    if (!(op->flags & GNTMAP_host_map))
        return true;
    place = place_of(v, op->host_addr, op->flags);
    if (place && hold(granter, mfn, write)) {
        table_store_held(v->domain, place, entry_for(mfn, op->flags));
        return true;
    }
    if (op->flags & GNTMAP_device_map)
        let_go(v->domain, mfn, write);
    return false;
}

static s16 map(struct vcpu *v, const struct gnttab_map_grant_ref *op, struct domain *granter,
               u64 *mfn)
{
    s16 status = grant_pin(granter, v->domain->id, op->ref, op->flags, mfn);

    if (status != GNTST_okay || begin_parts(v, op, granter, *mfn))
        return status;
    grant_unpin(granter, op->ref, op->flags);
    return GNTST_general_error;
}

void grant_map(struct vcpu *v, struct gnttab_map_grant_ref *op)
{
    struct domain *granter = domain_by_id(op->dom);
    struct pv_grants *g = grants_of(v->domain);
    s32 handle;
    u64 mfn = 0;

    op->status = GNTST_bad_gntref;
    if (!(op->flags & GRANT_PARTS))
        return;
    op->status = GNTST_bad_domain;
    if (!granter || !granter->pv || granter->doomed)
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

/* Parts that the handle has end; what a host's part holds goes with its entry. */
static void end_parts(struct domain *d, struct grant_track *t, u32 parts)
{
    if (parts & GNTMAP_device_map)
        let_go(d, t->mfn, !(t->flags & GNTMAP_readonly));
    if (t->dom != DOMID_HYPERVISOR)
        grant_unpin(domain_by_id(t->dom), t->ref, parts | (t->flags & GNTMAP_readonly));
    t->flags &= (u16)~parts;
}

/* Whether this entry is the handle's. */
static bool is_of(const struct grant_track *t, const u64 *place)
{
    return place && *place & PTE_P && (*place & PTE_ADDR) >> PAGE_SHIFT == t->mfn &&
           !(*place & PTE_W) == !!(t->flags & GNTMAP_readonly);
}

/* The entry at address, of this handle, becomes the one at `from` (0: none), which is cleared, as
 * under Xen also if this is refused. */
static s16 unmap_entry(struct vcpu *v, const struct grant_track *t, u64 address, u64 from)
{
    u64 *place = place_of(v, address, t->flags), *source = NULL, entry = 0;

    if (from) {
        source = t->flags & GNTMAP_contains_pte ? NULL : place_of(v, from, 0);
        if (!source)
            return GNTST_general_error;
    }
    if (source == place || !is_of(t, place)) {
        if (source)
            table_store_held(v->domain, source, 0);
        return GNTST_general_error;
    }
    if (source)
        entry = __atomic_exchange_n(source, 0, __ATOMIC_SEQ_CST);
    table_store_held(v->domain, place, entry);
    return GNTST_okay;
}

/* Ends the parts of the handle that are named by an address which is not 0, if it has them: both,
 * or, if there is anything wrong, none. */
static s16 unmap(struct vcpu *v, u32 handle, u64 address, u64 device, u64 from)
{
    struct pv_grants *g = v->domain->pv->grants;
    struct grant_track *t;
    u32 parts;
    s16 status;

    if (!g || handle >= g->tracks || !grant_track(g, handle)->flags)
        return GNTST_bad_handle;
    t = grant_track(g, handle);
    parts = t->flags & ((address ? GNTMAP_host_map : 0) | (device ? GNTMAP_device_map : 0));
    if (parts & GNTMAP_device_map && device != (u64)t->mfn << PAGE_SHIFT)
        return GNTST_bad_dev_addr;
    if (parts & GNTMAP_host_map) {
        status = unmap_entry(v, t, address, from);
        if (status != GNTST_okay)
            return status;
    }
    end_parts(v->domain, t, parts);
    if (!(t->flags & GRANT_PARTS))
        free_handle(g, handle);
    return GNTST_okay;
}

void grant_unmap(struct vcpu *v, struct gnttab_unmap_grant_ref *op)
{
    op->status = unmap(v, op->handle, op->host_addr, op->dev_bus_addr, 0);
}

void grant_unmap_and_replace(struct vcpu *v, struct gnttab_unmap_and_replace *op)
{
    op->status = unmap(v, op->handle, op->host_addr, 0, op->new_addr);
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
            end_parts(d, grant_track(g, i), grant_track(g, i)->flags & GRANT_PARTS);
    forget_granter(d);
    grants_unpin_all(d);
    for (u32 i = 0; i < GRANT_TRACK_PAGES && g->track[i]; i++)
        hv_free_pages(d, g->track[i], 0);
    for (u32 i = 0; i < g->frames; i++) {
        page_put_and_type(d, g->frame[i]);
        hv_free_pages(d, g->active[i], GRANT_ACTIVE_ORDER);
    }
    hv_free(d, g, sizeof(*g));
    d->pv->grants = NULL;
}

bool pv_grant_explains(const struct domain *d, u64 entry)
{
    const struct pv_grants *g = d->pv ? d->pv->grants : NULL;

    for (u32 i = 0; g && i < g->tracks; i++) {
        const struct grant_track *t = grant_track(g, i);
        if (t->flags & GNTMAP_host_map && t->mfn == (entry & PTE_ADDR) >> PAGE_SHIFT &&
            !(entry & PTE_W) == !!(t->flags & GNTMAP_readonly))
            return true;
    }
    return false;
}
