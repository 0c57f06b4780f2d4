/*
 * Going through the cases: see torture.h.
 */
#include "torture.h"

#include "access.h"

enum loop_numbers {
    STRIDE = 0x2d351, /* odd: goes through all numbers */
    REPORTED = 8,     /* differences that are printed */
};

static const struct target *target;
static struct tally *tally;
static uintptr_t page, user_code;

static uintptr_t address_for(unsigned kind)
{
    if (!(kind & KIND_FETCH))
        return page + AT_DATA;
    return page + (kind & KIND_USER ? AT_INTERRUPT : AT_RETURN);
}

static void report(const struct mode *m, const struct test_case *c, const struct seen *s,
                   const struct seen *before)
{
    struct outcome o;
    struct seen manual;

    if (tally->differences++ >= REPORTED)
        return;
    rules_apply(m, c->entries, c->kind, &o);
    manual = (struct seen){.fault = o.fault, .error = o.error, .after = o.after};
    subject_report(before ? "not flushed" : "flushed", m, c->kind, &c->entries, s);
    subject_report("the manual", m, c->kind, &c->entries, &manual);
    if (before)
        subject_report("before", m, c->kind, &before->after, before);
}

static void try(const struct test_case *c, bool flush, struct seen *s)
{
    uintptr_t address = address_for(c->kind);
    s32 result;

    subject_store(&c->entries);
    if (flush)
        subject_flush();
    result = access_make(address, c->kind, user_code);
    *s = (struct seen){.fault = result != ACCESS_OK,
                       .error = result != ACCESS_OK ? (u32)result : 0,
                       .cr2 = access_cr2,
                       .after = subject_load()};
    if (s->fault && s->cr2 != address)
        tally->differences++;
    tally->faulted += s->fault;
    tally->tried++;
}

/* A case with the address flushed, and then one that differs in two bits or less, without. */
static void try_pair(const struct mode *m, unsigned number, unsigned step)
{
    unsigned other = number ^ 1u << step % CASE_BITS ^ 1u << step / CASE_BITS % CASE_BITS;
    struct test_case first, second;
    struct seen seen_first, seen_second;

    case_make(number, target, m, &first);
    try(&first, true, &seen_first);
    if (!case_permitted(m, &first, &seen_first, NULL))
        report(m, &first, &seen_first, NULL);
    case_make(other, target, m, &second);
    try(&second, false, &seen_second);
    if (!case_permitted(m, &second, &seen_second, &seen_first))
        report(m, &second, &seen_second, &seen_first);
}

/* The n-th case: three of four are well formed. */
static unsigned number_of(unsigned n)
{
    unsigned number = n * STRIDE % CASES;

    return n % 4 ? case_well_formed(number) : number;
}

void torture(const struct target *t, unsigned cases, unsigned first, uintptr_t at, uintptr_t user,
             struct tally *result)
{
    unsigned there = subject_modes(), number = first;
    struct mode m;

    target = t;
    tally = result;
    page = at;
    user_code = user;
    *tally = (struct tally){0};
    for (unsigned i = 0; i < MODES; i++)
        tally->modes += !(i & ~there);
    for (unsigned i = 0; i < MODES; i++) {
        if (i & ~there)
            continue;
        subject_set_mode(i, &m);
        for (unsigned step = 0; step < cases / 2 / tally->modes; step++, number++)
            try_pair(&m, number_of(number), step);
    }
    subject_set_mode(MODE_WP | MODE_FORMAT, &m);
}
