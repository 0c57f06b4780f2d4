/*
 * Hypercalls. Sources: xen/xen.h, xen/version.h, xen/physdev.h, xen/event_channel.h; Trivisor's own
 * is public/trivisor.h.
 */
#include "calls.h"
#include "kit/hypercall.h"
#include "kit/kit.h"
#include "kit/pv.h"

#include "public/trivisor.h"

#include <xen/physdev.h>
#include <xen/version.h>

enum multicall_limits { ITEMS = 33 };

static multicall_entry_t items[ITEMS];
static evtchn_port_t self_port;
static volatile u64 sink;

bool calls_allow_ports(void)
{
    struct physdev_set_iopl iopl = {.iopl = 1};

    return !platform->pv ||
           hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, (u64)&iopl) == 0;
}

static void do_trivisor_null(void)
{
    platform->trivisor(TRIVISOR_NULL, 0, 0);
}

static void do_xen_version(void)
{
    sink = (u64)hypercall2(__HYPERVISOR_xen_version, XENVER_version, 0);
}

static u64 time_multicall(unsigned count)
{
    u64 start;

    for (unsigned i = 0; i < count; i++)
        items[i] = (multicall_entry_t){.op = __HYPERVISOR_xen_version, .args = {XENVER_version}};
    start = rdtsc();
    hypercall2(__HYPERVISOR_multicall, (u64)items, count);
    return rdtsc() - start;
}
static u64 do_multicall(void)
{
    return time_multicall(ITEMS);
}
static u64 do_multicall_of_one(void)
{
    return time_multicall(1);
}

/* PV: CPUID behind the prefix that asks for emulation (xen/arch-x86/xen.h). */
static void do_cpuid_forced(void)
{
    u32 eax = 0, ecx = 0;

    __asm__ volatile(XEN_CPUID : "+a"(eax), "+c"(ecx) : : "ebx", "edx");
    sink = eax;
}

static u64 send_to_self(void)
{
    struct evtchn_send send = {.port = self_port};
    u64 start = rdtsc();

    hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (u64)&send);
    probe_round = rdtsc() - start;
    /* The probe took the upcall; the port is still marked. */
    PV_SHARED->vcpu_info[0].evtchn_pending_sel = 0;
    PV_SHARED->evtchn_pending[0] = 0;
    return probe_ticks - start;
}

static u64 do_event_entry(void)
{
    probe_ticks = 0;
    return send_to_self();
}
static u64 do_event_round(void)
{
    send_to_self();
    return probe_round;
}

static unsigned events;

static void on_event(void)
{
    events++;
}

static void measure_events(void)
{
    struct evtchn_send send;

    self_port = pv_bind_self(on_event);
    send.port = self_port;
    platform->irq_on();
    hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (u64)&send);
    check_equal("an event to itself arrives before the call returns", 1, events);
    trap_enter_at(TRAP_UPCALL, probe_pv_upcall);
    figure(&(struct figure){
        .name = "event_self_entry", .sample = do_event_entry, .overhead = probe_nothing});
    figure(&(struct figure){
        .name = "event_self_round", .sample = do_event_round, .overhead = probe_nothing});
    trap_enter_at(TRAP_UPCALL, NULL);
    platform->irq_off();
}

static void measure_hypercalls(void)
{
    check("xen_version answers 4 or more",
          hypercall2(__HYPERVISOR_xen_version, XENVER_version, 0) >> 16 >= 4);
    figure(&(struct figure){.name = "xen_version", .op = do_xen_version});
    figure(&(struct figure){.name = "multicall_item",
                            .sample = do_multicall,
                            .overhead = do_multicall_of_one,
                            .per = ITEMS - 1});
    check_equal("the last item has its result", items[0].result, items[ITEMS - 1].result);
}

static void none(const char *const *names, unsigned count, const char *why)
{
    for (unsigned i = 0; i < count; i++)
        figure_none(names[i], why);
}

/* The trace's call; with the argument `trace`, in a machine booted with trace_in=calls, brackets
 * one CPUID. */
static void check_trace(void)
{
    enum { ERROR_INVAL = 22 };

    check_equal("the trace is neither on nor off", (u64)-ERROR_INVAL,
                (u64)platform->trivisor(TRIVISOR_TRACE, 2, 0));
    if (!boot_has_argument("trace"))
        return;
    check_equal("the trace on", 0, (u64)platform->trivisor(TRIVISOR_TRACE, 1, 0));
    cpuid(1, 0);
    check_equal("the trace off", 0, (u64)platform->trivisor(TRIVISOR_TRACE, 0, 0));
}

void calls_measure(void)
{
    static const char *const calls[] = {"xen_version", "multicall_item"};
    static const char *const pv_only[] = {"cpuid_forced", "event_self_entry", "event_self_round"};

    if (platform->trivisor)
        figure(&(struct figure){.name = "trivisor_null", .op = do_trivisor_null});
    else
        figure_none("trivisor_null", "there is no Trivisor");
    if (platform->trivisor)
        check_trace();
    if (platform->xen_calls)
        measure_hypercalls();
    else
        none(calls, ARRAY_SIZE(calls), "there are no hypercalls");
    if (platform->pv) {
        figure(&(struct figure){.name = "cpuid_forced", .op = do_cpuid_forced});
        measure_events();
    } else {
        none(pv_only, ARRAY_SIZE(pv_only), "paravirtual guests only");
    }
}
