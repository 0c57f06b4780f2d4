/*
 * Paravirtualization: attacks by what both sides change: indices of rings, ports that are closed
 * while something is pending, a page whose old use the TLB may remember. Each is of a class of
 * docs/security.md.
 */
#include "hostile/attack.h"
#include "hostile/pv_attack.h"

#include "kit/hypercall.h"
#include "kit/kit.h"
#include "kit/pv.h"

#include <xen/event_channel.h>
#include <xen/io/console.h>
#include <xen/io/xs_wire.h>

enum { FAR = 1 << 30, KERNEL_PAGE = 3 };

static u8 ring_page[PAGE_SIZE] __attribute__((aligned(4096)));
static u8 page[PAGE_SIZE] __attribute__((aligned(4096)));

static void notify(evtchn_port_t port)
{
    struct evtchn_send send = {.port = port};

    hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (u64)&send);
}

/* More bytes than there are, and the indices the wrong way round: at most the ring is taken. */
static s64 console_far(void)
{
    volatile struct xencons_interface *ring = (void *)ring_page;
    u32 taken = 0;

    pv_map(ring_page, pv_start.console.domU.mfn << PAGE_SHIFT | KERNEL_PAGE);
    memset(ring_page, ' ',
           sizeof(((struct xencons_interface *)0)->in) +
               sizeof(((struct xencons_interface *)0)->out));
    ring->out[MASK_XENCONS_IDX(ring->out_prod + FAR - 1, ring->out)] = '\n';
    ring->out_prod += FAR;
    notify(pv_start.console.domU.evtchn);
    taken += ring->out_cons == ring->out_prod;
    ring->out_cons = ring->out_prod + 1;
    notify(pv_start.console.domU.evtchn);
    taken += ring->out_cons == ring->out_prod;
    return taken;
}

/* As many bytes of input as no ring holds: whatever is typed, nothing is written past it. */
static s64 console_input_far(void)
{
    volatile struct xencons_interface *ring = (void *)ring_page;
    u32 in_prod = ring->in_prod;

    ring->in_cons = in_prod + FAR;
    notify(pv_start.console.domU.evtchn);
    ring->in_cons = in_prod;
    return ring->in_prod - in_prod;
}

/* The store's connection ends, and the guest is told why. */
static s64 store_far(void)
{
    volatile struct xenstore_domain_interface *ring = (void *)ring_page;

    pv_map(ring_page, pv_start.store_mfn << PAGE_SHIFT | KERNEL_PAGE);
    ring->req_prod = ring->req_cons + FAR;
    notify(pv_start.store_evtchn);
    ring->rsp_cons = ring->rsp_prod + FAR;
    notify(pv_start.store_evtchn);
    return ring->error;
}

static s64 bind_ipi(evtchn_port_t *port)
{
    struct evtchn_bind_ipi bind = {.vcpu = 0};
    s64 error = hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, (u64)&bind);

    *port = bind.port;
    return error;
}

/* Closed while it is pending, and taken for something else: nothing of the old use may be left. */
static s64 closed_while_pending(void)
{
    struct evtchn_close close;
    struct evtchn_unmask unmask;
    evtchn_port_t port, again;
    s64 left;

    bind_ipi(&port);
    PV_SHARED->evtchn_mask[0] |= 1UL << port;
    notify(port);
    close.port = unmask.port = port;
    hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_close, (u64)&close);
    left = hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_unmask, (u64)&unmask) != 0;
    bind_ipi(&again);
    left += again != port || PV_SHARED->evtchn_pending[0] >> port & 1;
    close.port = again;
    hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_close, (u64)&close);
    return left;
}

/* Unmapped without a flush and made a page table: a store through what the TLB may remember. */
static s64 store_to_table(void)
{
    *(volatile u64 *)page = ~0ULL;
    return 0;
}
static struct outcome stale_writable(void)
{
    u64 *entry = space_entry(&kernel_space, (u64)page, 1, false), before = *entry;
    struct outcome o;

    *(volatile u64 *)page = 0; /* now it remembers */
    pv_update(pv_machine((u64)entry) | MMU_NORMAL_PT_UPDATE, 0, DOMID_SELF);
    if (pv_ext(MMUEXT_PIN_L1_TABLE, pv_machine((u64)page) >> PAGE_SHIFT, 0))
        return returned(-1);
    o = probe(store_to_table);
    pv_ext(MMUEXT_UNPIN_TABLE, pv_machine((u64)page) >> PAGE_SHIFT, 0);
    pv_update(pv_machine((u64)entry) | MMU_NORMAL_PT_UPDATE, before, DOMID_SELF);
    return o;
}

ATTEMPT(console_far)
ATTEMPT(console_input_far)
ATTEMPT(store_far)
ATTEMPT(closed_while_pending)

static const struct attack attacks[] = {
    {"the console's producer far ahead, then behind", SURVIVES, try_console_far, RETURNS(2), 0},
    {"the console's reader far ahead", SURVIVES, try_console_input_far, RETURNS(0), 0},
    {"XenStore's indices far ahead", SURVIVES, try_store_far, RETURNS(XENSTORE_ERROR_RINGIDX), 0},
    {"a port closed while it is pending", SURVIVES, try_closed_while_pending, RETURNS(0), 0},
    {"a store through what was writable before it was a table", SURVIVES, stale_writable,
     FAULTS(TRAP_PAGE_FAULT, FAULT_WRITE), 0},
};
const struct attack_list pv_ring_attacks = {attacks, ARRAY_SIZE(attacks)};
