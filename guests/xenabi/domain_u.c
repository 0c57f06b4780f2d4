/*
 * What a domain without privilege is answered, and Xen's domain 0 is not: who may reach devices,
 * other domains, the machine. Only under Trivisor, where no domain has any; the answers are those
 * that Xen's source gives to such a domain.
 */
#include "xenabi.h"

#include "kit/pv_paging.h"
#include "kit/space.h"

#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#include "public/trivisor.h"

enum { DOMAINS = 16, NO_DOMAIN = 0xffff };

static s64 ext(u32 command, u64 mfn)
{
    struct mmuext_op op = {.cmd = command, .arg1.mfn = mfn};

    return hypercall4(__HYPERVISOR_mmuext_op, (u64)&op, 1, 0, DOMID_SELF);
}

static s64 map(const void *at, u64 entry, u64 domain)
{
    return hypercall4(__HYPERVISOR_update_va_mapping_otherdomain, (u64)at, entry, 0, domain);
}

static void check_no_grants(void)
{
    struct gnttab_unmap_grant_ref u = {.host_addr = (u64)abi_page};

    abi_equal("unmap: the first of all", 0,
              hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, (u64)&u, 1));
    abi_equal("its status", GNTST_bad_handle, u.status);
}

/* It is the machine's; who may not know it is told so, and no more is written. */
static void check_command_line(void)
{
    char text[16];

    memset(text, 'x', sizeof(text));
    abi_equal("xen_version: command line", 0,
              hypercall2(__HYPERVISOR_xen_version, XENVER_commandline, (u64)text));
    check("it is not told", !memcmp(text, "<denied>\0x", sizeof("<denied>\0x") - 1));
}

/* Which node of the machine's it is from is not for it to say. */
static void check_node(void)
{
    xen_pfn_t in = abi_frame(abi_page), out = 0;
    struct xen_memory_exchange e = {
        .in = {.nr_extents = 1, .domid = DOMID_SELF},
        .out = {.nr_extents = 1, .domid = DOMID_SELF, .mem_flags = XENMEMF_exact_node(0)}};

    set_xen_guest_handle(e.in.extent_start, &in);
    set_xen_guest_handle(e.out.extent_start, &out);
    abi_equal("exchange: for a frame of one node's", -ABI_EINVAL,
              hypercall2(__HYPERVISOR_memory_op, XENMEM_exchange, (u64)&e));
}

static void check_machine(void)
{
    struct evtchn_bind_pirq keyboard = {.pirq = 1};
    struct gnttab_set_version second = {.version = 2};
    evtchn_port_t console = pv_start.console.domU.evtchn, store = pv_start.store_evtchn;
    struct mmu_update request = {.ptr = pv_machine((u64)abi_page)};
    u8 id[32];

    abi_equal("bind_pirq: a device's", -ABI_EPERM,
              hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_pirq, (u64)&keyboard));
    abi_equal("close: the console's", -ABI_EINVAL,
              hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_close, (u64)&console));
    abi_equal("close: the store's", -ABI_EINVAL,
              hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_close, (u64)&store));
    abi_equal("sched_op: a processor of its own", -ABI_EPERM,
              hypercall2(__HYPERVISOR_sched_op, SCHEDOP_pin_override, ABI_BAD));
    abi_equal("vcpu_op: its processor", -ABI_EINVAL,
              hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_get_physid, 0, (u64)id));
    abi_equal("xen_version: build id", -ABI_EPERM,
              hypercall2(__HYPERVISOR_xen_version, XENVER_build_id, (u64)id));
    check_command_line();
    abi_equal("mmuext_op: the caches", -ABI_EACCES, ext(MMUEXT_FLUSH_CACHE, 0));
    abi_equal("mmuext_op: everybody's caches", -ABI_EINVAL, ext(MMUEXT_FLUSH_CACHE_GLOBAL, 0));
    abi_equal("grants: version 2", -ABI_ENOSYS,
              hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_set_version, (u64)&second, 1));
    abi_equal("a frame of a device's", -ABI_EPERM,
              map(abi_page, 0xb8ULL << PAGE_SHIFT | ENTRY_RW, DOMID_SELF));
    abi_equal("devices' frames", -ABI_EPERM, map(abi_page, 0, DOMID_IO));
    abi_equal("the hypervisor's frames", -ABI_EPERM, map(abi_page, 0, DOMID_XEN));
    abi_equal("mmu_update for the hypervisor", -ABI_EPERM,
              hypercall4(__HYPERVISOR_mmu_update, (u64)&request, 1, 0, DOMID_XEN));
    abi_equal("mmuext_op: none, for devices", -ABI_EPERM,
              hypercall4(__HYPERVISOR_mmuext_op, 0, 0, 0, DOMID_IO));
    abi_equal("a dirty log", -ABI_ENOSYS, platform->trivisor(TRIVISOR_DIRTY_START, 0, 0));
}

