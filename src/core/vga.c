/*
 * The VGA text screen: 80 x 25 cells of character and attribute at 0xb8000, scrolled by copying.
 */
#include "vga.h"

#include "layout.h"

#include <string.h>

enum { COLUMNS = 80, ROWS = 25, GREY_ON_BLACK = 0x0700 };
#define VGA_TEXT 0xb8000ULL

static u16 *cells;
static unsigned at; /* next cell */

void vga_init(void)
{
    cells = mpa_to_va(mpa_of(VGA_TEXT));
    for (unsigned i = 0; i < COLUMNS * ROWS; i++)
        cells[i] = GREY_ON_BLACK | ' ';
    at = 0;
}

static void scroll(void)
{
    memmove(cells, cells + COLUMNS, (ROWS - 1) * COLUMNS * sizeof(u16));
    for (unsigned i = (ROWS - 1) * COLUMNS; i < ROWS * COLUMNS; i++)
        cells[i] = GREY_ON_BLACK | ' ';
    at -= COLUMNS;
}

void vga_write(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '\n')
            at = (at / COLUMNS + 1) * COLUMNS;
        else
            cells[at++] = (u16)(GREY_ON_BLACK | (u8)s[i]);
        if (at >= COLUMNS * ROWS)
            scroll();
    }
}
