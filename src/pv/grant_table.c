/*
 * grant_table_op, version 1: a domain's table of grants, and lists of operations on it. Source:
 * xen/grant_table.h. Transfers of frames are refused: a frame changes its owner through the
 * allocator only.
 */
#include "grant_table.h"

#include "errno.h"
#include "hypercall.h"
#include "sched.h"
#include "tlb.h"

struct pv_grants *grants_of(struct domain *d)
{
    if (!d->pv->grants)
        d->pv->grants = hv_alloc(d, sizeof(*d->pv->grants));
    return d->pv->grants;
}

/* One more page of the table. */
static bool grow(struct domain *d, struct pv_grants *g)
{
    void *active = hv_alloc_pages(d, GRANT_ACTIVE_ORDER);
    struct frame *f = active ? frame_alloc(d->id) : NULL, *held;

    if (!f) {
        hv_free_pages(d, active, GRANT_ACTIVE_ORDER);
        return false;
    }
    d->frames_max++;
    d->pv->xen_frames++;
    page_adopt(d, f, ~0u);
    f->flags |= FRAME_XEN_HEAP;
    if (page_get_and_type(d, frame_mfn(f).v, FT_WRITABLE, &held))
        panic("a new frame has a type");
    g->active[g->frames] = active;
    g->frame[g->frames++] = f;
    return true;
}

static s16 of_domain(const struct domain *d, domid_t id)
{
    int error = pv_foreign_domain(d, id);

    return !error ? GNTST_okay : error == -ESRCH ? GNTST_bad_domain : GNTST_permission_denied;
}

static s64 setup(struct domain *d, struct gnttab_setup_table *s)
{
    struct pv_grants *g = grants_of(d);
    u64 list = (u64)(uintptr_t)s->frame_list.p;

    if (!pv_range_ok(list, s->nr_frames * sizeof(xen_pfn_t)))
        return -EFAULT;
    s->status = of_domain(d, s->dom);
    if (s->status != GNTST_okay)
        return 0;
    s->status = GNTST_general_error;
    if (s->nr_frames > GRANT_FRAMES_MAX || !g)
        return 0;
    while (g->frames < s->nr_frames)
        if (!grow(d, g))
            return 0;
    s->status = GNTST_okay;
    for (u32 i = 0; i < s->nr_frames; i++) {
        xen_pfn_t mfn = frame_mfn(g->frame[i]).v;
        if (!pv_copy_to(list + i * sizeof(mfn), &mfn, sizeof(mfn)))
            s->status = GNTST_bad_virt_addr;
    }
    return 0;
}

static s64 query_size(struct domain *d, struct gnttab_query_size *q)
{
    q->status = of_domain(d, q->dom);
    if (q->status == GNTST_okay) {
        q->nr_frames = d->pv->grants ? d->pv->grants->frames : 0;
        q->max_nr_frames = GRANT_FRAMES_MAX;
    }
    return 0;
}

static s64 set_version(struct gnttab_set_version *s)
{
    enum { FIRST = 1, SECOND = 2 };

    if (s->version != FIRST && s->version != SECOND)
        return -EINVAL;
    if (s->version == SECOND)
        return -ENOSYS;
    return 0;
}

static s64 get_version(const struct domain *d, struct gnttab_get_version *g)
{
    g->version = 1;
    return pv_foreign_domain(d, g->dom);
}

static s64 swap(const struct domain *d, struct gnttab_swap_grant_ref *s)
{
    const struct pv_grants *g = d->pv->grants;
    u32 limit = g ? g->frames * GRANTS_PER_FRAME : 0;

    s->status = GNTST_bad_gntref;
    if (s->ref_a >= limit || s->ref_b >= limit)
        return 0;
    s->status = GNTST_eagain;
    if (grant_in_use(grant_active(g, s->ref_a)) || grant_in_use(grant_active(g, s->ref_b)))
        return 0;
    grant_entry_v1_t kept = *grant_entry(g, s->ref_a);
    *grant_entry(g, s->ref_a) = *grant_entry(g, s->ref_b);
    *grant_entry(g, s->ref_b) = kept;
    s->status = GNTST_okay;
    return 0;
}

