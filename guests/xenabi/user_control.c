/* What CR4.TSD takes from user mode. */
#include "user_control.h"

#include "kit/insn.h"

u64 user_rdtsc(u64 ignored)
{
    (void)ignored;
    return rdtsc();
}
