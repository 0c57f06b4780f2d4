/*
 * A machine for host tests: memory behind the direct map, a frame table, a domain with a vcpu whose
 * control registers are plain variables, and a processor that runs on whatever tables
 * paging_get_controls names, with a TLB that forgets only what it is told to forget.
 *
 * The TLB keeps translations, and the paging-structure caches keep entries above level 1, until a
 * flush of tlb.h's covers them, a page fault drops them ("Invalidation of TLBs and
 * Paging-Structure Caches"), or a new root is loaded (VT-x: VPID flushed by control_regs.c).
 */
#ifndef SIMMACHINE_H
#define SIMMACHINE_H

#include "domain.h"
#include "types.h"
#include "virt.h"

struct sim {
    struct domain domain;     /* its only one */
    struct vcpu vcpu;         /* its only one */
    u64 reg[VREG_COUNT];      /* what virt_get answers */
    u8 maxphyaddr;            /* what the CPUID policy says */
    bool page1gb;             /* the same */
    bool controls_changed;    /* virt_paging_changed was called */
    u64 root;                 /* what the processor's TLB is of */
    u64 tlb_hits, tlb_misses; /* of sim_access */
    u64 flushes;              /* tlb_hw_flush_* calls */
};
extern struct sim sim;

/* Makes the machine with so many frames of memory, all free; the domain has this configuration. */
void sim_init(u64 frames, const struct domain_config *config);
void sim_end(void);

/* What the processor, running for the guest, makes of one access: a frame, or a fault. */
struct sim_result {
    bool fault;  /* a page fault exits */
    u32 error;   /* its error code */
    u64 machine; /* machine address */
};
/* Walks the tables of the processor's root (shadow), through the TLB. Every table and frame met is
 * checked to be what a guest may reach. */
void sim_access(u64 linear, bool write, bool fetch, bool user, struct sim_result *out);
/* Forgets everything, as a new processor. */
void sim_tlb_reset(void);

#endif
