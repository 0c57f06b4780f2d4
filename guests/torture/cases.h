/*
 * The combinations that are tried, by number, and the comparison of one with the rules.
 */
#ifndef TORTURE_CASES_H
#define TORTURE_CASES_H

#include "rules.h"

enum case_numbers {
    CASE_ENTRY_BITS = 15, /* the upper entry's 8 flags, the lower one's 7 */
    CASE_BITS = 18,       /* and 3 for the access */
    CASES = 1 << CASE_BITS,
};

struct test_case {
    struct pair entries; /* with addresses */
    unsigned kind;       /* of access */
};

/* What the entries lead to. */
struct target {
    u64 table; /* of the lower entry */
    u64 page;  /* what the lower entry maps */
    u64 large; /* what the upper one maps, if PS is set and means it; the same page lies in it */
    u64 nx;    /* the bit that a set "NX" flag sets; 0: the format has none */
    u64 rsvd;  /* the bit that a set "reserved" flag sets; 0: none */
    u64 rsvd_large; /* the same in an entry that maps a large page */
};

/* The case with this number, 0 to CASES - 1, in a mode. */
void case_make(unsigned number, const struct target *t, const struct mode *m, struct test_case *c);

/* The same with P set and the reserved bit clear in both entries: then the rest matters. */
unsigned case_well_formed(unsigned number);

/* What came out. */
struct seen {
    bool fault;
    u32 error;
    u64 cr2;
    struct pair after;
};

/* Whether it is what the manual permits. before: what came of the case just before this one at the
 * same address, if the address was not flushed in between; or NULL. */
bool case_permitted(const struct mode *m, const struct test_case *c, const struct seen *s,
                    const struct seen *before);

#endif
