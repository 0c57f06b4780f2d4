/*
 * What holds of the small machine between two steps, recomputed from nothing.
 */
#include "pvworld/parts.h"

#include <stdio.h>
#include <stdlib.h>

#include "../../src/pv/event_channel.h"
#include "../../src/pv/table.h"

void world_fail(const char *what, u64 value)
{
    fprintf(stderr, "world: %s (%lx)\n", what, (unsigned long)value);
    abort();
}

static void check_ports(const struct domain *d)
{
    for (u32 i = 1; i < PV_PORTS; i++) {
        const struct pv_port *p, *back;

        if (!d->pv->ports[i / PV_PORT_BUCKET]) {
            i += PV_PORT_BUCKET - 1;
            continue;
        }
        p = port_of(d, i);

        if (!p || p->state != PORT_PAIR)
            continue;
        if (!domain_by_id(p->remote_dom))
            world_fail("a port's other end is of no domain", i);
        back = port_of(domain_by_id(p->remote_dom), p->remote);
        if (!back || back->state != PORT_PAIR || back->remote != i || back->remote_dom != d->id)
            world_fail("a port's other end does not point back", i);
    }
}

/* Uses of a grant are as many as there are handles. */
static void check_grants(const struct domain *d)
{
    const struct pv_grants *g = d->pv->grants;
    u64 uses = 0, handles = 0;

    for (u32 i = 0; g && i < g->frames * GRANTS_PER_FRAME; i++)
        uses += grant_active(g, i)->readers + grant_active(g, i)->writers;
    for (unsigned k = 0; k < WORLD_DOMAINS; k++) {
        const struct pv_grants *h = world_domain[k]->pv->grants;
        for (u32 i = 0; h && i < h->tracks; i++)
            handles += grant_track(h, i)->flags && grant_track(h, i)->dom == d->id;
    }
    if (uses != handles)
        world_fail("grants in use and handles differ", uses - handles);
}

void world_check(void)
{
    world_check_registers();
    for (unsigned i = 0; i < WORLD_DOMAINS; i++) {
        struct domain *d = world_domain[i];

        if (world_dying[i])
            continue;
        if (page_check(d))
            world_fail("the recount", i);
        if (d->frames > d->frames_max)
            world_fail("more memory than it may have", d->frames);
        if (!canonical(world_virt[i].event.address) || !canonical(world_virt[i].failsafe.address) ||
            !canonical(world_virt[i].syscall.address))
            world_fail("a callback that is not canonical", i);
        check_ports(d);
        check_grants(d);
    }
    if (frame_check())
        world_fail("the frame table", 0);
    world_check_tlb();
}
