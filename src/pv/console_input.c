/*
 * What is typed, for the domain that input= names: from the machine's console into its ring. The
 * machine's UART has no interrupt here, so it is polled: every POLL_IDLE_US, or POLL_BUSY_US while
 * somebody types. Source: xen/io/console.h.
 *
 * Invariants
 *  - Nothing is taken from the machine that the ring has no room for.
 *  - The ring's indices are the guest's to write, so each is read once.
 *  - A domain without input is never polled for: its run depends on nobody's typing.
 */
#include "console.h"
#include "event.h"
#include "pv.h"
#include "sched.h"
#include "timer.h"

#include <xen/io/console.h>

enum { POLL_IDLE_US = 10000, POLL_BUSY_US = 1000 };

/* Bytes moved. */
static u32 take(struct domain *d)
{
    struct xencons_interface *ring = d->pv->console;
    u32 prod = __atomic_load_n(&ring->in_prod, __ATOMIC_RELAXED), moved = 0;
    u32 waiting = prod - __atomic_load_n(&ring->in_cons, __ATOMIC_ACQUIRE);

    for (; waiting + moved < sizeof(ring->in); moved++) {
        int byte = console_getc(d);

        if (byte < 0)
            break;
        ring->in[MASK_XENCONS_IDX(prod + moved, ring->in)] = (char)byte;
    }
    if (moved)
        __atomic_store_n(&ring->in_prod, prod + moved, __ATOMIC_RELEASE);
    return moved;
}

static void on_poll(struct timer *t, u64 now)
{
    struct pv_domain *p = container_of(t, struct pv_domain, input_poll);
    struct domain *d = p->owner;
    u32 moved = take(d);

    if (moved)
        event_raise(d->vcpu[0], EVENT_CONSOLE);
    timer_set(t, now + us_to_ticks(moved ? POLL_BUSY_US : POLL_IDLE_US));
}

void pv_console_input_begin(struct domain *d)
{
    if (!console_has_input(d))
        return;
    d->pv->input_poll.fire = on_poll;
    timer_set(&d->pv->input_poll, sched_now() + us_to_ticks(POLL_IDLE_US));
}

void pv_console_input_end(struct domain *d)
{
    timer_cancel(&d->pv->input_poll);
}
