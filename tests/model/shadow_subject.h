/*
 * Shadow paging on the simulated machine, as what the differential tests of memory try: a guest's
 * stores, its control registers, its accesses with all the faults that they take.
 */
#ifndef SHADOW_SUBJECT_H
#define SHADOW_SUBJECT_H

#include "mmu_model.h"

/* A machine with a domain of so many frames of RAM and a pool of so many tables. maxphyaddr is what
 * CPUID tells the guest. */
void subject_begin(unsigned ram_frames, unsigned pool_tables, unsigned maxphyaddr);
/* Everything given back; prints what it took. */
void subject_end(void);

/* A pointer to guest-physical memory; NULL where there is none. */
uint64_t *subject_memory(uint64_t gpa);
/* The guest stores `size` bytes. A table that is not shadowed, or is out of sync, is written
 * without the hypervisor's knowledge; of the stores to one that is in sync every second lets it go
 * first. */
void subject_store_bytes(uint64_t gpa, uint64_t value, unsigned size);
void subject_store(uint64_t gpa, uint64_t value);
void subject_invlpg(uint64_t linear);
/* The guest's control registers become these, as control_access.c does it. False: #GP(0), and they
 * stay as they were. */
bool subject_try_load(const struct mmu_registers *r);
void subject_load(const struct mmu_registers *r);
/* One access, until it succeeds, or faults in the guest. */
void subject_access(uint64_t linear, struct mmu_access access, struct mmu_outcome *out);
/* Everything is recounted. */
void subject_check(void);

#endif
