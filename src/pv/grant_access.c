/*
 * Who may use a grant, and the marks by which its owner sees that it is used. Source:
 * xen/grant_table.h, "Grant Table Format".
 *
 * Invariants
 *  - An entry is the guest's to write: it is read once, whole, and changed by compare-exchange.
 *  - GTF_reading is set when a grant's first use begins, GTF_writing when its first use for writing
 *    does; they are cleared when the last one ends, and are this file's alone to clear.
 *  - A grant that is in use keeps its frame and its user, whatever the guest writes into the entry:
 *    it holds a general reference of the frame, so that the frame stays the domain's. Of the entry
 *    only GTF_readonly still counts, until there is a use for writing.
 *  - The uses of a grant are counted by kinds, none beyond GRANT_PINS_MAX, so that none overflows.
 */
#include "grant_table.h"

#include "hypercall.h"

#include <string.h>

/* The first half of an entry, which decides. */
union decision {
    u32 word;
    struct {
        u16 flags; /* GTF_* */
        u16 dom;   /* who may use it */
    };
};

static bool has_writers(const struct grant_active *a)
{
    return a->pins[GRANT_HOST_WRITE] || a->pins[GRANT_DEVICE_WRITE];
}

/* mask: of its flags, what says whether the grant is of the kind that is asked for. */
static s16 permits(const struct grant_active *a, union decision e, u16 mask, u16 id, bool write)
{
    if (grant_in_use(a) ? a->dom != id : (e.flags & mask) != GTF_permit_access || e.dom != id)
        return GNTST_general_error;
    return write && !has_writers(a) && e.flags & GTF_readonly ? GNTST_general_error : GNTST_okay;
}

/* The entry of a reference that is in the table, or NULL. */
static grant_entry_v1_t *entry_of(const struct domain *d, u32 ref)
{
    const struct pv_grants *g = d->pv->grants;

    return g && ref < g->frames * GRANTS_PER_FRAME ? grant_entry(g, ref) : NULL;
}

s16 grant_look_up(const struct domain *d, u16 id, u32 ref, bool write, u64 *mfn)
{
    const grant_entry_v1_t *entry = entry_of(d, ref);
    const struct grant_active *a;
    union decision e;
    s16 status;

    if (!entry)
        return GNTST_bad_gntref;
    a = grant_active(d->pv->grants, ref);
    e.word = __atomic_load_n((const u32 *)entry, __ATOMIC_SEQ_CST);
    status = permits(a, e, GTF_type_mask, id, write);
    if (status != GNTST_okay)
        return status;
    *mfn = grant_in_use(a) ? a->mfn : __atomic_load_n(&entry->frame, __ATOMIC_SEQ_CST);
    return page_of(d, *mfn) ? GNTST_okay : GNTST_bad_page;
}

/* Sets the marks, if the entry permits the use. */
static s16 mark(grant_entry_v1_t *entry, const struct grant_active *a, u16 id, bool write)
{
    enum { TIMES = 5 };
    union decision e, marked;

    for (unsigned i = 0; i < TIMES; i++) {
        e.word = __atomic_load_n((u32 *)entry, __ATOMIC_SEQ_CST);
        if (permits(a, e, GTF_type_mask | GTF_sub_page, id, write) != GNTST_okay)
            return GNTST_general_error;
        marked = e;
        marked.flags |= GTF_reading | (write ? GTF_writing : 0);
        if (__atomic_compare_exchange_n((u32 *)entry, &e.word, marked.word, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            return GNTST_okay;
    }
    return GNTST_general_error;
}

/* A use, for writing or not, has ended or has not begun. */
static void unmark(grant_entry_v1_t *entry, const struct grant_active *a, bool write)
{
    u16 gone =
        (u16)((!write || has_writers(a) ? 0 : GTF_writing) | (grant_in_use(a) ? 0 : GTF_reading));

    __atomic_fetch_and(&entry->flags, (u16)~gone, __ATOMIC_SEQ_CST);
}

/* The first use. */
static bool take_frame(const struct domain *d, struct grant_active *a, u16 id,
                       const grant_entry_v1_t *entry)
{
    u64 mfn = __atomic_load_n(&entry->frame, __ATOMIC_SEQ_CST);
    struct frame *f = page_of(d, mfn);

    if (!f || !page_get(f))
        return false;
    a->mfn = (u32)mfn;
    a->dom = id;
    return true;
}

/* The count of what a part is, with these flags, a use of. */
static u8 *pins_of(struct grant_active *a, u32 part, u32 flags)
{
    bool write = !(flags & GNTMAP_readonly);

    return &a->pins[part == GNTMAP_host_map ? GRANT_HOST_READ + write : GRANT_DEVICE_READ + write];
}

/* Each count that the flags mean goes up, or down, by one. */
static void count(struct grant_active *a, u32 flags, int by)
{
    for (u32 part = GNTMAP_device_map; part <= GNTMAP_host_map; part <<= 1)
        if (flags & part)
            *pins_of(a, part, flags) = (u8)(*pins_of(a, part, flags) + by);
}

/* One of the counts that the flags mean is at its end. */
static bool is_full(struct grant_active *a, u32 flags)
{
    return (flags & GNTMAP_host_map && *pins_of(a, GNTMAP_host_map, flags) == GRANT_PINS_MAX) ||
           (flags & GNTMAP_device_map && *pins_of(a, GNTMAP_device_map, flags) == GRANT_PINS_MAX);
}

s16 grant_pin(const struct domain *d, u16 id, u32 ref, u32 flags, u64 *mfn)
{
    grant_entry_v1_t *entry = entry_of(d, ref);
    bool write = !(flags & GNTMAP_readonly);
    struct grant_active *a;
    s16 status;

    if (!entry)
        return GNTST_bad_gntref;
    a = grant_active(d->pv->grants, ref);
    if (is_full(a, flags) || (grant_in_use(a) && a->dom != id))
        return GNTST_general_error;
    if (!grant_in_use(a) || (write && !has_writers(a))) {
        status = mark(entry, a, id, write);
        if (status != GNTST_okay)
            return status;
    }
    if (!grant_in_use(a) && !take_frame(d, a, id, entry)) {
        unmark(entry, a, write);
        return GNTST_bad_page;
    }
    count(a, flags, 1);
    *mfn = a->mfn;
    return GNTST_okay;
}

void grant_unpin(struct domain *d, u32 ref, u32 flags)
{
    struct grant_active *a = grant_active(d->pv->grants, ref);

    count(a, flags, -1);
    unmark(grant_entry(d->pv->grants, ref), a, !(flags & GNTMAP_readonly));
    if (!grant_in_use(a))
        page_put(d, &frame_table[a->mfn]);
}

void grants_unpin_all(struct domain *d)
{
    struct pv_grants *g = d->pv->grants;

    for (u32 ref = 0; ref < g->frames * GRANTS_PER_FRAME; ref++) {
        struct grant_active *a = grant_active(g, ref);

        if (grant_in_use(a))
            page_put(d, &frame_table[a->mfn]);
        memset(a->pins, 0, sizeof(a->pins));
    }
}
