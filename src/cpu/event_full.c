/*
 * event.h under full virtualization: what is pending is what the local APIC has to deliver, its own
 * vectors and what the 8259s send through it.
 */
#include "event.h"

#include "irq.h"
#include "lapic.h"
#include "virt.h"
#include "x86.h"

void event_raise(struct vcpu *v, enum event_source source)
{
    /* The console's interrupt is its UART's, and there is no debug key. */
    if (source == EVENT_TIMER)
        lapic_timer_expired(v->lapic);
}

/* Asked before v goes to sleep. */
bool event_pending(struct vcpu *v)
{
    if (!lapic_pending(v->lapic))
        irq_before_sleep(v->domain);
    return lapic_pending(v->lapic) != 0;
}

/* An NMI goes before all others, whatever IF is; but not while one is being handled. */
static void deliver_nmi(struct vcpu *v)
{
    if (!virt_can_inject(v, VIRT_NMI)) {
        virt_request_nmi_window(v);
        return;
    }
    lapic_accept_nmi(v->lapic);
    virt_inject(v, &(struct virt_event){.type = VIRT_NMI, .vector = VEC_NMI});
}

/* The 8259s' interrupt goes first: the local APIC's priorities do not hold it back. What else is
 * pending waits for the next window. */
static void __attribute__((noinline)) deliver(struct vcpu *v, u16 pending)
{
    struct virt_event ev = {.type = VIRT_INTERRUPT};

    if (unlikely(pending & LAPIC_NMI)) {
        deliver_nmi(v);
        pending = lapic_pending(v->lapic) & (u16)~LAPIC_NMI;
        if (!pending)
            return;
    }
    if (!virt_can_inject(v, VIRT_INTERRUPT)) {
        virt_request_window(v);
        return;
    }
    if (pending & LAPIC_EXTINT) {
        ev.vector = irq_acknowledge(v->domain);
    } else {
        ev.vector = lapic_next(v->lapic);
        lapic_accept(v->lapic);
    }
    virt_inject(v, &ev);
    if (lapic_pending(v->lapic) & (u16)~LAPIC_NMI)
        virt_request_window(v);
}

void virt_deliver_pending(struct vcpu *v)
{
    u16 pending = lapic_pending(v->lapic);

    if (unlikely(pending))
        deliver(v, pending);
}
