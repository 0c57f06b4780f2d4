/*
 * Paravirtualization: attacks by what is shared between domains, and by operations that move
 * frames: grants, exchanges, reservations, event channels, areas that the hypervisor writes to.
 * Each is of a class of docs/security.md.
 */
#include "hostile/attack.h"
#include "hostile/pv_attack.h"

#include "kit/hypercall.h"
#include "kit/kit.h"
#include "kit/pv.h"

#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/vcpu.h>

#define HYPERVISOR_IMAGE 0xffff828000210000ULL
enum { TABLE = 7, REF = 9, HYPERVISOR_FRAME = 0x210 };

static u8 page[PAGE_SIZE] __attribute__((aligned(4096)));
static u8 window[PAGE_SIZE] __attribute__((aligned(4096)));
static u8 grants[PAGE_SIZE] __attribute__((aligned(4096)));

static u64 mfn(const void *p)
{
    return pv_machine((u64)p) >> PAGE_SHIFT;
}

/* Its table of grants, mapped; this frame granted to itself. */
static volatile grant_entry_v1_t *grant(u64 frame, u16 flags)
{
    static bool ready;
    xen_pfn_t table = 0;
    struct gnttab_setup_table s = {.dom = DOMID_SELF, .nr_frames = 1};
    volatile grant_entry_v1_t *e = (volatile grant_entry_v1_t *)grants + REF;

    if (!ready) {
        set_xen_guest_handle(s.frame_list, &table);
        hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, (u64)&s, 1);
        pv_map(grants, table << PAGE_SHIFT | TABLE);
        ready = true;
    }
    e->domid = pv_self();
    e->frame = (u32)frame;
    e->flags = (u16)(GTF_permit_access | flags);
    return e;
}

static s64 map_at(u64 address, u32 flags, u32 *handle)
{
    struct gnttab_map_grant_ref m = {
        .host_addr = address, .flags = GNTMAP_host_map | flags, .ref = REF, .dom = pv_self()};

    hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, (u64)&m, 1);
    *handle = m.handle;
    return m.status;
}

static s64 unmap_at(const void *at, u32 handle)
{
    struct gnttab_unmap_grant_ref u = {.host_addr = (u64)at, .handle = handle};

    hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, (u64)&u, 1);
    return u.status;
}

static s64 map_and_unmap(u64 address, u32 flags)
{
    u32 handle;
    s64 status = map_at(address, flags, &handle);

    if (status == GNTST_okay)
        unmap_at((const void *)address, handle);
    return status;
}

static s64 grant_table_writable(void)
{
    grant(mfn((const void *)pv_start.pt_base), 0);
    return map_and_unmap((u64)window, 0);
}
static s64 grant_hypervisors_frame(void)
{
    grant(HYPERVISOR_FRAME, 0);
    return map_and_unmap((u64)window, 0);
}
static s64 grant_read_only_for_writing(void)
{
    grant(mfn(page), GTF_readonly);
    return map_and_unmap((u64)window, 0);
}
static s64 grant_into_hypervisor(void)
{
    grant(mfn(page), 0);
    return map_and_unmap(HYPERVISOR_IMAGE, 0);
}
static s64 grant_entry_in_data(void)
{
    grant(mfn(page), 0);
    return map_and_unmap(pv_machine((u64)window), GNTMAP_contains_pte);
}
static s64 grant_entry_unaligned(void)
{
    grant(mfn(page), 0);
    return map_and_unmap(pv_machine(pv_start.pt_base) + 4, GNTMAP_contains_pte);
}
/* One handle, unmapped where the other's mapping is: the rights must agree. */
static s64 unmap_others_entry(void)
{
    u32 writable, readable;
    s64 wrong;

    grant(mfn(page), 0);
    map_at((u64)window, 0, &writable);
    map_at((u64)page, GNTMAP_readonly, &readable);
    wrong = unmap_at(window, readable);
    unmap_at(window, writable);
    unmap_at(page, readable);
    pv_map(page, pv_machine((u64)page) | TABLE);
    return wrong;
}
static s64 unmap_twice(void)
{
    u32 handle;

    grant(mfn(page), 0);
    map_at((u64)window, 0, &handle);
    unmap_at(window, handle);
    return unmap_at(window, handle);
}
/* A frame that is mapped by grant becomes no page table. */
static s64 granted_as_table(void)
{
    u32 handle;
    s64 result;

    memset(page, 0, sizeof(page));
    grant(mfn(page), 0);
    map_at((u64)window, 0, &handle);
    pv_map(page, pv_machine((u64)page) | 5);
    result = pv_ext(MMUEXT_PIN_L1_TABLE, mfn(page), 0);
    unmap_at(window, handle);
    pv_map(page, pv_machine((u64)page) | TABLE);
    return result;
}
/* The entry changes its frame while the grant is mapped: what was mapped stays. */
static s64 grant_changes_under_use(void)
{
    u32 first, second;
    volatile grant_entry_v1_t *e = grant(mfn(page), 0);
    s64 status;

    map_at((u64)window, 0, &first);
    e->frame = (u32)mfn((const void *)pv_start.pt_base);
    status = map_at((u64)page, GNTMAP_readonly, &second);
    if (status == GNTST_okay)
        unmap_at(page, second);
    pv_map(page, pv_machine((u64)page) | TABLE);
    unmap_at(window, first);
    return status == GNTST_okay ? *(volatile u8 *)page == 0 : status;
}
static s64 grants_without_end(void)
{
    return hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, (u64)page, 0xffffffff);
}
static s64 grant_transfer(void)
{
    struct gnttab_transfer t = {.mfn = mfn(page), .domid = 0};

    return hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_transfer, (u64)&t, 1);
}
static s64 copy_to(u64 frame, u16 offset, u16 len)
{
    struct gnttab_copy c = {.source = {.u.gmfn = mfn(page), .domid = DOMID_SELF},
                            .dest = {.u.gmfn = frame, .domid = DOMID_SELF, .offset = offset},
                            .len = len};

    hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_copy, (u64)&c, 1);
    return c.status;
}
static s64 copy_onto_table(void)
{
    return copy_to(mfn((const void *)pv_start.pt_base), 0, 8);
}
static s64 copy_to_hypervisor(void)
{
    return copy_to(HYPERVISOR_FRAME, 0, 8);
}
static s64 copy_across_the_end(void)
{
    return copy_to(mfn(window), 4095, 0xffff);
}

