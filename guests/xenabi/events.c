/*
 * Event channels.
 */
#include "xenabi.h"

#include <xen/event_channel.h>

#define OP(name) __HYPERVISOR_##name
enum { NO_PORT = 1 << 20, FREE_PORT = 1000 };

static evtchn_port_t no_port = NO_PORT, zero, unused = FREE_PORT;
static struct evtchn_status no_status = {.dom = DOMID_SELF, .port = NO_PORT},
                            nobodys_status = {.dom = ABI_NOBODY, .port = 1};
static struct evtchn_bind_vcpu no_vcpu = {.port = 1, .vcpu = 99},
                               vcpu_of_none = {.port = FREE_PORT};
static struct evtchn_bind_virq no_virq = {.virq = 99},
                               timer_of_none = {.virq = VIRQ_TIMER, .vcpu = 99},
                               counters_of_none = {.virq = VIRQ_XENPMU, .vcpu = 99},
                               global_of_other = {.virq = VIRQ_CONSOLE, .vcpu = 1};
static struct evtchn_bind_pirq no_pirq = {.pirq = 1 << 20};
static struct evtchn_bind_ipi ipi_of_none = {.vcpu = 99};
static struct evtchn_alloc_unbound for_nobody = {.dom = ABI_NOBODY, .remote_dom = DOMID_SELF};
static struct evtchn_bind_interdomain with_nobody = {.remote_dom = ABI_NOBODY, .remote_port = 1};
static struct evtchn_bind_interdomain with_none = {.remote_dom = DOMID_SELF,
                                                   .remote_port = FREE_PORT};
static struct evtchn_reset nobodys_reset = {.dom = ABI_NOBODY};

#define EV OP(event_channel_op)
static const struct abi_case cases[] = {
    {"no such event operation", EV, -ABI_ENOSYS, 99, 0, 0, 0},
    {"send: bad address", EV, -ABI_EFAULT, EVTCHNOP_send, ABI_BAD, 0, 0},
    {"send: no such port", EV, -ABI_EINVAL, EVTCHNOP_send, (u64)&no_port, 0, 0},
    {"send: port 0", EV, -ABI_EINVAL, EVTCHNOP_send, (u64)&zero, 0, 0},
    {"send: a free port", EV, -ABI_EINVAL, EVTCHNOP_send, (u64)&unused, 0, 0},
    {"unmask: bad address", EV, -ABI_EFAULT, EVTCHNOP_unmask, ABI_BAD, 0, 0},
    {"unmask: no such port", EV, -ABI_EINVAL, EVTCHNOP_unmask, (u64)&no_port, 0, 0},
    {"close: bad address", EV, -ABI_EFAULT, EVTCHNOP_close, ABI_BAD, 0, 0},
    {"close: no such port", EV, -ABI_EINVAL, EVTCHNOP_close, (u64)&no_port, 0, 0},
    {"close: port 0", EV, -ABI_EINVAL, EVTCHNOP_close, (u64)&zero, 0, 0},
    {"close: a free port", EV, -ABI_EINVAL, EVTCHNOP_close, (u64)&unused, 0, 0},
    {"status: bad address", EV, -ABI_EFAULT, EVTCHNOP_status, ABI_BAD, 0, 0},
    {"status: no such port", EV, -ABI_EINVAL, EVTCHNOP_status, (u64)&no_status, 0, 0},
    {"status: nobody's", EV, -ABI_ESRCH, EVTCHNOP_status, (u64)&nobodys_status, 0, 0},
    {"bind_vcpu: bad address", EV, -ABI_EFAULT, EVTCHNOP_bind_vcpu, ABI_BAD, 0, 0},
    {"bind_vcpu: no such vcpu", EV, -ABI_ENOENT, EVTCHNOP_bind_vcpu, (u64)&no_vcpu, 0, 0},
    {"bind_vcpu: a free port", EV, -ABI_EINVAL, EVTCHNOP_bind_vcpu, (u64)&vcpu_of_none, 0, 0},
    {"bind_virq: bad address", EV, -ABI_EFAULT, EVTCHNOP_bind_virq, ABI_BAD, 0, 0},
    {"bind_virq: none such", EV, -ABI_EINVAL, EVTCHNOP_bind_virq, (u64)&no_virq, 0, 0},
    {"bind_virq: no such vcpu", EV, -ABI_ENOENT, EVTCHNOP_bind_virq, (u64)&timer_of_none, 0, 0},
    {"bind_virq: counters of no vcpu", EV, -ABI_ENOENT, EVTCHNOP_bind_virq, (u64)&counters_of_none,
     0, 0},
    {"bind_virq: a domain's, not on vcpu 0", EV, -ABI_EINVAL, EVTCHNOP_bind_virq,
     (u64)&global_of_other, 0, 0},
    {"bind_pirq: bad address", EV, -ABI_EFAULT, EVTCHNOP_bind_pirq, ABI_BAD, 0, 0},
    {"bind_pirq: none such", EV, -ABI_EINVAL, EVTCHNOP_bind_pirq, (u64)&no_pirq, 0, 0},
    {"bind_ipi: bad address", EV, -ABI_EFAULT, EVTCHNOP_bind_ipi, ABI_BAD, 0, 0},
    {"bind_ipi: no such vcpu", EV, -ABI_ENOENT, EVTCHNOP_bind_ipi, (u64)&ipi_of_none, 0, 0},
    {"alloc_unbound: bad address", EV, -ABI_EFAULT, EVTCHNOP_alloc_unbound, ABI_BAD, 0, 0},
    {"alloc_unbound: for nobody", EV, -ABI_ESRCH, EVTCHNOP_alloc_unbound, (u64)&for_nobody, 0, 0},
    {"bind_interdomain: bad address", EV, -ABI_EFAULT, EVTCHNOP_bind_interdomain, ABI_BAD, 0, 0},
    {"bind_interdomain: with nobody", EV, -ABI_ESRCH, EVTCHNOP_bind_interdomain, (u64)&with_nobody,
     0, 0},
    {"bind_interdomain: a free port", EV, -ABI_EINVAL, EVTCHNOP_bind_interdomain, (u64)&with_none,
     0, 0},
    {"reset: bad address", EV, -ABI_EFAULT, EVTCHNOP_reset, ABI_BAD, 0, 0},
    {"reset: nobody's", EV, -ABI_ESRCH, EVTCHNOP_reset, (u64)&nobodys_reset, 0, 0},
};

