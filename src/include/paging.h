/*
 * A vcpu's paging under full virtualization: shadow tables or a second stage. What the exit
 * handlers and the domain builder call; src/mmu-shadow/ and src/mmu-ept/ implement it.
 */
#ifndef PAGING_H
#define PAGING_H

#include "types.h"
#include "virt.h"

enum paging_result {
    PAGING_FIXED,   /* enter the guest again: it will get on */
    PAGING_INJECT,  /* the guest's own fault: inject #PF(error, cr2) from out */
    PAGING_EMULATE, /* emulate the instruction; out.gpa is what it touches */
    PAGING_KILL,    /* cannot go on (out of memory): out.why is the sentence */
};

struct paging_fault {
    u32 error;        /* PAGING_INJECT: error code */
    u64 cr2;          /* PAGING_INJECT: address */
    u64 gpa;          /* PAGING_EMULATE: guest-physical address touched */
    bool table_write; /* PAGING_EMULATE: a write to a page table that is shadowed */
    void *bytes;      /* with table_write: the hypervisor's pointer to gpa */
    const char *why;  /* PAGING_KILL */
};

/* At boot, after virt_init: "shadow" or "ept" as the banner says. */
const char *paging_name(void);
/* It needs the processor's second stage of translation (EPT), or does without. */
extern const bool paging_needs_second_stage;
int paging_vcpu_init(struct vcpu *v);
/* Also for a vcpu that paging_vcpu_init has not seen. The physmap is still there. */
void paging_vcpu_destroy(struct vcpu *v);
/* The guest's CR0, CR3, CR4 or EFER changed (the new values are in virt_get): load the root that
 * goes with them. Shadow: finds or makes the shadow root. PAGING_INJECT: the PDPTEs that CR3 names
 * are refused, #GP(0); paging goes on with what it had, and the caller restores the registers. */
enum paging_result paging_load_root(struct vcpu *v, struct paging_fault *out);
/* The same in short, if CR3 alone is loaded, with a value whose root is known: what the processor's
 * CR3 becomes, whoever loads it flushing. 0: not known, or perhaps not legal. */
u64 paging_switch_root(struct vcpu *v, u64 cr3);
/* The guest inverts CR0.WP, or CR4.PGE, and changes nothing else: as paging_switch_root. 0: not
 * known, paging_flush and paging_load_root are to be called. */
u64 paging_toggle(struct vcpu *v, bool wp, bool pge);
/* The guest executed INVLPG, or INVPCID for one address. */
void paging_invalidate(struct vcpu *v, u64 gva);
/* INVPCID for all addresses: as if CR3 were loaded with what it has, but for the PDPTEs. */
void paging_forget(struct vcpu *v);
/* The guest asked for a flush of all translations (CR3 reload, CR4 toggles). */
void paging_flush(struct vcpu *v);
/* EXIT_PAGE_FAULT (shadow) or EXIT_STAGE2 (ept). */
enum paging_result paging_fault(struct vcpu *v, const struct exit *e, struct paging_fault *out);
/* The bytes at gva, good to the end of its page, if paging knows that the processor has just
 * fetched from there, or could; NULL: walk the guest's tables. Good until the next call of paging.
 */
const u8 *paging_code(struct vcpu *v, u64 gva);
/* What virt.h's implementation must put in the processor for this vcpu: CR3 for the guest (shadow),
 * the second stage (ept), and whether CR3 accesses and page faults must exit. */
struct paging_controls {
    bool use_ept;       /* ept: stage2_root is valid */
    bool intercept_cr3; /* shadow */
    bool intercept_pf;  /* shadow */
    mfn_t stage2_root;  /* ept: root of the second stage */
    bool keep_flags;    /* ept: the processor keeps accessed and dirty flags there */
    bool log_writes;    /* ept: and logs each dirty flag that it sets (virt_ops.log_init) */
    u64 cr3;            /* shadow: the root to run on */
    u64 cr0_force_set; /* CR0 bits that are 1 while running whatever the guest says (PG, WP, ...) */
    u64 cr0_owned;     /* CR0 bits whose write by the guest must exit */
    u64 cr4_force_set; /* the same for CR4 */
    u64 cr4_force_clear; /* CR4 bits that are 0 while running whatever the guest says */
    u64 cr4_owned;
    u64 efer_force_set; /* EFER bits that are 1 while running (NXE); not 0: EFER accesses exit */
};
void paging_get_controls(struct vcpu *v, struct paging_controls *out);
/* The hypervisor is about to write to guest memory at gfn on the guest's behalf (guest_access.h):
 * shadow brings the shadows of that frame up to date afterwards. Called after the write. */
void paging_guest_written(struct domain *d, u64 gpa, unsigned len);
/* The same for the 8 aligned bytes at paging_fault.bytes. */
void paging_table_stored(struct domain *d, void *entry);
/* A write to paging_fault.bytes is not one of the usual stores of an entry: perhaps the guest uses
 * the frame for something else by now. True: it is no table any more, and may be written to. */
bool paging_table_given_up(struct domain *d, void *entry);
/* An access to gva, at gpa, cannot be emulated: if gpa is in a page table, and the access does not
 * go through it, it is no table any more (until it is used as one again), and the guest gets on. */
bool paging_stop_shadowing(struct vcpu *v, u64 gva, u64 gpa);
/* The processor has logged that the guest wrote to gpa's frame (virt_ops.log_collect). */
void paging_logged(struct domain *d, u64 gpa);
/* Prints the walk of the tables that the hypervisor made, for gva, which the guest's lead to gpa
 * (~0: to nothing). Changes nothing. */
void paging_report(struct vcpu *v, u64 gva, u64 gpa);
/* Debug: recount from scratch; violations found, each printed. */
unsigned paging_check(struct domain *d);

#endif
