/*
 * print: a long text to the console, a line at a time: an emulated UART against a ring. Natively
 * the figure is the speed of the serial line: 10 bits a character at 115,200 bits a second.
 */
#include "kit/kit.h"

const char guest_name[] = "print";

enum print_numbers { COLUMNS = 80, LINES = 17 };

static char line[COLUMNS];
static unsigned lines;

/* 79 characters and the end of the line: which line it is, then letters that begin with another one
 * each time, so that a lost character would be seen. */
static void next_line(void)
{
    size_t n = format_text(line, sizeof(line), "%04u ", lines);

    for (size_t i = n; i < COLUMNS - 1; i++)
        line[i] = (char)('a' + (lines + i) % 26);
    line[COLUMNS - 1] = '\n';
    lines++;
}

static void write_line(void)
{
    platform->console_write(line, COLUMNS);
}

void guest_main(void)
{
    figure(
        &(struct figure){.name = "print_line", .before = next_line, .op = write_line, .n = LINES});
    check("every line was written", lines >= LINES);
}
