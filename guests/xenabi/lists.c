/*
 * Arguments that cannot be read to their end, and results that cannot be written: a structure that
 * is mapped read-only, lists that end where nothing is mapped.
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

/* Of user mode's addresses: the hypervisor may look there, but nothing is mapped. */
#define NOWHERE 0x00007f0000000000ULL

static u64 constant[512] __attribute__((aligned(4096))); /* mapped read-only */
static u64 pages[2][512] __attribute__((aligned(4096))); /* the second is not mapped */

static u64 pair[2][512] __attribute__((aligned(4096)));

static s64 map_own(const void *page, u64 bits)
{
    return hypercall3(__HYPERVISOR_update_va_mapping, (u64)page,
                      bits ? pv_entry_of((u64)page, bits) : 0, UVMF_INVLPG);
}

/* What is there from now on cannot be written. */
static u64 keep(const void *what, size_t bytes)
{
    map_own(constant, ENTRY_RW);
    memcpy(constant, what, bytes);
    map_own(constant, ENTRY_PRESENT);
    return (u64)constant;
}
#define KEEP(what) keep(&(what), sizeof(what))

/* As the last thing before what is not mapped. */
static u64 at_the_end(const void *what, size_t bytes)
{
    u8 *end = (u8 *)pages[1];

    memcpy(end - bytes, what, bytes);
    return (u64)end - bytes;
}
#define AT_THE_END(what) at_the_end(&(what), sizeof(what))

static void check_results(void)
{
    struct evtchn_status status = {.dom = DOMID_SELF, .port = 1};
    struct gnttab_query_size size = {.dom = DOMID_SELF};
    struct xen_feature_info features = {0};
    static const u32 written[] = {
        XENVER_extraversion,        XENVER_compile_info, XENVER_capabilities, XENVER_changeset,
        XENVER_platform_parameters, XENVER_guest_handle, XENVER_commandline};

    abi_equal("status: no room for it", -ABI_EFAULT,
              hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_status, KEEP(status)));
    abi_equal("query_size: no room for it", -ABI_EFAULT,
              hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_query_size, KEEP(size), 1));
    abi_equal("features: no room for them", -ABI_EFAULT,
              hypercall2(__HYPERVISOR_xen_version, XENVER_get_features, KEEP(features)));
    for (unsigned i = 0; i < ARRAY_SIZE(written); i++)
        abi_equal("xen_version: no room for it", -ABI_EFAULT,
                  hypercall2(__HYPERVISOR_xen_version, written[i], (u64)constant));
    abi_equal("runstate: no room for it", -ABI_EFAULT,
              hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, (u64)constant));
    abi_equal("the M2P: no room for it", -ABI_EFAULT,
              hypercall2(__HYPERVISOR_memory_op, XENMEM_machphys_mapping, (u64)constant));
}

/* Each list is sound, but its second item is not mapped. */
static void check_ends(void)
{
    struct mmuext_op flush = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};
    struct mmu_update store = {.ptr = pv_machine((u64)constant), .val = 5};
    struct gnttab_map_grant_ref none = {.ref = ~0u, .dom = ABI_NOBODY, .flags = GNTMAP_host_map};
    multicall_entry_t version = {.op = __HYPERVISOR_xen_version, .args = {XENVER_version}};
    struct trap_info trap = {.vector = 200, .cs = 0xe033, .address = 0x1000};

    map_own(constant, ENTRY_PRESENT);
    abi_equal("mmu_update: the second is not there", -ABI_EFAULT,
              hypercall4(__HYPERVISOR_mmu_update, AT_THE_END(store), 2, 0, DOMID_SELF));
    abi_equal("the first was made", 0, (s64)constant[0] - 5);
    abi_equal("mmuext_op: the second is not there", -ABI_EFAULT,
              hypercall4(__HYPERVISOR_mmuext_op, AT_THE_END(flush), 2, 0, DOMID_SELF));
    abi_equal("mmu_update: no room for the count", 0,
              hypercall4(__HYPERVISOR_mmu_update, (u64)&store, 1, ABI_BAD, DOMID_SELF));
    abi_equal("mmuext_op: no room for the count", 0,
              hypercall4(__HYPERVISOR_mmuext_op, (u64)&flush, 1, ABI_BAD, DOMID_SELF));
    abi_equal("map_grant_ref: the second is not there", -ABI_EFAULT,
              hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, AT_THE_END(none), 2));
    abi_equal("multicall: the second is not there", -ABI_EFAULT,
              hypercall2(__HYPERVISOR_multicall, AT_THE_END(version), 2));
    abi_equal("multicall: no room for the result", -ABI_EFAULT,
              hypercall2(__HYPERVISOR_multicall, KEEP(version), 1));
    abi_equal("set_trap_table: the second is not there", -ABI_EFAULT,
              hypercall2(__HYPERVISOR_set_trap_table, AT_THE_END(trap), 0));
}

