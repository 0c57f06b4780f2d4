/*
 * event.h under full virtualization: what is pending is what the local APIC has to deliver.
 */
#include "event.h"

#include "lapic.h"
#include "virt.h"

void event_raise(struct vcpu *v, enum event_source source)
{
    /* The console has no interrupt, nor is there a debug key. */
    if (source == EVENT_TIMER)
        lapic_timer_expired(v->lapic);
}

bool event_pending(struct vcpu *v)
{
    return lapic_next(v->lapic) != 0;
}

static void __attribute__((noinline)) deliver(struct vcpu *v, u8 vector)
{
    if (!virt_can_inject(v, VIRT_INTERRUPT)) {
        virt_request_window(v);
        return;
    }
    lapic_accept(v->lapic);
    virt_inject(v, &(struct virt_event){.type = VIRT_INTERRUPT, .vector = vector});
}

void virt_deliver_pending(struct vcpu *v)
{
    u8 vector = lapic_next(v->lapic);

    if (unlikely(vector))
        deliver(v, vector);
}
