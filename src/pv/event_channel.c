/*
 * Event channels, the two-level kind: ports of a domain, and the bits in shared_info that tell of
 * them. Source: xen/event_channel.h, xen/xen.h (struct shared_info).
 *
 * Invariants: a port's remote end, if it has one, is a port of the same domain and points back; a
 * virq of a vcpu is bound to one port at most; port 0 is never used.
 */
#include "errno.h"
#include "event.h"
#include "hypercall.h"
#include "sched.h"
#include "timer.h"
#include "trace.h"

enum { WORD_BITS = 64 };

static void end_polling(struct virt_vcpu *x)
{
    x->polling = false;
    timer_cancel(&x->poll_timer);
}

/* Tells the vcpu that something is pending. */
static void upcall(struct vcpu *v)
{
    struct virt_vcpu *x = v->virt;

    x->info->evtchn_upcall_pending = 1;
    if (v->state == VCPU_BLOCKED) {
        end_polling(x);
        sched_wake(v);
    }
}

void pv_port_notify(struct domain *d, u32 port)
{
    struct shared_info *s = d->pv->shared;
    struct vcpu *v = d->vcpu[d->pv->port[port].vcpu];
    u64 bit = 1ULL << (port % WORD_BITS), word = port / WORD_BITS;

    if (__atomic_fetch_or(&s->evtchn_pending[word], bit, __ATOMIC_SEQ_CST) & bit)
        return;
    if (unlikely(v->virt->polling)) {
        end_polling(v->virt);
        sched_wake(v);
    }
    if (s->evtchn_mask[word] & bit)
        return;
    if (!(__atomic_fetch_or(&v->virt->info->evtchn_pending_sel, 1ULL << word, __ATOMIC_SEQ_CST) &
          1ULL << word))
        upcall(v);
}

void pv_virq(struct vcpu *v, u32 virq)
{
    u32 port = v->virt->virq_port[virq];

    if (port)
        pv_port_notify(v->domain, port);
}

void event_raise(struct vcpu *v, enum event_source source)
{
    switch (source) {
    case EVENT_TIMER:
        ledger_count(&v->domain->ledger, LC_DELIVERED_TIMER);
        TRACE(v->domain, DELIVERED_TIMER);
        pv_virq(v, VIRQ_TIMER);
        break;
    case EVENT_CONSOLE:
        pv_port_notify(v->domain, pv_console_port(v->domain));
        break;
    case EVENT_DEBUG:
        pv_virq(v, VIRQ_DEBUG);
        break;
    }
}

bool event_pending(struct vcpu *v)
{
    const struct vcpu_info *info = v->virt->info;

    return info->evtchn_upcall_pending && !info->evtchn_upcall_mask;
}

/* A new port, or 0. */
static u32 take_port(struct domain *d, enum pv_port_state state, u32 vcpu)
{
    for (u32 i = 1; i < PV_PORTS; i++)
        if (d->pv->port[i].state == PORT_FREE) {
            d->pv->port[i] = (struct pv_port){.state = (u8)state, .vcpu = (u16)vcpu};
            return i;
        }
    return 0;
}

u32 pv_console_port(struct domain *d)
{
    enum { CONSOLE_PORT = 1 };

    d->pv->port[CONSOLE_PORT].state = PORT_CONSOLE;
    return CONSOLE_PORT;
}

static bool is_self(const struct domain *d, domid_t id)
{
    return id == DOMID_SELF || id == d->id;
}

static struct pv_port *port_of(struct domain *d, u32 port)
{
    return port && port < PV_PORTS && d->pv->port[port].state != PORT_FREE ? &d->pv->port[port]
                                                                           : NULL;
}

/* Only with itself: nobody else is at the other end here. */
static s64 alloc_unbound(struct domain *d, struct evtchn_alloc_unbound *a)
{
    if (!is_self(d, a->dom))
        return -EPERM;
    if (!is_self(d, a->remote_dom))
        return -EPERM;
    a->port = take_port(d, PORT_UNBOUND, 0);
    return a->port ? 0 : -ENOSPC;
}

static s64 bind_interdomain(struct domain *d, struct evtchn_bind_interdomain *b)
{
    struct pv_port *remote;

    if (!is_self(d, b->remote_dom))
        return -ESRCH;
    remote = port_of(d, b->remote_port);
    if (!remote || remote->state != PORT_UNBOUND)
        return -EINVAL;
    b->local_port = take_port(d, PORT_PAIR, 0);
    if (!b->local_port)
        return -ENOSPC;
    d->pv->port[b->local_port].remote = (u16)b->remote_port;
    remote->state = PORT_PAIR;
    remote->remote = (u16)b->local_port;
    /* As under Xen: what was sent before the binding is not lost. */
    pv_port_notify(d, b->local_port);
    return 0;
}

static s64 bind_virq(struct domain *d, struct evtchn_bind_virq *b)
{
    if (b->virq >= NR_VIRQS)
        return -EINVAL;
    if (b->virq != VIRQ_TIMER && b->virq != VIRQ_DEBUG && b->vcpu)
        return -EINVAL;
    if (b->vcpu >= d->vcpu_count)
        return -ENOENT;
    if (d->vcpu[b->vcpu]->virt->virq_port[b->virq])
        return -EEXIST;
    b->port = take_port(d, PORT_VIRQ, b->vcpu);
    if (!b->port)
        return -ENOSPC;
    d->pv->port[b->port].virq = (u8)b->virq;
    d->vcpu[b->vcpu]->virt->virq_port[b->virq] = (u16)b->port;
    return 0;
}