static u32 status_of(evtchn_port_t port)
{
    struct evtchn_status s = {.dom = DOMID_SELF, .port = port};

    return hypercall2(EV, EVTCHNOP_status, (u64)&s) ? ~0u : s.status;
}

static void check_virq(void)
{
    struct evtchn_bind_virq b = {.virq = VIRQ_DEBUG};

    abi_equal("bind_virq", 0, hypercall2(EV, EVTCHNOP_bind_virq, (u64)&b));
    abi_equal("it is bound", EVTCHNSTAT_virq, status_of(b.port));
    abi_equal("send: a virq's port", -ABI_EINVAL, hypercall2(EV, EVTCHNOP_send, (u64)&b.port));
    struct evtchn_bind_virq again = {.virq = VIRQ_DEBUG};
    abi_equal("bind_virq: twice", -ABI_EEXIST, hypercall2(EV, EVTCHNOP_bind_virq, (u64)&again));
    struct evtchn_bind_vcpu move = {.port = b.port};
    abi_equal("bind_vcpu: a vcpu's virq", -ABI_EINVAL,
              hypercall2(EV, EVTCHNOP_bind_vcpu, (u64)&move));
    abi_equal("close", 0, hypercall2(EV, EVTCHNOP_close, (u64)&b.port));
    abi_equal("it is closed", EVTCHNSTAT_closed, status_of(b.port));
}

static void check_ipi(void)
{
    struct evtchn_bind_ipi b = {.vcpu = 0};

    abi_equal("bind_ipi", 0, hypercall2(EV, EVTCHNOP_bind_ipi, (u64)&b));
    abi_equal("it is an IPI's", EVTCHNSTAT_ipi, status_of(b.port));
    PV_SHARED->evtchn_mask[b.port / 64] |= 1ULL << b.port % 64;
    abi_equal("send", 0, hypercall2(EV, EVTCHNOP_send, (u64)&b.port));
    check("it is pending", PV_SHARED->evtchn_pending[b.port / 64] >> b.port % 64 & 1);
    struct evtchn_bind_vcpu move = {.port = b.port};
    abi_equal("bind_vcpu: an IPI's", -ABI_EINVAL, hypercall2(EV, EVTCHNOP_bind_vcpu, (u64)&move));
    abi_equal("close it", 0, hypercall2(EV, EVTCHNOP_close, (u64)&b.port));
}

/* Waiting for somebody else. */
static void check_not_mine(void)
{
    struct evtchn_alloc_unbound far = {.dom = DOMID_SELF, .remote_dom = ABI_NOBODY};
    struct evtchn_bind_interdomain near = {.remote_dom = DOMID_SELF};

    abi_equal("alloc_unbound: to nobody", 0, hypercall2(EV, EVTCHNOP_alloc_unbound, (u64)&far));
    near.remote_port = far.port;
    abi_equal("bind_interdomain: not for the caller", -ABI_EINVAL,
              hypercall2(EV, EVTCHNOP_bind_interdomain, (u64)&near));
    abi_equal("close: to nobody", 0, hypercall2(EV, EVTCHNOP_close, (u64)&far.port));
}

static void check_pair(void)
{
    struct evtchn_alloc_unbound far = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
    struct evtchn_bind_interdomain near = {.remote_dom = DOMID_SELF};

    abi_equal("alloc_unbound", 0, hypercall2(EV, EVTCHNOP_alloc_unbound, (u64)&far));
    abi_equal("it is unbound", EVTCHNSTAT_unbound, status_of(far.port));
    near.remote_port = far.port;
    abi_equal("bind_interdomain", 0, hypercall2(EV, EVTCHNOP_bind_interdomain, (u64)&near));
    abi_equal("it is bound", EVTCHNSTAT_interdomain, status_of(far.port));
    abi_equal("bind_interdomain: bound already", -ABI_EINVAL,
              hypercall2(EV, EVTCHNOP_bind_interdomain, (u64)&near));
    struct evtchn_bind_vcpu move = {.port = far.port};
    abi_equal("bind_vcpu", 0, hypercall2(EV, EVTCHNOP_bind_vcpu, (u64)&move));
    abi_equal("close one end", 0, hypercall2(EV, EVTCHNOP_close, (u64)&far.port));
    abi_equal("the other waits", EVTCHNSTAT_unbound, status_of(near.local_port));
    abi_equal("close the other", 0, hypercall2(EV, EVTCHNOP_close, (u64)&near.local_port));
}

void abi_events(void)
{
    abi_run(cases, ARRAY_SIZE(cases));
    check_virq();
    check_ipi();
    check_not_mine();
    check_pair();
}
