/*
 * The I/O APIC: pins to messages.
 *
 * Invariants: "remote IRR" is set from the delivery of a level-triggered interrupt to the end of
 * its service, and meanwhile the pin delivers nothing; it is 0 in entries that are edge-triggered.
 * A pin's level is logical: the polarity in an entry is kept and changes nothing, since a device
 * raises its line when it wants an interrupt, however the wire would look.
 */
#include "ioapic.h"

#include "devices.h"
#include "domain.h"
#include "errno.h"
#include "io_space.h"
#include "lapic.h"
#include "mmio.h"
#include "wiring.h"

enum ioapic_registers {
    IOAPIC_SELECT = 0x00,
    IOAPIC_WINDOW = 0x10,
    IOAPIC_EOI = 0x40,
    IOAPIC_PAGE = 0x1000,
    /* through the window */
    REG_ID = 0,
    REG_VERSION = 1,
    REG_ARBITRATION = 2,
    REG_TABLE = 0x10, /* two for each pin */
};
enum ioapic_bits {
    SELECT_MASK = 0xff,
    ID_WRITABLE = 0xf << 24,
    VERSION_VALUE = (IRQ_LINES - 1) << 16 | 0x20,
    ENTRY_VECTOR = 0xff,
    ENTRY_MODE_SHIFT = 8,
    ENTRY_MODE = 7,
    ENTRY_LOGICAL = 1 << 11,
    ENTRY_REMOTE_IRR = 1 << 14,
    ENTRY_LEVEL = 1 << 15,
    ENTRY_MASKED = 1 << 16,
    ENTRY_WRITABLE = 0x1afff, /* of the low half: not delivery status, nor remote IRR */
    ENTRY_DESTINATION_SHIFT = 56,
};
#define ENTRY_HIGH_WRITABLE 0xff00000000000000ULL

void ioapic_init(struct ioapic *a, struct domain *d)
{
    *a = (struct ioapic){.domain = d};
    for (unsigned i = 0; i < IRQ_LINES; i++)
        a->entry[i] = ENTRY_MASKED;
}

static struct lapic_message message_of(u64 entry)
{
    return (struct lapic_message){
        .vector = entry & ENTRY_VECTOR,
        .mode = entry >> ENTRY_MODE_SHIFT & ENTRY_MODE,
        .logical = entry & ENTRY_LOGICAL,
        .level = entry & ENTRY_LEVEL,
        .destination = (u32)(entry >> ENTRY_DESTINATION_SHIFT),
    };
}

/* What the pin has to say is said. */
static void deliver(struct ioapic *a, unsigned pin)
{
    struct lapic_message m = message_of(a->entry[pin]);

    if (a->entry[pin] & ENTRY_LEVEL)
        a->entry[pin] |= ENTRY_REMOTE_IRR;
    lapic_send(a->domain, &m);
}

/* A level that is there and not being served is delivered. */
static void look_at_level(struct ioapic *a, unsigned pin)
{
    u64 wanted = a->entry[pin] & (ENTRY_LEVEL | ENTRY_MASKED | ENTRY_REMOTE_IRR);

    if (wanted == ENTRY_LEVEL && a->lines >> pin & 1)
        deliver(a, pin);
}

void ioapic_set_pin(struct ioapic *a, unsigned pin, bool high)
{
    bool rises = high && !(a->lines >> pin & 1);

    a->lines = (a->lines & ~(1u << pin)) | (u32)high << pin;
    if (a->entry[pin] & ENTRY_LEVEL)
        look_at_level(a, pin);
    else if (rises && !(a->entry[pin] & ENTRY_MASKED))
        deliver(a, pin); /* an edge that comes while it is masked is lost */
}

bool ioapic_heard(const struct ioapic *a, unsigned pin)
{
    return !(a->entry[pin] & ENTRY_MASKED);
}

bool ioapic_requested(const struct ioapic *a, unsigned pin)
{
    struct lapic_message m = message_of(a->entry[pin]);

    return lapic_requested(a->domain, &m);
}

void ioapic_end(struct ioapic *a, u8 vector)
{
    for (unsigned i = 0; i < IRQ_LINES; i++) {
        if ((a->entry[i] & ENTRY_VECTOR) != vector || !(a->entry[i] & ENTRY_REMOTE_IRR))
            continue;
        a->entry[i] &= ~(u64)ENTRY_REMOTE_IRR;
        look_at_level(a, i);
    }
}

static u32 read_window(const struct ioapic *a)
{
    u32 n = a->select - REG_TABLE;

    switch (a->select) {
    case REG_ID:
    case REG_ARBITRATION:
        return a->id;
    case REG_VERSION:
        return VERSION_VALUE;
    default:
        if (n >= 2 * IRQ_LINES)
            return 0;
        return (u32)(a->entry[n / 2] >> (n % 2 ? 32 : 0));
    }
}

static void write_window(struct ioapic *a, u32 value)
{
    u32 n = a->select - REG_TABLE;
    u64 *entry = &a->entry[n / 2 % IRQ_LINES], was;

    if (a->select == REG_ID)
        a->id = value & ID_WRITABLE;
    if (n >= 2 * IRQ_LINES)
        return;
    if (n % 2) {
        *entry = (*entry & ~ENTRY_HIGH_WRITABLE) | ((u64)value << 32 & ENTRY_HIGH_WRITABLE);
        return;
    }
    was = *entry;
    *entry = (was & ~(u64)ENTRY_WRITABLE) | (value & ENTRY_WRITABLE);
    if (!(*entry & ENTRY_LEVEL))
        *entry &= ~(u64)ENTRY_REMOTE_IRR;
    look_at_level(a, n / 2);
    if (was & ~*entry & ENTRY_MASKED)
        wire_unmasked(a->domain);
}

u32 ioapic_read(const struct ioapic *a, u64 offset)
{
    if (offset == IOAPIC_SELECT)
        return a->select;
    return offset == IOAPIC_WINDOW ? read_window(a) : 0;
}

void ioapic_write(struct ioapic *a, u64 offset, u32 value)
{
    if (offset == IOAPIC_SELECT)
        a->select = value & SELECT_MASK;
    if (offset == IOAPIC_WINDOW)
        write_window(a, value);
    if (offset == IOAPIC_EOI)
        ioapic_end(a, (u8)value);
}

/* Narrower and wider accesses are undefined: a byte of the selector, which old kernels write, is
 * enough; others read 0 and do nothing. */
static u64 page_read(void *device, struct vcpu *v, u64 offset, unsigned size)
{
    (void)v;
    return size == 4 ? ioapic_read(device, offset) : 0;
}

static void page_write(void *device, struct vcpu *v, u64 offset, unsigned size, u64 value)
{
    (void)v;
    if (size == 4 || offset == IOAPIC_SELECT)
        ioapic_write(device, offset, (u32)value);
}

int ioapic_attach(struct domain *d)
{
    static const struct mmio_ops ops = {.read = page_read, .write = page_write};
    struct ioapic *a = device_alloc(d, sizeof(*a), NULL);

    if (!a)
        return -ENOMEM;
    ioapic_init(a, d);
    d->io->ioapic = a;
    return mmio_register(d, IOAPIC_BASE, IOAPIC_PAGE, &ops, a);
}
