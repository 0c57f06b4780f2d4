/* For user programs (files user_*.c): system calls, time. */
#ifndef KIT_USER_KIT_H
#define KIT_USER_KIT_H

#include "kit/insn.h"
#include "kit/trap.h"

void user_return(void);

static inline u64 system_call(u64 number, u64 a, u64 b)
{
    u64 result;

    __asm__ volatile("syscall"
                     : "=a"(result), "+D"(a), "+S"(b)
                     : "a"(number)
                     : "rcx", "rdx", "r8", "r9", "r10", "r11", "memory");
    return result;
}
/* The same through the gate of INT 0x80. */
static inline u64 system_call_int(u64 number, u64 a, u64 b)
{
    u64 result;

    __asm__ volatile("int $0x80"
                     : "=a"(result), "+D"(a), "+S"(b)
                     : "a"(number)
                     : "rcx", "rdx", "r8", "r9", "r10", "r11", "memory");
    return result;
}

#endif
