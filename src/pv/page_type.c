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
 *    vcpu, and what the hypervisor itself keeps mapped (shared_info, the console's ring). The frame
 *    is the domain's until refs is 0. Another domain's entry names it only by a grant
 * (grant_map.c).
 * 2. type_count counts those of them that rely on what the frame is: an L1 entry with W on
 *    FT_WRITABLE; an entry of level n + 1, a pin, a root on FT_Ln; a vcpu's GDT or LDT on
 *    FT_SEGDESC. While it is not 0 the type cannot change. Since FT_WRITABLE and the others exclude
 *    each other, no frame is ever both a table, or a descriptor page, and mapped writable.
 * 3. A frame becomes a table (its first type reference) only if every entry is valid; then its
 *    entries hold references (FRAME_VALIDATED). From then on each change of an entry takes the new
 *    references before it drops the old. When the last type reference goes, the entries' references
 *    go.
 * 4. Type references lead from level n to level n - 1 only, so they form no cycle, validation goes
 *    no deeper than four levels, and when pins and roots are gone no table remains.
 * 5. Read-only mappings of tables are allowed: they are general references.
 * 6. A frame changes its type, or leaves the domain, only when no TLB can remember the old use
 *    (page_flush_count): a writable translation to what is now a table, or a table walked by way of
 *    what is now a guest's data.
 *
 * Nothing here is interrupted: each operation runs to its end.
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
    struct domain *owner = f->owner == d->id ? d : domain_by_id(f->owner); /* mapped by grant */

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

int page_get_new_type(struct domain *d, struct frame *f, enum frame_type type)
{
    int error;

    ASSERT(f->type_count == 0);
    if (f->type != type) {
        forget(f);
        tlb_assert_gone(frame_mfn(f));
    }
    /* Before its entries are looked at, so that none can refer to it under another type. */
    f->type = (u8)type;
    f->type_count = 1;
    if (type == FT_WRITABLE)
        return 0;
    error = table_validate(d, f, type);
    if (error) {
        f->type_count = 0;
        f->type = FT_NONE;
        page_note_ended(f);
        return error;
    }
    f->flags |= FRAME_VALIDATED;
    return 0;
}

void page_put_last_type(struct domain *d, struct frame *f)
{
    if (f->flags & FRAME_VALIDATED) {
        f->flags &= (u16)~FRAME_VALIDATED;
        table_invalidate(d, f);
    }
    page_note_ended(f);
    f->type_count = 0;
}

int page_get_and_type(struct domain *d, u64 mfn, enum frame_type type, struct frame **out)
{
    struct frame *f = page_of(d, mfn);
    int error;

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

    if (error)
        return error;
    if (f->flags & FRAME_PINNED) {
        page_put_and_type(d, f);
        return -EINVAL;
    }
    f->flags |= FRAME_PINNED;
    return 0;
}

int page_unpin(struct domain *d, u64 mfn)
{
    struct frame *f = page_of(d, mfn);

    if (!f)
        return page_error(mfn);
    if (!(f->flags & FRAME_PINNED))
        return -EINVAL;
    f->flags &= (u16)~FRAME_PINNED;
    page_put_and_type(d, f);
    return 0;
}
