/*
 * Tour 31 [Page tables, walked by software]: what the processor would do.
 *
 * The software page walker: what the processor would make of a guest linear address, in every
 * guest paging mode. Shadow paging, the emulator, guest access and the debugger's `walk` command
 * share it. Nothing here is privileged.
 *
 * A walk needs three things: the paging mode (struct walk_mode, computed once whenever CR0, CR4 or
 * EFER change; CR3 is cheap to change), the way to read and change entries (struct walk_memory),
 * and the access.
 */
#ifndef WALK_H
#define WALK_H

#include "types.h"
#include "x86.h"

enum walk_limits {
    WALK_MAX_LEVEL = 4,
    WALK_PDPTES = 4, /* PDPTE registers ("PDPTE Registers") */
};

/* What the processor model offers, as its CPUID says. */
struct walk_features {
    u8 maxphyaddr; /* CPUID 80000008.EAX[7:0], 32 to 52 */
    bool page1gb;  /* CPUID 80000001.EDX[26]: 1 GiB pages */
};

/*
 * One paging mode ("Paging Modes and Control Bits"). Filled by walk_mode_init; to be read by
 * anyone, changed by nobody else.
 */
struct walk_mode {
    u64 root;                           /* gpa of the top table that is in memory */
    u64 rsvd_table[WALK_MAX_LEVEL + 1]; /* by level: reserved in an entry that names a table */
    u64 rsvd_page[WALK_MAX_LEVEL + 1];  /* by level: reserved in an entry that maps a page */
    u64 pdpte[WALK_PDPTES];             /* PAE: the PDPTE registers; see walk_load_pdptes */
    u8 levels;                          /* 0 unpaged, 2 32-bit, 3 PAE, 4 4-level */
    u8 entry_size;                      /* bytes: 4 or 8 */
    u8 index_bits;                      /* address bits that a level takes: 10 or 9 */
    u8 maxphyaddr;                      /* from walk_features */
    u8 large_levels;                    /* bit n: PTE_PS means a page at level n */
    bool wp, smep, smap, pge;           /* CR0.WP, CR4.SMEP, CR4.SMAP, CR4.PGE */
    bool error_i;                       /* the error code has the I/D flag in this mode */
};

/*
 * The access, in the bits of a page-fault error code (so that the error code of an exit can be
 * passed as it is, PF_P and PF_RSVD being ignored), and bits of our own.
 */
enum walk_access {
    WALK_READ = 0,
    WALK_WRITE = PF_W,
    WALK_USER = PF_U,       /* a user-mode access: CPL 3, and not one to a system structure */
    WALK_FETCH = PF_I,      /* instruction fetch */
    WALK_AC = 1 << 8,       /* RFLAGS.AC is 1: SMAP lets explicit supervisor accesses pass */
    WALK_IMPLICIT = 1 << 9, /* supervisor access to a descriptor table or TSS: SMAP, whatever AC */
    WALK_PEEK = 1 << 10,    /* for a debugger: leave the accessed and dirty flags alone */
};

enum walk_status {
    WALK_OK,       /* translated, and the access is permitted */
    WALK_FAULT,    /* #PF with .error; CR2 is the address */
    WALK_NO_TABLE, /* a table lies where there is no memory: .level says which, .entry[] whence */
    WALK_RETRY,    /* entries changed under the walk again and again: let the guest try anew */
};

/* An entry as the walk used it. */
struct walk_entry {
    u64 gpa;   /* where it lies; for a PDPTE register, ~0 */
    u64 value; /* with accessed and dirty as they are after the walk */
};

