/*
 * The VGA text screen, for real hardware: console=com1,vga.
 */
#ifndef VGA_H
#define VGA_H

#include "types.h"

/* Clears the screen, 80 by 25 in text mode, which the loader has left. */
void vga_init(void);
/* Writes bytes; a newline scrolls at the last row. */
void vga_write(const char *s, size_t n);

#endif
