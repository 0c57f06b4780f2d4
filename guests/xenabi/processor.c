/*
 * What concerns the processor, time and the hypervisor itself.
 */
#include "xenabi.h"

#include <xen/callback.h>
#include <xen/nmi.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

static struct xen_feature_info no_submap = {.submap_idx = 99}, submap;
static struct trap_info bad_trap[2] = {{.vector = 200, .cs = 0xe033, .address = ABI_NOT_CANONICAL}};
static struct sched_poll many_ports = {.nr_ports = 129}, wild_port = {.nr_ports = 1};
static evtchn_port_t port_of_nobody = 1u << 20;
static struct physdev_set_iopl iopl_1 = {.iopl = 1}, iopl_4 = {.iopl = 4};
static struct physdev_set_iobitmap wide_bitmap = {.nr_ports = 65537}, no_bitmap,
                                   far_bitmap = {.bitmap.p = (u8 *)ABI_BAD, .nr_ports = 8};
static struct xennmi_callback wild_nmi = {.handler_address = ABI_NOT_CANONICAL};
static struct callback_register wild_callback = {.address = ABI_NOT_CANONICAL},
                                no_callback = {.type = 99};
static struct callback_unregister event_callback = {.type = CALLBACKTYPE_event},
                                  nmi_callback = {.type = CALLBACKTYPE_nmi},
                                  no_such_callback = {.type = 99};
static struct sched_remote_shutdown nobodys_end = {.domain_id = ABI_NOBODY};
static struct vcpu_runstate_info runstate;
static struct vcpu_register_vcpu_info wild_info = {.offset = 4090}, odd_info = {.offset = 4};
static struct vcpu_set_periodic_timer short_period = {.period_ns = 1},
                                      long_period = {.period_ns = 1ULL << 63};
static struct vcpu_set_singleshot_timer past = {.timeout_abs_ns = 1, .flags = VCPU_SSHOTTMR_future};
static struct vcpu_register_time_memory_area time_area;
static struct vcpu_guest_context context;
static multicall_entry_t calls[3];
static char text[1024];

