/*
 * Making records: which are wanted, whose they are, and what making them cost.
 */
#include "trace.h"

#include "boot.h"
#include "domain.h"
#include "errno.h"
#include "frame.h"
#include "log.h"
#include "sched.h"

#include <string.h>

const struct trace_kind_info trace_kind_info[TRACE_KINDS] = {
#define KIND(name, group, args) {#name, args, TRACE_##group},
    TRACE_COUNTED(KIND) TRACE_UNCOUNTED(KIND)
#undef KIND
};

/* A counter's kind, plus one; 0: it is not traced. */
static const u8 kind_of[LC_COUNT] = {
#define KIND(name, group, args) [LC_##name] = TRACE_KIND_##name + 1,
    TRACE_COUNTED(KIND)
#undef KIND
};
_Static_assert(TRACE_KINDS < 256, "a byte in the record");

static const char *const group_names[TRACE_GROUP_COUNT] = {
#define GROUP(name, meaning) #name,
    TRACE_GROUPS(GROUP)
#undef GROUP
};

enum { CALIBRATIONS = 16 };

u32 trace_groups;
bool trace_for_reports;
static u32 chosen;     /* what trace_groups is while any domain's records are wanted; 0: no trace */
static u32 interested; /* how many domains' are */
static enum trace_scope scope;
/* Ticks of making a record that it cannot see itself: getting there, and there and back. */
static u64 way_there, way;
static struct trace_life *lives; /* TRACE_LIVES of them, a page */
_Static_assert(TRACE_LIVES * sizeof(struct trace_life) <= PAGE_SIZE, "a page");
static u32 life_count; /* number 0 is nobody's */

/* a, of n characters, is the word b but for upper and lower case. */
static bool same_word(const char *a, size_t n, const char *b)
{
    for (size_t i = 0; i < n; i++)
        if (!b[i] || (a[i] | ' ') != (b[i] | ' '))
            return false;
    return !b[n];
}

static u32 group_of_word(const char *word, size_t n)
{
    if (same_word(word, n, "ALL"))
        return TRACE_ALL;
    for (unsigned i = 0; i < TRACE_GROUP_ALWAYS; i++)
        if (same_word(word, n, group_names[i]))
            return 1u << i;
    return 0;
}

u32 trace_parse_groups(const char *words)
{
    u32 groups = 0;

    for (;;) {
        size_t n = 0;
        while (words[n] && words[n] != ',')
            n++;
        u32 group = group_of_word(words, n);
        if (!group)
            return 0;
        groups |= group;
        if (!words[n])
            return groups;
        words += n + 1;
    }
}

const char *trace_scope_name(void)
{
    static const char *const names[] = {
        [TRACE_IN_LIFE] = "life", [TRACE_IN_REGIONS] = "regions", [TRACE_IN_CALLS] = "calls"};

    return names[scope];
}

void trace_set_scope(enum trace_scope s)
{
    scope = s;
}

static bool wanted(const struct domain *d)
{
    if (scope == TRACE_IN_REGIONS)
        return d->ledger.open_region >= 0;
    return scope == TRACE_IN_CALLS ? d->trace_switch == TRACE_SWITCHED_ON
                                   : d->trace_switch != TRACE_SWITCHED_OFF;
}

/* Whether d's records are kept may have changed. While nobody's are the trace costs nothing. */
static void follow(struct domain *d, bool want)
{
    if (want == d->trace_wanted)
        return;
    d->trace_wanted = want;
    interested += want ? 1 : -1u;
    trace_groups = interested ? chosen : 0;
}

static void put(const struct domain *d, unsigned vcpu, enum trace_kind kind, u64 tsc, u64 ticks,
                u64 start, const u64 *arg)
{
    struct trace_record *r = trace_ring_next();
    *r = (struct trace_record){
        .tsc = tsc,
        .ticks = (u32)MIN(ticks, ~0u),
        .life = d->trace_life,
        .kind = (u8)kind,
        .vcpu = (u8)vcpu,
    };
    for (unsigned i = 0; i < TRACE_ARGS; i++)
        r->arg[i] = arg[i];
    r->cost = (u32)(sched_now() - start + way);
}

/* A moment, now. */
static void record(const struct domain *d, enum trace_kind kind, const u64 *arg)
{
    u64 now = sched_now();
    const struct vcpu *v = sched_current();

    put(d, v && v->domain == d ? v->id : TRACE_NO_VCPU, kind, now - way_there, 0, now, arg);
}

void trace_now(const struct domain *d, enum trace_kind kind, u64 a, u64 b, u64 c, u64 e)
{
    if (d->trace_wanted)
        record(d, kind, (const u64[TRACE_ARGS]){a, b, c, e});
}

/* The same for TRACE_ALWAYS. */
static void always(const struct domain *d, enum trace_kind kind, u64 a, u64 b)
{
    if (chosen)
        record(d, kind, (const u64[TRACE_ARGS]){a, b});
}

