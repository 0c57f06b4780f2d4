/*
 * The user side: system calls in a loop, with the TSC read around each.
 */
#include "user_calls.h"
#include "kit/user_kit.h"

struct call_samples user_samples;

#define FILL_SAMPLES(call, probes)                                                                 \
    do {                                                                                           \
        user_samples.wrong = 0;                                                                    \
        for (unsigned i = 0; i < CALL_SAMPLES; i++) {                                              \
            u64 start = rdtsc();                                                                   \
            u64 there = call;                                                                      \
            u64 back = rdtsc();                                                                    \
                                                                                                   \
            user_samples.entry[i] = there - start;                                                 \
            user_samples.round[i] = back - start;                                                  \
            if (probes ? there < start || there > back : there != 0)                               \
                user_samples.wrong++;                                                              \
        }                                                                                          \
    } while (0)

u64 user_syscall_probe(u64 unused)
{
    FILL_SAMPLES(system_call(SYS_PROBE, 0, 0), true);
    return unused;
}

u64 user_syscall_null(u64 unused)
{
    FILL_SAMPLES(system_call(SYS_NULL, 0, 0), false);
    return unused;
}

u64 user_int_probe(u64 unused)
{
    FILL_SAMPLES(system_call_int(SYS_PROBE, 0, 0), true);
    return unused;
}

u64 user_int_null(u64 unused)
{
    FILL_SAMPLES(system_call_int(SYS_NULL, 0, 0), false);
    return unused;
}

u64 user_nothing(u64 unused)
{
    FILL_SAMPLES(rdtsc(), true);
    return unused;
}

u64 user_registers(u64 argument)
{
    register u64 r12 __asm__("r12") = argument + 1;
    register u64 r15 __asm__("r15") = argument + 2;
    u64 number = SYS_NULL, rdx = argument + 3;

    __asm__ volatile("syscall"
                     : "+a"(number), "+r"(r12), "+r"(r15), "+d"(rdx)
                     :
                     : "rcx", "r11", "memory");
    return number + (r12 - argument - 1) + (r15 - argument - 2) + (rdx - argument - 3) + argument;
}
