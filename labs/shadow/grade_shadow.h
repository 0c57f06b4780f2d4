/*
 * What the files of the grader's host part share: a machine with memory, one domain with a vcpu, a
 * guest with page tables, and a processor that walks whatever tables it is given, and remembers
 * what it has found until it is told to forget.
 */
#ifndef GRADE_SHADOW_H
#define GRADE_SHADOW_H

#include "grade_machine.h"

#include "domain.h"
#include "paging.h"
#include "types.h"
#include "x86.h"

#include "../../src/mmu-shadow/shadow.h"

enum {
    WORLD_FRAMES = 2560, /* of machine memory */
    WORLD_RAM = 1024,    /* the guest's frames */
    WORLD_TABLES = 16,   /* its first frame for page tables */
    WORLD_DATA = 512,    /* its first frame for anything else */
    WORLD_POOL = 60,     /* tables in the pool, usually */
    WORLD_DOMAIN = 3,    /* the domain's id */
    RIGHTS = PTE_P | PTE_W | PTE_U,
    ROLE_1 = 1 | ROLE_NXE, /* a shadow of a table of level 1, in this guest's mode */
};
#define USER 0x8000000000ULL /* where user pages begin: slot 1 of the root */

extern struct domain domain;
extern struct vcpu vcpu;

/* A machine whose guest is in long mode, on no tables yet. The frames that it touches are there. */
void world_start(unsigned pool_tables);
/* Everything is recounted (check.c), and must be as it was counted. */
void world_check(const char *where);
u64 ledger(enum ledger_counter c);

/* The guest's memory at gpa, which the test changes behind the hypervisor's back. */
u64 *guest(u64 gpa);
/* A new table; its address. */
u64 world_table(void);
/* An address space: the RAM at address 0, for the kernel; its root. */
u64 world_space(void);
/* Puts an entry of level 1 into the guest's tables, which may not be in use. Where it lies. */
u64 world_map(u64 root, u64 la, u64 entry);
/* Where the guest's entry of a level for la lies. */
u64 world_entry(u64 root, u64 la, unsigned level);
/* MOV to CR3. */
void world_load(u64 root);
void world_invlpg(u64 la);
/* CR0.WP changes. */
void world_wp(bool wp);
/* Flushes of everything, or of a root, since world_start. */
u64 world_flushes(void);
/* Takes all free machine frames but so many away. */
void world_leave(u64 frames);

/* A space with PAGES user pages, spread over three tables; nothing of it has been used yet. */
enum { PAGES = 24 };
u64 make_space(void);
/* The address of the i-th of them, which leads to gfn WORLD_DATA + i. */
u64 page_at(unsigned i);

/* A page for each i, far from each other: they share few tables. */
static inline u64 region(unsigned i)
{
    return USER + ((u64)i << (i % 2 ? 21 : 30)) + (u64)i * PAGE_SIZE;
}

/* The record of the frame that a gfn has; made if there is none. */
struct frame *frame_for(u64 gfn);
/* A leaf as a shadow may have it, which leads to gfn. */
u64 leaf_to(u64 gfn, u64 bits);

/* One access by the processor (PF_W, PF_U, PF_I), and what came of it. */
struct world_access {
    bool fault; /* a page fault exits */
    u32 error;  /* its code */
    u64 gfn;    /* what it reached otherwise */
};
/* A table or frame that a guest must not reach fails the test. */
struct world_access world_access(u64 la, u32 access, const char *where);
/* What paging made of the last fault. */
extern struct paging_fault world_fault;
/* A page fault exits to fill.c; its result by name. */
const char *world_exit(u64 la, u32 error, bool pushed);
/* An access that the guest permits, with all the faults that it takes. The gfn that it reaches. */
u64 world_touch(u64 la, u32 access, const char *where);
/* An access that the guest forbids: the error code that it sees. */
u32 world_refused(u64 la, u32 access, const char *where);
/* The guest stores 8 bytes in kernel mode at gpa, where its RAM is mapped: by the processor, or by
 * emulation if paging says so. Returns whether it was emulated. */
bool world_store(u64 gpa, u64 value, const char *where);

/* The same as the emulator does it: behind the processor's back, and the shadows are told. */
void world_emulated(u64 gpa, u64 value);
/* The shadow of the guest's table at gpa with this role; it must be there. */
struct shadow *world_shadow(u64 gpa, u16 role, const char *where);

/* The entries of all shadows that differ from the last call. */
u64 world_changed(void);

/* grade_stores.c */
void store_traps(void **state);
void store_entry(void **state);
void store_aliases(void **state);
void behind_stores(void **state);
void behind_tables(void **state);

/* grade_links.c */
void reach_new(void **state);
void reach_again(void **state);
void store_upper(void **state);
void store_across(void **state);

/* grade_drops.c */
void drop_links(void **state);
void drop_frame(void **state);
void evict_idle(void **state);
void evict_clock(void **state);
void evict_least(void **state);

#endif