void trace_span(const struct vcpu *v, enum ledger_counter counter, u64 tsc, u64 ticks,
                const u64 arg[TRACE_ARGS])
{
    u64 start = sched_now();
    unsigned kind = kind_of[counter];

    if (kind && v->domain->trace_wanted && trace_groups & trace_kind_info[kind - 1].group)
        put(v->domain, v->id, kind - 1, tsc, ticks, start, arg);
}

/* The number of a new life; 0 if there are no more. */
static u16 name_life(const struct domain *d)
{
    struct trace_life *l = &lives[life_count];

    if (life_count == TRACE_LIVES)
        return 0;
    _Static_assert(sizeof(l->name) == sizeof(d->config.name), "the same names");
    memcpy(l->name, d->config.name, sizeof(l->name));
    l->life = d->life;
    return (u16)life_count++;
}

/* Finds them by making records that are then forgotten; the quickest counts. */
static void calibrate(struct domain *d)
{

    u64 least = ~0ULL, least_there = 0;

    way = way_there = 0;
    d->trace_wanted = true;
    for (unsigned i = 0; i < CALIBRATIONS; i++) {
        u64 before = sched_now();
        trace_now(d, TRACE_KIND_LIFE_BEGIN, 0, 0, 0, 0);
        u64 after = sched_now();
        u64 this_way = after - before - trace_ring_at(i)->cost;
        if (this_way >= least)
            continue;
        least = this_way;
        least_there = trace_ring_at(i)->tsc - before;
    }
    way = least;
    way_there = least_there;
    d->trace_wanted = false;
    trace_ring_clear();
}

void trace_life_begin(struct domain *d)
{
    if (!chosen)
        return;
    if (life_count == 1) /* the first: nothing has been recorded */
        calibrate(d);
    d->trace_life = name_life(d);
    always(d, TRACE_KIND_LIFE_BEGIN, d->life, 0);
    follow(d, wanted(d));
}

void trace_life_end(struct domain *d)
{
    always(d, TRACE_KIND_LIFE_END, d->end, d->end_code);
    follow(d, false);
}

void trace_mark(struct domain *d, bool begin, u64 region)
{
    if (!chosen)
        return;
    always(d, begin ? TRACE_KIND_MARK_BEGIN : TRACE_KIND_MARK_END, region, 0);
    follow(d, wanted(d));
}

u32 trace_lives(void)
{
    return life_count;
}

const struct trace_life *trace_life_at(u32 index)
{
    return &lives[index];
}

s64 trace_switch(struct domain *d, u64 on)
{
    if (on > 1)
        return -EINVAL;
    if (!chosen || trace_for_reports)
        return -ENODEV;
    d->trace_switch = on ? TRACE_SWITCHED_ON : TRACE_SWITCHED_OFF;
    always(d, TRACE_KIND_SWITCHED, on, 0);
    follow(d, wanted(d));
    return 0;
}

static u64 ring_kib(void)
{
    char value[16];
    u64 kib = 0;

    if (!boot_option("trace_kib", value, sizeof(value)))
        return TRACE_DEFAULT_KIB;
    for (const char *s = value; *s; s++) {
        if (*s < '0' || *s > '9' || kib > TRACE_MAX_KIB)
            refuse("trace_kib=%s is not a number of KiB.", value);
        kib = kib * 10 + (u64)(*s - '0');
    }
    if (kib < 4 || kib > TRACE_MAX_KIB)
        refuse("trace_kib=%s: 4 to %u KiB.", value, (u32)TRACE_MAX_KIB);
    return kib;
}

static enum trace_scope scope_option(void)
{
    char value[16];

    if (!boot_option("trace_in", value, sizeof(value)) || strcmp(value, "life") == 0)
        return TRACE_IN_LIFE;
    if (strcmp(value, "regions") == 0)
        return TRACE_IN_REGIONS;
    if (strcmp(value, "calls") == 0)
        return TRACE_IN_CALLS;
    refuse("trace_in=%s: life, regions or calls.", value);
}

void trace_init(void)
{
    char words[80];

    if (!boot_option("trace", words, sizeof(words)))
        return;
    u32 groups = trace_parse_groups(words);
    if (!groups)
        refuse("trace=%s: all, or some of exits, hypercalls, faults, events, shadow, direct and "
               "memory, with commas.",
               words);
    trace_set_scope(scope_option());
    u64 kib = ring_kib();
    lives = hv_alloc_pages(NULL, 0);
    life_count = 1;
    if (!lives || !trace_ring_make(kib))
        refuse("trace_kib=%lu is more than there is.", kib);
    chosen = groups;
    log_line("trace: %s, room for %lu records", words, trace_ring_capacity());
}

void trace_init_reports(void)
{
#ifdef DEBUG_BUILD
    enum { NEWEST_KIB = 64 };

    if (chosen)
        return;
    lives = hv_alloc_pages(NULL, 0);
    life_count = 1;
    if (!lives || !trace_ring_make(NEWEST_KIB))
        return;
    trace_for_reports = true;
    chosen = TRACE_EXITS | TRACE_HYPERCALLS | TRACE_FAULTS | TRACE_EVENTS;
#endif
}
