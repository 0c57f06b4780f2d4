/*
 * The tests of this guest. Each begins with judge_begin, compares, and ends with grade_end
 * (grade_guest.h).
 */
#ifndef JUDGE_H
#define JUDGE_H

#include "kit/types.h"

/* Begins a test of lab.json; where: what to look at if it fails. */
void judge_begin(const char *test, const char *where);
/* One of its comparisons. Returns whether it holds. */
bool judge_equal(const char *what, u64 expected, u64 got);
/* Reports the verdict to the grader. */
void judge_end(void);

/* The guest's tests, a file each. */
void test_cpuid(void);
void test_ports(void);
void test_msrs(void);
void test_addresses(void);
void test_sleep(void);

/* A number that differs from call to call, the same in every run with the same seed=. */
u64 random_u64(void);

#endif
