/*
 * Work without the kernel: a hash over integers, a Mandelbrot row in packed doubles, and a memory
 * buffer written, copied and summed.
 */
#include "user_work.h"
#include "kit/user_kit.h"

enum work_sizes { INTEGER_STEPS = 40000, POINTS = 64, ITERATIONS = 200 };

struct work_samples user_samples;

typedef double pair __attribute__((vector_size(16)));

static u64 xorshift(u64 x)
{
    x ^= x << 13;
    x ^= x >> 7;
    return x ^ x << 17;
}

/* Noinline: each sample is the same code. */
static __attribute__((noinline)) u64 integer_work(u64 seed)
{
    u64 x = seed, sum = 0;

    for (unsigned i = 0; i < INTEGER_STEPS; i++) {
        x = xorshift(x);
        sum += x % (i + 7) * (x >> 32);
    }
    return sum;
}

/* How many iterations the points of a row stay bounded, two points at a time. */
static __attribute__((noinline)) u64 sse_work(u64 seed)
{
    u64 inside = 0;
    double y = (double)(seed % 16) / 16;

    for (unsigned p = 0; p < POINTS; p += 2) {
        pair cx = {-2.0 + p * (3.0 / POINTS), -2.0 + (p + 1) * (3.0 / POINTS)};
        pair cy = {y, y}, zx = {0, 0}, zy = {0, 0};

        for (unsigned i = 0; i < ITERATIONS; i++) {
            pair xx = zx * zx, yy = zy * zy, two = {2, 2};

            zy = two * zx * zy + cy;
            zx = xx - yy + cx;
            inside += (xx[0] + yy[0] < 4.0) + (xx[1] + yy[1] < 4.0);
        }
    }
    return inside;
}

static __attribute__((noinline)) u64 memory_work(u64 seed)
{
    u64 *from = (u64 *)WORK_MEMORY;
    u64 half = WORK_BYTES / 2 / sizeof(u64), sum = 0;
    u64 *to = from + half;

    for (u64 i = 0; i < half; i++)
        from[i] = seed + i * i;
    for (u64 i = 0; i < half; i++)
        to[i] = from[half - 1 - i] ^ i;
    for (u64 i = 0; i < half; i++)
        sum = sum * 3 + to[i];
    return sum;
}

#define FILL_SAMPLES(work)                                                                         \
    for (unsigned i = 0; i < WORK_SAMPLES; i++) {                                                  \
        u64 start = rdtsc();                                                                       \
                                                                                                   \
        __asm__ volatile("" : "+r"(seed)); /* another argument, as far as the compiler knows */    \
        user_samples.answer[i] = work;                                                             \
        user_samples.ticks[i] = rdtsc() - start;                                                   \
    }

u64 user_integer(u64 seed)
{
    FILL_SAMPLES(integer_work(seed))
    return 0;
}

u64 user_sse(u64 seed)
{
    FILL_SAMPLES(sse_work(seed))
    return 0;
}

u64 user_memory(u64 seed)
{
    FILL_SAMPLES(memory_work(seed))
    return 0;
}

/* SSE's control word: all exceptions masked, one of the four ways to round. */
enum mxcsr { MXCSR_MASKED = 0x1f80, MXCSR_ROUND_SHIFT = 13, MXCSR_ROUNDINGS = 4 };

static u64 held[HELD_WORDS], found[HELD_WORDS];

u64 user_hold(u64 argument)
{
    u64 x = (u32)argument + 1, rounds = argument >> 32, wrong = 0;

    for (u64 r = 0; r < rounds; r++) {
        u32 control = MXCSR_MASKED | (u32)(x % MXCSR_ROUNDINGS) << MXCSR_ROUND_SHIFT;

        for (unsigned i = 0; i < HELD_WORDS; i++)
            held[i] = x = xorshift(x);
        wrong += hold_registers(held, found, HOLD_SPINS, control) != control;
        for (unsigned i = 0; i < HELD_WORDS; i++)
            wrong += found[i] != held[i];
    }
    return wrong;
}
