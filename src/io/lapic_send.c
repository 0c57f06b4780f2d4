/*
 * Messages between local APICs, and from the IOAPIC to them: who is meant. Source: SDM, "Issuing
 * Interprocessor Interrupts", "Determining IPI Destination".
 *
 * Delivered are fixed and lowest-priority interrupts and NMIs. INIT to the first processor, which
 * would go on at its reset vector, where there is no firmware, starts the machine anew. INIT and
 * start-up messages to others, and SMIs, have no effect: a domain has one processor that runs, and
 * no system management.
 */
#include "domain.h"
#include "lapic_parts.h"

enum delivery_mode {
    DELIVER_FIXED,
    DELIVER_LOWEST,
    DELIVER_SMI,
    DELIVER_NMI = 4,
    DELIVER_INIT,
    DELIVER_STARTUP,
};
enum icr_bits {
    ICR_MODE_SHIFT = 8,
    ICR_MODE = 7,
    ICR_LOGICAL = 1 << 11,
    ICR_ASSERT = 1 << 14,
    ICR_SHORTHAND_SHIFT = 18,
    ICR_SHORTHAND = 3,
};
enum icr_shorthand { TO_DESTINATION, TO_SELF, TO_ALL, TO_OTHERS };
enum destination_format { DFR_FLAT = 0xf, DFR_SHIFT = 28, CLUSTER_SHIFT = 4, CLUSTER_BITS = 0xf };

/* "Logical Destination Mode": flat, cluster, x2APIC's. */
static bool in_logical(const struct lapic *l, u32 destination)
{
    u32 mine = l->ldr >> ID_SHIFT;

    if (l->mode == LAPIC_X2APIC) {
        mine = lapic_x2_ldr(l->vcpu->id);
        return destination == ~0u ||
               (mine >> 16 == destination >> 16 && mine & destination & 0xffff);
    }
    if (l->dfr >> DFR_SHIFT == DFR_FLAT)
        return mine & destination;
    return mine >> CLUSTER_SHIFT == destination >> CLUSTER_SHIFT &&
           mine & destination & CLUSTER_BITS;
}

static bool is_meant(const struct lapic *l, const struct lapic_message *m)
{
    if (m->logical)
        return in_logical(l, m->destination);
    return m->destination == l->vcpu->id || m->destination == ~0u || m->destination == ID_ALL;
}

/* A message has reached one that it is meant for. */
static void receive(struct lapic *l, const struct lapic_message *m)
{
    switch (m->mode) {
    case DELIVER_FIXED:
        lapic_request_as(l, m->vector, m->level);
        break;
    case DELIVER_NMI:
        l->nmi = true;
        lapic_look(l);
        break;
    case DELIVER_INIT:
        if (l->vcpu->id == 0)
            domain_end(l->vcpu->domain, END_REBOOT, 0, "%s", "");
        break;
    default:
        break;
    }
}

void lapic_send(struct domain *d, const struct lapic_message *m)
{
    struct lapic *best = NULL;

    for (u32 i = 0; i < d->vcpu_count; i++) {
        struct lapic *l = d->vcpu[i]->lapic;
        if (!l || !is_meant(l, m))
            continue;
        if (m->mode != DELIVER_LOWEST)
            receive(l, m);
        else if (!best || lapic_priority(l) < lapic_priority(best))
            best = l;
    }
    if (best)
        lapic_request_as(best, m->vector, m->level);
}

bool lapic_requested(struct domain *d, const struct lapic_message *m)
{
    for (u32 i = 0; i < d->vcpu_count; i++) {
        const struct lapic *l = d->vcpu[i]->lapic;
        if (l && is_meant(l, m) && lapic_has(l->irr, m->vector))
            return true;
    }
    return false;
}

static void send_by_shorthand(struct lapic *l, const struct lapic_message *m,
                              enum icr_shorthand shorthand)
{
    const struct domain *d = l->vcpu->domain;

    if (shorthand == TO_SELF) {
        receive(l, m);
        return;
    }
    for (u32 i = 0; i < d->vcpu_count; i++) {
        struct lapic *other = d->vcpu[i]->lapic;
        if (other && (other != l || shorthand == TO_ALL))
            receive(other, m);
    }
}

void lapic_command(struct lapic *l)
{
    enum icr_shorthand shorthand = l->icr_low >> ICR_SHORTHAND_SHIFT & ICR_SHORTHAND;
    struct lapic_message m = {
        .vector = l->icr_low & LVT_VECTOR,
        .mode = l->icr_low >> ICR_MODE_SHIFT & ICR_MODE,
        .logical = l->icr_low & ICR_LOGICAL,
        .destination = l->mode == LAPIC_X2APIC ? l->icr_high : l->icr_high >> ID_SHIFT,
    };

    if (m.mode == DELIVER_INIT && !(l->icr_low & ICR_ASSERT))
        return; /* "INIT level de-assert" */
    if (m.mode <= DELIVER_LOWEST && m.vector < LOWEST_VECTOR)
        l->esr |= ESR_ILLEGAL_SEND;
    else if (shorthand == TO_DESTINATION)
        lapic_send(l->vcpu->domain, &m);
    else
        send_by_shorthand(l, &m, shorthand);
}
