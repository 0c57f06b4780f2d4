/* A guest's checks of its own results: counted, and only failures are printed. */
#ifndef KIT_CHECK_H
#define KIT_CHECK_H

#include "kit/types.h"

/* Counts a check; prints an @check line if got is not expected. Returns whether it is. */
bool check_equal(const char *what, u64 expected, u64 got);
bool check(const char *what, bool holds);
/* For loops: counts as one check altogether, which check_quiet_end makes under a name. */
void check_quietly(bool holds);
void check_quiet_end(const char *what);
/* Prints @done and ends the machine, or the domain. */
void finish(void) __attribute__((noreturn));

#endif
