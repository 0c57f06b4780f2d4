/*
 * tick: periodic timer interrupts at 100 Hz and 1 kHz: how many arrive in a given time, how far the
 * clock that they make drifts from the TSC, how unevenly they come, and what one costs a program
 * that is busy meanwhile.
 */
#include "kit/kit.h"

const char guest_name[] = "tick";

enum tick_numbers { MAX_TICKS = 128, SPIN_LOOPS = 200000, PPM = 1000000 };

struct rate {
    unsigned hz;
    unsigned ticks; /* to wait for */
    const char *arrived, *drift, *jitter;
};

static const struct rate rates[] = {
    {100, 20, "tick_100hz_arrived", "tick_100hz_drift", "tick_100hz_jitter"},
    {1000, 100, "tick_1khz_arrived", "tick_1khz_drift", "tick_1khz_jitter"},
};

static volatile unsigned arrived;
static u64 deadline; /* what comes later is not counted */
static u64 arrival[MAX_TICKS], jitter[MAX_TICKS];

static void on_timer(void)
{
    u64 now = rdtsc();

    if (now > deadline)
        return;
    if (arrived < MAX_TICKS)
        arrival[arrived] = now;
    arrived++;
}

static u64 distance(u64 a, u64 b)
{
    return a > b ? a - b : b - a;
}

static void report(const struct rate *r, u64 period, unsigned count)
{
    u64 expected = (count - 1) * period;
    u64 taken = arrival[count - 1] - arrival[0];

    for (unsigned i = 1; i < count; i++)
        jitter[i - 1] = distance(arrival[i] - arrival[i - 1], period);
    figure_value(r->drift, distance(taken, expected) * PPM / expected, "ppm");
    figure_samples(r->jitter, jitter, count - 1, NULL, 0);
}

/* Idle between the interrupts, for as long as `ticks` of them should take and half a period. */
static void measure_rate(const struct rate *r)
{
    u64 period = (u64)platform->tsc_khz() * 1000 / r->hz;

    arrived = 0;
    platform->timer_periodic(period);
    deadline = rdtsc() + r->ticks * period + period / 2;
    while (rdtsc() < deadline)
        platform->idle();
    platform->timer_stop();
    figure_value(r->arrived, arrived, "count");
    if (check("as many interrupts as periods, give or take one", distance(arrived, r->ticks) <= 1))
        report(r, period, arrived < r->ticks ? arrived : r->ticks);
}

static __attribute__((noinline)) u64 time_spin(void)
{
    u64 start = rdtsc();

    for (unsigned i = 0; i < SPIN_LOOPS; i++)
        pause();
    return rdtsc() - start;
}

/* A busy program's loss to each interrupt at 1 kHz. */
static void measure_cost(void)
{
    u64 quiet = time_spin(), with;

    arrived = 0;
    deadline = ~0ULL;
    platform->timer_periodic(platform->tsc_khz());
    platform->irq_on();
    with = time_spin();
    platform->irq_off();
    platform->timer_stop();
    check("interrupts came while it was busy", arrived > 0);
    figure_value("tick_cost", with > quiet && arrived ? (with - quiet) / arrived : 0, "ticks");
}

void guest_main(void)
{
    timer_handler = on_timer;
    platform->timer_init();
    for (unsigned i = 0; i < ARRAY_SIZE(rates); i++)
        measure_rate(&rates[i]);
    measure_cost();
}
