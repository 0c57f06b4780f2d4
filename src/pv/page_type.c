/*
 * Tour 50: the proof.
 *
 * Page types and their counts.
 *
 * A paravirtualized guest sees its own page tables and speaks of machine frames; the processor
 * walks exactly these tables. So that a guest can name nothing but its own frames, every entry is
 * checked before the processor can see it, and nobody but the hypervisor writes to a table that is
 * in use:
 *
 * 1. refs counts who refers to a frame: the allocation itself (PAGE_ALLOCATED), each entry of a
 *    table in use that names the frame, each pin, each root in a vcpu, each descriptor page of a
 *    vcpu, what the hypervisor itself keeps mapped (shared_info, the console's ring), a grant in
 *    use, and each use of one by a device. The frame is the domain's until refs is 0. Another
 *    domain's entry names it, or its device uses it, only by a grant (grant_map.c).
 * 2. type_count counts those of them that rely on what the frame is: an L1 entry with W, or a
 *    device that may write, on FT_WRITABLE; an entry of level n + 1, a pin, a root on FT_Ln; a
 *    vcpu's GDT or LDT on FT_SEGDESC. While it is not 0 the type cannot change. Since FT_WRITABLE
 *    and the others exclude each other, no frame is ever both a table, or a descriptor page, and
 *    mapped writable.
 * 3. A frame becomes a table (its first type reference) only if every entry is valid; then its
 *    entries hold references (FRAME_VALIDATED). From then on each change of an entry takes the new
 *    references before it drops the old. When the last type reference goes, the entries' references
 *    go.
 * 4. Type references lead from level n to level n - 1 only, so they form no cycle, validation goes
 *    no deeper than four levels, and when pins and roots are gone no table remains. Entries that
 *    lead to a table of their own level (linear tables) are the exception: see table.c.
 * 5. Read-only mappings of tables are allowed: they are general references.
 * 6. A frame changes its type, or leaves the domain, only when no TLB can remember the old use
 *    (page_flush_count): a writable translation to what is now a table, or a table walked by way of
 *    what is now a guest's data.
 *
 * 7. A guest can ask for much at once: a new L4 may mean all its memory. So after each table made
 *    the time is looked at, and if it is up the operation breaks off (-ERESTART), all that was
 *    validated being kept: the tables on the way are FRAME_PARTIAL, which keeps their type, and a
 *    reference so that they stay; their first page_done entries hold references. The guest makes
 *    the call again, which goes on from there. Dropping cannot fail and is not called again:
 *    tables whose last use has ended wait in a list (page_undo.c), FRAME_UNDOING, and their domain
 *    does not run until it is empty. No entry leads to a frame of either kind, no vcpu has it as a
 *    root, nothing maps it writable, and it takes no new type before it is done with.
 */
#include "page_type.h"

#include "log.h"
#include "tlb.h"

u32 page_flush_count = 1;

void page_adopt(struct domain *d, struct frame *f, u32 gfn)
{
    ASSERT(f->owner == d->id && f->refs == 1);
    f->extra16 |= PAGE_ALLOCATED;
    f->extra = 0;
    f->gfn = gfn;
    d->frames++;
}

/* Rule 6. */
static void forget(const struct frame *f)
{
    if (f->extra == page_flush_count)
        tlb_flush_all();
}

void page_put_last(struct domain *d, struct frame *f)
{
    struct domain *owner = f->owner == d->id ? d : domain_by_id(f->owner); /* in use by grant */

    ASSERT(f->refs == 1 && f->type_count == 0);
    forget(f);
    if (owner)
        owner->frames--;
    frame_put(f);
}

void page_release(struct domain *d, struct frame *f)
{
    ASSERT(f->extra16 & PAGE_ALLOCATED);
    f->extra16 &= (u16)~PAGE_ALLOCATED;
    page_put(d, f);
}

static void set_done(struct frame *f, unsigned done)
{
    f->extra16 = (u16)((f->extra16 & ((1u << PAGE_DONE_SHIFT) - 1)) | done << PAGE_DONE_SHIFT);
}

/* Time is up after its first `done` entries: it waits, held by itself. */
static int stay_partial(struct domain *d, struct frame *f, unsigned done)
{
    if (!(f->flags & FRAME_PARTIAL) && !page_get(f)) {
        table_invalidate(d, f, done);
        f->type = FT_NONE;
        return -EBUSY;
    }
    if (!(f->flags & FRAME_PARTIAL))
        ledger_count(&d->ledger, LC_PV_BROKEN_OFF);
    f->flags |= FRAME_PARTIAL;
    set_done(f, done);
    return -ERESTART;
}

