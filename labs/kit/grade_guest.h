/*
 * For a lab's guest that judges the hypervisor from inside: tests with sealed verdicts.
 *
 *     grade_begin("cpuid_leaf0");
 *     grade_equal("EBX of leaf 0", expected, got, "trap.1: cpuid_policy.c");
 *     grade_end();
 *
 * A test has one line on the console, printed when it ends: good, or its first check that failed.
 * A test that never ends, for whatever reason, has failed.
 */
#ifndef GRADE_GUEST_H
#define GRADE_GUEST_H

#include "kit/types.h"

/* Begins a test of lab.json. */
void grade_begin(const char *test);
/* `what` has the value that it should; `where`: the exercise and the file to look at. Texts have no
 * quotation marks. Returns whether it has. */
bool grade_equal(const char *what, u64 expected, u64 got, const char *where);
bool grade_true(const char *what, bool holds, const char *where);
/* The test cannot be made here; why. */
void grade_skip(const char *why);
/* Ends the test that was begun, and prints its line. */
void grade_end(void);

#endif
