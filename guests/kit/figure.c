/*
 * The harness. Invariant: between the two readings of the TSC there is only the call of the
 * operation; the same with an empty operation is the overhead, its median is taken off.
 */
#include "kit/figure.h"
#include "kit/insn.h"
#include "kit/kit.h"
#include "kit/platform.h"
#include "kit/print.h"

#include "public/trivisor.h"

static u64 samples[FIGURE_SAMPLES];
static unsigned next_region;

static void nothing(void)
{
}

static void sort(u64 *a, unsigned n)
{
    for (unsigned i = 1; i < n; i++) {
        u64 v = a[i];
        unsigned j = i;

        for (; j && a[j - 1] > v; j--)
            a[j] = a[j - 1];
        a[j] = v;
    }
}

static u64 __attribute__((noinline)) time_op(void (*op)(void))
{
    u64 start = rdtsc();

    op();
    return rdtsc() - start;
}

/* The median overhead of measuring f. */
static u64 find_overhead(const struct figure *f)
{
    u64 a[9];

    if (f->sample && !f->overhead)
        return 0;
    for (unsigned i = 0; i < ARRAY_SIZE(a); i++)
        a[i] = f->overhead ? f->overhead() : time_op(nothing);
    sort(a, ARRAY_SIZE(a));
    return a[ARRAY_SIZE(a) / 2];
}

static u64 net(u64 ticks, u64 overhead, unsigned per)
{
    return ticks > overhead ? (ticks - overhead) / per : 0;
}

static u64 run_once(const struct figure *f)
{
    u64 ticks;

    if (f->before)
        f->before();
    ticks = f->sample ? f->sample() : time_op(f->op);
    if (f->after)
        f->after();
    return ticks;
}

/* The same operation in a region of the ledger, the preparations outside of it. */
static void run_in_region(const struct figure *f, unsigned region, unsigned ops)
{
    bool apart = f->before || f->after;

    if (!apart)
        platform->trivisor(TRIVISOR_MARK_BEGIN, region, 0);
    for (unsigned i = 0; i < ops; i++) {
        if (f->before)
            f->before();
        if (apart)
            platform->trivisor(TRIVISOR_MARK_BEGIN, region, 0);
        if (f->sample)
            f->sample();
        else
            f->op();
        if (apart)
            platform->trivisor(TRIVISOR_MARK_END, region, 0);
        if (f->after)
            f->after();
    }
    if (!apart)
        platform->trivisor(TRIVISOR_MARK_END, region, 0);
}

static void print_figure(const char *name, const u64 *sorted, unsigned n, const char *unit,
                         const char *more)
{
    print("@figure {\"name\":\"%s\",\"ticks\":%lu,\"min\":%lu,\"max\":%lu,\"n\":%u,\"unit\":\"%s\""
          "%s}\n",
          name, sorted[n / 2], sorted[0], sorted[n - 1], n, unit, more);
    print("  %s: %lu %s\n", name, sorted[n / 2], unit);
}

static bool has_region(void)
{
    return platform->trivisor && next_region < TRIVISOR_REGIONS;
}

/* The next region's keys for the line; it was run ops times. */
static void take_region(char *out, size_t size, unsigned ops)
{
    format_text(out, size, ",\"region\":%u,\"ops\":%u", next_region++, ops);
}

u64 figure(const struct figure *f)
{
    unsigned n = f->n ? f->n : FIGURE_DEFAULT;
    unsigned per = f->per ? f->per : 1;
    unsigned ops = f->ops ? f->ops : n;
    char more[48] = "";
    u64 overhead = find_overhead(f);

    run_once(f);
    for (unsigned i = 0; i < n; i++)
        samples[i] = net(run_once(f), overhead, per);
    sort(samples, n);
    if (has_region() && f->ops != NO_LEDGER) {
        run_in_region(f, next_region, ops);
        take_region(more, sizeof(more), ops * per);
    }
    print_figure(f->name, samples, n, "ticks", more);
    return samples[n / 2];
}

u64 figure_samples(const char *name, const u64 *sample, unsigned n, void (*again)(void),
                   unsigned ops)
{
    char more[48] = "";

    for (unsigned i = 0; i < n; i++)
        samples[i] = sample[i]; /* again may overwrite its own */
    sort(samples, n);
    if (again && has_region()) {
        platform->trivisor(TRIVISOR_MARK_BEGIN, next_region, 0);
        again();
        platform->trivisor(TRIVISOR_MARK_END, next_region, 0);
        take_region(more, sizeof(more), ops);
    }
    print_figure(name, samples, n, "ticks", more);
    return samples[n / 2];
}

void figure_value(const char *name, u64 value, const char *unit)
{
    print_figure(name, &value, 1, unit, "");
}

void figure_none(const char *name, const char *why)
{
    print("@figure {\"name\":\"%s\",\"none\":\"%s\"}\n", name, why);
    print("  %s: none, %s\n", name, why);
}

bool not_for_pv(void)
{
    if (platform->pv)
        figure_none(guest_name, "it is for full virtualization");
    return platform->pv;
}
