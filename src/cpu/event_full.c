/*
 * event.h under full virtualization: what is pending is what the local APIC has to deliver, its own
 * vectors and what the 8259s send through it.
 */
#include "event.h"

#include "irq.h"
#include "lapic.h"
#include "virt.h"

void event_raise(struct vcpu *v, enum event_source source)
{
    /* The console's interrupt is its UART's, and there is no debug key. */
    if (source == EVENT_TIMER)
        lapic_timer_expired(v->lapic);
}

bool event_pending(struct vcpu *v)
{
    return lapic_pending(v->lapic) != 0;
}

/* The 8259s' interrupt goes first: the local APIC's priorities do not hold it back. What else is
 * pending waits for the next window. */
static void __attribute__((noinline)) deliver(struct vcpu *v, u16 pending)
{
    struct virt_event ev = {.type = VIRT_INTERRUPT};

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
    if (lapic_pending(v->lapic))
        virt_request_window(v);
}

void virt_deliver_pending(struct vcpu *v)
{
    u16 pending = lapic_pending(v->lapic);

    if (unlikely(pending))
        deliver(v, pending);
}
