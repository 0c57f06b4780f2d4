/*
 * The 16550 as a console: 115200 baud, 8 bits, its FIFO filled whenever it is empty.
 */
#include "kit/uart.h"
#include "kit/insn.h"

enum uart_ports {
    UART_DATA = 0x3f8,
    UART_INTERRUPTS = 0x3f9,
    UART_FIFO = 0x3fa,
    UART_LINE = 0x3fb,
    UART_MODEM = 0x3fc,
    UART_STATUS = 0x3fd,
    UART_DIVISOR_LOW = 0x3f8, /* with LINE_DIVISOR */
    UART_DIVISOR_HIGH = 0x3f9,
};
enum uart_bits {
    LINE_8_BITS = 3,
    LINE_DIVISOR = 0x80,
    FIFO_ON_CLEARED = 7,
    FIFO_BYTES = 16,
    MODEM_DTR_RTS = 3,
    STATUS_FIFO_EMPTY = 0x20,
    STATUS_IDLE = 0x40,
};

void uart_init(void)
{
    out8(UART_INTERRUPTS, 0);
    out8(UART_LINE, LINE_DIVISOR);
    out8(UART_DIVISOR_LOW, 1);
    out8(UART_DIVISOR_HIGH, 0);
    out8(UART_LINE, LINE_8_BITS);
    out8(UART_FIFO, FIFO_ON_CLEARED);
    out8(UART_MODEM, MODEM_DTR_RTS);
}

void uart_write(const char *text, size_t bytes)
{
    unsigned room = 0;

    for (size_t i = 0; i < bytes; i++) {
        if (room == 0) {
            while (!(in8(UART_STATUS) & STATUS_FIFO_EMPTY))
                pause();
            room = FIFO_BYTES;
        }
        out8(UART_DATA, (u8)text[i]);
        room--;
    }
}

void uart_drain(void)
{
    while (!(in8(UART_STATUS) & STATUS_IDLE))
        pause();
}
