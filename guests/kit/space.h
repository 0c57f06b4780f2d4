/*
 * Address spaces. The kernel owns L4 slot 0 in all of them, where the guest's memory lies at its
 * guest-physical address; user programs have slots 1 to 255. Under PV a space has two roots: the
 * user's is the kernel's without slot 0.
 *
 * A space is first built by plain stores and then published; from then on its tables are live and
 * change through platform->set_entry only (under PV they are write-protected and pinned).
 */
#ifndef KIT_SPACE_H
#define KIT_SPACE_H

#include "kit/types.h"

/* SDM, "4-Level Paging": bits of an entry. */
#define ENTRY_PRESENT  0x001ULL
#define ENTRY_WRITE    0x002ULL
#define ENTRY_USER     0x004ULL
#define ENTRY_ACCESSED 0x020ULL
#define ENTRY_DIRTY    0x040ULL
#define ENTRY_LARGE    0x080ULL
#define ENTRY_NX       (1ULL << 63)
#define ENTRY_ADDRESS  0x000ffffffffff000ULL
#define ENTRY_RW       (ENTRY_PRESENT | ENTRY_WRITE)
#define ENTRY_USER_RW  (ENTRY_PRESENT | ENTRY_WRITE | ENTRY_USER)
#define ENTRY_USER_RO  (ENTRY_PRESENT | ENTRY_USER)

enum space_numbers { TABLE_ENTRIES = 512, LEVEL_BITS = 9, TOP_LEVEL = 4 };
/* Where the user part of the image is in every space: the beginning of slot 1. */
#define USER_BASE 0x8000000000ULL

struct space {
    u64 *root;      /* the L4 table, at its kernel address */
    u64 *user_root; /* PV: the one that user mode runs on; else the same */
    bool live;      /* published */
};

extern struct space kernel_space; /* the boot's: slot 0 only */

/* The space of the boot; called once, by kit_main. */
void space_init(void);
void space_create(struct space *s);
/* Its tables go live: what was built until now is validated (PV: pinned). */
void space_publish(struct space *s);
/* Frees its tables, not the pages mapped by them. It must not be loaded. */
void space_destroy(struct space *s);

/* The entry of `level` (1: 4 KiB page) for va. Where a table is missing: makes it if create is
 * set, or returns NULL. */
u64 *space_entry(struct space *s, u64 va, unsigned level, bool create);
/* Stores into an entry of the space: by a plain store until it is published. */
void space_set(struct space *s, u64 *entry, u64 value);
/* Maps the page at guest-physical pa at va; no flush. Tables are made as needed. */
void space_map(struct space *s, u64 va, u64 pa, u64 bits);
void space_map_large(struct space *s, u64 va, u64 pa, u64 bits);
/* Maps the user part of the image at USER_BASE: code read-only, data writable. */
void space_map_user_image(struct space *s);
/* Tables below slots 1-255, and how many there are (for figures). */
unsigned space_count_tables(const struct space *s);

#endif
