/*
 * Whose memory a hypercall may concern: the caller's own, and nobody else's. Xen's domain 0 may
 * name others; here no domain may, and the answers are those that Xen gives to one without
 * privilege.
 */
#include "errno.h"
#include "hypercall.h"

/* DOMID_SELF stands for the caller here; its own number does not, as under Xen. */
enum pv_owner pv_owner_of(const struct domain *d, u16 id)
{
    if (likely(id == DOMID_SELF))
        return PV_OWN;
    if (id == DOMID_IO)
        return PV_DEVICES;
    if (id == DOMID_XEN || (id != d->id && domain_by_id(id)))
        return PV_OTHERS;
    return PV_NOBODYS;
}

int pv_foreign_frames(const struct domain *d, u16 id)
{
    enum pv_owner owner = pv_owner_of(d, id);

    return owner == PV_OWN ? 0 : owner == PV_NOBODYS ? -ESRCH : -EPERM;
}

int pv_foreign_domain(const struct domain *d, u32 id)
{
    if (id == DOMID_SELF || id == d->id)
        return 0;
    return id < DOMID_FIRST_RESERVED && domain_by_id((u16)id) ? -EPERM : -ESRCH;
}
