/* What the files of the guest share: instructions that may fault, and PCIDs. */
#ifndef CONTROL_H
#define CONTROL_H

#include "kit/kit.h"

#define CR4_PGE      (1ULL << 7)
#define CR4_UMIP     (1ULL << 11)
#define CR4_PCIDE    (1ULL << 17)
#define CR3_NO_FLUSH (1ULL << 63)

/* "INVPCID-Invalidate Process-Context Identifier": its types, and the operand in memory. */
enum invpcid_type { ONE_ADDRESS, ONE_PCID, EVERYTHING, ALL_BUT_GLOBAL, INVPCID_TYPES };
struct invpcid_descriptor {
    u64 pcid;    /* bits 11:0 */
    u64 address; /* linear */
};

/* The instruction faults: on to the address that it has put in RBX. */
#define FAULT_GOES_TO "lea 1f(%%rip), %%rbx; "
#define FAULT_HERE    "; 1:"
enum { NO_FAULT = ~0u };
/* The vector of the fault that the instruction raised, or NO_FAULT. */
unsigned fault_of_cr0(u64 value);
unsigned fault_of_cr3(u64 value);
unsigned fault_of_cr4(u64 value);
unsigned fault_of_invpcid(u64 type, const struct invpcid_descriptor *descriptor);
/* Their handlers count here as well. */
extern unsigned last_fault;
extern u64 last_error;

/* CPUID: the processor has INVPCID. */
extern bool has_invpcid;

/* pcid.c: what is remembered, and for how long it may be. CR4.PCIDE is 1, and CR3's PCID 0. */
void check_memory_of_pcids(void);

#endif
