/*
 * The edges of events and time: ports that are free, polling, times that are past, far, or huge.
 */
#include "xenabi.h"

#include <xen/event_channel.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#define OP(name) __HYPERVISOR_##name
#define EV       OP(event_channel_op)
#define MS       1000000ULL
enum { BUCKET = 64, FREE_PORT = 50 };

static s64 event(u32 command, const void *argument)
{
    return hypercall2(EV, command, (u64)argument);
}

static void mask(evtchn_port_t port)
{
    PV_SHARED->evtchn_mask[port / 64] |= 1ULL << port % 64;
}

/* Whether it was pending; it is not any more. */
static bool took(evtchn_port_t port)
{
    u64 bit = 1ULL << port % 64;
    bool pending = PV_SHARED->evtchn_pending[port / 64] & bit;

    PV_SHARED->evtchn_pending[port / 64] &= ~bit;
    return pending;
}

static s64 poll(unsigned count, const evtchn_port_t *ports, u64 until)
{
    struct sched_poll p = {.nr_ports = count, .timeout = until};

    set_xen_guest_handle(p.ports, (evtchn_port_t *)(u64)ports);
    return hypercall2(OP(sched_op), SCHEDOP_poll, (u64)&p);
}

static s64 status_of(evtchn_port_t port)
{
    struct evtchn_status s = {.dom = DOMID_SELF, .port = port, .status = 77};
    s64 error = event(EVTCHNOP_status, &s);

    return error ? error : s.status;
}

/* There are records for as many ports as have been used, rounded up. */
static void check_ports(void)
{
    static const evtchn_port_t none[] = {0, FREE_PORT, 4000};
    struct evtchn_bind_virq argo = {.virq = VIRQ_ARGO};
    struct evtchn_bind_vcpu move = {0};

    abi_equal("status: port 0", EVTCHNSTAT_closed, status_of(0));
    abi_equal("status: a port that nobody has used", EVTCHNSTAT_closed, status_of(FREE_PORT));
    abi_equal("unmask: port 0", 0, event(EVTCHNOP_unmask, &none[0]));
    abi_equal("unmask: a free port", 0, event(EVTCHNOP_unmask, &none[1]));
    abi_equal("bind_virq: a domain's", 0, event(EVTCHNOP_bind_virq, &argo));
    move.port = argo.port;
    abi_equal("bind_vcpu: a domain's virq", 0, event(EVTCHNOP_bind_vcpu, &move));
    event(EVTCHNOP_close, &argo.port);
}

/* Before abi_exhaust has used them all. */
void abi_edges_unused(void)
{
    static const evtchn_port_t beyond = BUCKET;

    abi_equal("status: the last port of the first records", EVTCHNSTAT_closed,
              status_of(BUCKET - 1));
    abi_equal("status: the first port without", -ABI_EINVAL, status_of(BUCKET));
    abi_equal("unmask: the first port without", -ABI_EINVAL, event(EVTCHNOP_unmask, &beyond));
}

static void check_polls(void)
{
    struct evtchn_bind_ipi one = {.vcpu = 0}, other = {.vcpu = 0};
    evtchn_port_t ports[2] = {0, FREE_PORT};
    u64 start = pv_now();

    abi_equal("poll: port 0", -ABI_EINVAL, poll(1, ports, start + MS));
    abi_equal("poll: a free port", -ABI_EINVAL, poll(1, ports + 1, start + MS));
    abi_equal("poll: too many, at a bad address", -ABI_EINVAL, poll(129, (void *)ABI_BAD, 1));
    abi_equal("poll: as many as may be, at a bad address", -ABI_EFAULT,
              poll(128, (void *)ABI_BAD, 1));
    abi_equal("poll: none, until what is past", 0, poll(0, ports, 1));
    abi_equal("poll: none, until a time with bit 63", 0, poll(0, ports, 1ULL << 63));
    event(EVTCHNOP_bind_ipi, &one);
    event(EVTCHNOP_bind_ipi, &other);
    mask(one.port);
    mask(other.port);
    event(EVTCHNOP_send, &one.port);
    ports[0] = one.port;
    abi_equal("poll: what is pending, before what is free", 0, poll(2, ports, start + 100 * MS));
    ports[0] = other.port;
    abi_equal("poll: what is not pending, and what is free", -ABI_EINVAL,
              poll(2, ports, start + 100 * MS));
    check("it is pending still", took(one.port));
    event(EVTCHNOP_close, &one.port);
    event(EVTCHNOP_close, &other.port);
}

/* An event that could be delivered ends the poll before its ports are looked at. */
static void check_poll_deliverable(void)
{
    volatile struct vcpu_info *info = &PV_SHARED->vcpu_info[0];
    evtchn_port_t ports[1] = {FREE_PORT};
    u8 masked = info->evtchn_upcall_mask;

    info->evtchn_upcall_mask = 1;
    info->evtchn_upcall_pending = 1;
    info->evtchn_upcall_mask = 0;
    abi_equal("poll: with an event to be delivered", 0, poll(1, ports, pv_now() + 10000 * MS));
    info->evtchn_upcall_mask = masked;
}

/* Whether the timer's event comes within so many milliseconds. */
static bool comes_within(evtchn_port_t port, u64 ms)
{
    (void)poll(1, &port, pv_now() + ms * MS);
    return took(port);
}

/* What was measured of Xen; asked here alone, since under Xen in Bochs a processor that sleeps so
 * often is now and then not woken. */
static void check_timers(void)
{
    static const u64 huge[] = {~0ULL, 1ULL << 63, (1ULL << 63) - 1, 1ULL << 51};
    struct evtchn_bind_virq timer = {.virq = VIRQ_TIMER};
    struct vcpu_set_singleshot_timer once = {0};
    struct vcpu_set_periodic_timer again = {.period_ns = 2 * MS};
    evtchn_port_t port;

    abi_equal("bind_virq: the timer's", 0, event(EVTCHNOP_bind_virq, &timer));
    port = timer.port;
    mask(port);
    for (unsigned i = 0; i < ARRAY_SIZE(huge); i++) {
        u64 start = pv_now();

        hypercall2(OP(set_timer_op), huge[i], 0);
        check("set_timer_op: a huge time comes", comes_within(port, 150));
        check("set_timer_op: it comes after 100 ms", pv_now() - start >= 100 * MS);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(huge); i++) {
        once.timeout_abs_ns = huge[i];
        hypercall3(OP(vcpu_op), VCPUOP_set_singleshot_timer, 0, (u64)&once);
        check("a single shot at a time with bit 63 comes, at another huge one not",
              comes_within(port, 5) == ((s64)huge[i] < 0));
    }
    hypercall3(OP(vcpu_op), VCPUOP_stop_singleshot_timer, 0, 0);
    hypercall3(OP(vcpu_op), VCPUOP_set_periodic_timer, 0, (u64)&again);
    check("a period", comes_within(port, 20));
    check("a period once more", comes_within(port, 20));
    hypercall3(OP(vcpu_op), VCPUOP_stop_periodic_timer, 0, 0);
    took(port);
    check("no period any more", !comes_within(port, 5));
    event(EVTCHNOP_close, &port);
}

void abi_edges_events(void)
{
    check_ports();
    check_polls();
    check_poll_deliverable();
    if (pv_is_trivisor())
        check_timers();
}
