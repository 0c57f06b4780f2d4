/*
 * A guest's console: the back end of its ring, and console_io. Source: xen/io/console.h.
 *
 * Invariant: the ring's indices are the guest's to write, so each is read once, and no more bytes
 * are taken than the ring holds.
 */
#include "console.h"
#include "errno.h"
#include "event.h"
#include "hypercall.h"
#include "sched.h"

#include <xen/io/console.h>

void pv_console_drain(struct domain *d)
{
    struct xencons_interface *ring = d->pv->console;
    u32 prod = __atomic_load_n(&ring->out_prod, __ATOMIC_ACQUIRE);
    u32 cons = __atomic_load_n(&ring->out_cons, __ATOMIC_RELAXED);
    u32 waiting = prod - cons;

    if (!waiting)
        return;
    if (waiting > sizeof(ring->out))
        cons = prod - sizeof(ring->out);
    while (cons != prod) {
        console_guest_putc(d, ring->out[MASK_XENCONS_IDX(cons, ring->out)]);
        cons++;
    }
    __atomic_store_n(&ring->out_cons, cons, __ATOMIC_RELEASE);
    /* Somebody may be waiting for room. */
    if (waiting >= sizeof(ring->out) / 2)
        event_raise(d->vcpu[0], EVENT_CONSOLE);
}

/* The machine waits for each byte, so the time is asked after each few. */
static s64 console_output(struct domain *d, u64 buffer, u32 count)
{
    enum { PART = 128 };
    char part[PART];

    for (u32 done = 0; done < count; done += PART) {
        u32 n = MIN(count - done, (u32)PART);

        if (done && pv_time_is_up_now())
            return pv_again_third(pv_current(), __HYPERVISOR_console_io, CONSOLEIO_write,
                                  count - done, buffer + done);
        if (!pv_copy_from(part, buffer + done, n))
            return -EFAULT;
        for (u32 i = 0; i < n; i++)
            console_guest_putc(d, part[i]);
    }
    return 0;
}

/* Bytes read; what is typed goes to who asks first, this call or the ring. */
static s64 console_input(struct domain *d, u64 buffer, u32 count)
{
    u32 done = 0;

    for (; done < count && console_has_input(d); done++) {
        int byte = console_getc(d);
        u8 value = (u8)byte;

        if (byte < 0)
            break;
        if (!pv_copy_to(buffer + done, &value, sizeof(value)))
            return -EFAULT;
    }
    return done;
}

static s64 do_console_io(u32 command, u32 count, u64 buffer)
{
    struct domain *d = pv_current()->domain;

    switch (command) {
    case CONSOLEIO_write:
        return console_output(d, buffer, count);
    case CONSOLEIO_read:
        return (s32)count < 0 ? -E2BIG : console_input(d, buffer, count);
    default:
        return -ENOSYS;
    }
}
HYPERCALL(__HYPERVISOR_console_io, do_console_io, LC_HC_CONSOLE_IO);
