/* For host tests: panic ends the test with its message. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "log.h"

void panic(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    fputc('\n', stderr);
    abort();
}
