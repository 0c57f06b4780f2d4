/*
 * Paravirtualization: attacks by a recursive slot of the L4 (src/pv/linear.c). Through it the
 * hypervisor's own slots appear a level lower, at addresses that are the guest's: the hypervisor is
 * made to read and write there for us, in each way that it does so, or we try ourselves.
 */
#include "hostile/attack.h"
#include "hostile/pv_attack.h"

#include "kit/hypercall.h"
#include "kit/kit.h"
#include "kit/probe.h"
#include "kit/pv.h"

#include <xen/event_channel.h>
#include <xen/memory.h>
#include <xen/callback.h>
#include <xen/nmi.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

enum { TABLE = 7, READ_ONLY = 5, SLOT = 300, OTHER_SLOT = 301, DIRECT_MAP = 262, PRESENT = 1 };
enum { PRESENT_WRITE = 3, WINDOW = 260, IMAGE = 261, LDT_SELECTOR = 7 };

static u64 other_l4[512] __attribute__((aligned(4096)));

static u64 *root(void)
{
    return (u64 *)pv_start.pt_base;
}

static u64 address(u64 l4, u64 l3, u64 l2, u64 l1)
{
    return 0xffff000000000000ULL | l4 << 39 | l3 << 30 | l2 << 21 | l1 << 12;
}

static s64 set_slot(unsigned slot, u64 entry)
{
    return pv_update(pv_machine((u64)&root()[slot]), entry, DOMID_SELF);
}

/* The slot, from its attack on to that which takes it away. */
static s64 recursive(void)
{
    return set_slot(SLOT, pv_machine((u64)root()) | READ_ONLY);
}
static s64 recursive_writable(void)
{
    return set_slot(SLOT, pv_machine((u64)root()) | TABLE);
}
static s64 recursive_in_hypervisors(void)
{
    return set_slot(DIRECT_MAP, pv_machine((u64)root()) | READ_ONLY);
}
static s64 recursive_gone(void)
{
    return set_slot(SLOT, 0);
}

/* The first entries of the direct map's tables as data, or what they name. */
static const u64 *places(unsigned *count)
{
    static u64 place[8];

    place[0] = address(SLOT, DIRECT_MAP, 0, 0);
    place[1] = address(SLOT, DIRECT_MAP, 0, 1);
    place[2] = address(SLOT, SLOT, DIRECT_MAP, 0);
    place[3] = address(SLOT, SLOT, SLOT, DIRECT_MAP);
    place[4] = address(SLOT, IMAGE, 0, 0);
    place[5] = address(SLOT, SLOT, IMAGE, 0);
    place[6] = address(SLOT, WINDOW, 0, 0);
    place[7] = address(SLOT, SLOT, WINDOW, 0);
    *count = ARRAY_SIZE(place);
    return place;
}

/* Every call that takes what it is told from memory: how many did not say -EFAULT. */
static s64 arguments(void)
{
    static const struct {
        u8 number;  /* __HYPERVISOR_* */
        u8 pointer; /* which argument it is */
        u64 other;  /* the other of the first two */
    } calls[] = {
        {__HYPERVISOR_mmu_update, 0, 1},
        {__HYPERVISOR_mmuext_op, 0, 1},
        {__HYPERVISOR_multicall, 0, 1},
        {__HYPERVISOR_set_trap_table, 0, 0},
        {__HYPERVISOR_set_gdt, 0, 512},
        {__HYPERVISOR_event_channel_op, 1, EVTCHNOP_send},
        {__HYPERVISOR_physdev_op, 1, PHYSDEVOP_set_iopl},
        {__HYPERVISOR_memory_op, 1, XENMEM_exchange},
        {__HYPERVISOR_memory_op, 1, XENMEM_current_reservation},
        {__HYPERVISOR_callback_op, 1, CALLBACKOP_register},
        {__HYPERVISOR_nmi_op, 1, XENNMI_register_callback},
        {__HYPERVISOR_sched_op, 1, SCHEDOP_poll},
    };
    unsigned count;
    const u64 *place = places(&count);
    s64 wrong = 0;

    for (unsigned i = 0; i < count; i++)
        for (unsigned k = 0; k < ARRAY_SIZE(calls); k++)
            for (u64 at = place[i]; at <= place[i] + 4092; at += 4092)
                wrong +=
                    hypercall4(calls[k].number, calls[k].pointer ? calls[k].other : at,
                               calls[k].pointer ? at : calls[k].other, 0, DOMID_SELF) != -PV_EFAULT;
    return wrong;
}