/* A handle may be sound where the array that it names is not. */
static void check_arrays(void)
{
    struct sched_poll poll = {.nr_ports = 1};
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 1};
    struct vcpu_register_runstate_memory_area state = {.addr.p = ABI_BAD};
    struct vcpu_register_time_memory_area time = {.addr.p = ABI_BAD};

    set_xen_guest_handle(poll.ports, (evtchn_port_t *)ABI_BAD);
    abi_equal("poll: ports at the hypervisor's address", -ABI_EFAULT,
              hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, (u64)&poll));
    set_xen_guest_handle(poll.ports, (evtchn_port_t *)NOWHERE);
    abi_equal("poll: ports that are not there", -ABI_EFAULT,
              hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, (u64)&poll));
    set_xen_guest_handle(setup.frame_list, (xen_pfn_t *)NOWHERE);
    abi_equal("setup_table: a list that is not there", 0,
              hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, (u64)&setup, 1));
    abi_equal("its status", GNTST_bad_virt_addr, setup.status);
    set_xen_guest_handle(setup.frame_list, (xen_pfn_t *)ABI_BAD);
    abi_equal("setup_table: a list at the hypervisor's address", -ABI_EFAULT,
              hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, (u64)&setup, 1));
    abi_equal(
        "runstate area in the hypervisor", -ABI_EFAULT,
        hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area, 0, (u64)&state));
    abi_equal(
        "time area in the hypervisor", -ABI_EFAULT,
        hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_time_memory_area, 0, (u64)&time));
    abi_equal("set_gdt: a list that is not there", -ABI_EFAULT,
              hypercall2(__HYPERVISOR_set_gdt, NOWHERE, 512));
}

/* The item, so that its argument of this number is the first thing on a page that is read-only. */
static u64 across(const multicall_entry_t *item, unsigned argument)
{
    u64 at = (u64)pair[1] - offsetof(multicall_entry_t, args) - argument * sizeof(u64);

    map_own(pair[1], ENTRY_RW);
    memcpy((void *)at, item, sizeof(*item));
    map_own(pair[1], ENTRY_PRESENT);
    return at;
}

/* An item of a multicall that lasts for more than a slice is to be noted in the list. (What Xen
 * answers then is left in rax by the continuation that it has taken back.) */
static void check_broken_off(void)
{
    enum { UPDATES = 65536, ZEROS = 2 << 20, TIMES = 4 }; /* more than a slice anywhere */
    struct mmu_update *list = memory_take(UPDATES * sizeof(*list), PAGE_SIZE);
    const void *zeros = memory_take(ZEROS, PAGE_SIZE);
    multicall_entry_t update = {.op = __HYPERVISOR_mmu_update,
                                .args = {(u64)list, UPDATES, 0, DOMID_SELF}};
    multicall_entry_t print = {.op = __HYPERVISOR_console_io, /* shows nothing */
                               .args = {CONSOLEIO_write, ZEROS, (u64)zeros}};

    for (unsigned i = 0; i < UPDATES; i++)
        list[i] = (struct mmu_update){.ptr = pv_machine((u64)pages), .val = i};
    for (unsigned i = 0; i < TIMES; i++) {
        abi_equal("multicall: no room for what is left of a long item", -ABI_EFAULT,
                  hypercall2(__HYPERVISOR_multicall, KEEP(update), 1));
        abi_equal("multicall: no room for the second word of it", -ABI_EFAULT,
                  hypercall2(__HYPERVISOR_multicall, across(&update, 1), 1));
        abi_equal("multicall: no room for the third", -ABI_EFAULT,
                  hypercall2(__HYPERVISOR_multicall, across(&print, 2), 1));
    }
    map_own(pair[1], ENTRY_RW);
}

void abi_lists(void)
{
    abi_equal("a page is away", 0, map_own(pages[1], 0));
    check_results();
    check_ends();
    check_arrays();
    if (pv_is_trivisor())
        check_broken_off();
    abi_equal("a page is back", 0, map_own(pages[1], ENTRY_RW));
    abi_equal("it can be written again", 0, map_own(constant, ENTRY_RW));
}
