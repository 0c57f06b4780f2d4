/*
 * Recounting every reference to a domain's frames from scratch (debug builds and tests): each
 * reference that can be found is taken off the counts, then nothing may be left of them; then all
 * is put back.
 */
#include "page_check.h"

#include "layout.h"
#include "machine.h"
#include "table.h"

/* One recount. */
struct recount {
    struct domain *d; /* whose */
    u32 step;         /* what a reference adds to the counts: 1, or ~0 to take it off */
    unsigned bad;     /* violations */
};

static void violation(struct recount *r, u64 mfn, const char *what, u64 value)
{
    if (r->bad++ < PAGE_CHECK_PRINTED)
        machine_violation("%s: frame %lx: %s (%lx)", r->d->config.name, mfn, what, value);
}

static void count(void *context, struct frame *f, bool typed)
{
    const struct recount *r = context;

    f->refs += r->step;
    if (typed)
        f->type_count += r->step;
}

/* What an entry of a table in use must be like, beside its references. */
static void check_entry(struct recount *r, const struct frame *table, u64 at, u64 entry)
{
    const struct frame *f = &frame_table[(entry & PTE_ADDR) >> PAGE_SHIFT];
    u64 mfn = frame_mfn(table).v;

    if (!(entry & PTE_U) || (table->type != FT_L1 && entry & PTE_PS))
        violation(r, mfn, "an entry's flags", entry);
    if (table->type == FT_L1) {
        if (entry & PTE_W && f->type != FT_WRITABLE)
            violation(r, mfn, "maps writable what has another type", at);
    } else if (f->type == table->type) {
        if (entry & PTE_W || (f != table && (f->linear <= 0 || table->linear >= 0)) ||
            (f->type == FT_L4 && !r->d->linear_l4))
            violation(r, mfn, "leads to a table of its level, which it may not", at);
    } else if (f->type != table->type - 1 || !(f->flags & FRAME_VALIDATED)) {
        violation(r, mfn, "leads to what is no such table", at);
    }
}

static void each_entry(struct recount *r, const struct frame *f, unsigned end, bool check)
{
    const u64 *table = mfn_to_va(frame_mfn(f));

    for (u64 i = 0; i < end; i++) {
        u64 mfn = (table[i] & PTE_ADDR) >> PAGE_SHIFT;

        if (!(table[i] & PTE_P) || (f->type == FT_L4 && slot_is_hypervisors((unsigned)i)))
            continue;
        if (!page_of(r->d, mfn)) {
            if (check && (f->type != FT_L1 || !page_granted(r->d, table[i])))
                violation(r, frame_mfn(f).v, "has an entry for a frame that is not its own", i);
            continue;
        }
        if (check)
            check_entry(r, f, i, table[i]);
        if (f->type != FT_L1 && &frame_table[mfn] == f) /* linear, to itself */
            continue;
        count(r, &frame_table[mfn], f->type != FT_L1 || table[i] & PTE_W);
    }
}

/* All that refers to frames of the domain's. */
static void each_reference(struct recount *r, bool check)
{
    for (u64 i = 0; i < frame_limit(); i++) {
        struct frame *f = &frame_table[i];

        if (f->owner != r->d->id)
            continue;
        if (f->extra16 & PAGE_ALLOCATED)
            count(r, f, false);
        if (f->flags & FRAME_PINNED)
            count(r, f, true);
        if (f->flags & FRAME_VALIDATED && type_is_table(f->type))
            each_entry(r, f, PT_ENTRIES, check);
        if (f->flags & (FRAME_PARTIAL | FRAME_UNDOING)) {
            count(r, f, false);
            each_entry(r, f, f->flags & FRAME_PARTIAL ? page_done(f) : PT_ENTRIES, check);
        }
    }
    page_each_held(r->d, count, r);
}

static void check_residue(struct recount *r)
{
    u64 owned = 0;

    for (u64 i = 0; i < frame_limit(); i++) {
        const struct frame *f = &frame_table[i];

        if (f->owner != r->d->id)
            continue;
        owned++;
        if (f->refs)
            violation(r, i, "its references are more than can be found, by", f->refs);
        if (f->type_count)
            violation(r, i, "its type references are more than can be found, by", f->type_count);
    }
    if (owned != r->d->frames)
        violation(r, 0, "the count of frames is not what the records say", owned);
}

/* While the counts are whole. */
static void check_types(struct recount *r)
{
    for (u64 i = 0; i < frame_limit(); i++) {
        const struct frame *f = &frame_table[i];

        if (f->owner != r->d->id)
            continue;
        if (!!(f->flags & FRAME_VALIDATED) !=
            (f->type_count && (type_is_table(f->type) || f->type == FT_SEGDESC)))
            violation(r, i, "validated and unused, or used and not validated", f->type);
    }
}

unsigned page_check(struct domain *d)
{
    struct recount r = {.d = d, .step = ~0u};

    check_types(&r);
    each_reference(&r, true);
    check_residue(&r);
    r.step = 1;
    each_reference(&r, false);
    return r.bad;
}
