/*
 * What the files of the grader's host part share: a machine with memory, one domain with a vcpu,
 * and the processor's own way through the second stage, read as the manual says and not by the
 * functions under test.
 */
#ifndef GRADE_EPT_H
#define GRADE_EPT_H

#include "grade_machine.h"

#include "domain.h"
#include "paging.h"
#include "types.h"

enum {
    WORLD_FRAMES = 4096, /* 16 MiB of machine memory */
    WORLD_DOMAIN = 3,    /* the domain's id */
    NO_VALUE = 0xbad,    /* what out parameters hold before a call */
};

/* "EPT Translation Mechanism", the formats of entries */
enum ept_bits { EPT_R = 1, EPT_W = 2, EPT_X = 4, EPT_RIGHTS = 7, EPT_LARGE = 1 << 7 };

extern struct domain domain;
extern struct vcpu vcpu;

/* A machine whose domain has so many frames of RAM and an empty second stage. */
void world_start(u64 ram_frames, bool small_pages);
/* The second stage must pass its own recount; then everything is given back, and nothing may be
 * missing. */
void world_end(const char *where);
/* Takes all free frames but so many single ones away; world_release gives them back. */
void world_leave(u64 frames);
void world_release(void);
/* Machine frames in use by anybody. */
u64 world_used(void);

/* What the processor makes of a guest frame number. */
struct mapping {
    unsigned rights; /* EPT_RIGHTS, 0: an EPT violation whatever the access */
    unsigned level;  /* of the table where the way ends */
    u64 mfn;         /* with rights: the machine frame */
};
/* By the tables. An entry that no processor accepts, or a frame that is not the domain's or has
 * another gfn, fails the test. */
struct mapping world_translate(u64 gfn, const char *where);
/* By the TLB, which remembers a translation until it is flushed, or violated. Returns whether the
 * access is permitted; a write leaves its mark in the frame. */
bool world_access(u64 gfn, bool write, const char *where);
/* Flushes that covered the domain's root since world_start. */
u64 world_flushes(void);

/* An EPT violation with this error code, as an exit brings it to paging_fault; what it returned, by
 * name. The rest is in world_fault. */
const char *world_violate(u64 gpa, u32 error);
extern struct paging_fault world_fault;

/* Different from call to call and from run to run. */

/* grade_build.c */
void controls_must(void **state);
void controls_chosen(void **state);
void controls_missing(void **state);
void ept_missing(void **state);
void find_leaf(void **state);
void find_empty(void **state);
void make_way(void **state);
void make_refused(void **state);
void split_same(void **state);
void split_no_memory(void **state);

#endif
