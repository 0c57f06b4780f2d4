/*
 * The small machine of the lab pv's grader, on the host: frames, two domains, one vcpu. Its records
 * are made by hand where an exercise must not depend on a later one.
 */
#ifndef GRADE_PV_H
#define GRADE_PV_H

#include "grade.h"
#include "grade_machine.h"

#include "domain.h"
#include "errno.h"
#include "frame.h"

#include "../../src/pv/hypercall.h"
#include "../../src/pv/table.h"

enum {
    WORLD_FRAMES = 128, /* of machine memory; the last one is a device's */
    SELF = 1,           /* the domain that runs */
    OTHER = 2,          /* its neighbour */
    LINK = PTE_P | PTE_W | PTE_U,
    MAP_RW = LINK,
    MAP_RO = PTE_P | PTE_U,
};

extern struct domain world_self, world_other;
extern struct vcpu world_vcpu;
extern bool world_hurry;      /* time is always up */
extern unsigned world_clears; /* calls of l4_clear */

/* A machine with nothing but free frames; and the end of a test: the recount finds nothing. */
void world_start(void);
void world_end(const char *where);
/* A new frame of a domain's, with the allocation's reference and no type. */
struct frame *world_own(struct domain *d);
/* The same as a table, or a writable page, that `uses` hold; a table is validated. Who they are
 * does not matter: pins of the hypervisor's, if the recount asks. */
struct frame *world_used(enum frame_type type, unsigned uses);
/* Its content. */
u64 *world_words(const struct frame *f);
u64 world_number(const struct frame *f);
u64 world_entry(const struct frame *f, u64 flags);
/* Full flushes since the last question. */
unsigned world_flushes(void);
/* A word to be looked at with each full flush; what it was at the last. */
void world_watch(const u64 *word);
u64 world_watched(void);
/* What m2p_set was called with last: the frame << 32 | its number; 0: it was not. */
u64 world_m2p(void);
/* A page of bytes from here on cannot be reached by the hypervisor's copies. */
void world_hide(const void *p);

/* The handler that was registered for a hypercall, called as entry.asm does. */
s64 world_call(u64 number, u64 a, u64 b, u64 c, u64 d);

/* Negative errno values by name, 0 as `0`. */
const char *world_error(s64 error);
#define EXPECT_RESULT(what, got, expected, where)                                                  \
    do {                                                                                           \
        grade_place(where);                                                                        \
        GRADE_SAME(what, world_error(got), world_error(expected), where);                          \
    } while (0)
/* The three counts of a frame's record. */
void world_expect(const char *name, const struct frame *f, unsigned refs, unsigned type_count,
                  const char *where);

/* grade_dispatch.c */
void table_filled(void **state);
void made_again(void **state);
void items(void **state);
/* grade_tables.c */
void tables_validated(void **state);
void tables_slots(void **state);
void tables_undone(void **state);
void tables_broken_off(void **state);
/* grade_update.c */
void update_stores(void **state);
void update_refused(void **state);
void update_commands(void **state);
void update_foreign(void **state);
void copy_mended(void **state);
void clear_mended(void **state);

#endif
