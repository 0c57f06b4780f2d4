/*
 * The console ring: bytes into a page that the hypervisor reads, then an event to say so.
 * Source: xen/io/console.h.
 */
#include "kit/hypercall.h"
#include "kit/insn.h"
#include "kit/memory.h"
#include "kit/pv.h"

#include <xen/event_channel.h>
#include <xen/io/console.h>
#include <xen/sched.h>

static u8 ring_page[PAGE_SIZE] __attribute__((aligned(4096)));

static void notify(void)
{
    struct evtchn_send send = {.port = pv_start.console.domU.evtchn};

    hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (u64)&send);
}

void pv_ring_init(void)
{
    pv_map_here(ring_page, pv_start.console.domU.mfn << PAGE_SHIFT);
}

void pv_ring_write(const char *text, size_t bytes)
{
    volatile struct xencons_interface *ring = (void *)ring_page;
    XENCONS_RING_IDX at = ring->out_prod;

    for (size_t i = 0; i < bytes; i++) {
        while (at - ring->out_cons >= sizeof(ring->out)) {
            ring->out_prod = at;
            notify();
            hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
        }
        ring->out[MASK_XENCONS_IDX(at++, ring->out)] = text[i];
    }
    __asm__ volatile("" : : : "memory"); /* the bytes before the index: x86 keeps the order */
    ring->out_prod = at;
    notify();
}
