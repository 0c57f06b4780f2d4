/*
 * The 16550. What is sent goes to the domain's console at once: the transmitter is always empty.
 * What is received comes from the machine's console.
 *
 * Input. The machine's UART has no interrupt here: it is polled, by the guest's reads of LSR, and
 * while the guest has receive interrupts enabled by a timer, every POLL_IDLE_US, or POLL_BUSY_US
 * while somebody types. The machine's FIFO keeps what this one has no room for. Of several domains
 * the one that looks first gets a byte.
 */
#include "uart.h"

#include "bytes.h"
#include "console.h"
#include "devices.h"
#include "domain.h"
#include "errno.h"
#include "io_space.h"
#include "irq.h"
#include "sched.h"
#include "timer.h"

enum { UART_BASE = 0x3f8, UART_PORTS = 8, POLL_IDLE_US = 10000, POLL_BUSY_US = 1000 };

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
    IER_RECEIVED = 1 << 0,
    IER_EMPTY = 1 << 1,
    IER_LINE = 1 << 2,
    IER_MASK = 0x0f,
    FCR_ENABLE = 1 << 0,
    FCR_CLEAR_RECEIVER = 1 << 1,
    FCR_KEPT = 0xc9, /* without the bits that clear themselves */
    FCR_TRIGGER_SHIFT = 6,
    IIR_NONE = 0x01,
    IIR_EMPTY = 0x02,
    IIR_RECEIVED = 0x04,
    IIR_LINE = 0x06,
    IIR_TIMEOUT = 0x0c,
    IIR_FIFO = 0xc0,
    LCR_DLAB = 0x80,
    MCR_MASK = 0x1f,
    MCR_OUT2 = 0x08, /* a PC's interrupt goes through it */
    MCR_LOOP = 0x10,
    LSR_READY = 0x01,
    LSR_OVERRUN = 0x02,
    LSR_EMPTY = 0x60, /* holding register and transmitter */
    MSR_CTS = 0x10,
    MSR_DSR = 0x20,
    MSR_CARRIER = 0x80,
};

void uart_init(struct uart *u, struct domain *d)
{
    *u = (struct uart){.domain = d, .thr_told = true};
}

static unsigned room(const struct uart *u)
{
    return u->fcr & FCR_ENABLE ? UART_FIFO : 1;
}

/* "Interrupt Identification Register": the pending interrupt with the highest priority. Bytes below
 * the trigger level count as timed out. */
static u8 interrupt(const struct uart *u)
{
    static const u8 trigger[] = {1, 4, 8, 14};
    bool fifo = u->fcr & FCR_ENABLE;

    if (u->overrun && u->ier & IER_LINE)
        return IIR_LINE;
    if (u->count && u->ier & IER_RECEIVED)
        return fifo && u->count < trigger[u->fcr >> FCR_TRIGGER_SHIFT] ? IIR_TIMEOUT : IIR_RECEIVED;
    if (!u->thr_told && u->ier & IER_EMPTY)
        return IIR_EMPTY;
    return IIR_NONE;
}

