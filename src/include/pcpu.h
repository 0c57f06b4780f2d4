/*
 * A processor of the machine. Found from the stack: each processor's stack is aligned to its size
 * and this structure lies at its lowest address, so the hypervisor never needs GS.
 */
#ifndef PCPU_H
#define PCPU_H

#include "types.h"

/* The deepest way down takes under 8 KiB (-fstack-usage). */
enum { PCPU_STACK_SIZE = 16384 };

struct vcpu;
struct timer;

/* Selectors of the hypervisor's segments, the same in every mode: those that the Xen ABI reserves
 * from 0xe000 on (xen/arch-x86/xen-x86_64.h: FLAT_RING3_*; the others are ours). */
enum hypervisor_selector {
    SEL_CS64 = 0xe008, /* ring 0 code */
    SEL_DS = 0xe010,   /* ring 0 data */
    SEL_GUEST_CS32 = 0xe023,
    SEL_GUEST_DS = 0xe02b,
    SEL_GUEST_CS64 = 0xe033,
    SEL_TSS = 0xe040,            /* 16 bytes */
    SEL_LDT = 0xe050,            /* 16 bytes */
    GDT_RESERVED_BYTES = 0xe000, /* below: the guest's under pv, absent otherwise */
    GDT_LIMIT = 0xe000 + 0x1000 - 1,
};

struct tss {
    u32 reserved0;
    u64 rsp[3]; /* stack on a change to ring 0, 1, 2 */
    u64 reserved1;
    u64 ist[7]; /* interrupt stacks 1..7 */
    u64 reserved2;
    u16 reserved3;
    u16 iomap_base; /* past the limit: no I/O bitmap */
} __attribute__((packed));
_Static_assert(sizeof(struct tss) == 104, "64-bit TSS");

struct pcpu {
    struct vcpu *current;    /* the vcpu loaded on this processor */
    struct vcpu *vmcs_of;    /* full virtualization: whose VMCS is current, or NULL */
    u64 saved_rsp;           /* pv: the run loop's stack pointer while a guest runs */
    u64 guest_rsp;           /* pv: scratch of the entry by `syscall` */
    u64 read_below;          /* pv: guest addresses below this, */
    u64 read_above;          /* and above this are read as they stand (src/pv/linear.c) */
    u32 id;                  /* 0.. */
    struct vcpu *queue_head; /* run queue: the vcpu that runs or should run, or NULL */
    struct vcpu *queue_tail; /* its last */
    struct timer *timers;    /* sorted by deadline */
    u64 until;               /* TSC at which the run loop looks at slice and timers, or earlier */
    u64 *gdt;                /* the page at SEL_ 0xe000, 512 descriptors */
    struct tss tss;          /* its task-state segment */
};

/* This processor. Host tests have one, and no stack of its own to find it by. */
#ifdef HOST_TEST
extern struct pcpu host_pcpu;
static inline struct pcpu *this_pcpu(void)
{
    return &host_pcpu;
}
#else
static inline struct pcpu *this_pcpu(void)
{
    u64 rsp;
    __asm__("mov %%rsp, %0" : "=r"(rsp));
    return (struct pcpu *)(uintptr_t)(rsp & ~((u64)PCPU_STACK_SIZE - 1));
}

#endif

#endif