#define OP(name) __HYPERVISOR_##name
static const struct abi_case cases[] = {
    {"xen_version: page size", OP(xen_version), 4096, XENVER_pagesize, 0, 0, 0},
    {"xen_version: features", OP(xen_version), 0, XENVER_get_features, (u64)&submap, 0, 0},
    {"xen_version: no such features", OP(xen_version), -ABI_EINVAL, XENVER_get_features,
     (u64)&no_submap, 0, 0},
    {"xen_version: features, bad address", OP(xen_version), -ABI_EFAULT, XENVER_get_features,
     ABI_BAD, 0, 0},
    {"xen_version: capabilities", OP(xen_version), 0, XENVER_capabilities, (u64)text, 0, 0},
    {"xen_version: extra version", OP(xen_version), 0, XENVER_extraversion, (u64)text, 0, 0},
    {"xen_version: command line", OP(xen_version), 0, XENVER_commandline, (u64)text, 0, 0},
    {"xen_version: change set", OP(xen_version), 0, XENVER_changeset, (u64)text, 0, 0},
    {"xen_version: compiler", OP(xen_version), 0, XENVER_compile_info, (u64)text, 0, 0},
    {"xen_version: platform", OP(xen_version), 0, XENVER_platform_parameters, (u64)text, 0, 0},
    {"xen_version: handle", OP(xen_version), 0, XENVER_guest_handle, (u64)text, 0, 0},
    {"xen_version: bad address", OP(xen_version), -ABI_EFAULT, XENVER_extraversion, ABI_BAD, 0, 0},
    {"xen_version: no such command", OP(xen_version), -ABI_ENOSYS, 99, 0, 0, 0},
    {"set_trap_table: bad address", OP(set_trap_table), -ABI_EFAULT, ABI_BAD, 0, 0, 0},
    {"set_trap_table: not canonical", OP(set_trap_table), -ABI_EINVAL, (u64)bad_trap, 0, 0, 0},
    {"set_gdt: too long", OP(set_gdt), -ABI_EINVAL, (u64)abi_page, 0x10000, 0, 0},
    {"set_gdt: bad address", OP(set_gdt), -ABI_EFAULT, ABI_BAD, 512, 0, 0},
    {"set_callbacks: not canonical", OP(set_callbacks), 0, ABI_NOT_CANONICAL, ABI_NOT_CANONICAL,
     ABI_NOT_CANONICAL, 0},
    {"fpu_taskswitch: set", OP(fpu_taskswitch), 0, 1, 0, 0, 0},
    {"fpu_taskswitch: clear", OP(fpu_taskswitch), 0, 0, 0, 0, 0},
    {"sched_op: yield", OP(sched_op), 0, SCHEDOP_yield, 0, 0, 0},
    {"sched_op: no such command", OP(sched_op), -ABI_ENOSYS, 99, 0, 0, 0},
    {"sched_op: shutdown, bad address", OP(sched_op), -ABI_EFAULT, SCHEDOP_shutdown, ABI_BAD, 0, 0},
    {"sched_op: shutdown code, bad address", OP(sched_op), -ABI_EFAULT, SCHEDOP_shutdown_code,
     ABI_BAD, 0, 0},
    {"sched_op: poll, bad address", OP(sched_op), -ABI_EFAULT, SCHEDOP_poll, ABI_BAD, 0, 0},
    {"sched_op: poll, too many ports", OP(sched_op), -ABI_EINVAL, SCHEDOP_poll, (u64)&many_ports, 0,
     0},
    {"sched_op: poll, no such port", OP(sched_op), -ABI_EINVAL, SCHEDOP_poll, (u64)&wild_port, 0,
     0},
    {"sched_op: another's end, bad address", OP(sched_op), -ABI_EFAULT, SCHEDOP_remote_shutdown,
     ABI_BAD, 0, 0},
    {"sched_op: nobody's end", OP(sched_op), -ABI_ESRCH, SCHEDOP_remote_shutdown, (u64)&nobodys_end,
     0, 0},
    {"set_debugreg: address 0", OP(set_debugreg), 0, 0, 0x1000, 0, 0},
    {"get_debugreg: address 0", OP(get_debugreg), 0x1000, 0, 0, 0, 0},
    {"set_debugreg: in the hypervisor", OP(set_debugreg), -ABI_EPERM, 0, ABI_BAD, 0, 0},
    {"set_debugreg: not canonical", OP(set_debugreg), -ABI_EPERM, 0, ABI_NOT_CANONICAL, 0, 0},
    {"set_debugreg: control, high bits", OP(set_debugreg), -ABI_EINVAL, 7, 1ULL << 32, 0, 0},
    {"set_debugreg: status, high bits", OP(set_debugreg), -ABI_EINVAL, 6, 1ULL << 32, 0, 0},
    {"set_debugreg: control, a port is watched", OP(set_debugreg), -ABI_EPERM, 7, 0x20001, 0, 0},
    {"set_debugreg: control, a port is not watched", OP(set_debugreg), 0, 7, 0x20000, 0, 0},
    {"set_debugreg: control", OP(set_debugreg), 0, 7, 0, 0, 0},
    {"set_debugreg: none such", OP(set_debugreg), -ABI_ENODEV, 8, 0, 0, 0},
    {"get_debugreg: none such", OP(get_debugreg), -ABI_ENODEV, 8, 0, 0, 0},
    {"set_timer_op: off", OP(set_timer_op), 0, 0, 0, 0, 0},
    {"console_io: bad address", OP(console_io), -ABI_EFAULT, CONSOLEIO_write, 4, ABI_BAD, 0},
    {"console_io: input, too much", OP(console_io), -ABI_E2BIG, CONSOLEIO_read, 0x80000000,
     (u64)text, 0},
    {"console_io: input, none", OP(console_io), 0, CONSOLEIO_read, sizeof(text), (u64)text, 0},
    {"console_io: nothing", OP(console_io), 0, CONSOLEIO_write, 0, (u64)text, 0},
    {"console_io: no such command", OP(console_io), -ABI_ENOSYS, 99, 0, 0, 0},
    {"physdev_op: I/O level", OP(physdev_op), 0, PHYSDEVOP_set_iopl, (u64)&iopl_1, 0, 0},
    {"physdev_op: no such level", OP(physdev_op), -ABI_EINVAL, PHYSDEVOP_set_iopl, (u64)&iopl_4, 0,
     0},
    {"physdev_op: level, bad address", OP(physdev_op), -ABI_EFAULT, PHYSDEVOP_set_iopl, ABI_BAD, 0,
     0},
    {"physdev_op: no bitmap", OP(physdev_op), 0, PHYSDEVOP_set_iobitmap, (u64)&no_bitmap, 0, 0},
    {"physdev_op: bitmap too long", OP(physdev_op), -ABI_EINVAL, PHYSDEVOP_set_iobitmap,
     (u64)&wide_bitmap, 0, 0},
    {"physdev_op: bitmap in the hypervisor", OP(physdev_op), -ABI_EINVAL, PHYSDEVOP_set_iobitmap,
     (u64)&far_bitmap, 0, 0},
    {"physdev_op: bitmap, bad address", OP(physdev_op), -ABI_EFAULT, PHYSDEVOP_set_iobitmap,
     ABI_BAD, 0, 0},
    {"physdev_op: no such command", OP(physdev_op), -ABI_ENOSYS, 99, 0, 0, 0},
    {"vm_assist: 4 GiB segments", OP(vm_assist), 0, VMASST_CMD_enable, VMASST_TYPE_4gb_segments, 0,
     0},
    {"vm_assist: no such type", OP(vm_assist), -ABI_EINVAL, VMASST_CMD_enable, 60, 0, 0},
    {"vm_assist: no such command", OP(vm_assist), -ABI_ENOSYS, 99, VMASST_TYPE_4gb_segments, 0, 0},
    {"vcpu_op: it is up", OP(vcpu_op), 1, VCPUOP_is_up, 0, 0, 0},
    {"vcpu_op: no such vcpu", OP(vcpu_op), -ABI_ENOENT, VCPUOP_is_up, 99, 0, 0},
    {"vcpu_op: no such command", OP(vcpu_op), -ABI_ENOSYS, 99, 0, 0, 0},
    {"vcpu_op: initialise once more", OP(vcpu_op), -ABI_EEXIST, VCPUOP_initialise, 0, (u64)&context,
     0},
    {"vcpu_op: initialise, bad address", OP(vcpu_op), -ABI_EFAULT, VCPUOP_initialise, 0, ABI_BAD,
     0},
    {"vcpu_op: up once more", OP(vcpu_op), 0, VCPUOP_up, 0, 0, 0},
    {"vcpu_op: runstate", OP(vcpu_op), 0, VCPUOP_get_runstate_info, 0, (u64)&runstate, 0},
    {"vcpu_op: runstate, bad address", OP(vcpu_op), -ABI_EFAULT, VCPUOP_get_runstate_info, 0,
     ABI_BAD, 0},
    {"vcpu_op: runstate area, bad address", OP(vcpu_op), -ABI_EFAULT,
     VCPUOP_register_runstate_memory_area, 0, ABI_BAD, 0},
    {"vcpu_op: vcpu_info across a page's end", OP(vcpu_op), -ABI_ENXIO, VCPUOP_register_vcpu_info,
     0, (u64)&wild_info, 0},
    {"vcpu_op: vcpu_info at an odd place", OP(vcpu_op), -ABI_ENXIO, VCPUOP_register_vcpu_info, 0,
     (u64)&odd_info, 0},
    {"vcpu_op: vcpu_info, bad address", OP(vcpu_op), -ABI_EFAULT, VCPUOP_register_vcpu_info, 0,
     ABI_BAD, 0},
    {"vcpu_op: too short a period", OP(vcpu_op), -ABI_EINVAL, VCPUOP_set_periodic_timer, 0,
     (u64)&short_period, 0},
    {"vcpu_op: too long a period", OP(vcpu_op), -ABI_EINVAL, VCPUOP_set_periodic_timer, 0,
     (u64)&long_period, 0},
    {"vcpu_op: period, bad address", OP(vcpu_op), -ABI_EFAULT, VCPUOP_set_periodic_timer, 0,
     ABI_BAD, 0},
    {"vcpu_op: no period", OP(vcpu_op), 0, VCPUOP_stop_periodic_timer, 0, 0, 0},
    {"vcpu_op: a time that is past", OP(vcpu_op), 0, VCPUOP_set_singleshot_timer, 0, (u64)&past, 0},
    {"vcpu_op: time, bad address", OP(vcpu_op), -ABI_EFAULT, VCPUOP_set_singleshot_timer, 0,
     ABI_BAD, 0},
    {"vcpu_op: no time", OP(vcpu_op), 0, VCPUOP_stop_singleshot_timer, 0, 0, 0},
    {"vcpu_op: time area", OP(vcpu_op), 0, VCPUOP_register_vcpu_time_memory_area, 0,
     (u64)&time_area, 0},
    {"vcpu_op: time area, bad address", OP(vcpu_op), -ABI_EFAULT,
     VCPUOP_register_vcpu_time_memory_area, 0, ABI_BAD, 0},
    {"set_segment_base: FS", OP(set_segment_base), 0, SEGBASE_FS, 0, 0, 0},
    {"set_segment_base: not canonical", OP(set_segment_base), -ABI_EINVAL, SEGBASE_FS,
     ABI_NOT_CANONICAL, 0, 0},
    {"set_segment_base: none such", OP(set_segment_base), -ABI_EINVAL, 99, 0, 0, 0},
    {"nmi_op: not canonical", OP(nmi_op), -ABI_EINVAL, XENNMI_register_callback, (u64)&wild_nmi, 0,
     0},
    {"nmi_op: bad address", OP(nmi_op), -ABI_EFAULT, XENNMI_register_callback, ABI_BAD, 0, 0},
    {"nmi_op: none", OP(nmi_op), 0, XENNMI_unregister_callback, 0, 0, 0},
    {"nmi_op: no such command", OP(nmi_op), -ABI_ENOSYS, 99, 0, 0, 0},
    {"callback_op: not canonical", OP(callback_op), -ABI_EINVAL, CALLBACKOP_register,
     (u64)&wild_callback, 0, 0},
    {"callback_op: no such type", OP(callback_op), -ABI_ENOSYS, CALLBACKOP_register,
     (u64)&no_callback, 0, 0},
    {"callback_op: bad address", OP(callback_op), -ABI_EFAULT, CALLBACKOP_register, ABI_BAD, 0, 0},
    {"callback_op: the event's stays", OP(callback_op), -ABI_EINVAL, CALLBACKOP_unregister,
     (u64)&event_callback, 0, 0},
    {"callback_op: the NMI's goes", OP(callback_op), 0, CALLBACKOP_unregister, (u64)&nmi_callback,
     0, 0},
    {"callback_op: none such goes", OP(callback_op), -ABI_ENOSYS, CALLBACKOP_unregister,
     (u64)&no_such_callback, 0, 0},
    {"callback_op: unregister, bad address", OP(callback_op), -ABI_EFAULT, CALLBACKOP_unregister,
     ABI_BAD, 0, 0},
    {"callback_op: no such command", OP(callback_op), -ABI_ENOSYS, 99, 0, 0, 0},
    {"multicall: none", OP(multicall), 0, (u64)calls, 0, 0, 0},
    {"multicall: bad address", OP(multicall), -ABI_EFAULT, ABI_BAD, 1, 0, 0},
    {"no such hypercall", 43, -ABI_ENOSYS, 0, 0, 0, 0},
    {"tmem_op is gone", OP(tmem_op), -ABI_ENOSYS, 0, 0, 0, 0},
};

