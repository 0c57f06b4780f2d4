/*
 * What a domain's devices have claimed: ports and guest-physical ranges.
 */
#ifndef IO_SPACE_H
#define IO_SPACE_H

#include "mmio.h"
#include "port.h"

enum io_limits { IO_PORT_RANGES = 16, IO_MMIO_RANGES = 8 };

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

struct io_space {
    struct port_range port[IO_PORT_RANGES]; /* none overlap */
    u32 ports;                              /* used */
    struct mmio_range mmio[IO_MMIO_RANGES]; /* none overlap */
    u32 mmios;                              /* used */
    void *uart;                             /* the domain's 16550, freed with the space */
    u32 uart_bytes;                         /* its size */
};

#endif
