/*
 * A 16550 at COM1's ports: output only. The transmitter is always empty, nothing is ever received,
 * and no interrupt is raised. Source: the PC16550D data sheet, "Registers".
 */
#include "console.h"
#include "devices.h"
#include "domain.h"
#include "errno.h"
#include "frame.h"
#include "io_space.h"

enum { UART_BASE = 0x3f8, UART_PORTS = 8 };

enum uart_register {
    UART_DATA = 0, /* THR; RBR; divisor latch low with DLAB */
    UART_IER = 1,  /* interrupt enable; divisor latch high with DLAB */
    UART_IIR = 2,  /* interrupt identification; FIFO control when written */
    UART_LCR = 3,
    UART_MCR = 4,
    UART_LSR = 5,
    UART_MSR = 6,
    UART_SCR = 7,
};

enum uart_bits {
    IER_MASK = 0x0f,
    FCR_ENABLE = 0x01,
    IIR_NONE = 0x01,
    IIR_FIFO = 0xc0,
    LCR_DLAB = 0x80,
    MCR_MASK = 0x1f,
    MCR_LOOP = 0x10,
    LSR_EMPTY = 0x60, /* holding register and transmitter */
    MSR_CTS = 0x10,
    MSR_DSR = 0x20,
    MSR_CARRIER = 0x80,
};

struct uart {
    struct domain *domain;                /* whose console it is */
    u8 ier, fcr, lcr, mcr, scr, dll, dlm; /* registers as written */
};

static u8 modem_status(const struct uart *u)
{
    if (!(u->mcr & MCR_LOOP))
        return MSR_CTS | MSR_DSR | MSR_CARRIER;
    /* RTS, DTR, OUT1, OUT2 come back as CTS, DSR, RI, DCD. */
    return (u8)((u->mcr & 2) << 3 | (u->mcr & 1) << 5 | (u->mcr & 4) << 4 | (u->mcr & 8) << 4);
}

static u32 uart_read(void *device, u16 port, unsigned size)
{
    const struct uart *u = device;
    bool dlab = u->lcr & LCR_DLAB;

    (void)size;
    switch (port - UART_BASE) {
    case UART_DATA:
        return dlab ? u->dll : 0;
    case UART_IER:
        return dlab ? u->dlm : u->ier;
    case UART_IIR:
        return IIR_NONE | (u->fcr & FCR_ENABLE ? (u32)IIR_FIFO : 0);
    case UART_LCR:
        return u->lcr;
    case UART_MCR:
        return u->mcr;
    case UART_LSR:
        return LSR_EMPTY;
    case UART_MSR:
        return modem_status(u);
    default:
        return u->scr;
    }
}

static void uart_write(void *device, u16 port, unsigned size, u32 wide)
{
    struct uart *u = device;
    bool dlab = u->lcr & LCR_DLAB;
    u8 value = (u8)wide;

    (void)size;
    switch (port - UART_BASE) {
    case UART_DATA:
        if (dlab)
            u->dll = value;
        else if (!(u->mcr & MCR_LOOP))
            console_guest_putc(u->domain, (char)value);
        break;
    case UART_IER:
        if (dlab)
            u->dlm = value;
        else
            u->ier = value & IER_MASK;
        break;
    case UART_IIR:
        u->fcr = value;
        break;
    case UART_LCR:
        u->lcr = value;
        break;
    case UART_MCR:
        u->mcr = value & MCR_MASK;
        break;
    case UART_SCR:
        u->scr = value;
        break;
    default: /* LSR and MSR are read-only */
        break;
    }
}

int uart_attach(struct domain *d)
{
    static const struct port_ops ops = {.read = uart_read, .write = uart_write};
    struct uart *u = hv_alloc(d, sizeof(*u));

    if (!u)
        return -ENOMEM;
    u->domain = d;
    d->io->uart = u;
    d->io->uart_bytes = sizeof(*u);
    return port_register(d, UART_BASE, UART_PORTS, &ops, u);
}
