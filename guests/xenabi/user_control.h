/* In user mode: the time, by RDTSC. */
#ifndef USER_CONTROL_H
#define USER_CONTROL_H

#include "kit/types.h"

u64 user_rdtsc(u64 ignored);

#endif
