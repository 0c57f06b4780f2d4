/*
 * What holds of the small machine between two steps, recomputed from nothing.
 */
#include "pvworld/parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static struct pv_grants *grants_at(u16 id)
{
    return domain_by_id(id) ? domain_by_id(id)->pv->grants : NULL;
}

/* A part of handle t, of domain `id`, is a use of the grant: it is counted. */
static void count_part(u16 id, const struct grant_track *t, u32 part, u8 *pins)
{
    const struct grant_active *a = grant_active(grants_at(t->dom), t->ref);
    unsigned first = part == GNTMAP_host_map ? GRANT_HOST_READ : GRANT_DEVICE_READ;

    if (!(t->flags & part))
        return;
    if (a->dom != id || a->mfn != t->mfn)
        world_fail("a handle's frame or domain is not its grant's", t->ref);
    pins[t->ref * GRANT_USES + first + !(t->flags & GNTMAP_readonly)]++;
}

/* Uses of each grant are as many, kind by kind, as there are parts of handles. */
static void check_grants(const struct domain *d)
{
    static u8 pins[GRANT_FRAMES_MAX * GRANTS_PER_FRAME * GRANT_USES];
    const struct pv_grants *g = d->pv->grants;
    u32 grants = g ? g->frames * GRANTS_PER_FRAME : 0;

    memset(pins, 0, (size_t)grants * GRANT_USES);
    for (u16 id = 0; g && id < WORLD_DOMAINS; id++) {
        const struct pv_grants *h = grants_at(id);
        for (u32 i = 0; h && i < h->tracks; i++) {
            if (!grant_track(h, i)->flags || grant_track(h, i)->dom != d->id)
                continue;
            count_part(id, grant_track(h, i), GNTMAP_host_map, pins);
            count_part(id, grant_track(h, i), GNTMAP_device_map, pins);
        }
    }
    for (u32 i = 0; i < grants; i++)
        if (memcmp(&pins[i * GRANT_USES], grant_active(g, i)->pins, GRANT_USES) != 0)
            world_fail("uses of a grant and handles differ", i);
}

/* What entries and devices' uses hold of this frame, which is nobody's any more. */
static void check_left(u64 mfn)
{
    u64 refs = 0, typed = 0;

    for (u16 id = 0; id < WORLD_DOMAINS; id++) {
        const struct pv_grants *g = grants_at(id);
        for (u32 i = 0; g && i < g->tracks; i++) {
            const struct grant_track *t = grant_track(g, i);
            refs += t->flags & GNTMAP_device_map && t->mfn == mfn;
            typed += t->flags & GNTMAP_device_map && t->mfn == mfn && !(t->flags & GNTMAP_readonly);
        }
    }
    for (u64 i = 0; i < frame_limit(); i++) {
        const struct frame *f = &frame_table[i];
        const u64 *entry = mfn_to_va(mfn_of(i));

        if (f->owner >= DOMAIN_MAX || f->type != FT_L1 ||
            !(f->flags & (FRAME_VALIDATED | FRAME_UNDOING)))
            continue;
        for (unsigned k = 0; k < PT_ENTRIES; k++) {
            bool names = entry[k] & PTE_P && (entry[k] & PTE_ADDR) >> PAGE_SHIFT == mfn;
            refs += names;
            typed += names && entry[k] & PTE_W;
        }
    }
    if (frame_table[mfn].refs != refs || frame_table[mfn].type_count != typed)
        world_fail("references of what has outlived its domain", mfn);
    if (typed && frame_table[mfn].type != FT_WRITABLE)
        world_fail("what is used for writing has another type", mfn);
}

/* The frames that this domain's devices use of domains that have ended. */
static void check_outlived(const struct domain *d)
{
    const struct pv_grants *g = d->pv->grants;

    for (u32 i = 0; g && i < g->tracks; i++) {
        const struct grant_track *t = grant_track(g, i);
        if (t->flags & GNTMAP_device_map && t->dom == DOMID_HYPERVISOR)
            check_left(t->mfn);
    }
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
        if (!world_dying[!i])
            check_outlived(d);
    }
    if (frame_check())
        world_fail("the frame table", 0);
    world_check_tlb();
}
