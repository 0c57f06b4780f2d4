/* The instructions that CR4.UMIP takes from user mode. */
#ifndef USER_UMIP_H
#define USER_UMIP_H

#include "kit/types.h"

enum { UMIP_INSTRUCTIONS = 5 };
/* User mode: executes the number-th; the handler of its fault goes to the address in RBX. */
u64 user_umip(u64 number);

#endif