/* Copies an item in, calls, copies it back. */
#define ITEM(type, call)                                                                           \
    {                                                                                              \
        struct type a;                                                                             \
        if (!pv_copy_from(&a, at, sizeof(a)))                                                      \
            return -EFAULT;                                                                        \
        s64 result = call;                                                                         \
        return result || pv_copy_to(at, &a, sizeof(a)) ? result : -EFAULT;                         \
    }

/* An item of a list. */
static s64 one(struct vcpu *v, u32 command, u64 at)
{
    struct domain *d = v->domain;

    switch (command) {
    case GNTTABOP_map_grant_ref:
        ITEM(gnttab_map_grant_ref, (grant_map(v, &a), 0))
    case GNTTABOP_unmap_grant_ref:
        ITEM(gnttab_unmap_grant_ref, (grant_unmap(v, &a), 0))
    case GNTTABOP_unmap_and_replace:
        ITEM(gnttab_unmap_and_replace, (grant_unmap_and_replace(v, &a), 0))
    case GNTTABOP_copy:
        ITEM(gnttab_copy, (grant_copy(d, &a), 0))
    case GNTTABOP_swap_grant_ref:
        ITEM(gnttab_swap_grant_ref, swap(d, &a))
    case GNTTABOP_setup_table:
        ITEM(gnttab_setup_table, setup(d, &a))
    case GNTTABOP_query_size:
        ITEM(gnttab_query_size, query_size(d, &a))
    case GNTTABOP_get_version:
        ITEM(gnttab_get_version, get_version(d, &a))
    case GNTTABOP_set_version:
        ITEM(gnttab_set_version, set_version(&a))
    default:
        return -ENOSYS;
    }
}

/* Bytes of an item, or 0: there is no such operation; and whether there may be but one. */
static u32 item_bytes(u32 command, bool *single)
{
    *single = false;
    switch (command) {
    case GNTTABOP_map_grant_ref:
        return sizeof(struct gnttab_map_grant_ref);
    case GNTTABOP_unmap_grant_ref:
        return sizeof(struct gnttab_unmap_grant_ref);
    case GNTTABOP_unmap_and_replace:
        return sizeof(struct gnttab_unmap_and_replace);
    case GNTTABOP_copy:
        return sizeof(struct gnttab_copy);
    case GNTTABOP_swap_grant_ref:
        return sizeof(struct gnttab_swap_grant_ref);
    case GNTTABOP_setup_table:
        *single = true;
        return sizeof(struct gnttab_setup_table);
    case GNTTABOP_query_size:
        *single = true;
        return sizeof(struct gnttab_query_size);
    case GNTTABOP_get_version:
        return sizeof(struct gnttab_get_version);
    case GNTTABOP_set_version:
        return sizeof(struct gnttab_set_version);
    default:
        return 0;
    }
}

/* The index of the first item to do is in the command's upper bits, when the call is made again. */
static s64 do_grant_table_op(u64 command, u64 list, u32 count)
{
    enum { INDEX_SHIFT = 6, COMMAND = (1 << INDEX_SHIFT) - 1 };
    struct vcpu *v = pv_current();
    u32 op = command & COMMAND;
    u64 first = command >> INDEX_SHIFT;
    bool single, unmaps = op == GNTTABOP_unmap_grant_ref || op == GNTTABOP_unmap_and_replace;
    u32 bytes = item_bytes(op, &single);
    s64 result = 0;

    if ((s32)count < 0 || (single && count != 1))
        return -EINVAL;
    if (!bytes)
        return -ENOSYS;
    if (op == GNTTABOP_get_version || op == GNTTABOP_set_version)
        count = 1;
    if (!pv_range_ok(list, (u64)count * bytes))
        return -EFAULT;
    for (u64 i = first; i < count && !result; i++) {
        if (i > first && pv_time_is_up_now()) {
            result = pv_again(v, __HYPERVISOR_grant_table_op, op | i << INDEX_SHIFT, list);
            break;
        }
        result = one(v, op, list + i * bytes);
    }
    if (unmaps)
        tlb_flush_all();
    return result;
}
HYPERCALL(__HYPERVISOR_grant_table_op, do_grant_table_op, LC_HC_OTHER);
