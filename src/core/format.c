/*
 * Formatting of text, a subset of printf's.
 */
#include "log.h"

#include <string.h>

struct sink {
    char *out;     /* where to, or NULL */
    size_t size;   /* room, the terminating zero included */
    size_t length; /* bytes that were asked for */
};

static void put(struct sink *s, char c)
{
    if (s->length + 1 < s->size)
        s->out[s->length] = c;
    s->length++;
}

struct field {
    int width, precision; /* precision -1: none */
    bool zero, left;      /* flags 0 and - */
    unsigned size;        /* number of l's */
};

static void put_text(struct sink *s, const struct field *f, const char *text, size_t n, char pad)
{
    for (size_t i = n; !f->left && i < (size_t)f->width; i++)
        put(s, pad);
    for (size_t i = 0; i < n; i++)
        put(s, text[i]);
    for (size_t i = n; f->left && i < (size_t)f->width; i++)
        put(s, ' ');
}

static void put_number(struct sink *s, const struct field *f, u64 v, unsigned base, bool negative)
{
    char text[24];
    size_t at = sizeof(text);

    do {
        text[--at] = "0123456789abcdef"[v % base];
        v /= base;
    } while (v);
    if (negative)
        text[--at] = '-';
    put_text(s, f, text + at, sizeof(text) - at, f->zero && !f->left ? '0' : ' ');
}

static void put_string(struct sink *s, const struct field *f, const char *text)
{
    size_t n = 0;

    if (!text)
        text = "(null)";
    while ((f->precision < 0 || n < (size_t)f->precision) && text[n])
        n++;
    put_text(s, f, text, n, ' ');
}

static const char *parse_field(const char *at, struct field *f, va_list *ap)
{
    *f = (struct field){.precision = -1};
    for (; *at == '0' || *at == '-'; at++)
        *(*at == '0' ? &f->zero : &f->left) = true;
    if (*at == '*') {
        f->width = va_arg(*ap, int);
        at++;
    }
    for (; *at >= '0' && *at <= '9'; at++)
        f->width = f->width * 10 + *at - '0';
    if (*at == '.') {
        at++;
        f->precision = 0;
        if (*at == '*') {
            f->precision = va_arg(*ap, int);
            at++;
        }
        for (; *at >= '0' && *at <= '9'; at++)
            f->precision = f->precision * 10 + *at - '0';
    }
    for (; *at == 'l' || *at == 'z'; at++)
        f->size++;
    return at;
}

int format_text_v(char *out, size_t size, const char *format, va_list args)
{
    struct sink s = {out, size, 0};
    va_list ap;

    va_copy(ap, args);
    for (const char *at = format; *at; at++) {
        struct field f;
        if (*at != '%') {
            put(&s, *at);
            continue;
        }
        at = parse_field(at + 1, &f, &ap);
        if (*at == 'd') {
            s64 v = f.size ? va_arg(ap, s64) : va_arg(ap, int);
            put_number(&s, &f, v < 0 ? -(u64)v : (u64)v, 10, v < 0);
        } else if (*at == 'u' || *at == 'x')
            put_number(&s, &f, f.size ? va_arg(ap, u64) : va_arg(ap, u32), *at == 'u' ? 10 : 16,
                       false);
        else if (*at == 'p')
            put_number(&s, &f, (u64)(uintptr_t)va_arg(ap, void *), 16, false);
        else if (*at == 's')
            put_string(&s, &f, va_arg(ap, const char *));
        else if (*at == 'c')
            put(&s, (char)va_arg(ap, int));
        else
            put(&s, *at);
    }
    va_end(ap);
    if (size)
        out[MIN(s.length, size - 1)] = 0;
    return (int)s.length;
}

int format_text(char *out, size_t size, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    int n = format_text_v(out, size, format, ap);
    va_end(ap);
    return n;
}
