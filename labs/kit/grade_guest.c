/*
 * A guest's verdicts, sealed with the key that this run's guest was built with.
 */
#include "grade_guest.h"

#include "grade_secret.h"
#include "kit/kit.h"
#include "siphash.h"

enum { LINE = 400 };

static const u64 key[2] = {GRADE_SECRET_0, GRADE_SECRET_1};
static const char *test;
static const char *skipped;
static unsigned lines, checks;
static bool failed;
static char failure[LINE];

void grade_begin(const char *name)
{
    test = name;
    skipped = NULL;
    checks = 0;
    failed = false;
}

bool grade_equal(const char *what, u64 expected, u64 got, const char *where)
{
    checks++;
    if (expected == got)
        return true;
    if (!failed)
        format_text(failure, sizeof(failure),
                    "\"ok\":false,\"what\":\"%s\",\"expected\":\"0x%lx\",\"got\":\"0x%lx\","
                    "\"where\":\"%s\"",
                    what, expected, got, where);
    failed = true;
    return false;
}

bool grade_true(const char *what, bool holds, const char *where)
{
    return grade_equal(what, true, holds, where);
}

void grade_skip(const char *why)
{
    skipped = why;
}

void grade_end(void)
{
    char line[LINE + 100];
    size_t n;

    if (skipped)
        format_text(failure, sizeof(failure), "\"ok\":true,\"skip\":\"%s\"", skipped);
    else if (!failed)
        format_text(failure, sizeof(failure), "\"ok\":%s,\"checks\":%u", checks ? "true" : "false",
                    checks);
    n = format_text(line, sizeof(line), "{\"test\":\"%s\",\"n\":%u,%s", test, lines++, failure);
    print("@grade %s,\"seal\":\"%016lx\"}\n", line, siphash(key, line, n));
}
