/*
 * XENMEM_exchange: frames of the domain's for others of another size. Source: xen/memory.h, struct
 * xen_memory_exchange.
 *
 * Invariants
 *  - A frame leaves the domain only if nothing but its allocation refers to it.
 *  - A chunk (the larger of the two sizes) is exchanged whole or not at all; nr_exchanged counts
 * the input extents of those that were.
 */
#include "errno.h"
#include "hypercall.h"
#include "memory_op.h"

#include <xen/memory.h>

/* What is the same for all chunks. */
struct exchange {
    struct domain *d;
    u64 in, out;                  /* the guest's lists */
    unsigned in_order, out_order; /* sizes of their extents */
    u64 limit;                    /* new frames are below it */
};

static unsigned log2_count(unsigned order, unsigned of)
{
    return order > of ? order - of : 0;
}

/* All frames of the chunk's input extents may go. */
static bool may_leave(const struct exchange *x, const u64 *extent, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        for (u64 k = 0; k < 1ULL << x->in_order; k++) {
            const struct frame *f = page_of(x->d, extent[i] + k);
            if (!f || !(f->extra16 & PAGE_ALLOCATED) || f->refs != 1 || f->flags & FRAME_XEN_HEAP)
                return false;
        }
    return true;
}

static void leave(const struct exchange *x, const u64 *extent, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        for (u64 k = 0; k < 1ULL << x->in_order; k++) {
            m2p_set(extent[i] + k, ~0ULL);
            page_release(x->d, page_of(x->d, extent[i] + k));
        }
}

/* A frame named twice has one reference like any other. */
static bool any_twice(const struct exchange *x, const u64 *extent, unsigned count)
{
    u64 size = 1ULL << x->in_order;

    for (unsigned i = 0; i < count; i++)
        for (unsigned k = 0; k < i; k++)
            if (extent[i] - extent[k] < size || extent[k] - extent[i] < size)
                return true;
    return false;
}

/* New extents, nobody's yet: their frames in mfn[]. With a limit a block is slow to find: they are
 * cut from one. */
static int take(const struct exchange *x, u64 *mfn, unsigned count)
{
    bool slow = x->limit < frame_limit();
    unsigned order = slow ? MAX(x->in_order, x->out_order) : x->out_order;

    for (unsigned i = 0; i < count; i++) {
        struct frame *f = slow && i ? &frame_table[mfn[i - 1] + (1ULL << x->out_order)]
                                    : frame_alloc_order_below(DOMID_HYPERVISOR, order, x->limit);

        if (f) {
            mfn[i] = frame_mfn(f).v;
            continue;
        }
        while (i-- > 0)
            for (u64 k = 0; k < 1ULL << order; k++)
                frame_put(&frame_table[mfn[i] + k]);
        return -ENOMEM;
    }
    return 0;
}

/* Becomes the domain's, under the numbers that the guest's list has; whether it was told. */
static bool arrive(const struct exchange *x, u64 out_at, u64 mfn)
{
    u64 gfn = ~0ULL;
    bool read = pv_copy_from(&gfn, out_at, sizeof(gfn));

    for (u64 k = 0; k < 1ULL << x->out_order; k++) {
        struct frame *f = &frame_table[mfn + k];
        f->owner = x->d->id;
        page_adopt(x->d, f, read ? (u32)(gfn + k) : ~0u);
        m2p_set(mfn + k, read ? gfn + k : ~0ULL);
    }
    return read && !pv_put_word(out_at, mfn);
}

/* The chunk that begins with input extent `at`. */
static int exchange_chunk(const struct exchange *x, u64 at)
{
    static u64 many[1 << MEMORY_ORDER_MAX]; /* too much for the stack; one call at a time uses it */
    unsigned in_count = 1u << log2_count(x->out_order, x->in_order);
    unsigned out_count = 1u << log2_count(x->in_order, x->out_order);
    u64 one = 0, other = 0, *in = in_count > 1 ? many : &one, *out = in_count > 1 ? &other : many;
    u64 out_at = x->out + (at << x->in_order >> x->out_order) * sizeof(u64);
    int error;

    if (!pv_copy_bytes_from(in, x->in + at * sizeof(u64), in_count * sizeof(u64)))
        return -EFAULT;
    if (!may_leave(x, in, in_count) || any_twice(x, in, in_count))
        return -EINVAL;
    error = take(x, out, out_count);
    if (error)
        return error;
    leave(x, in, in_count);
    for (unsigned i = 0; i < out_count; i++)
        if (!arrive(x, out_at + i * sizeof(u64), out[i]))
            error = -EFAULT;
    return error;
}

/* As long as a list may be at all. */
static bool list_ok(const struct xen_memory_reservation *r)
{
    return r->nr_extents < ~0ULL / sizeof(u64) && pv_address_ok((u64)(uintptr_t)r->extent_start.p);
}

static int check(const struct xen_memory_exchange *e, const struct domain *d, u64 *limit)
{
    const struct xen_memory_reservation *in = &e->in, *out = &e->out;

    if (in->extent_order > MEMORY_ORDER_MAX || out->extent_order > MEMORY_ORDER_MAX)
        return -EPERM;
    if (in->domid != out->domid || e->nr_exchanged > in->nr_extents ||
        ~0ULL >> in->extent_order < in->nr_extents ||
        ~0ULL >> out->extent_order < out->nr_extents ||
        in->nr_extents << in->extent_order != out->nr_extents << out->extent_order ||
        !memory_flags(out->mem_flags, limit))
        return -EINVAL;
    if (!list_ok(in) || !list_ok(out))
        return -EFAULT;
    return pv_foreign_domain(d, in->domid);
}

s64 memory_exchange(struct domain *d, u64 argument)
{
    const u64 done_at = argument + offsetof(struct xen_memory_exchange, nr_exchanged);
    struct xen_memory_exchange e;
    struct exchange x;
    bool again = false;
    u64 whole, limit;
    int error;

    if (!pv_copy_from(&e, argument, sizeof(e)))
        return -EFAULT;
    error = check(&e, d, &limit);
    if (error)
        return pv_put_word(done_at, e.nr_exchanged) ? -EFAULT : error;
    x = (struct exchange){.d = d,
                          .limit = limit,
                          .in = (u64)(uintptr_t)e.in.extent_start.p,
                          .out = (u64)(uintptr_t)e.out.extent_start.p,
                          .in_order = e.in.extent_order,
                          .out_order = e.out.extent_order};
    whole = 1ULL << log2_count(x.out_order, x.in_order);
    e.nr_exchanged &= ~(whole - 1); /* where a chunk begins, as under Xen */
    while (e.nr_exchanged < e.in.nr_extents && !error && !again) {
        error = exchange_chunk(&x, e.nr_exchanged);
        e.nr_exchanged += error ? 0 : whole;
        again = e.nr_exchanged < e.in.nr_extents && pv_time_is_up_now();
    }
    if (pv_put_word(done_at, e.nr_exchanged))
        return -EFAULT;
    return again && !error
               ? pv_again(pv_current(), __HYPERVISOR_memory_op, XENMEM_exchange, argument)
               : error;
}
