/*
 * The keyboard controller. What is sent to the keyboard, which is not there, is answered as the
 * chip does after a time-out: "resend", and the time-out bit. The mouse's port fails its test.
 *
 * A20 can be switched and read back, and changes nothing: addresses never wrap.
 */
#include "kbc.h"

#include "bytes.h"
#include "devices.h"
#include "domain.h"
#include "errno.h"
#include "io_space.h"
#include "irq.h"

enum kbc_ports { KBC_DATA = 0x60, KBC_STATUS = 0x64 };

enum kbc_bits {
    STATUS_FULL = 1 << 0,
    STATUS_SYSTEM = 1 << 2,
    STATUS_UNLOCKED = 1 << 4,
    STATUS_TIMEOUT = 1 << 6,
    MODE_INTERRUPT = 1 << 0,
    OUTPUT_RUN = 1 << 0, /* low: the processor is reset */
    OUTPUT_A20 = 1 << 1,
    OUTPUT_RESET = 0xcf,
};
enum kbc_commands {
    READ_MODE = 0x20,
    WRITE_MODE = 0x60,
    TEST_MOUSE_PORT = 0xa9,
    SELF_TEST = 0xaa,
    TEST_KEYBOARD_PORT = 0xab,
    READ_OUTPUT = 0xd0,
    WRITE_OUTPUT = 0xd1,
    LOOP_KEYBOARD = 0xd2,
    LOOP_MOUSE = 0xd3,
    WRITE_MOUSE = 0xd4,
    PULSE = 0xf0, /* to 0xff: the low bits that are 0 are pulsed */
    PULSE_RESET = 1 << 0,
    SELF_TEST_GOOD = 0x55,
    PORT_GOOD = 0x00,
    PORT_BAD = 0x01,
    RESEND = 0xfe,
};

void kbc_init(struct kbc *k, struct domain *d)
{
    *k = (struct kbc){.domain = d, .output_port = OUTPUT_RESET};
}

static void update(struct kbc *k)
{
    irq_set(k->domain, IRQ_KEYBOARD, k->full && k->mode & MODE_INTERRUPT);
}

static void answer(struct kbc *k, u8 value)
{
    k->data = value;
    k->full = true;
    k->timed_out = false;
    update(k);
}

static void set_output(struct kbc *k, u8 value)
{
    k->output_port = value;
    if (!(value & OUTPUT_RUN))
        domain_end(k->domain, END_REBOOT, 0, "%s", "");
}

static void write_command(struct kbc *k, u8 command)
{
    k->expects = 0;
    if (command >= PULSE) {
        if (!(command & PULSE_RESET))
            set_output(k, k->output_port & (u8)~OUTPUT_RUN);
        return;
    }
    switch (command) {
    case READ_MODE:
        answer(k, k->mode);
        break;
    case SELF_TEST:
        answer(k, SELF_TEST_GOOD);
        break;
    case TEST_KEYBOARD_PORT:
        answer(k, PORT_GOOD);
        break;
    case TEST_MOUSE_PORT:
        answer(k, PORT_BAD);
        break;
    case READ_OUTPUT:
        answer(k, k->output_port);
        break;
    case WRITE_MODE:
    case WRITE_OUTPUT:
    case LOOP_KEYBOARD:
    case LOOP_MOUSE:
    case WRITE_MOUSE:
        k->expects = command;
        break;
    default: /* the ports are switched on and off */
        break;
    }
}

static void write_data(struct kbc *k, u8 value)
{
    u8 command = k->expects;

    k->expects = 0;
    switch (command) {
    case WRITE_MODE:
        k->mode = value;
        update(k);
        break;
    case WRITE_OUTPUT:
        set_output(k, value);
        break;
    case LOOP_KEYBOARD:
        answer(k, value);
        break;
    default: /* nobody is there */
        answer(k, RESEND);
        k->timed_out = true;
        break;
    }
}

u8 kbc_read(struct kbc *k, u16 port)
{
    if (port == KBC_STATUS)
        return STATUS_SYSTEM | STATUS_UNLOCKED | (k->full ? STATUS_FULL : 0) |
               (k->timed_out ? STATUS_TIMEOUT : 0);
    k->full = k->timed_out = false;
    update(k);
    return k->data;
}

void kbc_write(struct kbc *k, u16 port, u8 value)
{
    if (port == KBC_STATUS)
        write_command(k, value);
    else
        write_data(k, value);
}

static u8 read_byte(void *device, u16 port)
{
    return kbc_read(device, port);
}

static void write_byte(void *device, u16 port, u8 value)
{
    kbc_write(device, port, value);
}

static u32 port_read_kbc(void *device, u16 port, unsigned size)
{
    return read_bytes(device, port, size, read_byte);
}

static void port_write_kbc(void *device, u16 port, unsigned size, u32 value)
{
    write_bytes(device, port, size, value, write_byte);
}

int kbc_attach(struct domain *d)
{
    static const struct port_ops ops = {.read = port_read_kbc, .write = port_write_kbc};
    struct kbc *k = device_alloc(d, sizeof(*k), NULL);
    int error;

    if (!k)
        return -ENOMEM;
    kbc_init(k, d);
    error = port_register(d, KBC_DATA, 1, &ops, k);
    return error ? error : port_register(d, KBC_STATUS, 1, &ops, k);
}
