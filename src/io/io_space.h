/*
 * What a domain's devices have claimed: ports and guest-physical ranges.
 */
#ifndef IO_SPACE_H
#define IO_SPACE_H

#include "mmio.h"
#include "port.h"

struct ioapic;
struct pic;
struct pit;

enum io_limits { IO_PORT_RANGES = 32, IO_MMIO_RANGES = 8, IO_DEVICES = 16, IO_RECENT = 16 };

struct port_range {
    u16 first, last;            /* both included */
    const struct port_ops *ops; /* what serves it */
    void *device;               /* its argument */
};

struct mmio_range {
    u64 start, end;             /* guest-physical, end exclusive */
    const struct mmio_ops *ops; /* what serves it */
    void *device;               /* its argument */
};

/* An access that was answered. */
struct recent_port {
    u32 key;                        /* port, and the size from bit 16 on; 0: none */
    const struct port_range *range; /* who answered */
};

/* A device's state, made by device_alloc. */
struct io_device {
    void *state;          /* its structure */
    u32 bytes;            /* its size */
    void (*stop)(void *); /* before it is freed: takes its timers off; or NULL */
};

struct io_space {
    struct port_range port[IO_PORT_RANGES]; /* none overlap */
    u32 ports;                              /* used */
    struct mmio_range mmio[IO_MMIO_RANGES]; /* none overlap */
    u32 mmios;                              /* used */
    u32 last_mmio;                          /* index of the one accessed last */
    struct recent_port recent[IO_RECENT];   /* by the port's low bits */
    struct io_device device[IO_DEVICES];    /* to be freed with the space */
    u32 devices;                            /* used */
    struct ioapic *ioapic;                  /* or NULL */
    struct pic *pic;                        /* the 8259s, or NULL */
    struct pit *pit;                        /* the 8254, or NULL */
};

/* Zeroed memory for a device of d's, freed with d->io; NULL: no memory. stop may be NULL. */
void *device_alloc(struct domain *d, size_t bytes, void (*stop)(void *));

#endif
