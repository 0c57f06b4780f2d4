/*
 * For graders' host parts that run the hypervisor's sources on a simulated machine: how the
 * hypervisor gives up, what a recount finds wrong, names of results, random numbers.
 */
#ifndef GRADE_MACHINE_H
#define GRADE_MACHINE_H

#include "types.h"

/* Where to look if the hypervisor gives up (panic) from now on; at first "what you wrote last". */
void grade_place(const char *where);

/* Calls f: whether it ends in the hypervisor's giving up. What f was doing is left as it is. */
bool grade_gives_up(void (*f)(void));

/* The first machine_violation since the last grade_forget_violation, or "". */
const char *grade_violation(void);
void grade_forget_violation(void);

/* enum paging_result by its name. */
const char *grade_paging_result(unsigned result);

/* Of a sequence that follows from grade_seed. */
u64 random_u64(void);

#endif
