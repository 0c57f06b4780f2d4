/*
 * Event channels: what a domain's ports are bound to. Source: xen/event_channel.h.
 *
 * Invariants: a port's remote end, if it has one, is a port of a domain that exists and points
 * back; a virq of a vcpu is bound to one port at most; port 0 is never used; the records of ports
 * come in buckets, made when a port of theirs is first taken.
 */
#include "event_channel.h"

#include "errno.h"
#include "frame.h"
#include "hypercall.h"

static bool have_bucket(struct domain *d, u32 port)
{
    struct pv_port **bucket = &d->pv->ports[port / PV_PORT_BUCKET];

    if (!*bucket)
        *bucket = hv_alloc(d, PV_PORT_BUCKET * sizeof(**bucket));
    return *bucket;
}

/* A port that may be taken, or 0. */
static u32 free_port_of(struct domain *d)
{
    for (u32 i = 1; i < PV_PORTS && have_bucket(d, i); i++)
        if (port_at(d, i)->state == PORT_FREE)
            return i;
    return 0;
}

/* A new port, or 0. */
static u32 take_port(struct domain *d, enum pv_port_state state, u32 vcpu)
{
    u32 port = free_port_of(d);

    if (port)
        *port_at(d, port) = (struct pv_port){.state = (u8)state, .vcpu = (u16)vcpu};
    return port;
}

/* Its other end is the hypervisor's. */
static u32 own_port(struct domain *d, u32 port, enum pv_port_state state)
{
    if (!have_bucket(d, port))
        return 0;
    port_at(d, port)->state = (u8)state;
    return port;
}

u32 pv_console_port(struct domain *d)
{
    return own_port(d, PV_CONSOLE_PORT, PORT_CONSOLE);
}

u32 pv_store_port(struct domain *d)
{
    return own_port(d, PV_STORE_PORT, PORT_STORE);
}

/* The domain that a caller names, or NULL. */
static struct domain *named(struct domain *d, domid_t id)
{
    struct domain *other = id == DOMID_SELF || id == d->id ? d : domain_by_id(id);

    return other && other->pv && other->vcpu_count ? other : NULL;
}

/* For itself only; anybody may be let in. */
s64 event_alloc_unbound(struct domain *d, struct evtchn_alloc_unbound *a)
{
    int error = pv_foreign_domain(d, a->dom);

    if (error)
        return error;
    a->port = take_port(d, PORT_UNBOUND, 0);
    if (!a->port)
        return -ENOSPC;
    port_at(d, a->port)->remote_dom = a->remote_dom == DOMID_SELF ? d->id : a->remote_dom;
    return 0;
}

s64 event_bind_interdomain(struct domain *d, struct evtchn_bind_interdomain *b)
{
    struct domain *other = named(d, b->remote_dom);
    struct pv_port *remote;
    u32 local;

    if (!other)
        return -ESRCH;
    local = free_port_of(d);
    if (!local)
        return -ENOSPC;
    remote = port_of(other, b->remote_port);
    if (!remote || remote->state != PORT_UNBOUND || remote->remote_dom != d->id)
        return -EINVAL;
    b->local_port = local;
    *port_at(d, local) = (struct pv_port){.state = PORT_PAIR};
    port_at(d, b->local_port)->remote = (u16)b->remote_port;
    port_at(d, b->local_port)->remote_dom = other->id;
    remote->state = PORT_PAIR;
    remote->remote = (u16)b->local_port;
    /* As under Xen: what was sent before the binding is not lost. */
    pv_port_notify(d, b->local_port);
    return 0;
}

/* Of a vcpu's own; the others are a domain's, and bound on vcpu 0. */
static bool virq_is_vcpus(u32 virq)
{
    return virq == VIRQ_TIMER || virq == VIRQ_DEBUG || virq == VIRQ_XENOPROF || virq == VIRQ_XENPMU;
}

s64 event_bind_virq(struct domain *d, struct evtchn_bind_virq *b)
{
    if (b->virq >= NR_VIRQS)
        return -EINVAL;
    if (!virq_is_vcpus(b->virq) && b->vcpu)
        return -EINVAL;
    if (b->vcpu >= d->vcpu_count)
        return -ENOENT;
    if (d->vcpu[b->vcpu]->virt->virq_port[b->virq])
        return -EEXIST;
    b->port = take_port(d, PORT_VIRQ, b->vcpu);
    if (!b->port)
        return -ENOSPC;
    port_at(d, b->port)->virq = (u8)b->virq;
    d->vcpu[b->vcpu]->virt->virq_port[b->virq] = (u16)b->port;
    return 0;
}

