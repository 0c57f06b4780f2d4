/*
 * A 16550 at COM1's ports. Source: the PC16550D data sheet, "Registers".
 */
#ifndef UART_H
#define UART_H

#include "types.h"
#include "vcpu.h"

struct domain;

enum uart_limits { UART_FIFO = 16 };

struct uart {
    struct domain *domain;                /* whose console it is */
    struct timer poll;                    /* looks for input while the guest waits for it */
    u8 ier, fcr, lcr, mcr, scr, dll, dlm; /* registers as written */
    bool thr_told;      /* the empty transmitter has been told, or not asked for */
    bool overrun;       /* a byte was lost since LSR was read */
    bool busy;          /* input came at the last look: the next is soon */
    u8 fifo[UART_FIFO]; /* received, a ring */
    u8 first, count;    /* its first byte, and how many there are */
};

void uart_init(struct uart *u, struct domain *d);
/* Its eight ports, by offset. */
u8 uart_read(struct uart *u, unsigned offset);
void uart_write(struct uart *u, unsigned offset, u8 value);
/* A byte arrives on the line. False: there is no room for it. */
bool uart_receive(struct uart *u, u8 byte);

#endif