/* Of all frames it maps its own, of the others each is somebody's, or nobody's. */
static void check_frames(void)
{
    enum { STEP = 61 };
    u64 limit = (u64)hypercall2(__HYPERVISOR_memory_op, XENMEM_maximum_ram_page, 0);
    u32 own = 0, ram = 0, none = 0, wrong = 0;

    for (u64 mfn = 0; mfn < limit; mfn += STEP) {
        s64 error = map(abi_page, mfn << PAGE_SHIFT | ENTRY_PRESENT, DOMID_SELF);

        own += !error;
        ram += error == -ABI_EBUSY;
        none += error == -ABI_EPERM;
        wrong += error && error != -ABI_EBUSY && error != -ABI_EPERM;
    }
    check("frames of its own, of others, and of none", own && ram && none && !wrong);
    abi_equal("its page is as it was", 0,
              hypercall3(__HYPERVISOR_update_va_mapping, (u64)abi_page,
                         pv_entry_of((u64)abi_page, ENTRY_RW), UVMF_INVLPG));
}

static void check_memory_map(void)
{
    static u8 entry[64];
    struct xen_memory_map m = {.nr_entries = 1};

    set_xen_guest_handle(m.buffer, (void *)entry);
    abi_equal("memory_op: the map", 0,
              hypercall2(__HYPERVISOR_memory_op, XENMEM_memory_map, (u64)&m));
    abi_equal("memory_op: the map, bad address", -ABI_EFAULT,
              hypercall2(__HYPERVISOR_memory_op, XENMEM_memory_map, ABI_BAD));
    set_xen_guest_handle(m.buffer, (void *)ABI_BAD);
    abi_equal("memory_op: the map into the hypervisor", -ABI_EFAULT,
              hypercall2(__HYPERVISOR_memory_op, XENMEM_memory_map, (u64)&m));
    m.nr_entries = 0;
    abi_equal("memory_op: the map, no room", 0,
              hypercall2(__HYPERVISOR_memory_op, XENMEM_memory_map, (u64)&m));
    abi_equal("and nothing in it", 0, m.nr_entries);
}

/* The number of the domain beside this one. */
static u16 find_neighbour(void)
{
    for (u16 id = 0; id < DOMAINS; id++) {
        domid_t named = id;

        if (id != pv_self() && hypercall2(__HYPERVISOR_memory_op, XENMEM_current_reservation,
                                          (u64)&named) != -ABI_ESRCH)
            return id;
    }
    return NO_DOMAIN;
}

