/*
 * How a trapped port access reaches a device model. Models know nothing of exits or modes.
 * Nobody's ports read all ones, and are counted (LC_UNCLAIMED_ACCESS).
 */
#ifndef PORT_H
#define PORT_H

#include "types.h"

struct domain;

struct port_ops {
    u32 (*read)(void *device, u16 port, unsigned size); /* size 1, 2 or 4 */
    void (*write)(void *device, u16 port, unsigned size, u32 value);
};

/* Claims [first, first + count). 0, -EEXIST if part of it is claimed, -ENOSPC. */
int port_register(struct domain *d, u16 first, unsigned count, const struct port_ops *ops,
                  void *device);
/* What an IN or OUT of 1, 2 or 4 bytes at any port reads or does: the device's answer; all ones,
 * and nothing, where no device claims the whole access. */
u32 port_read(struct domain *d, u16 port, unsigned size);
void port_write(struct domain *d, u16 port, unsigned size, u32 value);
/* Frees the domain's table of ports and MMIO regions. */
void io_space_destroy(struct domain *d);

#endif