/* On the console: the hypervisor's memory in plain sight. */
static s64 printed(void)
{
    unsigned count;
    const u64 *place = places(&count);
    s64 wrong = 0;

    for (unsigned i = 0; i < count; i++)
        wrong += hypercall3(__HYPERVISOR_console_io, CONSOLEIO_write, 64, place[i]) != -PV_EFAULT;
    return wrong;
}

/* A list the first half of which is an entry of ours. */
static s64 lists_across(void)
{
    u64 end = address(SLOT, SLOT, SLOT, 256);

    return hypercall4(__HYPERVISOR_mmu_update, end - 8, 1, 0, DOMID_SELF) != -PV_EFAULT;
}

/* What the hypervisor writes for us: to our tables, and to its own. */
static s64 results(void)
{
    const u64 own[] = {address(SLOT, SLOT, SLOT, SLOT), address(SLOT, SLOT, SLOT, 0)};
    unsigned count;
    const u64 *place = places(&count);
    u64 before = root()[1];
    s64 wrong = 0;

    for (unsigned i = 0; i < count + ARRAY_SIZE(own); i++) {
        u64 at = i < count ? place[i] : own[i - count];
        struct vcpu_register_time_memory_area area = {.addr.p = at};

        wrong += hypercall2(__HYPERVISOR_xen_version, XENVER_extraversion, at) != -PV_EFAULT;
        wrong += hypercall2(__HYPERVISOR_memory_op, XENMEM_machphys_mapping, at) != -PV_EFAULT;
        hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_time_memory_area, 0, (u64)&area);
        hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area, 0, (u64)&area);
        hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
    }
    struct vcpu_register_time_memory_area none = {.addr.p = 0};

    hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_time_memory_area, 0, (u64)&none);
    hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area, 0, (u64)&none);
    return wrong + (root()[1] != before);
}

/* By ourselves. */
static s64 read_hypervisors(void)
{
    return *(volatile u64 *)address(SLOT, DIRECT_MAP, 0, 0);
}
static s64 write_hypervisors(void)
{
    *(volatile u64 *)address(SLOT, DIRECT_MAP, 0, 0) = 0;
    return 0;
}
static s64 write_own(void)
{
    *(volatile u64 *)address(SLOT, SLOT, SLOT, SLOT) = 0;
    return 0;
}
static s64 write_m2ps_tables(void)
{
    *(volatile u64 *)address(SLOT, SLOT, 256, 0) = 0;
    return 0;
}
static s64 jump_there(void)
{
    ((void (*)(void))address(SLOT, DIRECT_MAP, 0, 0))();
    return 0;
}
/* A page of the LDT is found by the tables' types, and this is none. */
static s64 load_there(void)
{
    __asm__ volatile("mov %0, %%fs" : : "r"((u16)LDT_SELECTOR));
    return 0;
}
static struct outcome try_ldt_there(void)
{
    s64 result = pv_ext(MMUEXT_SET_LDT, address(SLOT, DIRECT_MAP, 0, 0), 512);
    struct outcome o = result ? returned(result) : probe(load_there);

    pv_ext(MMUEXT_SET_LDT, 0, 0);
    return o;
}

/* By another L4 that the first one leads to; and as soon as the slot leads somewhere else again,
 * with whatever a TLB remembers. */
static s64 by_another(void)
{
    u64 here = (u64)other_l4, entry = pv_machine(here);
    u64 at = address(OTHER_SLOT, DIRECT_MAP, 0, 0);
    s64 wrong = 0;

    wrong += pv_map(other_l4, entry | READ_ONLY) != 0;
    wrong += pv_ext(MMUEXT_PIN_L4_TABLE, entry >> PAGE_SHIFT, 0) != 0;
    wrong += set_slot(OTHER_SLOT, entry | READ_ONLY) != 0;
    wrong += hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_send, at) != -PV_EFAULT;
    wrong += set_slot(OTHER_SLOT, 0) != 0;
    wrong += hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_send, at) != -PV_EFAULT;
    wrong += pv_ext(MMUEXT_UNPIN_TABLE, entry >> PAGE_SHIFT, 0) != 0;
    wrong += pv_map(other_l4, entry | TABLE) != 0;
    return wrong;
}

