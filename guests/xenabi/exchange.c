/*
 * XENMEM_exchange: a frame for another one, and what is wrong with such a wish.
 */
#include "xenabi.h"

#include "kit/pv_paging.h"
#include "kit/space.h"

#include <xen/memory.h>

/* Of user mode's addresses: the hypervisor may look there, but nothing is mapped. */
#define NOWHERE 0x00007f0000000000ULL

static u64 exchanged[512] __attribute__((aligned(4096)));
static u64 constant[512] __attribute__((aligned(4096))); /* mapped read-only */
static xen_pfn_t in, out;

static s64 map(const void *at, u64 entry)
{
    return hypercall3(__HYPERVISOR_update_va_mapping, (u64)at, entry, UVMF_INVLPG);
}

/* One frame for one. */
static struct xen_memory_exchange wish(void)
{
    struct xen_memory_exchange e = {.in = {.nr_extents = 1, .domid = DOMID_SELF},
                                    .out = {.nr_extents = 1, .domid = DOMID_SELF}};

    in = abi_frame(exchanged);
    out = (u64)exchanged >> PAGE_SHIFT;
    set_xen_guest_handle(e.in.extent_start, &in);
    set_xen_guest_handle(e.out.extent_start, &out);
    return e;
}

static s64 exchange(struct xen_memory_exchange *e)
{
    return hypercall2(__HYPERVISOR_memory_op, XENMEM_exchange, (u64)e);
}

/* A wish that is refused as a whole: another word of it is wrong each time. */
static void check_refused(void)
{
    struct xen_memory_exchange e = wish();

    abi_equal("exchange: bad address", -ABI_EFAULT,
              hypercall2(__HYPERVISOR_memory_op, XENMEM_exchange, ABI_BAD));
    e.out.nr_extents = 2;
    abi_equal("exchange: unequal", -ABI_EINVAL, exchange(&e));
    e = wish();
    e.nr_exchanged = 2;
    abi_equal("exchange: more done than there are", -ABI_EINVAL, exchange(&e));
    e = wish();
    e.out.domid = ABI_NOBODY;
    abi_equal("exchange: with another domain", -ABI_EINVAL, exchange(&e));
    e = wish();
    e.in.domid = e.out.domid = ABI_NOBODY;
    abi_equal("exchange: nobody's", -ABI_ESRCH, exchange(&e));
    e = wish();
    e.in.nr_extents = e.out.nr_extents = ~0UL;
    e.in.extent_order = e.out.extent_order = 1;
    abi_equal("exchange: more than there can be", -ABI_EINVAL, exchange(&e));
    e = wish();
    e.out.nr_extents = ~0UL;
    e.out.extent_order = 1;
    abi_equal("exchange: for more than there can be", -ABI_EINVAL, exchange(&e));
    e = wish();
    e.in.nr_extents = e.out.nr_extents = 1UL << 57; /* of 2^64 frames together */
    e.in.extent_order = e.out.extent_order = 7;
    abi_equal("exchange: more frames than there can be", -ABI_EINVAL, exchange(&e));
    e = wish();
    e.in.extent_order = e.out.extent_order = 20;
    abi_equal("exchange: too large", -ABI_EPERM, exchange(&e));
    e = wish();
    e.out.extent_order = 20;
    abi_equal("exchange: for one too large", -ABI_EPERM, exchange(&e));
    e = wish();
    set_xen_guest_handle(e.in.extent_start, (xen_pfn_t *)ABI_BAD);
    abi_equal("exchange: a list at the hypervisor's address", -ABI_EFAULT, exchange(&e));
    e = wish();
    set_xen_guest_handle(e.out.extent_start, (xen_pfn_t *)ABI_BAD);
    abi_equal("exchange: results at the hypervisor's address", -ABI_EFAULT, exchange(&e));
    e = wish();
    set_xen_guest_handle(e.in.extent_start, (xen_pfn_t *)NOWHERE);
    abi_equal("exchange: a list that is not there", -ABI_EFAULT, exchange(&e));
    e = wish();
    in = ABI_NO_FRAME;
    abi_equal("exchange: no frame", -ABI_EINVAL, exchange(&e));
}

/* It goes in one piece, as two small ones for a large one. */
static void check_twice(void)
{
    struct xen_memory_exchange e = wish();
    xen_pfn_t both[2] = {in, in};

    set_xen_guest_handle(e.in.extent_start, both);
    e.in.nr_extents = 2;
    e.out.extent_order = 1;
    abi_equal("exchange: a frame named twice", -ABI_EINVAL, exchange(&e));
}

static void check_exchange(void)
{
    struct xen_memory_exchange e = wish();
    xen_pfn_t old = in;

    abi_equal("exchange: what is mapped", -ABI_EINVAL, exchange(&e));
    abi_equal("none was", 0, (s64)e.nr_exchanged);
    abi_equal("unmapped", 0, map(exchanged, 0));
    check_twice();
    abi_equal("exchange", 0, exchange(&e));
    abi_equal("one was", 1, (s64)e.nr_exchanged);
    check("it is another", out != old);
    check("the old one is gone", map(exchanged, old << PAGE_SHIFT | ENTRY_RW) < 0);
    abi_equal("the new one is mapped", 0, map(exchanged, out << PAGE_SHIFT | ENTRY_RW));
    ((xen_pfn_t *)pv_start.mfn_list)[(u64)exchanged >> PAGE_SHIFT] = out;
}

/* The exchange is made, but the new frame's number, or the count, is not told. */
static void check_untold(void)
{
    struct xen_memory_exchange e = wish();

    set_xen_guest_handle(e.out.extent_start, constant);
    constant[0] = out;
    abi_equal("read-only", 0, map(constant, pv_entry_of((u64)constant, ENTRY_PRESENT)));
    abi_equal("unmapped once more", 0, map(exchanged, 0));
    abi_equal("exchange: no room for the new one's number", -ABI_EFAULT, exchange(&e));
    abi_equal("writable", 0, map(constant, pv_entry_of((u64)constant, ENTRY_RW)));
    e = wish();
    in = ABI_NO_FRAME;
    memcpy(constant, &e, sizeof(e));
    abi_equal("read-only again", 0, map(constant, pv_entry_of((u64)constant, ENTRY_PRESENT)));
    abi_equal("exchange: no room for the count", -ABI_EFAULT, exchange((void *)constant));
    abi_equal("writable again", 0, map(constant, pv_entry_of((u64)constant, ENTRY_RW)));
}

void abi_exchange(void)
{
    check_refused();
    check_exchange();
    check_untold();
}
