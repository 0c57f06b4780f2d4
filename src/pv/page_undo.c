/*
 * Tables that are tables no more. Each of their entries holds references, and dropping those may
 * end other tables, so that the end of one L4 is the end of all that a domain has. This is work to
 * be done in pieces, and a piece is one table: those that it ends join the list instead of being
 * called.
 *
 * Invariants
 *  - A frame is on its domain's list (next, prev, d->undoing) exactly while it is FRAME_UNDOING;
 *    its type_count is 0, its type is still that of the table, and the list holds a general
 *    reference.
 *  - While the list is not empty no vcpu of the domain runs (virt_vcpu_run), and calls that are
 *    lists break off before their next item: so a guest never finds a frame held by a table that it
 *    has given up.
 */
#include "page_type.h"
#include "sched.h"

static void enlist(struct domain *d, struct frame *f)
{
    f->prev = 0;
    f->next = d->undoing;
    if (f->next)
        frame_table[f->next].prev = (u32)frame_mfn(f).v;
    d->undoing = (u32)frame_mfn(f).v;
    f->flags |= FRAME_UNDOING;
}

static void take_off(struct domain *d, struct frame *f)
{
    if (f->prev)
        frame_table[f->prev].next = f->next;
    else
        d->undoing = f->next;
    if (f->next)
        frame_table[f->next].prev = f->prev;
    f->next = f->prev = 0;
    f->flags &= (u16)~FRAME_UNDOING;
}

void page_undo_now(struct domain *d, struct frame *f)
{
    ASSERT(f->owner == d->id && f->flags & FRAME_UNDOING && f->type_count == 0);
    take_off(d, f);
    table_invalidate(d, f, PT_ENTRIES);
    page_note_ended(f);
    page_put(d, f);
}

/* Nothing of the domain runs before the rest is done. */
static void hold_back(const struct domain *d)
{
    for (u32 i = 0; i < d->vcpu_count; i++)
        if (d->vcpu[i])
            d->vcpu[i]->kicked = 1;
}

bool page_undo_some(struct domain *d)
{
    d->undo_runs = true;
    while (d->undoing) {
        page_undo_now(d, &frame_table[d->undoing]);
        if (d->undoing && sched_time_is_up())
            break;
    }
    d->undo_runs = false;
    if (!d->undoing)
        return true;
    ledger_count(&d->ledger, LC_PV_BROKEN_OFF);
    hold_back(d);
    return false;
}

void page_undo(struct domain *d, struct frame *f)
{
    if (unlikely(!page_get(f))) { /* as many references as can be counted: then at once */
        table_invalidate(d, f, PT_ENTRIES);
        return;
    }
    enlist(d, f);
    if (!d->undo_runs)
        page_undo_some(d);
}