static s64 bind_ipi(struct domain *d, struct evtchn_bind_ipi *b)
{
    if (b->vcpu >= d->vcpu_count)
        return -ENOENT;
    b->port = take_port(d, PORT_IPI, b->vcpu);
    return b->port ? 0 : -ENOSPC;
}

static s64 close_port(struct domain *d, u32 port)
{
    struct pv_port *p = port_of(d, port);

    if (!p)
        return -EINVAL;
    switch (p->state) {
    case PORT_CONSOLE:
        return -EINVAL;
    case PORT_VIRQ:
        d->vcpu[p->vcpu]->virt->virq_port[p->virq] = 0;
        break;
    case PORT_PAIR:
        d->pv->port[p->remote].state = PORT_UNBOUND;
        break;
    default:
        break;
    }
    __atomic_fetch_and(&d->pv->shared->evtchn_pending[port / WORD_BITS],
                       ~(1ULL << (port % WORD_BITS)), __ATOMIC_SEQ_CST);
    *p = (struct pv_port){.state = PORT_FREE};
    return 0;
}

static s64 send(struct domain *d, u32 port)
{
    const struct pv_port *p = port_of(d, port);

    if (unlikely(!p))
        return -EINVAL;
    switch (p->state) {
    case PORT_PAIR:
        pv_port_notify(d, p->remote);
        return 0;
    case PORT_IPI:
        pv_port_notify(d, port);
        return 0;
    case PORT_CONSOLE:
        pv_console_drain(d);
        return 0;
    case PORT_UNBOUND: /* dropped, as under Xen */
        return 0;
    default:
        return -EINVAL;
    }
}

static s64 unmask(struct domain *d, u32 port)
{
    u64 bit = 1ULL << (port % WORD_BITS), word = port / WORD_BITS;
    struct shared_info *s = d->pv->shared;
    const struct pv_port *p = port_of(d, port);
    struct vcpu *v;

    if (!p)
        return -EINVAL;
    v = d->vcpu[p->vcpu];
    if ((__atomic_fetch_and(&s->evtchn_mask[word], ~bit, __ATOMIC_SEQ_CST) & bit) &&
        (s->evtchn_pending[word] & bit) &&
        !(__atomic_fetch_or(&v->virt->info->evtchn_pending_sel, 1ULL << word, __ATOMIC_SEQ_CST) &
          1ULL << word))
        upcall(v);
    return 0;
}

static s64 status(struct domain *d, struct evtchn_status *s)
{
    const struct pv_port *p;

    if (!is_self(d, s->dom))
        return -EPERM;
    if (!s->port || s->port >= PV_PORTS)
        return -EINVAL;
    p = &d->pv->port[s->port];
    s->vcpu = p->vcpu;
    switch (p->state) {
    case PORT_UNBOUND:
        s->status = EVTCHNSTAT_unbound;
        s->u.unbound.dom = d->id;
        break;
    case PORT_PAIR:
        s->status = EVTCHNSTAT_interdomain;
        s->u.interdomain.dom = d->id;
        s->u.interdomain.port = p->remote;
        break;
    case PORT_CONSOLE: /* its other end is the hypervisor's back end */
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

static s64 bind_vcpu(struct domain *d, const struct evtchn_bind_vcpu *b)
{
    struct pv_port *p = port_of(d, b->port);

    if (b->vcpu >= d->vcpu_count)
        return -ENOENT;
    if (!p || p->state == PORT_VIRQ || p->state == PORT_IPI)
        return -EINVAL;
    p->vcpu = (u16)b->vcpu;
    return 0;
}

/* Copies the argument in, calls, copies it back if the call succeeded and has results. */
#define OPERATE(type, results, call)                                                               \
    {                                                                                              \
        struct type a;                                                                             \
        if (unlikely(!pv_copy_from(&a, argument, sizeof(a))))                                      \
            return -EFAULT;                                                                        \
        s64 result = call;                                                                         \
        return result || !(results) || pv_copy_to(argument, &a, sizeof(a)) ? result : -EFAULT;     \
    }

static s64 do_event_channel_op(u32 command, u64 argument)
{
    struct domain *d = pv_current()->domain;

    switch (command) {
    case EVTCHNOP_send:
        OPERATE(evtchn_send, false, send(d, a.port))
    case EVTCHNOP_unmask:
        OPERATE(evtchn_unmask, false, unmask(d, a.port))
    case EVTCHNOP_close:
        OPERATE(evtchn_close, false, close_port(d, a.port))
    case EVTCHNOP_status:
        OPERATE(evtchn_status, true, status(d, &a))
    case EVTCHNOP_bind_vcpu:
        OPERATE(evtchn_bind_vcpu, false, bind_vcpu(d, &a))
    case EVTCHNOP_bind_virq:
        OPERATE(evtchn_bind_virq, true, bind_virq(d, &a))
    case EVTCHNOP_bind_ipi:
        OPERATE(evtchn_bind_ipi, true, bind_ipi(d, &a))
    case EVTCHNOP_alloc_unbound:
        OPERATE(evtchn_alloc_unbound, true, alloc_unbound(d, &a))
    case EVTCHNOP_bind_interdomain:
        OPERATE(evtchn_bind_interdomain, true, bind_interdomain(d, &a))
    default:
        return -ENOSYS;
    }
}
HYPERCALL(__HYPERVISOR_event_channel_op, do_event_channel_op, LC_HC_EVENT_CHANNEL_OP);
