/*
 * Whose memory a hypercall may concern: the caller's own, and nobody else's. Xen's domain 0 may
 * name others; here no domain may, and the answers are those that Xen gives to one without
 * privilege.
 */
#include "errno.h"
#include "hypercall.h"

/* DOMID_SELF stands for the caller here; its own number does not, as under Xen. */
int pv_foreign_frames(const struct domain *d, u32 id)
{
    if (likely(id == DOMID_SELF))
        return 0;
    if (id == d->id || id > DOMID_FIRST_RESERVED)
        return id == DOMID_IO || id == DOMID_XEN ? -EPERM : -ESRCH;
    return domain_by_id((u16)id) ? -EPERM : -ESRCH;
}

int pv_foreign_domain(const struct domain *d, u32 id)
{
    if (id == DOMID_SELF || id == d->id)
        return 0;
    return id < DOMID_FIRST_RESERVED && domain_by_id((u16)id) ? -EPERM : -ESRCH;
}
