/*
 * Filling shadows after a walk of the guest's tables.
 */
#ifndef FILL_H
#define FILL_H

#include "paging.h"
#include "shadow.h"

/* Guest tables in guest-physical memory; the context is the domain. */
extern const struct walk_memory shadow_walk_memory;
/* The walk r of gva permitted this access, to frame f: makes it so in the shadow. */
enum paging_result shadow_fill(struct vcpu *v, u64 gva, unsigned access,
                               const struct walk_result *r, struct frame *f,
                               struct paging_fault *out);

#endif
