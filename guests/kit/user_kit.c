/*
 * What user programs share; in user mode.
 */
#include "kit/user_kit.h"

/* Entered by a return, hence no stack frame of its own is assumed: rax is the program's result. */
__attribute__((naked)) void user_return(void)
{
    __asm__ volatile("mov %%rax, %%rdi; xor %%eax, %%eax; syscall" : : : "memory");
}
