/*
 * Channel 2 of an interval timer, with port 0x61's gate for it: what a kernel measures its clock
 * with. It is all of the machine's ports that Xen has for a domain without devices. Source: pit.h.
 *
 * Invariant: channels 0 and 1 never count, so it has no timer and raises no interrupt.
 */
#include "../io/io_space.h"
#include "../io/pit.h"

#include "domain.h"
#include "errno.h"
#include "pv.h"
#include "sched.h"

enum pit_pv_ports { PORT_CHANNEL_2 = 0x42, PORT_COMMAND = 0x43, PORT_SPEAKER = 0x61 };
enum pit_pv_command { COMMAND_CHANNEL_SHIFT = 6, CHANNEL_2 = 2, READ_BACK = 3, BACK_2 = 1 << 3 };

static u32 read_port(void *device, u16 port, unsigned size)
{
    return size == 1 ? pit_read(device, port, sched_now()) : ~0u;
}

/* Commands for the other channels go nowhere. */
static void write_port(void *device, u16 port, unsigned size, u32 value)
{
    u8 channel = (u8)value >> COMMAND_CHANNEL_SHIFT;

    if (port == PORT_COMMAND && channel == READ_BACK)
        value = value & BACK_2 ? value & ~(1u << 1 | 1u << 2) : 0;
    else if (port == PORT_COMMAND && channel != CHANNEL_2)
        value = 0;
    if (size == 1 && (port != PORT_COMMAND || value))
        pit_write(device, port, (u8)value, sched_now());
}

int pv_pit_attach(struct domain *d)
{
    static const struct port_ops ops = {.read = read_port, .write = write_port};
    struct pit *p = device_alloc(d, sizeof(*p), NULL);
    int error;

    if (!p)
        return -ENOMEM;
    pit_init(p, d, sched_now());
    error = port_register(d, PORT_CHANNEL_2, 2, &ops, p);
    return error ? error : port_register(d, PORT_SPEAKER, 1, &ops, p);
}
