/*
 * GNTTABOP_copy: bytes from a frame to a frame, each the caller's own or named by a grant. Source:
 * xen/grant_table.h.
 *
 * Invariant: while bytes are copied a reference is held of either frame; and what is written is
 * memory that may be written at this moment: a type reference is held, too.
 */
#include "grant_table.h"

#include "hypercall.h"
#include "layout.h"

#include <string.h>

/* The frame and its owner of one side of the copy. */
static s16 find(struct domain *d, const struct gnttab_copy_ptr *p, bool by_grant, bool write,
                struct domain **owner, u64 *mfn)
{
    if (p->domid != DOMID_SELF && !by_grant)
        return GNTST_permission_denied;
    *owner = p->domid == DOMID_SELF ? d : domain_by_id(p->domid);
    if (!*owner || !(*owner)->pv || (*owner)->doomed)
        return GNTST_bad_domain;
    if (by_grant)
        return grant_look_up(*owner, d->id, p->u.ref, write, mfn);
    *mfn = p->u.gmfn;
    return page_of(d, *mfn) ? GNTST_okay : GNTST_bad_page;
}

static s16 copy(struct domain *d, const struct gnttab_copy *op)
{
    struct domain *from, *to;
    u64 source, dest;
    struct frame *f, *read;
    s16 status;

    if (op->source.offset + op->len > (int)PAGE_SIZE || op->dest.offset + op->len > (int)PAGE_SIZE)
        return GNTST_bad_copy_arg;
    status = find(d, &op->source, op->flags & GNTCOPY_source_gref, false, &from, &source);
    if (status == GNTST_okay)
        status = find(d, &op->dest, op->flags & GNTCOPY_dest_gref, true, &to, &dest);
    if (status != GNTST_okay)
        return status;
    read = &frame_table[source];
    if (!page_get(read)) /* to take the other's type may end a table that alone holds it */
        return GNTST_general_error;
    if (page_get_and_type(to, dest, FT_WRITABLE, &f)) {
        page_put(from, read);
        return GNTST_general_error;
    }
    memmove((u8 *)mfn_to_va(mfn_of(dest)) + op->dest.offset,
            (const u8 *)mfn_to_va(mfn_of(source)) + op->source.offset, op->len);
    page_put_and_type(to, f);
    page_put(from, read);
    return GNTST_okay;
}

void grant_copy(struct domain *d, struct gnttab_copy *op)
{
    op->status = copy(d, op);
}
