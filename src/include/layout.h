/*
 * Tour 6: where the hypervisor lives.
 *
 * Where things lie in the hypervisor's virtual address space: L4 slots 256..271, which the
 * Xen x86-64 ABI reserves ("Virtual memory layout", xen/arch-x86/xen-x86_64.h). The same
 * in every mode, so that one set of pointers works in all.
 *
 *   slot 256  0xffff800000000000  M2P, read-only for guests (pv)
 *   slot 260  0xffff820000000000  the per-domain window: each vcpu's GDT and LDT frames (pv)
 *   slot 261  0xffff828000000000  the hypervisor's image
 *   slot 262  0xffff830000000000  direct map of machine memory, 512 GiB at the most
 *
 * Invariant: after boot the L4 entries 256..271 never change, except slot 260's, which is
 * each domain's own; a copy of them in a guest's L4 therefore stays true.
 */
#ifndef LAYOUT_H
#define LAYOUT_H

#include "types.h"

#define HYPERVISOR_FIRST_SLOT 256
#define HYPERVISOR_LAST_SLOT  271

#define M2P_BASE        0xffff800000000000ULL
#define M2P_SLOT_BYTES  (1ULL << 39) /* an L4 entry */
#define PERDOMAIN_SLOT  260
#define PERDOMAIN_BASE  0xffff820000000000ULL
#define IMAGE_BASE      0xffff828000000000ULL
#define DIRECT_MAP_BASE 0xffff830000000000ULL
#define DIRECT_MAP_SIZE (1ULL << 39)

/* On the host, tests put a simulated machine behind this (see tests/include/simmachine.h). */
#ifdef HOST_TEST
extern u8 *host_machine_memory;
#define DIRECT_MAP ((u64)(uintptr_t)host_machine_memory)
#else
#define DIRECT_MAP DIRECT_MAP_BASE
#endif

/* Machine memory through the direct map. */
static inline void *mpa_to_va(mpa_t a)
{
    return (void *)(uintptr_t)(DIRECT_MAP + a.v);
}
static inline void *mfn_to_va(mfn_t m)
{
    return mpa_to_va(mfn_to_mpa(m));
}
static inline mpa_t va_to_mpa(const void *p)
{
    return mpa_of((u64)(uintptr_t)p - DIRECT_MAP);
}
static inline mfn_t va_to_mfn(const void *p)
{
    return mpa_to_mfn(va_to_mpa(p));
}

#endif
