/*
 * What a domain can have so many of, and no more: ports, watchdogs, uses of a grant, handles.
 */
#include "xenabi.h"

#include <xen/event_channel.h>
#include <xen/sched.h>

enum { PORTS_MAX = 8192 };

static s64 event(u32 command, void *argument)
{
    return hypercall2(__HYPERVISOR_event_channel_op, command, (u64)argument);
}

static void close_ports(evtchn_port_t first, evtchn_port_t last)
{
    for (evtchn_port_t port = first; port <= last; port++)
        event(EVTCHNOP_close, &port);
}

static void check_ports(void)
{
    struct evtchn_alloc_unbound a = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
    struct evtchn_bind_interdomain pair = {.remote_dom = DOMID_SELF};
    struct evtchn_bind_virq virq = {.virq = VIRQ_DEBUG};
    struct evtchn_bind_ipi ipi = {.vcpu = 0};
    evtchn_port_t first = 0;
    unsigned had = 0;
    s64 error;

    while (!(error = event(EVTCHNOP_alloc_unbound, &a)) && had++ < PORTS_MAX)
        if (!first)
            first = a.port;
    abi_equal("alloc_unbound: no port is left", -ABI_ENOSPC, error);
    check("there were many", had > 900);
    pair.remote_port = a.port;
    abi_equal("bind_interdomain: no port is left", -ABI_ENOSPC,
              event(EVTCHNOP_bind_interdomain, &pair));
    abi_equal("bind_virq: no port is left", -ABI_ENOSPC, event(EVTCHNOP_bind_virq, &virq));
    abi_equal("bind_ipi: no port is left", -ABI_ENOSPC, event(EVTCHNOP_bind_ipi, &ipi));
    close_ports(first, a.port);
    abi_equal("bind_ipi: now there is", 0, event(EVTCHNOP_bind_ipi, &ipi));
    event(EVTCHNOP_close, &ipi.port);
}

/* Of Xen's answer 32 bits count: one of its errors has no more. */
static s64 watchdog(u32 number, u32 seconds)
{
    struct sched_watchdog w = {.id = number, .timeout = seconds};

    return (s32)hypercall2(__HYPERVISOR_sched_op, SCHEDOP_watchdog, (u64)&w);
}

static void check_watchdogs(void)
{
    enum { LATER = 3600 };

    abi_equal("watchdog: bad address", -ABI_EFAULT,
              hypercall2(__HYPERVISOR_sched_op, SCHEDOP_watchdog, ABI_BAD));
    abi_equal("watchdog: a first", 1, watchdog(0, LATER));
    abi_equal("watchdog: a second", 2, watchdog(0, LATER));
    abi_equal("watchdog: there is no third", -ABI_ENOSPC, watchdog(0, LATER));
    abi_equal("watchdog: nor such a number", -ABI_EINVAL, watchdog(3, LATER));
    abi_equal("watchdog: set again", 0, watchdog(1, LATER));
    abi_equal("watchdog: stopped", 0, watchdog(1, 0));
    abi_equal("watchdog: not taken any more", -ABI_EINVAL, watchdog(1, 0));
    abi_equal("watchdog: the second is stopped", 0, watchdog(2, 0));
}

void abi_exhaust(void)
{
    check_ports();
    check_watchdogs();
}
