/*
 * The combinations: see cases.h.
 */
#include "cases.h"

/* A case's number: three bits for the access, then a flag each. */
enum flag { FLAG_P, FLAG_W, FLAG_U, FLAG_NX, FLAG_A, FLAG_D, FLAG_RSVD, FLAG_PS, FLAGS };
enum { UPPER_SHIFT = 3, LOWER_SHIFT = 11 };

static const u8 kinds[8] = {
    0,
    KIND_WRITE,
    KIND_FETCH,
    KIND_AC,
    KIND_USER,
    KIND_USER | KIND_WRITE,
    KIND_USER | KIND_FETCH,
    KIND_AC | KIND_WRITE,
};

static u64 entry_of(unsigned flags, u64 rsvd)
{
    static const u64 bit[FLAGS] = {BIT_P, BIT_W, BIT_U, BIT_NX, BIT_A, BIT_D, 0, BIT_PS};
    u64 entry = flags >> FLAG_RSVD & 1 ? rsvd : 0;

    for (unsigned i = 0; i < FLAGS; i++)
        entry |= flags >> i & 1 ? bit[i] : 0;
    return entry;
}

void case_make(unsigned number, const struct target *t, struct test_case *c)
{
    unsigned upper = number >> UPPER_SHIFT & 255, lower = number >> LOWER_SHIFT & 127;
    bool large = upper >> FLAG_PS & 1;

    c->kind = kinds[number & 7];
    c->entries.upper =
        entry_of(upper, large ? t->rsvd_large : t->rsvd) | (large ? t->large : t->table);
    c->entries.lower = entry_of(lower, t->rsvd) | t->page;
}

unsigned case_well_formed(unsigned number)
{
    const unsigned p = 1u << FLAG_P << UPPER_SHIFT | 1u << FLAG_P << LOWER_SHIFT;
    const unsigned rsvd = 1u << FLAG_RSVD << UPPER_SHIFT | 1u << FLAG_RSVD << LOWER_SHIFT;

    return (number | p) & ~rsvd;
}

/* A page fault may leave A set in an entry that it came through ("Accessed and Dirty Flags": set
 * whenever the entry is used). */
static bool same_after(struct pair got, struct pair want, bool fault)
{
    u64 ignore = fault ? BIT_A : 0;

    if (fault && !(want.upper & BIT_P) && got.lower != want.lower)
        return false;
    return !((got.upper ^ want.upper) & ~ignore) && !((got.lower ^ want.lower) & ~ignore) &&
           !(want.upper & ~got.upper) && !(want.lower & ~got.lower);
}

static bool is(const struct seen *s, const struct outcome *o, struct pair after)
{
    return s->fault == o->fault && (!o->fault || s->error == o->error) &&
           same_after(s->after, after, o->fault);
}

bool case_permitted(const struct mode *m, const struct test_case *c, const struct seen *s,
                    const struct test_case *before, const struct seen *seen_before)
{
    struct outcome o;

    rules_apply(m, c->entries, c->kind, &o);
    if (is(s, &o, o.after))
        return true;
    /* "Caching Translation Information": only a translation that came about is remembered; a page
     * fault drops what there is for its address. */
    if (!before || seen_before->fault)
        return false;
    rules_apply(m, seen_before->after, c->kind, &o);
    if (is(s, &o, c->entries) &&
        (!(c->kind & KIND_WRITE) || o.fault ||
         (o.after.upper == seen_before->after.upper && o.after.lower == seen_before->after.lower)))
        return true;
    if (m->large && (before->entries.upper & BIT_PS))
        return false;
    /* The PDE of before, and the PTE as it is now. */
    rules_apply(m, (struct pair){seen_before->after.upper, c->entries.lower}, c->kind, &o);
    return is(s, &o, (struct pair){c->entries.upper, o.after.lower});
}
