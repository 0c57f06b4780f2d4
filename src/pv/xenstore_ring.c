/*
 * XenStore's ring: requests are taken from it whole, answers and watch events put into it as far as
 * there is room. Source: xen/io/xs_wire.h.
 *
 * Invariants
 *  - The ring's indices are the guest's to write, so each is read once, and what they say is
 * bounded by the ring's size; indices or a length that cannot be end the connection, and the guest
 * is told. It may connect anew.
 *  - A request is taken up only when the answers before it have left, so that its own has room.
 *  - Between two requests the time is looked at; the guest's call is made again for the rest.
 *  - A guest that never sends costs a page for the ring and nothing else.
 */
#include "errno.h"

#include "event_channel.h"
#include "frame.h"
#include "log.h"
#include "sched.h"
#include "xenstore.h"

#include <string.h>

enum {
    WATCH_ORDER = 1,
    IN_ORDER = 1, /* a message and the 0 behind it */
    OUT_ORDER = 1,
};
_Static_assert(STORE_OUT_BYTES == PAGE_SIZE << OUT_ORDER, "");
_Static_assert(STORE_WATCHES * sizeof(struct store_watch) <= PAGE_SIZE << WATCH_ORDER, "");

typedef struct xenstore_domain_interface ring_t;

static void break_off(struct xenstore *s, ring_t *ring, u32 error)
{
    s->broken = true;
    ring->error = error;
}

/* Takes up to `want` bytes; how many there were. */
static u32 take(struct xenstore *s, ring_t *ring, u8 *to, u32 want)
{
    u32 prod = __atomic_load_n(&ring->req_prod, __ATOMIC_ACQUIRE);
    u32 cons = __atomic_load_n(&ring->req_cons, __ATOMIC_RELAXED), have = prod - cons;

    if (have > sizeof(ring->req)) {
        break_off(s, ring, XENSTORE_ERROR_RINGIDX);
        return 0;
    }
    have = MIN(have, want);
    for (u32 i = 0; i < have; i++)
        to[i] = (u8)ring->req[MASK_XENSTORE_IDX(cons + i)];
    __atomic_store_n(&ring->req_cons, cons + have, __ATOMIC_RELEASE);
    return have;
}

/* Bytes that went out. */
static u32 give(struct xenstore *s, ring_t *ring)
{
    u32 cons = __atomic_load_n(&ring->rsp_cons, __ATOMIC_ACQUIRE);
    u32 prod = __atomic_load_n(&ring->rsp_prod, __ATOMIC_RELAXED), waiting = prod - cons, n;

    if (waiting > sizeof(ring->rsp)) {
        break_off(s, ring, XENSTORE_ERROR_RINGIDX);
        return 0;
    }
    n = MIN((u32)sizeof(ring->rsp) - waiting, s->out_length - s->out_done);
    for (u32 i = 0; i < n; i++)
        ring->rsp[MASK_XENSTORE_IDX(prod + i)] = (char)s->out[s->out_done + i];
    __atomic_store_n(&ring->rsp_prod, prod + n, __ATOMIC_RELEASE);
    s->out_done += n;
    if (s->out_done == s->out_length)
        s->out_done = s->out_length = 0;
    return n;
}

/* One request, or as much of it as there is; true: it was whole. */
static bool serve(struct xenstore *s, ring_t *ring)
{
    struct xsd_sockmsg head;

    if (s->in_length < sizeof(head))
        s->in_length += take(s, ring, s->in + s->in_length, (u32)sizeof(head) - s->in_length);
    if (s->in_length < sizeof(head))
        return false;
    memcpy(&head, s->in, sizeof(head));
    if (head.len > XENSTORE_PAYLOAD_MAX) {
        break_off(s, ring, XENSTORE_ERROR_PROTO);
        return false;
    }
    s->in_length +=
        take(s, ring, s->in + s->in_length, (u32)sizeof(head) + head.len - s->in_length);
    if (s->in_length < sizeof(head) + head.len)
        return false;
    s->in_length = 0;
    store_request(s, &head, s->in + sizeof(head));
    return true;
}

/* The guest begins anew: with an empty ring, without watches and transactions. Source:
 * xen/io/xs_wire.h, "The ability to reconnect a ring". */
