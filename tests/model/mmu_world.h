/*
 * Random guests for the differential tests of memory: page tables in a small guest-physical memory,
 * edits to them, flushes as the manual demands them and no more, and accesses, each outcome
 * compared with mmu_model.h. What is tested (shadow, or EPT with the guest's walk) is behind
 * struct mmu_subject.
 */
#ifndef MMU_WORLD_H
#define MMU_WORLD_H

#include "mmu_model.h"

enum mmu_world_size {
    WORLD_RAM_FRAMES = 2048, /* 8 MiB: four pages of 2 MiB */
    WORLD_TABLE_FIRST = 16,  /* guest frames that are used as tables */
    WORLD_ROOTS = 8,         /* of them, level 4 */
    WORLD_PER_LEVEL = 12,    /* then so many for each lower level */
    WORLD_TABLES = WORLD_ROOTS + 3 * WORLD_PER_LEVEL,
};

struct mmu_subject {
    const char *name; /* in the report */
    bool smep_smap;   /* CR4.SMEP and CR4.SMAP are tried */
    /* A pointer to 8 bytes of guest-physical memory; NULL where there is none. */
    uint64_t *(*memory)(uint64_t gpa);
    /* The guest stores 8 bytes, as an instruction of its would. */
    void (*store)(uint64_t gpa, uint64_t value);
    void (*invlpg)(uint64_t linear);
    /* The guest's control registers become these (only CR3 may have changed, or nothing). */
    void (*load)(const struct mmu_registers *r);
    /* One access: fills cause (MMU_OK, or MMU_RIGHTS for any fault), error and physical. With
     * MMU_OK it has been checked that the access reaches the domain's frame for `physical`. */
    void (*access)(uint64_t linear, struct mmu_access access, struct mmu_outcome *out);
    /* Everything is recounted. */
    void (*check)(void);
};

/* Runs until so many translations have been compared and each class of outcomes was there at least
 * 1,000 times; prints the table of classes. cmocka assertions fail on the first difference. */
void mmu_world_run(const struct mmu_subject *s, uint64_t seed, uint64_t translations);

#endif