s64 event_bind_ipi(struct domain *d, struct evtchn_bind_ipi *b)
{
    if (b->vcpu >= d->vcpu_count)
        return -ENOENT;
    b->port = take_port(d, PORT_IPI, b->vcpu);
    return b->port ? 0 : -ENOSPC;
}

/* The other end of a pair waits for somebody else. */
static void part(const struct domain *d, const struct pv_port *p)
{
    struct domain *other = domain_by_id(p->remote_dom);
    struct pv_port *remote = port_at(other, p->remote);

    remote->state = PORT_UNBOUND;
    remote->remote_dom = d->id;
}

static void free_port(struct domain *d, u32 port)
{
    struct pv_port *p = port_at(d, port);

    if (p->state == PORT_VIRQ) /* a domain's is vcpu 0's to bind, whichever is told */
        d->vcpu[virq_is_vcpus(p->virq) ? p->vcpu : 0]->virt->virq_port[p->virq] = 0;
    if (p->state == PORT_PAIR)
        part(d, p);
    __atomic_fetch_and(&d->pv->shared->evtchn_pending[port / EVENT_WORD_BITS],
                       ~(1ULL << (port % EVENT_WORD_BITS)), __ATOMIC_SEQ_CST);
    *p = (struct pv_port){.state = PORT_FREE};
}

s64 event_close(struct domain *d, u32 port)
{
    const struct pv_port *p = port_of(d, port);

    if (!p || p->state == PORT_CONSOLE || p->state == PORT_STORE)
        return -EINVAL;
    free_port(d, port);
    return 0;
}

/* But for the hypervisor's own back ends: they would not be found again. */
s64 event_reset(struct domain *d, domid_t id)
{
    int error = pv_foreign_domain(d, id);

    for (u32 i = 1; i < PV_PORTS && !error; i++)
        if (port_of(d, i) && port_at(d, i)->state != PORT_CONSOLE &&
            port_at(d, i)->state != PORT_STORE)
            free_port(d, i);
    return error;
}

/* Its vcpus are gone. */
void pv_ports_destroy(struct domain *d)
{
    for (u32 i = 1; i < PV_PORTS; i++) {
        if (!port_of(d, i))
            continue;
        if (port_at(d, i)->state == PORT_PAIR && port_at(d, i)->remote_dom != d->id)
            part(d, port_at(d, i));
    }
    for (u32 i = 0; i < PV_PORTS / PV_PORT_BUCKET; i++)
        if (d->pv->ports[i])
            hv_free(d, d->pv->ports[i], PV_PORT_BUCKET * sizeof(struct pv_port));
}

s64 event_status(struct domain *d, struct evtchn_status *s)
{
    int error = pv_foreign_domain(d, s->dom);
    const struct domain *other = error == -EPERM ? domain_by_id(s->dom) : NULL;
    const struct pv_port *p;

    /* As under Xen: of another domain one learns which ports there may be, no more. */
    if (other && other->pv && !port_is_valid(other, s->port))
        return -EINVAL;
    if (error)
        return error;
    if (!port_is_valid(d, s->port))
        return -EINVAL;
    p = port_of(d, s->port);
    s->vcpu = p ? p->vcpu : 0;
    switch (p ? (enum pv_port_state)p->state : PORT_FREE) {
    case PORT_UNBOUND:
        s->status = EVTCHNSTAT_unbound;
        s->u.unbound.dom = p->remote_dom;
        break;
    case PORT_PAIR:
        s->status = EVTCHNSTAT_interdomain;
        s->u.interdomain.dom = p->remote_dom;
        s->u.interdomain.port = p->remote;
        break;
    case PORT_CONSOLE:
    case PORT_STORE: /* its other end is the hypervisor's back end */
        s->status = EVTCHNSTAT_interdomain;
        s->u.interdomain.dom = DOMID_XEN;
        s->u.interdomain.port = 0;
        break;
    case PORT_VIRQ:
        s->status = EVTCHNSTAT_virq;
        s->u.virq = p->virq;
        break;
    case PORT_IPI:
        s->status = EVTCHNSTAT_ipi;
        break;
    default:
        s->status = EVTCHNSTAT_closed;
        break;
    }
    return 0;
}

/* What is of a vcpu stays with it: its own virqs, an IPI. */
s64 event_bind_vcpu(struct domain *d, const struct evtchn_bind_vcpu *b)
{
    struct pv_port *p = port_of(d, b->port);

    if (b->vcpu >= d->vcpu_count)
        return -ENOENT;
    if (!p || (p->state == PORT_VIRQ && virq_is_vcpus(p->virq)) || p->state == PORT_IPI)
        return -EINVAL;
    p->vcpu = (u16)b->vcpu;
    return 0;
}
