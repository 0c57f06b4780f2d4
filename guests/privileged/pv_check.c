/*
 * What the paravirtual interface says of time and events: ports, polling, runstate, vcpu_info.
 */
#include "pv_check.h"

#include "kit/hypercall.h"
#include "kit/pv.h"

#include <xen/sched.h>
#include <xen/vcpu.h>

enum { POLL_NS = 3000000, LATE_NS = 20000000 };

s64 pv_check_map(const void *at, u64 entry)
{
    return hypercall3(__HYPERVISOR_update_va_mapping, (u64)at, entry, UVMF_INVLPG);
}

s64 pv_check_ext(unsigned command, u64 first, u64 second)
{
    struct mmuext_op op = {.cmd = command};

    op.arg1.mfn = first;
    op.arg2.src_mfn = second;
    return hypercall4(__HYPERVISOR_mmuext_op, (u64)&op, 1, 0, DOMID_SELF);
}

static s64 event_op(unsigned command, void *argument)
{
    return hypercall2(__HYPERVISOR_event_channel_op, command, (u64)argument);
}

static s64 vcpu_op(unsigned command, void *argument)
{
    return hypercall3(__HYPERVISOR_vcpu_op, command, 0, (u64)argument);
}

static unsigned status_of(evtchn_port_t port)
{
    struct evtchn_status s = {.dom = DOMID_SELF, .port = port};

    return event_op(EVTCHNOP_status, &s) ? ~0u : s.status;
}

/* A channel to itself, its far end masked: sending sets the pending bit and no more. Returns the
 * port that is left. */
static evtchn_port_t check_channel(void)
{
    struct evtchn_alloc_unbound far = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
    struct evtchn_bind_interdomain near = {.remote_dom = DOMID_SELF};

    check_equal("a port to itself", 0, (u64)event_op(EVTCHNOP_alloc_unbound, &far));
    PV_SHARED->evtchn_mask[0] |= ~0ULL << far.port;
    near.remote_port = far.port;
    check_equal("its other end", 0, (u64)event_op(EVTCHNOP_bind_interdomain, &near));
    check_equal("both are bound", EVTCHNSTAT_interdomain, status_of(far.port));
    PV_SHARED->evtchn_pending[0] &= ~(1ULL << far.port);
    check_equal("sending", 0, (u64)event_op(EVTCHNOP_send, &near.local_port));
    check("the far end is pending", PV_SHARED->evtchn_pending[0] >> far.port & 1);
    check_equal("closing one end", 0, (u64)event_op(EVTCHNOP_close, &far.port));
    check_equal("unbinds the other", EVTCHNSTAT_unbound, status_of(near.local_port));
    return near.local_port;
}

/* Sleeps in SCHEDOP_poll on a port that nothing comes to, until the time-out. */
static void check_poll(evtchn_port_t port)
{
    struct vcpu_runstate_info before, after;
    struct sched_poll p = {.nr_ports = 1};

    set_xen_guest_handle(p.ports, &port);
    PV_SHARED->evtchn_pending[0] &= ~(1ULL << port);
    vcpu_op(VCPUOP_get_runstate_info, &before);
    p.timeout = pv_now() + POLL_NS;
    check_equal("polling", 0, (u64)hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, (u64)&p));
    check("until the time-out, and not for long after",
          pv_now() >= p.timeout && pv_now() < p.timeout + LATE_NS);
    vcpu_op(VCPUOP_get_runstate_info, &after);
    check("it slept, and runs",
          after.time[RUNSTATE_blocked] >= before.time[RUNSTATE_blocked] + POLL_NS / 2 &&
              after.state == RUNSTATE_running);
}

static void check_runstate_area(void)
{
    static struct vcpu_runstate_info area;
    struct vcpu_register_runstate_memory_area r = {.addr.v = &area};

    check_equal("a runstate area", 0, (u64)vcpu_op(VCPUOP_register_runstate_memory_area, &r));
    check("is written", area.state == RUNSTATE_running && area.state_entry_time);
}

static void check_info(void)
{
    enum { OFFSET = 64 };
    static u8 page[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
    struct vcpu_register_vcpu_info r = {.mfn = pv_machine((u64)page) >> PAGE_SHIFT,
                                        .offset = OFFSET};
    const struct vcpu_info *info = (const struct vcpu_info *)(page + OFFSET);

    platform->irq_off();
    check_equal("vcpu_info elsewhere", 0, (u64)vcpu_op(VCPUOP_register_vcpu_info, &r));
    check("it has the time, and an event to look at",
          info->time.system_time && info->evtchn_upcall_pending);
    check("not twice", vcpu_op(VCPUOP_register_vcpu_info, &r) < 0);
    check("its page becomes no page table",
          pv_check_ext(MMUEXT_PIN_L1_TABLE, pv_machine((u64)page) >> PAGE_SHIFT, 0) < 0);
}

void pv_check(void)
{
    pv_check_cpu();
    pv_check_memory();
    pv_check_tables();
    check_poll(check_channel());
    check_runstate_area();
    check_info();
}
