/*
 * What the files of this lab's grader share: a physical memory that holds just the entries of one
 * case, and texts.
 */
#ifndef GRADE_WALK_H
#define GRADE_WALK_H

#include "grade.h"
#include "vectors.h"

/* The memory of a case. Nothing but its entries can be read. */
struct memory {
    struct vector_entry entry[VECTOR_ENTRIES]; /* .before is what it holds now */
    unsigned count;                            /* entries */
    unsigned size;                             /* bytes of an entry */
    unsigned hidden;                           /* entry that is not there; VECTOR_ENTRIES: none */
    u64 pdpt;        /* PAE: where four PDPTEs lie, not present unless they are entries; 0: none */
    u64 stray;       /* an address that was read and is no entry's */
    unsigned strays; /* how many such reads */
    unsigned exchanges;                /* entries exchanged */
    u64 exchanged[2 * VECTOR_ENTRIES]; /* their addresses, in order */
    unsigned spoil;                    /* so many exchanges find another value first */
    u64 spoil_bits;                    /* which is the old one with these bits */
    bool vanish;                       /* an exchange finds no memory */
};
extern const struct walk_memory memory_ops; /* its context is a struct memory */

/* The entries of a vector as they are before the access. */
struct memory memory_of(const struct walk_case *v);
struct walk_mode mode_of(const struct walk_case *v);
/* Tells the student which case it is. */
void say_case(const struct walk_case *v);
/* Walks as the vector says, and checks all that the walk should have found and done. */
void check_walk(const struct walk_case *v, const char *where);

const char *access_text(unsigned access);
const char *mode_text(u64 cr0, u64 cr4, u64 efer);
const char *status_text(enum walk_status status);

/* In grade_flags.c and grade_modes.c. */
void flags_accessed(void **state);
void flags_dirty(void **state);
void flags_stop(void **state);
void changed_again(void **state);
void changed_for_ever(void **state);
void pae_registers(void **state);
void two_level(void **state);
void two_level_4m(void **state);

#endif