static void check_multicall(void)
{
    calls[0] = (multicall_entry_t){.op = __HYPERVISOR_xen_version, .args = {XENVER_pagesize}};
    calls[1] = (multicall_entry_t){.op = 60};
    calls[2] = (multicall_entry_t){.op = __HYPERVISOR_multicall, .args = {(u64)calls, 1}};
    abi_equal("multicall", 0, hypercall2(__HYPERVISOR_multicall, (u64)calls, 3));
    abi_equal("multicall: an item", 4096, (s64)calls[0].result);
    abi_equal("multicall: an unknown item", -ABI_ENOSYS, (s64)calls[1].result);
    abi_equal("multicall: in itself", -ABI_EINVAL, (s64)calls[2].result);
    calls[0].op = 1000;
    abi_equal("multicall of one", 0, hypercall2(__HYPERVISOR_multicall, (u64)calls, 1));
    abi_equal("multicall: a number beyond the table", -ABI_ENOSYS, (s64)calls[0].result);
}

/* The time area is written at once; an address of 0 takes it away again. */
static void check_time_area(void)
{
    static struct vcpu_time_info area;

    time_area.addr.v = &area;
    abi_equal("vcpu_op: a time area", 0,
              hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_time_memory_area, 0,
                         (u64)&time_area));
    check("it has the time", area.system_time && area.tsc_to_system_mul);
    time_area.addr.v = NULL;
    hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_time_memory_area, 0, (u64)&time_area);
}

