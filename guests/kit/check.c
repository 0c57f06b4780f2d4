/*
 * Checks and the end. Formats: docs/formats.md.
 */
#include "kit/kit.h"

static unsigned checks, failures, quiet_failures;

bool check_equal(const char *what, u64 expected, u64 got)
{
    checks++;
    if (expected == got)
        return true;
    failures++;
    print("@check {\"what\":\"%s\",\"expected\":\"0x%lx\",\"got\":\"0x%lx\"}\n", what, expected,
          got);
    return false;
}

bool check(const char *what, bool holds)
{
    return check_equal(what, true, holds);
}

void check_quietly(bool holds)
{
    quiet_failures += !holds;
}

void check_quiet_end(const char *what)
{
    check_equal(what, 0, quiet_failures);
    quiet_failures = 0;
}

void finish(void)
{
    print("@done {\"name\":\"%s\",\"ok\":%s,\"checks\":%u,\"failed\":%u}\n", guest_name,
          failures ? "false" : "true", checks, failures);
    platform->end(failures != 0);
}
