/* A 16550 at COM1's ports. Source: the 16550's data sheet; every PC since. */
#ifndef KIT_UART_H
#define KIT_UART_H

#include "kit/types.h"

void uart_init(void);
void uart_write(const char *text, size_t bytes);
/* Returns when the last byte has left. */
void uart_drain(void);

#endif