/* A version that is even, and a time after the year 2000 began, where emulators' clocks stand. */
static void check_wall_clock(void)
{
    const u64 year_2000 = 946684800;
    u64 second = (u64)PV_SHARED->wc_sec_hi << 32 | PV_SHARED->wc_sec;

    check("the wall clock is whole", PV_SHARED->wc_version && !(PV_SHARED->wc_version & 1));
    check("it shows a time", second >= year_2000 - 1 && !(second >> 33));
    check("and less than a second beside", PV_SHARED->wc_nsec < 1000000000);
}

static u64 all_states(const struct vcpu_runstate_info *r)
{
    u64 sum = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(r->time); i++)
        sum += r->time[i];
    return sum;
}

/* Virtual time: of the real time that passes each nanosecond is one state's. */
static void check_virtual_time(void)
{
    enum { SPINS = 10000 };
    struct vcpu_runstate_info before, after;
    u64 start = pv_now(), spent, real;

    hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, (u64)&before);
    for (unsigned i = 0; i < SPINS; i++)
        pause();
    hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
    hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, (u64)&after);
    real = pv_now() - start;
    spent = all_states(&after) - all_states(&before);
    check("runstate: it has run", after.time[RUNSTATE_running] > before.time[RUNSTATE_running]);
    check("runstate: no more than the real time, and most of it",
          spent <= real && spent >= real / 2);
    check("runstate: none runs backwards",
          after.time[RUNSTATE_runnable] >= before.time[RUNSTATE_runnable] &&
              after.time[RUNSTATE_blocked] == before.time[RUNSTATE_blocked] &&
              after.time[RUNSTATE_offline] == before.time[RUNSTATE_offline]);
}

void abi_processor(void)
{
    set_xen_guest_handle(wild_port.ports, &port_of_nobody);
    abi_run(cases, ARRAY_SIZE(cases));
    check_multicall();
    check_time_area();
    check_wall_clock();
    check_virtual_time();
}
