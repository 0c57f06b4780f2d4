/*
 * Panic with the registers of the trap that led to it; see log.h for panic itself.
 */
#ifndef PANIC_H
#define PANIC_H

#include "vcpu.h"

void panic_with_regs(const struct regs *r, const char *format, ...)
    __attribute__((noreturn, format(printf, 2, 3)));

#endif
