/*
 * A guest for the unit tests of shadow paging, on the simulated machine: page tables of its own,
 * processes, accesses.
 */
#ifndef STUB_SHADOW_GUEST_H
#define STUB_SHADOW_GUEST_H

#include "../include/simmachine.h"
#include "paging.h"
#include "x86.h"

enum {
    RAM_FRAMES = 4096,
    PROCESSES = 16,
    PAGES = 8,     /* a process's, from USER_BASE */
    TABLES = 1024, /* first guest frame for tables */
    DATA = 2048,   /* first guest frame for data */
    RIGHTS = PTE_P | PTE_W | PTE_U,
};
#define USER_BASE 0x8000000000ULL /* slot 1 of the root */

static struct domain *const d = &sim.domain;
static struct vcpu *const v = &sim.vcpu;

u64 count(enum ledger_counter c);
/* The guest's memory. */
u64 *guest(u64 gpa);
/* The guest's store; by emulation if it has to be. */
void store(u64 gpa, u64 value);
/* A frame for a table; its address. */
u64 new_table(void);
/* Maps a page in the guest's own tables; returns where its entry is. */
u64 map(u64 root, u64 la, u64 entry);
void load_registers(u64 cr0, u64 cr3, u64 cr4, u64 efer);
void load_cr3(u64 cr3);
void long_mode(u64 root);
/* A page fault exits. */
enum paging_result fault(u64 la, u32 error, struct paging_fault *f);
/* An access that must succeed: the gfn that it reaches. */
u64 touch(u64 la, u32 access);
/* An access that must fault in the guest: the error code. */
u32 refused(u64 la, u32 access);
/* Nothing is violated. */
void check(void);
/* A machine with a domain; and its end, with everything given back. */
void start(unsigned pool_tables);
void end(void);
/* Process n with PAGES pages of its own and a page that all share: its root; and touching all. */
u64 make_process(unsigned n);
void use_process(unsigned n);

#endif
