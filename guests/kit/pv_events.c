/*
 * Event channels: the upcall's handler finds the pending ports and calls their handlers, events
 * masked. Source: xen/xen.h, struct shared_info; xen/event_channel.h.
 */
#include "kit/hypercall.h"
#include "kit/kit.h"
#include "kit/pv.h"

#include <xen/sched.h>
#include <xen/vcpu.h>

enum event_limits { PORTS = 64, PORTS_PER_WORD = 64 };

static void (*handlers[PORTS])(void);

static volatile struct vcpu_info *vcpu_info(void)
{
    return &PV_SHARED->vcpu_info[0];
}

static u64 take(volatile xen_ulong_t *word)
{
    return __atomic_exchange_n(word, 0, __ATOMIC_ACQ_REL);
}

static void handle_pending(void)
{
    volatile struct vcpu_info *v = vcpu_info();

    v->evtchn_upcall_pending = 0;
    if (!(take(&v->evtchn_pending_sel) & 1))
        return;
    /* Ports beyond the first word are never bound here. */
    u64 pending = take(&PV_SHARED->evtchn_pending[0]) & ~PV_SHARED->evtchn_mask[0];
    while (pending) {
        unsigned port = (unsigned)__builtin_ctzl(pending);

        pending &= pending - 1;
        if (handlers[port])
            handlers[port]();
    }
}

static struct trap_frame *upcall(struct trap_frame *frame)
{
    handle_pending();
    return frame;
}

void pv_events_init(void)
{
    trap_handle(TRAP_UPCALL, upcall);
}

void pv_irq_off(void)
{
    vcpu_info()->evtchn_upcall_mask = 1;
}

void pv_irq_on(void)
{
    vcpu_info()->evtchn_upcall_mask = 0;
    /* Any hypercall delivers what came while events were masked. */
    if (vcpu_info()->evtchn_upcall_pending)
        hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
}

void pv_idle(void)
{
    hypercall2(__HYPERVISOR_sched_op, SCHEDOP_block, 0); /* unmasks events */
    pv_irq_off();
}

static void set_handler(evtchn_port_t port, void (*handler)(void))
{
    if (!check("the port is in the first word", port < PORTS))
        finish();
    handlers[port] = handler;
    PV_SHARED->evtchn_mask[port / PORTS_PER_WORD] &= ~(1UL << port % PORTS_PER_WORD);
}

evtchn_port_t pv_bind_virq(u32 virq, void (*handler)(void))
{
    struct evtchn_bind_virq bind = {.virq = virq};

    check("a virtual interrupt is bound",
          hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, (u64)&bind) == 0);
    set_handler(bind.port, handler);
    return bind.port;
}

u16 pv_self(void)
{
    struct evtchn_alloc_unbound a = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
    struct evtchn_status s = {.dom = DOMID_SELF};

    hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, (u64)&a);
    s.port = a.port;
    hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_status, (u64)&s);
    hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_close, (u64)&a.port);
    return s.u.unbound.dom;
}

evtchn_port_t pv_bind_self(void (*handler)(void))
{
    struct evtchn_bind_ipi bind = {.vcpu = 0};

    check("an event to itself is bound",
          hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, (u64)&bind) == 0);
    set_handler(bind.port, handler);
    return bind.port;
}
