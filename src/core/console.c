/*
 * The machine's console: COM1, polled, and the VGA text screen on request.
 *
 * Invariant: output reaches the console in whole lines, each with the name of its author before it,
 * so domains never mix within a line; a guest's bytes can neither forge another's prefix nor carry
 * control characters. The one exception is asked for: the domain named by input= talks to a person,
 * byte by byte and unprefixed, and a person is told who speaks by the prefixes of all others.
 */
#include "console.h"

#include "boot.h"
#include "boot_steps.h"
#include "domain.h"
#include "insn.h"
#include "log.h"
#include "trace.h"
#include "vga.h"

#include <string.h>

/* 16550 at COM1. */
enum uart_register {
    UART_BASE = 0x3f8,
    UART_THR = UART_BASE, /* transmit; receive when read */
    UART_DLL = UART_BASE, /* divisor, with LCR_DLAB */
    UART_DLM = UART_BASE + 1,
    UART_IER = UART_BASE + 1, /* interrupts */
    UART_FCR = UART_BASE + 2, /* FIFO */
    UART_LCR = UART_BASE + 3, /* line format */
    UART_MCR = UART_BASE + 4, /* modem control */
    UART_LSR = UART_BASE + 5, /* line status */
};
enum uart_bits {
    LCR_8N1 = 3,
    LCR_DLAB = 0x80,
    FCR_ENABLE_CLEAR = 7,
    MCR_DTR_RTS = 3,
    LSR_DATA = 0x01,
    LSR_ABSENT = 0xff, /* there is no UART */
    LSR_THR_EMPTY = 0x20,
    LSR_ALL_SENT = 0x40,
    UART_FIFO = 16, /* bytes that may be written once the transmitter is empty */
};

enum stop_ports {
    PORT_QEMU_EXIT = 0xf4, /* isa-debug-exit */
    PORT_BOCHS_SHUTDOWN = 0x8900,
};

static bool vga_too;
static unsigned fifo_room;
static char front[NAME_MAX_LEN]; /* input=: the domain that has the keyboard and the raw screen */
static bool front_midline;       /* it has not ended its line */

void console_init(void)
{
    outb(UART_IER, 0);
    outb(UART_LCR, LCR_DLAB);
    outb(UART_DLL, 1); /* 115200 */
    outb(UART_DLM, 0);
    outb(UART_LCR, LCR_8N1);
    outb(UART_FCR, FCR_ENABLE_CLEAR);
    outb(UART_MCR, MCR_DTR_RTS);
}

void console_configure(void)
{
    char value[32];

    if (boot_option("console", value, sizeof(value)) && strcmp(value, "com1,vga") == 0) {
        vga_too = true;
        vga_init();
    }
    boot_option("input", front, sizeof(front));
}

bool console_has_input(const struct domain *d)
{
    return front[0] && strcmp(d->config.name, front) == 0;
}

static void uart_put(char c)
{
    if (!fifo_room) {
        while (!(inb(UART_LSR) & LSR_THR_EMPTY))
            pause();
        fifo_room = UART_FIFO;
    }
    outb(UART_THR, (u8)c);
    fifo_room--;
}

void console_write(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        uart_put(s[i]);
    if (vga_too)
        vga_write(s, n);
}

int console_getc(const struct domain *d)
{
    u8 status = front[0] && !console_has_input(d) ? LSR_ABSENT : inb(UART_LSR);

    return status & LSR_DATA && status != LSR_ABSENT ? inb(UART_THR) : -1;
}

void console_drain(void)
{
    while (!(inb(UART_LSR) & LSR_ALL_SENT))
        pause();
}

static void write_line(const char *name, const char *text, size_t n)
{
    if (front_midline)
        console_write("\n", 1);
    front_midline = false;
    console_write("[", 1);
    console_write(name, strlen(name));
    console_write("] ", 2);
    console_write(text, n);
    console_write("\n", 1);
}

void log_line(const char *format, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, format);
    int n = format_text_v(text, sizeof(text), format, ap);
    va_end(ap);
    write_line("trivisor", text, MIN((size_t)n, sizeof(text) - 1));
}

void console_guest_flush(struct domain *d)
{
    if (!d->line_length)
        return;
    write_line(d->config.name, d->line, d->line_length);
    d->line_length = 0;
}

void console_guest_putc(struct domain *d, char c)
{
    if (console_has_input(d)) {
        console_write(&c, 1);
        front_midline = c != '\n';
        return;
    }
    if (c == '\r' || c == 0)
        return;
    if (c == '\n') {
        if (!d->line_length)
            write_line(d->config.name, "", 0);
        console_guest_flush(d);
        return;
    }
    d->line[d->line_length++] = (c >= ' ' && c <= '~') || c == '\t' ? c : '?';
    if (d->line_length == sizeof(d->line))
        console_guest_flush(d);
}

void machine_stop(bool ok)
{
    trace_drain();
    console_drain();
    outb(PORT_QEMU_EXIT, !ok);
    if (!ok)
        for (const char *s = "Shutdown"; *s; s++)
            outb(PORT_BOCHS_SHUTDOWN, (u8)*s);
    bochs_magic_break();
    for (;;) {
        cli();
        halt();
    }
}
