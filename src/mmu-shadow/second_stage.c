/*
 * What only a second stage can do: here there is none.
 */
#include "errno.h"
#include "paging.h"
#include "physmap.h"

s64 physmap_second_stage_command(struct domain *d, u64 command, u64 argument)
{
    (void)d;
    (void)command;
    (void)argument;
    return -ENOSYS;
}

bool physmap_execute_only(struct domain *d, gfn_t gfn)
{
    (void)d;
    (void)gfn;
    return false;
}

void paging_logged(struct domain *d, u64 gpa)
{
    (void)d;
    (void)gpa;
}