struct walk_result {
    u8 status;     /* enum walk_status */
    u8 level;      /* of the leaf (1: 4 KiB, 2: 2 or 4 MiB, 3: 1 GiB, 0: unpaged), or of the
                      entry that stopped the walk */
    u8 page_shift; /* WALK_OK, or rights faults: log2 of the page's size; unpaged: 12 */
    bool mapped;   /* the walk reached a page: gpa, page_shift and the rights are valid. True for
                      WALK_OK, and for a fault by rights, when accessed and dirty are not set */
    bool user;     /* U/S is 1 at every level: a user-mode address */
    bool write;    /* R/W is 1 at every level */
    bool nx;       /* XD is 1 at some level */
    bool dirty;    /* the leaf's dirty flag after the walk; unpaged: true */
    bool global;   /* the leaf's G, and CR4.PGE */
    u32 error;     /* WALK_FAULT: error code */
    u64 gpa;       /* the translation of the address itself, not of its page */
    struct walk_entry
        entry[WALK_MAX_LEVEL + 1]; /* [level]: valid from mode->levels down to .level */
};

/*
 * How the walk reaches guest-physical memory. size is 4 or 8 and gpa is aligned to it.
 */
enum walk_cmpxchg { WALK_EXCHANGED, WALK_CHANGED, WALK_NO_MEMORY };
struct walk_memory {
    /* Reads an entry, atomically. False: no memory there. */
    bool (*read_entry)(void *ctx, u64 gpa, unsigned size, u64 *value);
    /* Atomically replaces old by new; WALK_CHANGED if it was not old any more. Only sets the
     * accessed and dirty flags. */
    enum walk_cmpxchg (*cmpxchg_entry)(void *ctx, u64 gpa, unsigned size, u64 old, u64 new_value);
};

/* Computes the mode from the control registers, which must be a legal combination. PAE: the caller
 * then fills pdpte[] by walk_load_pdptes, or from the registers if hardware keeps them. */
void walk_mode_init(struct walk_mode *m, u64 cr0, u64 cr3, u64 cr4, u64 efer,
                    const struct walk_features *cpu);

/* CR3 changed, nothing else. */
static inline void walk_set_root(struct walk_mode *m, u64 cr3)
{
    switch (m->levels) {
    case 4:
        m->root = cr3 & PTE_ADDR & ((1ULL << m->maxphyaddr) - 1);
        break;
    case 3:
        m->root = cr3 & CR3_PDPT;
        break;
    default:
        m->root = cr3 & CR3_DIRECTORY;
    }
}

/* PAE: reads the four PDPTEs that m->root names into m->pdpte. False, and m unchanged, if a present
 * one has a reserved bit set or there is no memory: MOV to CR3 is #GP(0) then ("PDPTE Registers").
 */
bool walk_load_pdptes(struct walk_mode *m, const struct walk_memory *mem, void *ctx);

/*
 * Translates la for an access (enum walk_access). In 4-level paging la must be canonical: that it
 * is not is #GP or #SS, which is not paging's business. Otherwise bits above 31 are ignored. On
 * WALK_OK the accessed flags of all entries used, and on a write the leaf's dirty flag, are set.
 * Returns r->status.
 */
enum walk_status walk(const struct walk_mode *m, u64 la, unsigned access,
                      const struct walk_memory *mem, void *ctx, struct walk_result *r);

/*
 * The steps of a walk, for code that goes down a guest's tables in its own way, and for tests.
 */

/* Whether a page with these combined rights permits the access ("Access Rights"): user and write
 * are U/S and R/W, 1 at every level; nx is XD, 1 at some level. PF_P and PF_RSVD in access are
 * ignored. */
bool walk_permits(const struct walk_mode *m, unsigned access, bool user, bool write, bool nx);

/* The error code of a fault on this access ("Page-Fault Exceptions"); why is 0 if an entry is not
 * present, PF_P if the rights do not permit it, PF_P | PF_RSVD if a reserved bit is 1. */
u32 walk_error(const struct walk_mode *m, unsigned access, u32 why);

enum { WALK_TRIES = 8 }; /* walks begun anew because an entry changed under us */

/*
 * Sets the accessed flags, and on a write the leaf's dirty flag, in the entries of r that lack
 * them, from the top, in memory and in r. r is of a walk that ended with WALK_OK. WALK_CHANGED, or
 * WALK_NO_MEMORY: an entry is not what it was, or nowhere; r->level says which.
 */
enum walk_cmpxchg walk_set_flags(const struct walk_mode *m, bool write,
                                 const struct walk_memory *mem, void *ctx, struct walk_result *r);

#endif