static void check_neighbour(u16 id)
{
    struct mmu_update store = {.ptr = pv_machine((u64)abi_page)};
    struct mmuext_op flush = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};
    struct sched_remote_shutdown end = {.domain_id = id};
    struct evtchn_status status = {.dom = id, .port = 1}, none = {.dom = id, .port = 4000};
    struct evtchn_alloc_unbound port = {.dom = id, .remote_dom = DOMID_SELF};
    struct evtchn_reset reset = {.dom = id};
    struct evtchn_bind_interdomain pair = {.remote_dom = id, .remote_port = 1};
    struct gnttab_setup_table table = {.dom = id};
    struct gnttab_query_size size = {.dom = id};
    struct gnttab_get_version version = {.dom = id};
    struct xen_add_to_physmap add = {.domid = id};
    struct xen_memory_exchange e = {.in.domid = id, .out.domid = id};
    domid_t named = id;

    abi_equal("mmu_update of none, for another", 0,
              hypercall4(__HYPERVISOR_mmu_update, 0, 0, 0, id));
    abi_equal("mmu_update for another", -ABI_EPERM,
              hypercall4(__HYPERVISOR_mmu_update, (u64)&store, 1, 0, id));
    abi_equal(
        "mmu_update of another's tables", -ABI_EPERM,
        hypercall4(__HYPERVISOR_mmu_update, (u64)&store, 1, 0, (u64)(id + 1) << 16 | DOMID_SELF));
    abi_equal("mmuext_op for another", -ABI_EPERM,
              hypercall4(__HYPERVISOR_mmuext_op, (u64)&flush, 1, 0, id));
    abi_equal("another's frame", -ABI_EPERM, map(abi_page, 0, id));
    abi_equal("another's end", -ABI_EPERM,
              hypercall2(__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, (u64)&end));
    abi_equal("status: another's", -ABI_EPERM,
              hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_status, (u64)&status));
    abi_equal("status: no port of another's", -ABI_EINVAL,
              hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_status, (u64)&none));
    abi_equal("alloc_unbound: another's", -ABI_EPERM,
              hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, (u64)&port));
    abi_equal("reset: another's", -ABI_EPERM,
              hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_reset, (u64)&reset));
    abi_equal("bind_interdomain: not let in", -ABI_EINVAL,
              hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, (u64)&pair));
    abi_equal("setup_table of another's", 0,
              hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, (u64)&table, 1));
    abi_equal("its status", GNTST_permission_denied, table.status);
    abi_equal("query_size of another's", 0,
              hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_query_size, (u64)&size, 1));
    abi_equal("its status, too", GNTST_permission_denied, size.status);
    abi_equal("get_version of another's", -ABI_EPERM,
              hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_get_version, (u64)&version, 1));
    abi_equal("another's reservation", -ABI_EPERM,
              hypercall2(__HYPERVISOR_memory_op, XENMEM_current_reservation, (u64)&named));
    abi_equal("add to another's map", -ABI_EPERM,
              hypercall2(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, (u64)&add));
    abi_equal("exchange another's", -ABI_EPERM,
              hypercall2(__HYPERVISOR_memory_op, XENMEM_exchange, (u64)&e));
}

void abi_domain_u(void)
{
    u16 neighbour;

    if (!pv_is_trivisor())
        return;
    check_no_grants();
    check_node();
    check_machine();
    check_memory_map();
    check_frames();
    neighbour = find_neighbour();
    if (check("there is a domain beside this one", neighbour != NO_DOMAIN))
        check_neighbour(neighbour);
}

/* Its vcpu_info in a page of its own, once; after that the kit's handlers look in vain, so it is
 * the last. */
void abi_vcpu_info(void)
{
    static u64 page[512] __attribute__((aligned(4096)));
    struct vcpu_register_vcpu_info info = {.mfn = pv_machine(pv_start.pt_base) >> PAGE_SHIFT};

    abi_equal("vcpu_info in a page table", -ABI_EINVAL,
              hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0, (u64)&info));
    info.mfn = ABI_NO_FRAME;
    abi_equal("vcpu_info in no frame", -ABI_EINVAL,
              hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0, (u64)&info));
    info.mfn = abi_frame(page);
    abi_equal("vcpu_info", 0,
              hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0, (u64)&info));
    abi_equal("vcpu_info, once more", -ABI_EINVAL,
              hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0, (u64)&info));
}
