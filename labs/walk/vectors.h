/*
 * The vectors of the lab: cases, and what the manual says of them. A line a case; what they hold is
 * said in README.md.
 */
#ifndef WALK_VECTORS_H
#define WALK_VECTORS_H

#include "walk.h"

enum { VECTOR_ENTRIES = 4, VECTOR_GROUP = 24 };

/* Why an access faults. */
enum vector_cause { CAUSE_NONE, CAUSE_NOT_PRESENT, CAUSE_RESERVED, CAUSE_RIGHTS };

struct vector_entry {
    u64 gpa;    /* where it lies */
    u64 before; /* what it holds */
    u64 after;  /* and after the access */
};

/* One case; which fields a line has depends on its first word. */
struct walk_case {
    char group[VECTOR_GROUP];                  /* which test it belongs to */
    u64 cr0, cr3, cr4, efer;                   /* the mode */
    unsigned maxphyaddr, page1gb;              /* the processor */
    u64 la;                                    /* the linear address */
    unsigned access;                           /* enum walk_access */
    unsigned cause, level, error;              /* enum vector_cause; r->level, r->error */
    u64 gpa;                                   /* the translation */
    unsigned page_shift, user, write, nx;      /* as in struct walk_result */
    unsigned count;                            /* entries */
    struct vector_entry entry[VECTOR_ENTRIES]; /* from the top */
    unsigned page;                             /* `reserved`: an entry that maps a page */
    u64 mask;                                  /* `reserved`: the reserved bits */
};

/* Calls `use` for each line that begins with this word and, if group is not NULL, this group. */
void vectors_each(const char *word, const char *group, void (*use)(const struct walk_case *v));

#endif