static s64 exchange(u64 frame, u64 count, unsigned order)
{
    u64 in = frame, out = 0;
    struct xen_memory_exchange e = {
        .in = {.nr_extents = count, .extent_order = order, .domid = DOMID_SELF},
        .out = {.nr_extents = count, .extent_order = order, .domid = DOMID_SELF}};

    set_xen_guest_handle(e.in.extent_start, &in);
    set_xen_guest_handle(e.out.extent_start, &out);
    return hypercall2(__HYPERVISOR_memory_op, XENMEM_exchange, (u64)&e);
}
static s64 exchange_mapped(void)
{
    return exchange(mfn(page), 1, 0);
}
static s64 exchange_table(void)
{
    return exchange(mfn((const void *)pv_start.pt_base), 1, 0);
}
static s64 exchange_hypervisors(void)
{
    return exchange(HYPERVISOR_FRAME, 1, 0);
}
static s64 exchange_shared_info(void)
{
    return exchange(pv_start.shared_info >> PAGE_SHIFT, 1, 0);
}
static s64 exchange_without_end(void)
{
    return exchange(mfn(page), ~0ULL, 0);
}
static s64 exchange_huge(void)
{
    return exchange(mfn(page), 1, 60);
}
static s64 reserve(unsigned command, u64 count, unsigned order)
{
    u64 frame = 0;
    struct xen_memory_reservation r = {
        .nr_extents = count, .extent_order = order, .domid = DOMID_SELF};

    set_xen_guest_handle(r.extent_start, &frame);
    return hypercall2(__HYPERVISOR_memory_op, command, (u64)&r);
}
static s64 populate_huge(void)
{
    return reserve(XENMEM_populate_physmap, 1, 63);
}
static s64 populate_overflow(void)
{
    return reserve(XENMEM_populate_physmap, ~0ULL, 0);
}

static s64 time_into_hypervisor(void)
{
    struct vcpu_register_time_memory_area r = {.addr.p = HYPERVISOR_IMAGE};
    s64 result =
        hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_time_memory_area, 0, (u64)&r);

    r.addr.p = 0;
    hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_time_memory_area, 0, (u64)&r);
    return result == 0 || result == -PV_EFAULT;
}
static s64 ports_by_hypervisors_memory(void)
{
    struct physdev_set_iobitmap b = {.nr_ports = 65536};

    set_xen_guest_handle(b.bitmap, (u8 *)HYPERVISOR_IMAGE);
    return hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iobitmap, (u64)&b);
}
/* Ports of another domain's that it has not been let in to: none may be bound. */
static s64 others_ports(void)
{
    enum { DOMAINS = 8, PORTS = 64 };
    s64 bound = 0;

    for (u16 dom = 0; dom < DOMAINS; dom++)
        for (u32 port = 0; port < PORTS && dom != pv_self(); port++) {
            struct evtchn_bind_interdomain b = {.remote_dom = dom, .remote_port = port};
            bound +=
                hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, (u64)&b) == 0;
        }
    return bound;
}

