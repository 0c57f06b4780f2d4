/*
 * Event channels, the two-level kind: the bits in shared_info that tell of ports, and the
 * hypercall. What a port is bound to is event_bind.c's. Source: xen/event_channel.h, xen/xen.h
 * (struct shared_info).
 */
#include "event_channel.h"

#include "errno.h"
#include "event.h"
#include "hypercall.h"
#include "sched.h"
#include "timer.h"
#include "trace.h"

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
    struct vcpu *v = d->vcpu[port_at(d, port)->vcpu];
    u64 bit = 1ULL << (port % EVENT_WORD_BITS), word = port / EVENT_WORD_BITS;

    if (__atomic_fetch_or(&s->evtchn_pending[word], bit, __ATOMIC_SEQ_CST) & bit)
        return;
    if (unlikely(v->virt->polling) && (!v->virt->poll_port || v->virt->poll_port == port)) {
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

/* To another domain, unless it is at its end. */
static void __attribute__((noinline)) notify_other(const struct pv_port *p)
{
    struct domain *other = domain_by_id(p->remote_dom);

    if (!other->doomed)
        pv_port_notify(other, p->remote);
}

/* `argument` is the call's, for the case that it has to be made again. */
static s64 send(struct domain *d, u32 port, u64 argument)
{
    const struct pv_port *p = port_of(d, port);

    if (unlikely(!p))
        return -EINVAL;
    switch (p->state) {
    case PORT_PAIR:
        if (likely(p->remote_dom == d->id))
            pv_port_notify(d, p->remote);
        else
            notify_other(p);
        return 0;
    case PORT_IPI:
        pv_port_notify(d, port);
        return 0;
    case PORT_CONSOLE:
        pv_console_drain(d);
        return 0;
    case PORT_STORE:
        if (pv_store_notify(d))
            return 0;
        return pv_again(pv_current(), __HYPERVISOR_event_channel_op, EVTCHNOP_send, argument);
    case PORT_UNBOUND: /* dropped, as under Xen */
        return 0;
    default:
        return -EINVAL;
    }
}

/* Of a port that is not in use nothing is changed, and that is no error, as under Xen. */
static s64 unmask(struct domain *d, u32 port)
{
    u64 bit = 1ULL << (port % EVENT_WORD_BITS), word = port / EVENT_WORD_BITS;
    struct shared_info *s = d->pv->shared;
    const struct pv_port *p = port_of(d, port);
    struct vcpu *v;

    if (!p)
        return port_is_valid(d, port) ? 0 : -EINVAL;
    v = d->vcpu[p->vcpu];
    if ((__atomic_fetch_and(&s->evtchn_mask[word], ~bit, __ATOMIC_SEQ_CST) & bit) &&
        (s->evtchn_pending[word] & bit) &&
        !(__atomic_fetch_or(&v->virt->info->evtchn_pending_sel, 1ULL << word, __ATOMIC_SEQ_CST) &
          1ULL << word))
        upcall(v);
    return 0;
}

/* No interrupt of a device is a domain's. */
static s64 bind_pirq(const struct evtchn_bind_pirq *b)
{
    enum { PIRQS = 48 }; /* ISA's, and the 32 more that Xen's toolstack leaves a domain */

    return b->pirq < PIRQS ? -EPERM : -EINVAL;
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
        OPERATE(evtchn_send, false, send(d, a.port, argument))
    case EVTCHNOP_unmask:
        OPERATE(evtchn_unmask, false, unmask(d, a.port))
    case EVTCHNOP_close:
        OPERATE(evtchn_close, false, event_close(d, a.port))
    case EVTCHNOP_status:
        OPERATE(evtchn_status, true, event_status(d, &a))
    case EVTCHNOP_bind_vcpu:
        OPERATE(evtchn_bind_vcpu, false, event_bind_vcpu(d, &a))
    case EVTCHNOP_bind_virq:
        OPERATE(evtchn_bind_virq, true, event_bind_virq(d, &a))
    case EVTCHNOP_bind_ipi:
        OPERATE(evtchn_bind_ipi, true, event_bind_ipi(d, &a))
    case EVTCHNOP_alloc_unbound:
        OPERATE(evtchn_alloc_unbound, true, event_alloc_unbound(d, &a))
    case EVTCHNOP_bind_interdomain:
        OPERATE(evtchn_bind_interdomain, true, event_bind_interdomain(d, &a))
    case EVTCHNOP_bind_pirq:
        OPERATE(evtchn_bind_pirq, false, bind_pirq(&a))
    case EVTCHNOP_reset:
        OPERATE(evtchn_reset, false, event_reset(d, a.dom))
    default:
        return -ENOSYS;
    }
}
HYPERCALL(__HYPERVISOR_event_channel_op, do_event_channel_op, LC_HC_EVENT_CHANNEL_OP);
