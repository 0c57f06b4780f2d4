/*
 * syscall: from user mode to the kernel and back, by SYSCALL and by INT 0x80; to the handler's
 * first instruction, back again by the shortest handler, and through the kit's whole dispatch.
 */
#include "kit/kit.h"
#include "user_calls.h"

const char guest_name[] = "syscall";

static struct space space;
static user_function program;

static void run_program(void)
{
    user_run(&space, program, 0);
}

/* Runs a program once to warm up and once for the record, and prints one of its columns. */
static void measure(const char *name, user_function function, u64 *column, u64 overhead)
{
    program = function;
    run_program();
    run_program();
    check_equal("system calls answered", 0, user_samples.wrong);
    for (unsigned i = 0; i < CALL_SAMPLES; i++)
        column[i] = column[i] > overhead ? column[i] - overhead : 0;
    figure_samples(name, column, CALL_SAMPLES, run_program, CALL_SAMPLES);
}

static u64 find_overhead(void)
{
    user_run(&space, user_nothing, 0);
    user_run(&space, user_nothing, 0);
    return user_samples.entry[CALL_SAMPLES / 2];
}

void guest_main(void)
{
    u64 overhead;

    user_space_create(&space);
    platform->space_load(&space);
    check_equal("a program's result", 1234, user_run(&space, user_registers, 1234));
    overhead = find_overhead();
    measure("syscall_entry", user_syscall_probe, user_samples.entry, overhead);
    measure("syscall_round", user_syscall_probe, user_samples.round, overhead);
    measure("syscall_null", user_syscall_null, user_samples.round, overhead);
    trap_enter_at(TRAP_INT80, platform->probe_call);
    measure("int80_entry", user_int_probe, user_samples.entry, overhead);
    measure("int80_round", user_int_probe, user_samples.round, overhead);
    trap_enter_at(TRAP_INT80, NULL);
    measure("int80_null", user_int_null, user_samples.round, overhead);
    platform->space_load(&kernel_space);
    space_destroy(&space);
}
