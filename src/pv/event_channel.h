/*
 * What the two files of event channels share.
 */
#ifndef PV_EVENT_CHANNEL_H
#define PV_EVENT_CHANNEL_H

#include "pv.h"

enum { EVENT_WORD_BITS = 64 };

/* A port's record; its bucket is there. */
static inline struct pv_port *port_at(const struct domain *d, u32 port)
{
    return &d->pv->ports[port / PV_PORT_BUCKET][port % PV_PORT_BUCKET];
}
/* A port that has a record. */
static inline bool port_is_valid(const struct domain *d, u32 port)
{
    return port < PV_PORTS && d->pv->ports[port / PV_PORT_BUCKET];
}
/* A port that is in use, or NULL. */
static inline struct pv_port *port_of(const struct domain *d, u32 port)
{
    return port && port_is_valid(d, port) && port_at(d, port)->state != PORT_FREE ? port_at(d, port)
                                                                                  : NULL;
}

/* event_bind.c: the operations, as the ABI has them. */
s64 event_alloc_unbound(struct domain *d, struct evtchn_alloc_unbound *a);
s64 event_bind_interdomain(struct domain *d, struct evtchn_bind_interdomain *b);
s64 event_bind_virq(struct domain *d, struct evtchn_bind_virq *b);
s64 event_bind_ipi(struct domain *d, struct evtchn_bind_ipi *b);
s64 event_bind_vcpu(struct domain *d, const struct evtchn_bind_vcpu *b);
s64 event_close(struct domain *d, u32 port);
s64 event_reset(struct domain *d, domid_t id);
s64 event_status(struct domain *d, struct evtchn_status *s);

#endif
