/*
 * stumble: goes wrong in the way that its arguments name, for the debugger's desk
 * (docs/debugging.md) and its tests. It is no part of the guest set: it never ends well.
 *
 *   stack      pushes to a stack that is not mapped: a page fault whose delivery faults, too
 *   idt        an exception without a table of handlers
 *   page       reads where nothing is mapped, which the kit's handler reports
 *   check      finds a wrong sum
 *   sleep      waits for an interrupt that nobody will send
 *   loop       never comes to its end
 */
#include "kit/kit.h"

const char guest_name[] = "stumble";

/* An address of user mode's that nobody maps. */
#define NOWHERE 0x7f0000000000UL

void push_nowhere(u64 stack);
void __attribute__((noinline)) push_nowhere(u64 stack)
{
    __asm__ volatile("mov %0, %%rsp; push %%rax" : : "r"(stack) : "memory");
}

void trap_without_table(void);
void __attribute__((noinline)) trap_without_table(void)
{
    const struct table_register none = {0};

    lidt(&none);
    __asm__ volatile("ud2");
}

static u64 sum_to(unsigned n)
{
    u64 sum = 0;

    for (unsigned i = 0; i < n; i++)
        sum += i;
    return sum;
}

void guest_main(void)
{
    if (boot_has_argument("stack"))
        push_nowhere(NOWHERE);
    if (boot_has_argument("idt"))
        trap_without_table();
    if (boot_has_argument("page"))
        print("%lx\n", *(volatile u64 *)NOWHERE);
    if (boot_has_argument("check"))
        check_equal("the sum of the numbers from 1 to 10", 55, sum_to(10));
    if (boot_has_argument("sleep"))
        platform->idle();
    while (boot_has_argument("loop"))
        pause();
}