ATTEMPT(grant_table_writable)
ATTEMPT(grant_hypervisors_frame)
ATTEMPT(grant_read_only_for_writing)
ATTEMPT(grant_into_hypervisor)
ATTEMPT(grant_entry_in_data)
ATTEMPT(grant_entry_unaligned)
ATTEMPT(unmap_others_entry)
ATTEMPT(unmap_twice)
ATTEMPT(granted_as_table)
ATTEMPT(grant_changes_under_use)
ATTEMPT(grants_without_end)
ATTEMPT(grant_transfer)
ATTEMPT(copy_onto_table)
ATTEMPT(copy_to_hypervisor)
ATTEMPT(copy_across_the_end)
ATTEMPT(exchange_mapped)
ATTEMPT(exchange_table)
ATTEMPT(exchange_hypervisors)
ATTEMPT(exchange_shared_info)
ATTEMPT(exchange_without_end)
ATTEMPT(exchange_huge)
ATTEMPT(populate_huge)
ATTEMPT(populate_overflow)
ATTEMPT(time_into_hypervisor)
ATTEMPT(ports_by_hypervisors_memory)
ATTEMPT(others_ports)

#define STATUS(s) RETURNS(GNTST_##s)
static const struct attack attacks[] = {
    {"a page table, writable by grant", SURVIVES, try_grant_table_writable, STATUS(general_error),
     0},
    {"a grant of a frame of the hypervisor's", SURVIVES, try_grant_hypervisors_frame,
     STATUS(bad_page), 0},
    {"a read-only grant for writing", SURVIVES, try_grant_read_only_for_writing,
     STATUS(general_error), 0},
    {"a grant into the hypervisor's addresses", SURVIVES, try_grant_into_hypervisor,
     STATUS(general_error), 0},
    {"a grant's entry in a page of data", SURVIVES, try_grant_entry_in_data, STATUS(general_error),
     0},
    {"a grant's entry, unaligned", SURVIVES, try_grant_entry_unaligned, STATUS(general_error), 0},
    {"unmap with another mapping's handle", SURVIVES, try_unmap_others_entry, STATUS(general_error),
     0},
    {"unmap a grant twice", SURVIVES, try_unmap_twice, STATUS(bad_handle), 0},
    {"a page mapped by grant as a page table", SURVIVES, try_granted_as_table, RETURNS(-PV_EINVAL),
     0},
    {"a grant that changes while it is mapped", SURVIVES, try_grant_changes_under_use, RETURNS(1),
     0},
    {"a list of grants without end", SURVIVES, try_grants_without_end, RETURNS(-PV_EINVAL), 0},
    {"a frame transferred", SURVIVES, try_grant_transfer, RETURNS(-PV_ENOSYS), 0},
    {"copy onto a page table", SURVIVES, try_copy_onto_table, STATUS(general_error), 0},
    {"copy to a frame of the hypervisor's", SURVIVES, try_copy_to_hypervisor, STATUS(bad_page), 0},
    {"copy across a page's end", SURVIVES, try_copy_across_the_end, STATUS(bad_copy_arg), 0},
    {"exchange a page that is mapped", SURVIVES, try_exchange_mapped, RETURNS(-PV_EINVAL), 0},
    {"exchange a page table", SURVIVES, try_exchange_table, RETURNS(-PV_EINVAL), 0},
    {"exchange a frame of the hypervisor's", SURVIVES, try_exchange_hypervisors,
     RETURNS(-PV_EINVAL), 0},
    {"exchange shared_info", SURVIVES, try_exchange_shared_info, RETURNS(-PV_EINVAL), 0},
    {"exchange 2^64 - 1 frames", SURVIVES, try_exchange_without_end, RETURNS(-PV_EFAULT), 0},
    {"exchange an extent of order 60", SURVIVES, try_exchange_huge, RETURNS(-PV_EPERM), 0},
    {"populate an extent of order 63", SURVIVES, try_populate_huge, RETURNS(0), 0},
    {"populate 2^64 - 1 extents", SURVIVES, try_populate_overflow, RETURNS(0), 0},
    {"the time written into the hypervisor", SURVIVES, try_time_into_hypervisor, RETURNS(1), 0},
    {"a bitmap of ports in the hypervisor", SURVIVES, try_ports_by_hypervisors_memory,
     RETURNS(-PV_EINVAL), 0},
    {"ports of other domains", SURVIVES, try_others_ports, RETURNS(0), 0},
};
const struct attack_list pv_sharing_attacks = {attacks, ARRAY_SIZE(attacks)};
