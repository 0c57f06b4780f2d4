/*
 * A small printf for the console and for JSON lines.
 */
#include "kit/print.h"
#include "kit/memory.h"
#include "kit/platform.h"

struct output {
    char *out;   /* where the next byte goes */
    char *limit; /* the last byte, kept for the final zero */
};

static void put(struct output *o, char c)
{
    if (o->out < o->limit)
        *o->out++ = c;
}

static void put_number(struct output *o, u64 value, unsigned base, unsigned width, char fill)
{
    char digits[20];
    unsigned n = 0;

    do {
        digits[n++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    for (unsigned i = n; i < width; i++)
        put(o, fill);
    while (n)
        put(o, digits[--n]);
}

static void put_signed(struct output *o, s64 value, unsigned width, char fill)
{
    if (value < 0)
        put(o, '-');
    put_number(o, value < 0 ? -(u64)value : (u64)value, 10, width, fill);
}

static void put_text(struct output *o, const char *s, unsigned width)
{
    for (; *s; s++, width -= width != 0)
        put(o, *s);
    for (; width; width--)
        put(o, ' ');
}

/* One conversion; f is behind the %. Returns what follows it. */
static const char *convert(struct output *o, const char *f, va_list *list)
{
    char fill = ' ';
    unsigned width = 0;
    bool wide = false;

    if (*f == '0')
        fill = *f++;
    for (; *f >= '0' && *f <= '9'; f++)
        width = width * 10 + (unsigned)(*f - '0');
    for (; *f == 'l'; f++)
        wide = true;
    switch (*f) {
    case 's':
        put_text(o, va_arg(*list, const char *), width);
        break;
    case 'c':
        put(o, (char)va_arg(*list, int));
        break;
    case 'd':
        put_signed(o, wide ? va_arg(*list, s64) : va_arg(*list, int), width, fill);
        break;
    case 'u':
        put_number(o, wide ? va_arg(*list, u64) : va_arg(*list, unsigned), 10, width, fill);
        break;
    case 'x':
        put_number(o, wide ? va_arg(*list, u64) : va_arg(*list, unsigned), 16, width, fill);
        break;
    default:
        put(o, *f);
    }
    return f + 1;
}

size_t format_list(char *out, size_t size, const char *format, va_list list)
{
    struct output o = {out, out + size - 1};
    va_list rest;

    va_copy(rest, list);
    while (*format)
        if (*format == '%' && format[1])
            format = convert(&o, format + 1, &rest);
        else
            put(&o, *format++);
    va_end(rest);
    *o.out = 0;
    return (size_t)(o.out - out);
}

size_t format_text(char *out, size_t size, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    size_t n = format_list(out, size, format, list);
    va_end(list);
    return n;
}

void print(const char *format, ...)
{
    char line[PRINT_LINE];
    va_list list;

    va_start(list, format);
    size_t n = format_list(line, sizeof(line), format, list);
    va_end(list);
    platform->console_write(line, n);
}
