/*
 * What the paravirtual interface has of memory: giving a frame back and getting another, the M2P,
 * long lists of updates.
 */
#include "pv_check.h"

#include "kit/hypercall.h"
#include "kit/pv.h"

#include <xen/memory.h>

enum { UPDATES = 20000 };

static u64 page[512] __attribute__((aligned(PAGE_SIZE)));

static u64 frame_of(const void *p)
{
    return pv_machine((u64)p) >> PAGE_SHIFT;
}

static s64 reserve(unsigned command, xen_pfn_t *extent)
{
    struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};

    set_xen_guest_handle(r.extent_start, extent);
    return hypercall2(__HYPERVISOR_memory_op, command, (u64)&r);
}

static void check_reservation(void)
{
    const volatile u64 *m2p = (const volatile u64 *)MACH2PHYS_VIRT_START;
    xen_pfn_t frame = frame_of(page), old = frame, number = (u64)page >> PAGE_SHIFT;
    s64 had = hypercall2(__HYPERVISOR_memory_op, XENMEM_current_reservation,
                         (u64) & (domid_t){DOMID_SELF});

    check_equal("unmapped", 0, (u64)pv_check_map(page, 0));
    check_equal("a frame is given back", 1, (u64)reserve(XENMEM_decrease_reservation, &frame));
    check_equal("one less", (u64)had - 1,
                (u64)hypercall2(__HYPERVISOR_memory_op, XENMEM_current_reservation,
                                (u64) & (domid_t){DOMID_SELF}));
    check("it cannot be mapped any more",
          pv_check_map(page, old << PAGE_SHIFT | ENTRY_WRITABLE) < 0);
    frame = number;
    check_equal("another is got", 1, (u64)reserve(XENMEM_populate_physmap, &frame));
    check_equal("the M2P says for what", number, m2p[frame]);
    check_equal("mapped", 0, (u64)pv_check_map(page, frame << PAGE_SHIFT | ENTRY_WRITABLE));
    page[5] = 1;
}

static void check_m2p(void)
{
    const volatile u64 *m2p = (const volatile u64 *)MACH2PHYS_VIRT_START;
    static u8 other[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
    struct mmu_update u = {.ptr = frame_of(other) << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, .val = 7};

    check_equal("an M2P entry of its own", 0,
                (u64)hypercall4(__HYPERVISOR_mmu_update, (u64)&u, 1, 0, DOMID_SELF));
    check_equal("changes", 7, m2p[frame_of(other)]);
    u.val = (u64)other >> PAGE_SHIFT;
    check_equal("and back", 0, (u64)hypercall4(__HYPERVISOR_mmu_update, (u64)&u, 1, 0, DOMID_SELF));
}

/* Longer than a slice, so that it is broken off and made again. */
static void check_long_list(void)
{
    static struct mmu_update list[UPDATES];
    static u64 data[512] __attribute__((aligned(PAGE_SIZE)));
    struct multicall_entry calls[2] = {{.op = __HYPERVISOR_mmu_update},
                                       {.op = __HYPERVISOR_xen_version, .result = ~0UL}};
    unsigned done = 0;

    for (unsigned i = 0; i < UPDATES; i++)
        list[i] = (struct mmu_update){pv_machine((u64)&data[i % ARRAY_SIZE(data)]), i};
    calls[0].args[0] = (u64)list;
    calls[0].args[1] = UPDATES;
    calls[0].args[2] = (u64)&done;
    calls[0].args[3] = DOMID_SELF;
    check_equal("a long list in a multicall", 0,
                (u64)hypercall2(__HYPERVISOR_multicall, (u64)calls, ARRAY_SIZE(calls)));
    check_equal("its result", 0, calls[0].result);
    check_equal("all are done", UPDATES, done);
    check_equal("to the last", UPDATES - 1, data[(UPDATES - 1) % ARRAY_SIZE(data)]);
    check("and the call behind it", (s64)calls[1].result > 0);
}

void pv_check_memory(void)
{
    check_reservation();
    check_m2p();
    check_long_list();
}