static void leave_partial(struct domain *d, struct frame *f)
{
    if (!(f->flags & FRAME_PARTIAL))
        return;
    f->flags &= (u16)~FRAME_PARTIAL;
    set_done(f, 0);
    page_put(d, f); /* at a domain's end it may be the last */
}

/* The first type reference of a frame that is to be a table, or a descriptor page; f->type is set.
 * Checks its entries (table_validate), from where an earlier attempt broke off. While they are
 * looked at, type_count is 1 already, so that none of them can refer to the frame under another
 * type. Good: it is FRAME_VALIDATED, and not partial. -ERESTART: it has no type reference, and it
 * stays partial with so many entries done. Another error: it is as it was before, of no type. An
 * attempt that fails counts as the end of a use (rule 6), since it was a table for a while. */
static int validate(struct domain *d, struct frame *f)
{
    unsigned done = page_done(f);
    int error;

    /* lab pv.3: return lab_missing("pv.3"), 0; */
    f->type_count = 1;
    error = table_validate(d, f, &done);
    if (!error) {
        f->flags |= FRAME_VALIDATED;
        leave_partial(d, f);
        return 0;
    }
    f->type_count = 0;
    page_note_ended(f);
    if (error == -ERESTART)
        return stay_partial(d, f, done);
    f->type = FT_NONE;
    leave_partial(d, f);
    return error;
    /* lab end pv.3 */
}

/* A frame that is partial can only be taken up under its own type (else -EBUSY). One that is being
 * undone is either on its way to the allocator, when the list has the last reference (refs is 1:
 * -EBUSY), or is undone now. Then rule 6, kept by a flush if the last use is not forgotten yet; a
 * debug build asks tlb.h's ledger whether it was (tlb_assert_gone); rule 3; and the count. */
int page_get_new_type(struct domain *d, struct frame *f, enum frame_type type)
{
    ASSERT(f->type_count == 0);
    /* lab pv.3: return lab_missing("pv.3"), 0; */
    if (f->flags & FRAME_PARTIAL)
        return f->type == type ? validate(d, f) : -EBUSY;
    if (f->flags & FRAME_UNDOING) {
        if (f->refs == 1) /* it goes with its list's reference */
            return -EBUSY;
        page_undo_now(d, f);
    }
    if (f->type != type) {
        forget(f);
        tlb_assert_gone(frame_mfn(f));
    }
    f->type = (u8)type;
    if (type != FT_WRITABLE)
        return validate(d, f);
    f->type_count = 1;
    return 0;
    /* lab end pv.3 */
}

/* The type stays, but nothing relies on it any more; rules 3 and 6. A table's references are
 * dropped by page_undo. */
void page_put_last_type(struct domain *d, struct frame *f)
{
    /* lab pv.3: lab_missing("pv.3"); */
    page_note_ended(f);
    f->type_count = 0;
    if (!(f->flags & FRAME_VALIDATED))
        return;
    f->flags &= (u16)~FRAME_VALIDATED;
    if (type_is_table(f->type))
        page_undo(d, f);
    /* lab end pv.3 */
}

void page_drop_partial(struct domain *d, struct frame *f)
{
    unsigned done = page_done(f);

    ASSERT(f->flags & FRAME_PARTIAL && f->type_count == 0);
    table_invalidate(d, f, done);
    page_note_ended(f);
    leave_partial(d, f);
}

int page_get_and_type(struct domain *d, u64 mfn, enum frame_type type, struct frame **out)
{
    struct frame *f = page_of(d, mfn);
    int error;

    /* lab pv.2: return lab_missing("pv.2"), 0; */
    if (!f)
        return page_error(mfn);
    if (!page_get(f))
        return -EBUSY;
    error = page_get_type(d, f, type);
    if (error)
        page_put(d, f);
    else
        *out = f;
    return error;
    /* lab end pv.2 */
}

void page_put_and_type(struct domain *d, struct frame *f)
{
    page_put_type(d, f);
    page_put(d, f);
}

int page_pin(struct domain *d, u64 mfn, enum frame_type type)
{
    struct frame *f;
    int error = page_get_and_type(d, mfn, type, &f);

    /* lab pv.2: return lab_missing("pv.2"), 0; */
    if (error)
        return error;
    if (f->flags & FRAME_PINNED) {
        page_put_and_type(d, f);
        return -EINVAL;
    }
    f->flags |= FRAME_PINNED;
    return 0;
    /* lab end pv.2 */
}

int page_unpin(struct domain *d, u64 mfn)
{
    struct frame *f = page_of(d, mfn);

    /* lab pv.2: return lab_missing("pv.2"), 0; */
    if (!f)
        return page_error(mfn);
    if (!(f->flags & FRAME_PINNED))
        return -EINVAL;
    f->flags &= (u16)~FRAME_PINNED;
    page_put_and_type(d, f);
    return 0;
    /* lab end pv.2 */
}
