/*
 * The end of the machine's work.
 */
#ifndef MACHINE_H
#define MACHINE_H

/* The last domain has ended: prints the `@machine` line and stops the machine. */
void machine_end(void) __attribute__((noreturn));
/* An invariant did not hold (debug builds): prints a `@violation` line and fails the run. */
void machine_violation(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
