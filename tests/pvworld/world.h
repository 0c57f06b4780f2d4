/*
 * A small machine under all of src/pv/'s hypercalls: memory, two domains of one vcpu each whose
 * tables are really walked for every access to their memory, and a TLB that forgets only when it is
 * flushed. A domain that has ended is taken down in pieces, one after each step of the other's, and
 * built again.
 *
 * A domain's pages stand at its addresses from 0 on, tables read-only; after WORLD_PAGES there is
 * nothing.
 */
#ifndef PVWORLD_WORLD_H
#define PVWORLD_WORLD_H

#include "pvworld/insn.h"

#include "../../src/pv/grant_table.h"
#include "../../src/pv/hypercall.h"
#include "domain.h"

enum world_layout {
    WORLD_DOMAINS = 2,
    WORLD_FRAMES = 256, /* of the machine */
    WORLD_PAGES = 40,   /* of a domain */
    WORLD_CONSOLE = 1,  /* page of the console's ring */
    WORLD_TABLES = 2,   /* first of four: L4, L3, L2, L1 */
    WORLD_SCRATCH = 8,  /* two pages for arguments */
    WORLD_DATA = 10,    /* first page that nothing else uses */
    WORLD_SPARE_FRAMES = 4,
    WORLD_CODE = (WORLD_SCRATCH << 12) + 2048, /* an address */
    WORLD_STACK = (WORLD_DATA + 1) << 12,      /* the end of a stack */
};

extern struct domain *world_domain[WORLD_DOMAINS];
extern unsigned world_ended;             /* domains that have ended so far */
extern enum end_reason world_end_reason; /* how the last one did, and its code */
extern u64 world_end_code;
extern unsigned world_printed;  /* bytes on the console */
extern const char *world_typed; /* what has been typed there */

void world_begin(void);
void world_end(void);
/* Makes the domain's vcpu the one that runs; the other's, if this one is at its end. */
void world_run(unsigned which);
/* What has ended is taken down, everything being recounted between the pieces, and built again. */
void world_renew(void);
/* The machine frame of a page that a domain was built with. */
u64 world_mfn(unsigned which, unsigned page);
/* The running guest makes a hypercall, again if it is told to; then all invariants are recomputed,
 * and the domain is built again if it has ended. */
s64 world_call(u64 number, u64 a, u64 b, u64 c, u64 d);
/* The running guest's kernel comes to the instruction at WORLD_CODE, with these in rax, rcx, rdx
 * (and rdi, rsi as rax, rcx): a privileged one, or, if `table` is not 0, a store to this address,
 * which maps a table. */
void world_instruction(u64 rax, u64 rcx, u64 rdx, u64 table);
/* Something happens to the running guest in this state, at `r.vector` as the processor says it, in
 * its kernel or, if it has a table for them, its programs; and what is pending is delivered, as the
 * run loop does, if cr2 is odd also that a segment could not be loaded. */
void world_trap(const struct regs *r, u64 cr2, bool user);
/* bounce.c */
void world_enter_kernel(struct vcpu *v);
/* The processor looks into the running guest's LDT, at this byte. */
void world_ldt(u64 offset);
/* Stores into the running guest's memory, as it would itself; false: a fault. */
bool world_store(u64 gva, const void *from, size_t len);
/* Loads from there, in the same way. */
bool world_load(void *to, u64 gva, size_t len);
/* stubs.c: fills the table of hypercalls. */
void world_calls_init(void);
/* Aborts if something does not hold. */
void world_check(void);

#endif
