/*
 * How trapped port and memory accesses find their device.
 *
 * Invariant: no two ranges of a domain overlap, so the order of claims does not matter.
 */
#include "io_space.h"

#include "devices.h"
#include "domain.h"
#include "errno.h"
#include "frame.h"
#include "trace.h"

/* All ones in an access of this size. */
static u64 all_ones(unsigned size)
{
    return ~0ULL >> (64 - 8 * size);
}

int io_space_init(struct domain *d)
{
    d->io = hv_alloc(d, sizeof(*d->io));
    return d->io ? 0 : -ENOMEM;
}

void io_space_destroy(struct domain *d)
{
    if (!d->io)
        return;
    for (u32 i = 0; i < d->io->devices; i++) {
        const struct io_device *device = &d->io->device[i];
        if (device->stop)
            device->stop(device->state);
        hv_free(d, device->state, device->bytes);
    }
    hv_free(d, d->io, sizeof(*d->io));
    d->io = NULL;
}

void *device_alloc(struct domain *d, size_t bytes, void (*stop)(void *))
{
    struct io_space *io = d->io;
    void *state = io->devices < IO_DEVICES ? hv_alloc(d, bytes) : NULL;

    if (state)
        io->device[io->devices++] =
            (struct io_device){.state = state, .bytes = (u32)bytes, .stop = stop};
    return state;
}

int port_register(struct domain *d, u16 first, unsigned count, const struct port_ops *ops,
                  void *device)
{
    struct io_space *io = d->io;
    u16 last = (u16)(first + count - 1);

    if (!count || first + count > 0x10000)
        return -EINVAL;
    for (u32 i = 0; i < io->ports; i++)
        if (first <= io->port[i].last && last >= io->port[i].first)
            return -EEXIST;
    if (io->ports == IO_PORT_RANGES)
        return -ENOSPC;
    io->port[io->ports++] =
        (struct port_range){.first = first, .last = last, .ops = ops, .device = device};
    return 0;
}

/* The claimed range (io_space.h) that holds the whole access, its first port and its last; NULL if
 * none does. Any port may be asked for. */
static const struct port_range *port_find(struct domain *d, u16 port, unsigned size)
{
    /* lab trap.4 */
    const struct io_space *io = d->io;

    for (u32 i = 0; i < io->ports; i++)
        if (port >= io->port[i].first && port + size - 1 <= io->port[i].last)
            return &io->port[i];
    return NULL;
    /* lab end trap.4 */
}

static const struct port_range *__attribute__((noinline))
find_and_remember(struct domain *d, u16 port, unsigned size)
{
    const struct port_range *r = port_find(d, port, size);

    if (r) {
        d->io->recent[port % IO_RECENT] =
            (struct recent_port){.key = port | size << 16, .range = r};
    } else {
        ledger_count(&d->ledger, LC_UNCLAIMED_ACCESS);
        TRACE(d, UNCLAIMED_ACCESS, port);
    }
    return r;
}

/* port_find for who accesses: what is accessed again and again is found at once. */
static inline const struct port_range *port_of(struct domain *d, u16 port, unsigned size)
{
    const struct recent_port *recent = &d->io->recent[port % IO_RECENT];

    return likely(recent->key == (port | size << 16)) ? recent->range
                                                      : find_and_remember(d, port, size);
}

/* What the device that port_of finds answers, and no more of it than `size` bytes; nobody's port
 * reads all ones. */
u32 port_read(struct domain *d, u16 port, unsigned size)
{
    /* lab trap.4 */
    const struct port_range *r = port_of(d, port, size);
    u32 all = (u32)all_ones(size);

    if (!r)
        return all;
    return r->ops->read(r->device, port, size) & all;
    /* lab end trap.4 */
}

/* The device that port_of finds gets `size` bytes of value, zero-extended; a write to nobody's port
 * does nothing. */
void port_write(struct domain *d, u16 port, unsigned size, u32 value)
{
    /* lab trap.4 */
    const struct port_range *r = port_of(d, port, size);

    if (r)
        r->ops->write(r->device, port, size, value & (u32)all_ones(size));
    /* lab end trap.4 */
}

int mmio_register(struct domain *d, u64 gpa, u64 len, const struct mmio_ops *ops, void *device)
{
    struct io_space *io = d->io;

    if (!len || gpa + len < gpa)
        return -EINVAL;
    for (u32 i = 0; i < io->mmios; i++)
        if (gpa < io->mmio[i].end && gpa + len > io->mmio[i].start)
            return -EEXIST;
    if (io->mmios == IO_MMIO_RANGES)
        return -ENOSPC;
    io->mmio[io->mmios++] =
        (struct mmio_range){.start = gpa, .end = gpa + len, .ops = ops, .device = device};
    return 0;
}

static inline bool holds(const struct mmio_range *r, u64 gpa, unsigned size)
{
    return gpa >= r->start && gpa < r->end && size <= r->end - gpa;
}

static const struct mmio_range *__attribute__((noinline))
find_and_remember_mmio(struct domain *d, u64 gpa, unsigned size)
{
    struct io_space *io = d->io;

    for (u32 i = 0; i < io->mmios; i++) {
        if (holds(&io->mmio[i], gpa, size)) {
            io->last_mmio = i;
            return &io->mmio[i];
        }
    }
    ledger_count(&d->ledger, LC_UNCLAIMED_ACCESS);
    TRACE(d, UNCLAIMED_ACCESS, gpa);
    return NULL;
}

/* A range that is not in use is empty, so that it holds nothing. */
static inline const struct mmio_range *mmio_find(struct vcpu *v, u64 gpa, unsigned size)
{
    const struct io_space *io = v->domain->io;

    ledger_count(&v->domain->ledger, LC_MMIO_ACCESS);
    TRACE(v->domain, MMIO_ACCESS, gpa, size);
    return likely(holds(&io->mmio[io->last_mmio], gpa, size))
               ? &io->mmio[io->last_mmio]
               : find_and_remember_mmio(v->domain, gpa, size);
}

u64 mmio_read(struct vcpu *v, u64 gpa, unsigned size)
{
    const struct mmio_range *r = mmio_find(v, gpa, size);

    if (!r)
        return all_ones(size);
    return r->ops->read(r->device, v, gpa - r->start, size) & all_ones(size);
}

void mmio_write(struct vcpu *v, u64 gpa, unsigned size, u64 value)
{
    const struct mmio_range *r = mmio_find(v, gpa, size);

    if (r)
        r->ops->write(r->device, v, gpa - r->start, size, value & all_ones(size));
}
