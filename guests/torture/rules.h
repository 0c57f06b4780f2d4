/*
 * What the manual says about one access through two levels of paging-structure entries: SDM Volume
 * 3, "Paging", with no other source, and no look at the hypervisor's walker.
 */
#ifndef TORTURE_RULES_H
#define TORTURE_RULES_H

#include "kit/types.h"

/* Bits of an entry, as all formats have them; NX only in those of 8 bytes. */
enum entry_bit {
    BIT_P = 1 << 0,
    BIT_W = 1 << 1,
    BIT_U = 1 << 2,
    BIT_A = 1 << 5,
    BIT_D = 1 << 6,
    BIT_PS = 1 << 7,
};
#define BIT_NX (1ULL << 63)

/* The access: a read, or one of WRITE and FETCH. */
enum kind {
    KIND_WRITE = 1 << 0,
    KIND_FETCH = 1 << 1,
    KIND_USER = 1 << 2, /* in user mode */
    KIND_AC = 1 << 3,   /* with RFLAGS.AC = 1; not with FETCH or USER */
};

/* Error code of a page fault. */
enum error_bit { ERR_P = 1, ERR_W = 2, ERR_U = 4, ERR_RSVD = 8, ERR_I = 16 };

struct mode {
    bool wp;            /* CR0.WP */
    bool nxe;           /* EFER.NXE; false with entries of 4 bytes */
    bool smep, smap;    /* CR4 */
    bool wide;          /* entries have 8 bytes */
    bool large;         /* PS in the upper entry maps a page */
    u64 reserved;       /* in any entry of this format with P = 1, but for NX */
    u64 reserved_large; /* in an upper one that maps a page, also */
};

struct pair {
    u64 upper; /* a PDE */
    u64 lower; /* the PTE that the PDE leads to, if it maps no page */
};

struct outcome {
    bool fault;        /* a page fault */
    u32 error;         /* its error code */
    struct pair after; /* the entries, with A and D as they are then */
};

/* Whether a processor may remember a translation by these entries. */
bool rules_cacheable(const struct mode *m, struct pair entries);
/* The outcome of an access through these entries, where nothing is cached of them. */
void rules_apply(const struct mode *m, struct pair entries, unsigned kind, struct outcome *out);

#endif