static void reconnect(struct xenstore *s, ring_t *ring)
{
    store_reset(s);
    s->broken = false;
    s->in_length = s->out_length = s->out_done = 0;
    ring->req_cons = ring->req_prod = ring->rsp_cons = ring->rsp_prod = 0;
    ring->error = XENSTORE_ERROR_NONE;
    __atomic_store_n(&ring->connection, XENSTORE_CONNECTED, __ATOMIC_RELEASE);
    pv_port_notify(s->domain, PV_STORE_PORT);
}

bool pv_store_notify(struct domain *d)
{
    struct xenstore *s = d->pv->store ? d->pv->store : store_make(d);
    ring_t *ring = d->pv->store_ring;
    bool done = true;
    u32 moved = 0;

    if (!s)
        return true;
    if (__atomic_load_n(&ring->connection, __ATOMIC_ACQUIRE) == XENSTORE_RECONNECT)
        reconnect(s, ring);
    if (s->broken)
        return true;
    for (;; done = !sched_time_is_up()) {
        if (s->before && done)
            done = store_tell_transaction(s);
        moved += give(s, ring);
        if (!done || s->out_length || s->broken)
            break; /* the guest tells when it has made room */
        store_tell_owed(s);
        if (!s->out_length && !serve(s, ring))
            break;
    }
    moved += give(s, ring);
    if (moved)
        pv_port_notify(d, PV_STORE_PORT);
    return done;
}

static void put_number(struct xenstore *s, const char *name, u64 value)
{
    char path[STORE_PATH_MAX], text[24];

    format_text(path, sizeof(path), "%s/%s", s->home, name);
    format_text(text, sizeof(text), "%lu", value);
    store_write(s->tree, path, text, (u32)strlen(text));
}

static void put_text(struct xenstore *s, const char *name, const char *value)
{
    char path[STORE_PATH_MAX];

    format_text(path, sizeof(path), "%s/%s", s->home, name);
    store_write(s->tree, path, value, (u32)strlen(value));
}

/* What a tool stack writes for a new domain. */
static void furnish(struct xenstore *s)
{
    const struct domain *d = s->domain;

    put_text(s, "name", d->config.name);
    put_number(s, "domid", d->id);
    put_number(s, "memory/target", d->config.mem_bytes >> 10);
    put_number(s, "memory/static-max", d->config.mem_bytes >> 10);
    put_text(s, "cpu/0/availability", "online");
    put_text(s, "console/type", "xenconsoled");
    put_text(s, "console/output", "pty");
    put_text(s, "control/shutdown", "");
    put_text(s, "device", "");
    put_text(s, "data", "");
}

static bool take_memory(struct xenstore *s)
{
    s->tree = hv_alloc_pages(s->domain, STORE_ORDER);
    s->watch = hv_alloc_pages(s->domain, WATCH_ORDER);
    s->in = hv_alloc_pages(s->domain, IN_ORDER);
    s->out = hv_alloc_pages(s->domain, OUT_ORDER);
    return s->tree && s->watch && s->in && s->out;
}

struct xenstore *store_make(struct domain *d)
{
    struct xenstore *s = d->pv->store = hv_alloc(d, sizeof(*s));

    if (!s)
        return NULL;
    s->domain = d;
    if (!take_memory(s)) {
        pv_store_destroy(d);
        return NULL;
    }
    format_text(s->home, sizeof(s->home), "/local/domain/%u", d->id);
    furnish(s);
    return s;
}

static void give_pages(struct domain *d, void *p, unsigned order)
{
    if (p)
        hv_free_pages(d, p, order);
}

void pv_store_destroy(struct domain *d)
{
    struct xenstore *s = d->pv->store;

    if (!s)
        return;
    for (unsigned i = 0; i < STORE_TRANSACTIONS; i++)
        if (s->tx[i].id)
            give_pages(d, s->tx[i].tree, STORE_ORDER);
    give_pages(d, s->before, STORE_ORDER);
    give_pages(d, s->tree, STORE_ORDER);
    give_pages(d, s->watch, WATCH_ORDER);
    give_pages(d, s->in, IN_ORDER);
    give_pages(d, s->out, OUT_ORDER);
    hv_free(d, s, sizeof(*s));
    d->pv->store = NULL;
}
