/*
 * The small ports of a PC's board. Source: 82371SB (PIIX3) data sheet, "Port 92 Register"; the
 * Bochs user manual, "port_e9_hack".
 */
#ifndef BOARD_H
#define BOARD_H

#include "types.h"

struct domain;

struct board {
    struct domain *domain; /* whose */
    u8 post;               /* port 0x80, as written */
    u8 control_a;          /* port 0x92: A20 */
};

/* The ports 0x80, 0x92 and 0xe9. */
u8 board_read(struct board *b, u16 port);
void board_write(struct board *b, u16 port, u8 value);

#endif
