/* See grade_machine.h. */
#include "grade_machine.h"

#include "grade.h"

#include "log.h"
#include "machine.h"
#include "paging.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static jmp_buf expected; /* where a panic leads while giving_up is set */
static bool giving_up;
static const char *place = "what you wrote last";
static char violation[200]; /* the first of the recount's, or empty */

void panic(const char *format, ...)
{
    char text[200];
    va_list list;

    if (giving_up)
        longjmp(expected, 1);
    va_start(list, format);
    vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    GRADE_CASE("the hypervisor gave up: %s", text);
    GRADE_TRUE("it goes on", false, place);
    abort();
}

void grade_place(const char *where)
{
    place = where;
}

bool grade_gives_up(void (*f)(void))
{
    bool gave_up = setjmp(expected);

    giving_up = !gave_up;
    if (!gave_up)
        f();
    giving_up = false;
    return gave_up;
}

void machine_violation(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    if (!violation[0])
        vsnprintf(violation, sizeof(violation), format, list);
    va_end(list);
}

const char *grade_violation(void)
{
    return violation;
}

void grade_forget_violation(void)
{
    violation[0] = 0;
}

const char *grade_paging_result(unsigned result)
{
    static const char *const names[] = {
        [PAGING_FIXED] = "PAGING_FIXED",
        [PAGING_INJECT] = "PAGING_INJECT",
        [PAGING_EMULATE] = "PAGING_EMULATE",
        [PAGING_KILL] = "PAGING_KILL",
    };

    return result < ARRAY_SIZE(names) ? names[result] : "no paging_result";
}

u64 random_u64(void)
{
    static u64 state;

    if (!state)
        state = grade_seed | 1;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}
