/*
 * PCI configuration space. Functions that do not exist read all ones, which is how a guest finds
 * that they do not.
 */
#include "pci.h"

#include "devices.h"
#include "domain.h"
#include "errno.h"
#include "io_space.h"

#include <string.h>

enum pci_ports { PCI_ADDRESS = 0xcf8, PCI_RESET = 0xcf9, PCI_DATA = 0xcfc, PCI_PORTS = 8 };
#define ADDRESS_ENABLE   (1u << 31)
#define ADDRESS_FUNCTION 0x00ffff00u /* bus, device, function */
#define ADDRESS_WRITABLE 0x80fffffcu

/* "Configuration Space Header" */
enum pci_register {
    REG_VENDOR = 0x00,
    REG_DEVICE = 0x02,
    REG_COMMAND = 0x04,
    REG_REVISION = 0x08,
    REG_CLASS = 0x0a, /* subclass, class */
    REG_LATENCY = 0x0d,
    REG_MEMORY_ATTRIBUTES = 0x59, /* to 0x5f: firmware's, kept and without effect */
    REG_MEMORY_ATTRIBUTES_END = 0x60,
};
enum pci_values {
    VENDOR_INTEL = 0x8086,
    DEVICE_440FX = 0x1237,
    REVISION = 2,
    COMMAND_FIXED = 0x06,    /* memory, bus master */
    COMMAND_WRITABLE = 0x40, /* parity */
    CLASS_HOST_BRIDGE = 0x0600,
    RESET_WRITABLE = 0x06,
    RESET_NOW = 1 << 2,
};

static void put16(struct pci *p, unsigned at, u16 value)
{
    p->bridge[at] = (u8)value;
    p->bridge[at + 1] = (u8)(value >> 8);
}

void pci_init(struct pci *p, struct domain *d)
{
    memset(p, 0, sizeof(*p));
    p->domain = d;
    put16(p, REG_VENDOR, VENDOR_INTEL);
    put16(p, REG_DEVICE, DEVICE_440FX);
    put16(p, REG_CLASS, CLASS_HOST_BRIDGE);
    p->bridge[REG_REVISION] = REVISION;
    p->bridge[REG_COMMAND] = COMMAND_FIXED;
    p->writable[REG_COMMAND] = COMMAND_WRITABLE;
    p->writable[REG_LATENCY] = 0xf8;
    for (unsigned i = REG_MEMORY_ATTRIBUTES; i < REG_MEMORY_ATTRIBUTES_END; i++)
        p->writable[i] = 0xff;
}

/* The byte that a data port shows, or NULL: there is no such function. */
static bool selected(const struct pci *p, u16 port, unsigned *at)
{
    *at = (p->address & 0xfc) + (port & 3u);
    return p->address & ADDRESS_ENABLE && !(p->address & ADDRESS_FUNCTION);
}

static u8 read_byte(struct pci *p, u16 port)
{
    unsigned at;

    if (port == PCI_RESET)
        return p->reset;
    if (port < PCI_DATA || !selected(p, port, &at))
        return 0xff;
    return p->bridge[at];
}

static void write_byte(struct pci *p, u16 port, u8 value)
{
    unsigned at;

    if (port == PCI_RESET) {
        bool now = value & ~p->reset & RESET_NOW;
        p->reset = value & RESET_WRITABLE;
        if (now)
            domain_end(p->domain, END_REBOOT, 0, "%s", "");
    } else if (port >= PCI_DATA && selected(p, port, &at)) {
        p->bridge[at] = (p->bridge[at] & ~p->writable[at]) | (value & p->writable[at]);
    }
}

/* "CONFIG_ADDRESS is accessed as 32 bits alone: anything narrower passes it by." */
u32 pci_read(struct pci *p, u16 port, unsigned size)
{
    u32 value = 0;

    if (port == PCI_ADDRESS && size == 4)
        return p->address;
    for (unsigned i = 0; i < size; i++)
        value |= (u32)read_byte(p, (u16)(port + i)) << 8 * i;
    return value;
}

void pci_write(struct pci *p, u16 port, unsigned size, u32 value)
{
    if (port == PCI_ADDRESS && size == 4) {
        p->address = value & ADDRESS_WRITABLE;
        return;
    }
    for (unsigned i = 0; i < size; i++)
        write_byte(p, (u16)(port + i), (u8)(value >> 8 * i));
}

static u32 port_read_pci(void *device, u16 port, unsigned size)
{
    return pci_read(device, port, size);
}

static void port_write_pci(void *device, u16 port, unsigned size, u32 value)
{
    pci_write(device, port, size, value);
}

int pci_attach(struct domain *d)
{
    static const struct port_ops ops = {.read = port_read_pci, .write = port_write_pci};
    struct pci *p = device_alloc(d, sizeof(*p), NULL);

    if (!p)
        return -ENOMEM;
    pci_init(p, d);
    return port_register(d, PCI_ADDRESS, PCI_PORTS, &ops, p);
}
