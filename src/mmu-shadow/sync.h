/*
 * Bringing a shadow up to date with its guest's table. Shared by a write that trapped (sync.c), and
 * by what makes up for many that did not (out_of_sync.c).
 */
#ifndef SHADOW_SYNC_H
#define SHADOW_SYNC_H

#include "domain.h"
#include "shadow.h"

/* sync.c: entry `index` of s, of level 1, after the guest's entry has become `entry`: the leaf that
 * shadow_leaf_after says. Counts, and traces, only what has changed. The caller flushes. */
void shadow_sync_leaf(struct domain *d, struct shadow *s, unsigned index, u64 entry);

/* sync.c: the same for an entry above level 1. One that names the same table as before keeps its
 * child, which is returned if its rights have changed; any other is filled when it is used. */
struct shadow *shadow_sync_link(struct domain *d, struct shadow *s, unsigned index, u64 entry);

/*
 * flood.c: a table that the guest has given up is found out by its writes.
 */
enum { FIRST_DOUBT = 4, LATER_DOUBTS = 32 };

/* Of a table that an address space begins with: without parents while another one is loaded. */
static inline bool may_be_root(const struct shadow *s)
{
    return shadow_level(s) == (s->role & (ROLE_32BIT | ROLE_PAE) ? 2 : WALK_MAX_LEVEL);
}

/* To be asked after a write: whether it is time to look if s is still used as a table. */
static inline bool shadow_doubted(struct shadow *s)
{
    return ++s->writes == FIRST_DOUBT || s->writes % LATER_DOUBTS == 0 ||
           (!s->refs && !may_be_root(s));
}

/* Some vcpu's root leads to s, or it cannot be told quickly. */
bool shadow_in_use(const struct domain *d, const struct shadow *s);
/* Drops s, and flushes, if no vcpu's root leads to it. */
void shadow_give_up_unused(struct domain *d, struct shadow *s);

#endif
