/*
 * The VGA text screen, for real hardware: console=com1,vga.
 */
#ifndef VGA_H
#define VGA_H

#include "types.h"

void vga_init(void);
void vga_write(const char *s, size_t n);

#endif
