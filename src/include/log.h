/*
 * What the hypervisor prints, and how it gives up.
 *
 * Formats: the subset of printf with %d %u %x %lx %lu %ld %llx %llu %p %s %c %%, widths, 0 and -.
 */
#ifndef LOG_H
#define LOG_H

#include "types.h"

#include <stdarg.h>

/* One line of the hypervisor's on the console, with `[trivisor] ` before it and the newline after.
 */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Bounded formatting; returns the length that was needed, as snprintf does. */
int format_text(char *out, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with its arguments in a list, which is left as it was. */
int format_text_v(char *out, size_t size, const char *format, va_list ap);

/* A bug in the hypervisor: prints what was being done, registers, a backtrace with names,
 * and stops the machine with a failure. Never for a guest's mistake. */
void panic(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* The user's mistake at boot (no VT-x, a broken module): one sentence and a failing stop. */
void refuse(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Assertions: checked in debug builds, absent from release builds. */
#ifdef DEBUG_BUILD
#define ASSERT(cond)                                                                               \
    do {                                                                                           \
        if (unlikely(!(cond)))                                                                     \
            panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #cond);                       \
    } while (0)
#else
#define ASSERT(cond) ((void)sizeof(cond))
#endif

#endif
