/*
 * The ports with which a guest ends its machine, so that the sequence that stops the bare one
 * (docs/formats.md, "How a machine stops") ends the domain too.
 */
#include "devices.h"
#include "domain.h"
#include "port.h"

#include "public/trivisor.h"

enum { PORT_SHUTDOWN = 0x8900, END_PORT_COUNT = 4 };

static u32 end_read(void *device, u16 port, unsigned size)
{
    (void)device;
    (void)port;
    (void)size;
    return ~0u;
}

static void end_write(void *device, u16 port, unsigned size, u32 value)
{
    struct domain *d = device;

    (void)size;
    /* Only a failure goes on to the second port, and only where the first is nobody's. */
    if (port >= PORT_SHUTDOWN)
        value = 1;
    domain_end(d, END_POWEROFF, value, "%s", "");
}

int end_port_attach(struct domain *d)
{
    static const struct port_ops ops = {.read = end_read, .write = end_write};
    int error = port_register(d, TRIVISOR_PORT_END, END_PORT_COUNT, &ops, d);

    return error ? error : port_register(d, PORT_SHUTDOWN, 1, &ops, d);
}