static void update(struct uart *u)
{
    bool through = (u->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2;

    irq_set(u->domain, IRQ_COM1, through && interrupt(u) != IIR_NONE);
}

bool uart_receive(struct uart *u, u8 byte)
{
    if (u->count >= room(u))
        return false;
    u->fifo[(u->first + u->count++) % UART_FIFO] = byte;
    update(u);
    return true;
}

/* Takes what the machine's console has for it. */
static void take_input(struct uart *u)
{
    u->busy = false;
    while (u->count < room(u) && !(u->mcr & MCR_LOOP)) {
        int byte = console_getc(u->domain);
        if (byte < 0)
            break;
        u->busy = uart_receive(u, (u8)byte);
    }
}

static void arm_poll(struct uart *u, u64 now)
{
    timer_cancel(&u->poll);
    if (u->ier & IER_RECEIVED)
        timer_set(&u->poll, now + us_to_ticks(u->busy ? POLL_BUSY_US : POLL_IDLE_US));
}

static void on_poll(struct timer *t, u64 now)
{
    struct uart *u = container_of(t, struct uart, poll);

    take_input(u);
    arm_poll(u, now);
}

static u8 read_data(struct uart *u)
{
    u8 byte = 0;

    if (u->count) {
        byte = u->fifo[u->first];
        u->first = (u->first + 1) % UART_FIFO;
        u->count--;
    }
    update(u);
    return byte;
}

static u8 read_iir(struct uart *u)
{
    u8 value = interrupt(u);

    if (value == IIR_EMPTY)
        u->thr_told = true;
    update(u);
    return value | (u->fcr & FCR_ENABLE ? IIR_FIFO : 0);
}

static u8 read_lsr(struct uart *u)
{
    u8 value = LSR_EMPTY;

    if (!u->count)
        take_input(u);
    value |= (u->count ? LSR_READY : 0) | (u->overrun ? LSR_OVERRUN : 0);
    u->overrun = false;
    update(u);
    return value;
}

static u8 modem_status(const struct uart *u)
{
    if (!(u->mcr & MCR_LOOP))
        return MSR_CTS | MSR_DSR | MSR_CARRIER;
    /* RTS, DTR, OUT1, OUT2 come back as CTS, DSR, RI, DCD. */
    return (u8)((u->mcr & 2) << 3 | (u->mcr & 1) << 5 | (u->mcr & 4) << 4 | (u->mcr & 8) << 4);
}

u8 uart_read(struct uart *u, unsigned offset)
{
    bool dlab = u->lcr & LCR_DLAB;

    switch (offset) {
    case UART_DATA:
        return dlab ? u->dll : read_data(u);
    case UART_IER:
        return dlab ? u->dlm : u->ier;
    case UART_IIR:
        return read_iir(u);
    case UART_LCR:
        return u->lcr;
    case UART_MCR:
        return u->mcr;
    case UART_LSR:
        return read_lsr(u);
    case UART_MSR:
        return modem_status(u);
    default:
        return u->scr;
    }
}

/* Loop-back: what is sent is received. */
static void write_data(struct uart *u, u8 value)
{
    if (!(u->mcr & MCR_LOOP))
        console_guest_putc(u->domain, (char)value);
    else if (!uart_receive(u, value))
        u->overrun = true;
    u->thr_told = false;
}

/* Enabling it tells of an empty transmitter again. */
static void write_ier(struct uart *u, u8 value)
{
    u8 was = u->ier;

    u->ier = value & IER_MASK;
    if (u->ier & ~was & IER_EMPTY)
        u->thr_told = false;
    if ((u->ier ^ was) & IER_RECEIVED)
        arm_poll(u, sched_now());
}

static void write_fcr(struct uart *u, u8 value)
{
    bool changes = (u->fcr ^ value) & FCR_ENABLE;

    if (changes || value & FCR_CLEAR_RECEIVER)
        u->count = 0;
    u->fcr = value & FCR_ENABLE ? value & FCR_KEPT : 0;
}

void uart_write(struct uart *u, unsigned offset, u8 value)
{
    bool dlab = u->lcr & LCR_DLAB;

    switch (offset) {
    case UART_DATA:
        if (dlab)
            u->dll = value;
        else
            write_data(u, value);
        break;
    case UART_IER:
        if (dlab)
            u->dlm = value;
        else
            write_ier(u, value);
        break;
    case UART_IIR:
        write_fcr(u, value);
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
    update(u);
}

static u8 read_byte(void *device, u16 port)
{
    return uart_read(device, port - UART_BASE);
}

static void write_byte(void *device, u16 port, u8 value)
{
    uart_write(device, port - UART_BASE, value);
}

static u32 port_read_uart(void *device, u16 port, unsigned size)
{
    return read_bytes(device, port, size, read_byte);
}

static void port_write_uart(void *device, u16 port, unsigned size, u32 value)
{
    write_bytes(device, port, size, value, write_byte);
}

static void stop(void *device)
{
    timer_cancel(&((struct uart *)device)->poll);
}

int uart_attach(struct domain *d)
{
    static const struct port_ops ops = {.read = port_read_uart, .write = port_write_uart};
    struct uart *u = device_alloc(d, sizeof(*u), stop);

    if (!u)
        return -ENOMEM;
    uart_init(u, d);
    u->poll.fire = on_poll;
    return port_register(d, UART_BASE, UART_PORTS, &ops, u);
}