/* The slot comes and goes, and nothing is flushed. */
static struct outcome try_on_and_off(void)
{
    enum { TIMES = 64 };
    u64 at = address(SLOT, DIRECT_MAP, 0, 0);
    s64 wrong = 0;

    for (unsigned i = 0; i < TIMES; i++) {
        wrong += probe(read_hypervisors).kind != TRAPPED;
        wrong += recursive_gone() != 0;
        wrong += hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_send, at) != -PV_EFAULT;
        wrong += recursive() != 0;
        wrong += hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_send, at) != -PV_EFAULT;
    }
    return returned(wrong);
}

/* These end a life: the frame of an iret, and the stack of a trap, are there. */
static struct outcome try_iret_frame(void)
{
    recursive();
    __asm__ volatile("mov %0, %%rsp\n syscall"
                     :
                     : "r"(address(SLOT, DIRECT_MAP, 0, 0)), "a"(__HYPERVISOR_iret));
    return returned(0);
}
static struct outcome try_stack(void)
{
    recursive();
    __asm__ volatile("mov %0, %%rsp\n ud2" : : "r"(address(SLOT, DIRECT_MAP, 0, 1)));
    return returned(0);
}

ATTEMPT(recursive)
ATTEMPT(recursive_writable)
ATTEMPT(recursive_in_hypervisors)
ATTEMPT(recursive_gone)
ATTEMPT(arguments)
ATTEMPT(printed)
ATTEMPT(lists_across)
ATTEMPT(results)
ATTEMPT(read_hypervisors)
ATTEMPT(write_hypervisors)
ATTEMPT(write_own)
ATTEMPT(write_m2ps_tables)
ATTEMPT(jump_there)
ATTEMPT(by_another)

static const struct attack attacks[] = {
    {"a writable recursive L4 entry", SURVIVES, try_recursive_writable, RETURNS(-PV_EINVAL), 0},
    {"a recursive L4 entry in a slot of the hypervisor's", SURVIVES, try_recursive_in_hypervisors,
     RETURNS(-PV_EINVAL), 0},
    {"a recursive L4 entry", SURVIVES, try_recursive, RETURNS(0), 0},
    {"arguments in the hypervisor's slots, through it", SURVIVES, try_arguments, RETURNS(0), 0},
    {"the console's text there", SURVIVES, try_printed, RETURNS(0), 0},
    {"a list that ends there", SURVIVES, try_lists_across, RETURNS(0), 0},
    {"results written there, and to its own tables", SURVIVES, try_results, RETURNS(0), 0},
    {"read there", SURVIVES, try_read_hypervisors, FAULTS(TRAP_PAGE_FAULT, PRESENT), 0},
    {"write there", SURVIVES, try_write_hypervisors, FAULTS(TRAP_PAGE_FAULT, PRESENT_WRITE), 0},
    {"write its own tables there", SURVIVES, try_write_own, FAULTS(TRAP_PAGE_FAULT, PRESENT_WRITE),
     0},
    {"write the M2P's tables there", SURVIVES, try_write_m2ps_tables,
     FAULTS(TRAP_PAGE_FAULT, PRESENT_WRITE), 0},
    {"jump there", SURVIVES, try_jump_there, FAULTS(TRAP_PAGE_FAULT, PRESENT | FAULT_FETCH), 0},
    {"an LDT there", SURVIVES, try_ldt_there, FAULTS(TRAP_PAGE_FAULT, 0), 0},
    {"by way of another L4", SURVIVES, try_by_another, RETURNS(0), 0},
    {"the slot comes and goes without a flush", SURVIVES, try_on_and_off, RETURNS(0), 0},
    {"a recursive L4 entry, gone", SURVIVES, try_recursive_gone, RETURNS(0), 0},
    {"an iret frame there", CRASHES, try_iret_frame, {0}, "its iret frame"},
    {"a stack there", CRASHES, try_stack, {0}, "its kernel stack cannot be written"},
};
const struct attack_list pv_linear_attacks = {attacks, ARRAY_SIZE(attacks)};
