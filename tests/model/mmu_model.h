/*
 * What the manual says about linear addresses, as plain C: SDM Volume 3, "Paging". Written from
 * the manual's text, without the hypervisor's headers, so that both can be wrong only
 * independently.
 *
 * It covers no paging, 32-bit paging with and without CR4.PSE, PAE paging and 4-level paging, with
 * CR0.WP, EFER.NXE, CR4.SMEP and CR4.SMAP.
 */
#ifndef MMU_MODEL_H
#define MMU_MODEL_H

#include <stdbool.h>
#include <stdint.h>

/* The registers that paging depends on. */
struct mmu_registers {
    uint64_t cr0, cr3, cr4, efer;
    unsigned maxphyaddr;   /* CPUID */
    bool page1gb;          /* CPUID */
    const uint64_t *pdpte; /* PAE: the four registers; NULL: they are what is in memory */
};

/* One access to one byte. */
struct mmu_access {
    bool write;
    bool fetch;
    bool user;
    bool ac; /* RFLAGS.AC; only supervisor data accesses care */
};

enum mmu_cause {
    MMU_OK,          /* no fault */
    MMU_NOT_PRESENT, /* an entry's P is 0 */
    MMU_RESERVED,    /* a reserved bit is 1 */
    MMU_RIGHTS,      /* the access rights do not permit it */
    MMU_CAUSES
};

/* An entry that the translation uses, as it was and with A (and D) as it is afterwards. */
struct mmu_used {
    uint64_t address, before, after;
};

struct mmu_outcome {
    enum mmu_cause cause;
    unsigned level;          /* entry that decided: 4 PML4E to 1 PTE; 0: paging is off */
    uint32_t error;          /* of the page fault */
    uint64_t physical;       /* of the address */
    unsigned page_shift;     /* log2 of the page's size */
    bool user, write, nx;    /* rights of the page */
    unsigned used_count;     /* entries that were looked at */
    struct mmu_used used[4]; /* from the top; with MMU_OK `after` is what memory then holds */
};

/* Reads 8 aligned bytes of physical memory; ~0 where there is none. */
typedef uint64_t (*mmu_read)(void *context, uint64_t address);

void mmu_translate(const struct mmu_registers *r, uint64_t linear, struct mmu_access access,
                   mmu_read read, void *context, struct mmu_outcome *out);
/* Whether a page that is present, with these rights, may be accessed so ("Access Rights"). */
bool mmu_permits(const struct mmu_registers *r, struct mmu_access access, bool user, bool write,
                 bool nx);
/* The error code ("Page-Fault Exceptions"). */
uint32_t mmu_error(const struct mmu_registers *r, struct mmu_access access, enum mmu_cause cause);

#endif
