/*
 * For the host part of a lab's grader: a program of cmocka tests, each of which the grader runs in
 * a process of its own. The first check that fails ends its test and says what was expected, what
 * came instead, and where to look.
 *
 *     static void error_code(void **state)
 *     {
 *         GRADE_CASE("CR4.SMEP=%d, a user's fetch", smep);
 *         GRADE_EQUAL("the error code", walk_error(&m, access, 0), 0x14, "walk.2: walk_error");
 *     }
 *     GRADE_MAIN(cmocka_unit_test(error_code), ...)
 */
#ifndef GRADE_H
#define GRADE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

/* Different in every run: for what must not be foreseen. */
extern uint64_t grade_seed;

/* What the checks that follow are about; printed with the first one that fails. */
void grade_case(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define GRADE_CASE(...) grade_case(__VA_ARGS__)

/* `what` has the value that it should; `where`: the exercise and the function to look at. */
void grade_equal(const char *what, uint64_t got, uint64_t expected, const char *where);
#define GRADE_EQUAL(what, got, expected, where)                                                    \
    grade_equal(what, (uint64_t)(got), (uint64_t)(expected), where)

/* The same for two values that have names: both are printed as text, and are equal if the texts
 * are. */
void grade_same(const char *what, const char *got, const char *expected, const char *where);
#define GRADE_SAME(what, got, expected, where) grade_same(what, got, expected, where)

/* A statement about the student's code that must hold. */
void grade_true(const char *what, bool holds, const char *where);
#define GRADE_TRUE(what, holds, where) grade_true(what, holds, where)

/* The grader itself cannot go on (a file of its own is broken): not the student's fault. */
void grade_error(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

int grade_run(int argc, char **argv, const struct CMUnitTest *tests, size_t count);
#define GRADE_MAIN(...)                                                                            \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        const struct CMUnitTest tests[] = {__VA_ARGS__};                                           \
        return grade_run(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));                     \
    }

#endif
