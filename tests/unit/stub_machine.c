/* For host tests: violations are printed and counted; no domain exists but those that the test
 * says. */
#include <stdarg.h>
#include <stdio.h>

#include "domain.h"
#include "machine.h"
#include "stub_machine.h"

unsigned violations_seen;
u64 domains_that_exist = ~0ULL;

void machine_violation(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    fputc('\n', stderr);
    violations_seen++;
}

struct domain *domain_by_id(u16 id)
{
    static struct domain any;

    return id < 64 && (domains_that_exist >> id & 1) ? &any : NULL;
}
