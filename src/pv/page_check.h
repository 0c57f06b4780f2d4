/*
 * The recount of page references, and where it learns what the hypervisor itself holds.
 */
#ifndef PAGE_CHECK_H
#define PAGE_CHECK_H

#include "page_type.h"

enum { PAGE_CHECK_PRINTED = 16 }; /* violations that are printed, of those that are counted */

/* Calls visit for each reference that the hypervisor holds for its own or for a vcpu: roots,
 * descriptor pages, shared pages (src/pv/held.c; a test has its own). */
void page_each_held(struct domain *d, void (*visit)(void *context, struct frame *f, bool typed),
                    void *context);

/* Whether an L1 entry that names another's frame is one that was granted. */
bool page_granted(const struct domain *d, u64 entry);

#endif
