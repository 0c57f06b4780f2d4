/*
 * The machine's console, COM1 (and VGA on request), shared by the hypervisor and the domains
 * a whole line at a time.
 */
#ifndef CONSOLE_H
#define CONSOLE_H

#include "types.h"

struct domain;

/* Sets up COM1 at 115200 8N1; the first thing that the hypervisor does. */
void console_init(void);
/* Bytes as they are. */
void console_write(const char *s, size_t n);
/* Does input= name it? */
bool console_has_input(const struct domain *d);
/* The next byte that was typed, or -1. Never waits. */
int console_getc(const struct domain *d);
/* A byte of a domain's output: collected to a line, printed with the domain's name before it. Bytes
 * other than printable ASCII, tab and newline are shown as `?`. */
void console_guest_putc(struct domain *d, char c);
/* Prints what a domain has left of a line. */
void console_guest_flush(struct domain *d);
/* Waits until the UART is empty. */
void console_drain(void);
/* Stops the machine as docs/formats.md says. */
void machine_stop(bool ok) __attribute__((noreturn));

#endif
