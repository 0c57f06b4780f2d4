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
 * and under paravirtualization
 *   unknown    shuts down for a reason that nobody knows
 *   suspend    suspends itself, for nobody to resume it
 *   watchdog   does not set its watchdog again
 */
#include "kit/hypercall.h"
#include "kit/kit.h"

#include <xen/sched.h>

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

static void shut_down(u32 reason)
{
    struct sched_shutdown how = {.reason = reason};

    hypercall2(__HYPERVISOR_sched_op, SCHEDOP_shutdown, (u64)&how);
}

static void end_by_call(void)
{
    enum { UNKNOWN_REASON = 77 };
    struct sched_watchdog soon = {.timeout = 1};

    if (boot_has_argument("unknown"))
        shut_down(UNKNOWN_REASON);
    if (boot_has_argument("suspend"))
        shut_down(SHUTDOWN_suspend);
    if (!boot_has_argument("watchdog"))
        return;
    hypercall2(__HYPERVISOR_sched_op, SCHEDOP_watchdog, (u64)&soon);
    for (;;)
        pause();
}

void guest_main(void)
{
    if (platform->pv)
        end_by_call();
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
