/*
 * How a trapped memory access reaches a device model. Nobody's memory reads all ones, and is
 * counted.
 */
#ifndef MMIO_H
#define MMIO_H

#include "types.h"

struct domain;
struct vcpu;

struct mmio_ops {
    u64 (*read)(void *device, struct vcpu *v, u64 offset, unsigned size); /* size 1, 2, 4, 8 */
    void (*write)(void *device, struct vcpu *v, u64 offset, unsigned size, u64 value);
};

/* Claims guest-physical [gpa, gpa + len). 0, -EEXIST, -ENOSPC. device may depend on the vcpu: see
 * v. */
int mmio_register(struct domain *d, u64 gpa, u64 len, const struct mmio_ops *ops, void *device);
u64 mmio_read(struct vcpu *v, u64 gpa, unsigned size);
void mmio_write(struct vcpu *v, u64 gpa, unsigned size, u64 value);

#endif
