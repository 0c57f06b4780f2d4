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

static u64 entry_of(unsigned flags, u64 nx, u64 rsvd)
{
    static const u64 bit[FLAGS] = {BIT_P, BIT_W, BIT_U, 0, BIT_A, BIT_D, 0, BIT_PS};
    u64 entry = (flags >> FLAG_RSVD & 1 ? rsvd : 0) | (flags >> FLAG_NX & 1 ? nx : 0);

    for (unsigned i = 0; i < FLAGS; i++)
        entry |= flags >> i & 1 ? bit[i] : 0;
    return entry;
}

void case_make(unsigned number, const struct target *t, const struct mode *m, struct test_case *c)
{
    unsigned upper = number >> UPPER_SHIFT & 255, lower = number >> LOWER_SHIFT & 127;
    bool large = m->large && upper >> FLAG_PS & 1;

    c->kind = kinds[number & 7];
    c->entries.upper =
        entry_of(upper, t->nx, large ? t->rsvd_large : t->rsvd) | (large ? t->large : t->table);
    c->entries.lower = entry_of(lower, t->nx, t->rsvd) | t->page;
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

/* The outcome that a remembered translation by `pair` gives: it sets no flags. */
static bool by_memory(const struct mode *m, const struct test_case *c, const struct seen *s,
                      struct pair pair)
{
    struct outcome o;

    if (!rules_cacheable(m, pair))
        return false;
    rules_apply(m, pair, c->kind, &o);
    return is(s, &o, c->entries) &&
           (o.fault || (o.after.upper == pair.upper && o.after.lower == pair.lower));
}

bool case_permitted(const struct mode *m, const struct test_case *c, const struct seen *s,
                    const struct seen *before)
{
    struct outcome o;
    struct pair old, new = c->entries;

    rules_apply(m, new, c->kind, &o);
    if (is(s, &o, o.after))
        return true;
    if (!before)
        return false;
    old = before->after;
    /* The upper entry is stored before the lower one, and a processor may translate in between. */
    if (by_memory(m, c, s, old) || by_memory(m, c, s, (struct pair){new.upper, old.lower}))
        return true;
    /* "Caches for Paging Structures": the PDE of before, and the PTE as it is now. */
    if (m->large && (old.upper & BIT_PS))
        return false;
    rules_apply(m, (struct pair){old.upper, new.lower}, c->kind, &o);
    return rules_cacheable(m, (struct pair){old.upper, BIT_P | BIT_A}) &&
           is(s, &o, (struct pair){new.upper, o.after.lower});
}
