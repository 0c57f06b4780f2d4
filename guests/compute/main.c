/*
 * compute: work in user mode that asks nothing of the kernel: integers, SSE, memory. It should cost
 * the same everywhere. Beside a second domain it also shows whether the registers of SSE and the
 * x87 are its own (`seed=N rounds=N` make two of them different, and longer).
 */
#include "kit/kit.h"
#include "user_work.h"

const char guest_name[] = "compute";

enum compute_defaults { DEFAULT_SEED = 1, DEFAULT_ROUNDS = 20 };
enum ledger_work { LEDGER_SAMPLES = WORK_SAMPLES };

/* The answers for seed 1. */
#define INTEGER_ANSWER 0xbe6c58c2375a883ULL
#define SSE_ANSWER     0x1badULL
#define MEMORY_ANSWER  0xeb77f291aecb8000ULL

static struct space space;
static user_function program;
static u64 seed;

static void run_program(void)
{
    user_run(&space, program, seed);
}

static void measure(const char *name, user_function function, u64 answer)
{
    program = function;
    run_program();
    for (unsigned i = 0; i < WORK_SAMPLES; i++) {
        check_equal("the same answer each time", user_samples.answer[0], user_samples.answer[i]);
        if (seed == DEFAULT_SEED)
            check_equal(name, answer, user_samples.answer[i]);
    }
    figure_samples(name, user_samples.ticks, WORK_SAMPLES, run_program, LEDGER_SAMPLES);
}

void guest_main(void)
{
    u64 rounds = boot_number("rounds", DEFAULT_ROUNDS);

    seed = boot_number("seed", DEFAULT_SEED);
    user_space_create(&space);
    for (u64 at = 0; at < WORK_BYTES; at += PAGE_SIZE)
        space_map(&space, WORK_MEMORY + at, (u64)page_alloc_zeroed(), ENTRY_USER_RW);
    platform->space_load(&space);
    measure("compute_integer", user_integer, INTEGER_ANSWER);
    measure("compute_sse", user_sse, SSE_ANSWER);
    measure("compute_memory", user_memory, MEMORY_ANSWER);
    check_equal("SSE and x87 registers kept", 0, user_run(&space, user_hold, rounds << 32 | seed));
    platform->space_load(&kernel_space);
    space_destroy(&space);
}
