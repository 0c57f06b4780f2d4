/*
 * The small ports of a PC's board: the display of the power-on self test, which kernels write to
 * for a short delay; port 0x92 with A20 and a reset; Bochs' console 0xe9.
 */
#include "board.h"

#include "bytes.h"
#include "console.h"
#include "devices.h"
#include "domain.h"
#include "errno.h"
#include "io_space.h"

enum board_ports { PORT_POST = 0x80, PORT_CONTROL_A = 0x92, PORT_E9 = 0xe9 };
enum control_a { CONTROL_RESET = 1 << 0, CONTROL_A20 = 1 << 1, CONTROL_WRITABLE = 3 };

u8 board_read(struct board *b, u16 port)
{
    if (port == PORT_E9)
        return PORT_E9; /* so a program finds that it is there */
    return port == PORT_POST ? b->post : b->control_a;
}

void board_write(struct board *b, u16 port, u8 value)
{
    switch (port) {
    case PORT_POST:
        b->post = value;
        break;
    case PORT_E9:
        console_guest_putc(b->domain, (char)value);
        break;
    default:
        if (value & ~b->control_a & CONTROL_RESET)
            domain_end(b->domain, END_REBOOT, 0, "%s", "");
        b->control_a = value & CONTROL_WRITABLE;
        break;
    }
}

static u8 read_byte(void *device, u16 port)
{
    return board_read(device, port);
}

static void write_byte(void *device, u16 port, u8 value)
{
    board_write(device, port, value);
}

static u32 port_read_board(void *device, u16 port, unsigned size)
{
    return read_bytes(device, port, size, read_byte);
}

static void port_write_board(void *device, u16 port, unsigned size, u32 value)
{
    write_bytes(device, port, size, value, write_byte);
}

int board_attach(struct domain *d)
{
    static const u16 ports[] = {PORT_POST, PORT_CONTROL_A, PORT_E9};
    static const struct port_ops ops = {.read = port_read_board, .write = port_write_board};
    struct board *b = device_alloc(d, sizeof(*b), NULL);
    int error = 0;

    if (!b)
        return -ENOMEM;
    *b = (struct board){.domain = d, .control_a = CONTROL_A20};
    for (unsigned i = 0; i < ARRAY_SIZE(ports) && !error; i++)
        error = port_register(d, ports[i], 1, &ops, b);
    return error;
}
