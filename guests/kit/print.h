/* Text on the console. */
#ifndef KIT_PRINT_H
#define KIT_PRINT_H

#include "kit/types.h"

#include <stdarg.h>

enum print_limits { PRINT_LINE = 512 };

/* %s %c %u %d %x with an optional 0 and width, and l for 64 bits; %%. Returns the length, which is
 * less than size; the rest is dropped. */
size_t format_text(char *out, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
size_t format_list(char *out, size_t size, const char *format, va_list list);
/* At most PRINT_LINE bytes at once. */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
