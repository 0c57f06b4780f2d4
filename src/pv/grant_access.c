/*
 * Who may use a grant, and the marks by which its owner sees that it is used. Source:
 * xen/grant_table.h, "Grant Table Format".
 *
 * Invariants
 *  - An entry is the guest's to write: it is read once, whole, and changed by compare-exchange.
 *  - GTF_reading is set while the grant has mappings, GTF_writing while it has writable ones; they
 * are this file's alone to clear.
 *  - A grant that is in use keeps its frame, whatever the guest writes into the entry: it holds a
 *    general reference of it, so that the frame stays the domain's.
 */
#include "grant_table.h"

#include "hypercall.h"

/* The first half of an entry, which decides. */
union decision {
    u32 word;
    struct {
        u16 flags; /* GTF_* */
        u16 dom;   /* who may use it */
    };
};

static s16 permits(union decision e, u16 id, bool write)
{
    if ((e.flags & GTF_type_mask) != GTF_permit_access || e.dom != id)
        return GNTST_general_error;
    return write && e.flags & GTF_readonly ? GNTST_general_error : GNTST_okay;
}

/* The entry of a reference that is in the table, or NULL. */
static grant_entry_v1_t *entry_of(const struct domain *d, u32 ref)
{
    const struct pv_grants *g = d->pv->grants;

    return g && ref < g->frames * GRANTS_PER_FRAME ? grant_entry(g, ref) : NULL;
}

s16 grant_look_up(const struct domain *d, u16 id, u32 ref, bool write, u64 *mfn)
{
    grant_entry_v1_t *entry = entry_of(d, ref);
    union decision e;
    s16 status;

    if (!entry)
        return GNTST_bad_gntref;
    e.word = __atomic_load_n((u32 *)entry, __ATOMIC_SEQ_CST);
    status = permits(e, id, write);
    if (status != GNTST_okay)
        return status;
    *mfn = __atomic_load_n(&entry->frame, __ATOMIC_SEQ_CST);
    return page_of(d, *mfn) ? GNTST_okay : GNTST_bad_page;
}

/* Sets the marks, if the entry permits the use. */
static s16 mark(grant_entry_v1_t *entry, u16 id, bool write)
{
    enum { TIMES = 5 };
    union decision e, marked;

    for (unsigned i = 0; i < TIMES; i++) {
        e.word = __atomic_load_n((u32 *)entry, __ATOMIC_SEQ_CST);
        if (permits(e, id, write) != GNTST_okay)
            return GNTST_general_error;
        marked = e;
        marked.flags |= GTF_reading | (write ? GTF_writing : 0);
        if (__atomic_compare_exchange_n((u32 *)entry, &e.word, marked.word, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            return GNTST_okay;
    }
    return GNTST_general_error;
}

static void unmark(grant_entry_v1_t *entry, const struct grant_active *a)
{
    u16 gone = (u16)((a->writers ? 0 : GTF_writing) | (a->readers || a->writers ? 0 : GTF_reading));

    __atomic_fetch_and(&entry->flags, (u16)~gone, __ATOMIC_SEQ_CST);
}

/* The first use. */
static bool take_frame(const struct domain *d, struct grant_active *a,
                       const grant_entry_v1_t *entry)
{
    u64 mfn = __atomic_load_n(&entry->frame, __ATOMIC_SEQ_CST);
    struct frame *f = page_of(d, mfn);

    if (!f || !page_get(f))
        return false;
    a->mfn = (u32)mfn;
    return true;
}

s16 grant_pin(const struct domain *d, u16 id, u32 ref, bool write, u64 *mfn)
{
    grant_entry_v1_t *entry = entry_of(d, ref);
    struct grant_active *a;
    s16 status;

    if (!entry)
        return GNTST_bad_gntref;
    a = grant_active(d->pv->grants, ref);
    if (a->readers == GRANT_PINS_MAX || a->writers == GRANT_PINS_MAX)
        return GNTST_general_error;
    status = mark(entry, id, write);
    if (status != GNTST_okay)
        return status;
    if (!a->readers && !a->writers && !take_frame(d, a, entry)) {
        unmark(entry, a);
        return GNTST_bad_page;
    }
    *(write ? &a->writers : &a->readers) += 1;
    *mfn = a->mfn;
    return GNTST_okay;
}

void grant_unpin(struct domain *d, u32 ref, bool write)
{
    struct grant_active *a = grant_active(d->pv->grants, ref);

    *(write ? &a->writers : &a->readers) -= 1;
    unmark(grant_entry(d->pv->grants, ref), a);
    if (!a->readers && !a->writers)
        page_put(d, &frame_table[a->mfn]);
}

void grants_unpin_all(struct domain *d)
{
    struct pv_grants *g = d->pv->grants;

    for (u32 ref = 0; ref < g->frames * GRANTS_PER_FRAME; ref++) {
        struct grant_active *a = grant_active(g, ref);

        if (a->readers || a->writers)
            page_put(d, &frame_table[a->mfn]);
        a->readers = a->writers = 0;
    }
}
