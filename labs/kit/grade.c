/*
 * The host grader's frame: chooses the test, and seals what it says. The key comes on stdin, which
 * is read before any of the student's code runs.
 *
 *     PROGRAM TEST    with a line "KEY0 KEY1 SEED" (hexadecimal) on stdin
 */
#include "grade.h"

#include "lab.h"
#include "siphash.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT = 400, LINE = 1000, STATUS_ERROR = 99 };

uint64_t grade_seed;

static uint64_t key[2];
static const char *test_name;
static char about[TEXT];
static unsigned checks, lines;

/* Prints a line with its seal; body is JSON without braces. */
static void say(const char *body)
{
    char line[LINE];
    int n = snprintf(line, sizeof(line), "{\"test\":\"%s\",\"n\":%u,%s", test_name, lines++, body);

    if (n < 0 || (size_t)n >= sizeof(line))
        n = LINE - 1;
    printf("\n@grade %s,\"seal\":\"%016" PRIx64 "\"}\n", line, siphash(key, line, (size_t)n));
    fflush(stdout);
}

void grade_case(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(about, sizeof(about), format, list);
    va_end(list);
}

static void failed(const char *what, const char *got, const char *expected, const char *where)
{
    char body[LINE - 100];

    snprintf(body, sizeof(body),
             "\"ok\":false,\"what\":\"%s\",\"case\":\"%s\",\"expected\":\"%s\",\"got\":\"%s\","
             "\"where\":\"%s\"",
             what, about, expected, got, where);
    say(body);
    fail();
}

void grade_equal(const char *what, uint64_t got, uint64_t expected, const char *where)
{
    char got_text[24], expected_text[24];

    checks++;
    if (got == expected)
        return;
    snprintf(got_text, sizeof(got_text), "0x%" PRIx64, got);
    snprintf(expected_text, sizeof(expected_text), "0x%" PRIx64, expected);
    failed(what, got_text, expected_text, where);
}

void grade_same(const char *what, const char *got, const char *expected, const char *where)
{
    checks++;
    if (strcmp(got, expected))
        failed(what, got, expected, where);
}

void grade_true(const char *what, bool holds, const char *where)
{
    checks++;
    if (!holds)
        failed(what, "no", "yes", where);
}

void grade_error(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    exit(STATUS_ERROR);
}

void lab_missing(const char *exercise)
{
    char body[TEXT];

    snprintf(body, sizeof(body), "\"ok\":false,\"missing\":\"%s\"", exercise);
    say(body);
    exit(1);
}

int grade_run(int argc, char **argv, const struct CMUnitTest *tests, size_t count)
{
    char body[TEXT];

    if (argc != 2 || scanf("%" SCNx64 " %" SCNx64 " %" SCNx64, &key[0], &key[1], &grade_seed) != 3)
        grade_error("usage: %s TEST <key-and-seed", argv[0]);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(tests[i].name, argv[1]))
            continue;
        test_name = tests[i].name;
        if (_cmocka_run_group_tests(test_name, &tests[i], 1, NULL, NULL))
            return 1;
        snprintf(body, sizeof(body), "\"ok\":true,\"checks\":%u", checks);
        if (!checks)
            grade_error("the test %s checks nothing", test_name);
        say(body);
        return 0;
    }
    grade_error("there is no test %s", argv[1]);
}
