/*
 * Access to guest memory by the hypervisor: the only way in. A guest's buffer is read once
 * into the hypervisor's own memory and checked there, never fetched twice.
 *
 * Each function returns the number of bytes done; fewer than asked means a fault at gva + that
 * number, described in *f (if f is not NULL).
 */
#ifndef GUEST_ACCESS_H
#define GUEST_ACCESS_H

#include "types.h"

struct vcpu;
struct domain;

struct access_fault {
    u64 gva;   /* where */
    u32 error; /* page-fault error code, as the processor would push it */
    bool mmio; /* translated, but there is no RAM: gpa is a device's or nobody's */
    u64 gpa;   /* with mmio */
};

/* Guest-virtual, with the rights of the vcpu's current privilege level. */
size_t guest_read(struct vcpu *v, void *to, u64 gva, size_t len, struct access_fault *f);
size_t guest_write(struct vcpu *v, u64 gva, const void *from, size_t len, struct access_fault *f);
size_t guest_fetch(struct vcpu *v, void *to, u64 gva, size_t len, struct access_fault *f);
/* Atomic compare and exchange of 1, 2, 4 or 8 aligned bytes; *old receives what was there. */
bool guest_cmpxchg(struct vcpu *v, u64 gva, u64 *old, u64 new_value, size_t len,
                   struct access_fault *f);

/* Guest-physical (under pv: machine addresses, a guest's own), with no regard to rights but those
 * of the frame: the bytes done, fewer than len where there is no RAM or what lies there may not be
 * written. */
size_t guest_phys_read(struct domain *d, void *to, u64 gpa, size_t len);
size_t guest_phys_write(struct domain *d, u64 gpa, const void *from, size_t len);

#endif
