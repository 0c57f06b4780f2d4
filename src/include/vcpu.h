/*
 * A virtual processor: what every mode keeps of it.
 *
 * Invariant: while the vcpu is not running, its state is in this structure and in what
 * virt.h's implementation keeps (struct virt_vcpu: the VMCS, or the PV vcpu's tables); the
 * processor holds none of it after virt_vcpu_put.
 */
#ifndef VCPU_H
#define VCPU_H

#include "types.h"

/*
 * General registers and the frame that an interrupt pushes. The assembly stubs store
 * in this order (offsets from the generated include), and under pv the TSS's RSP0 points at
 * its end, so that the processor itself pushes ss..error into it: the end is 16-byte aligned.
 */
struct regs {
    u64 r15, r14, r13, r12, rbp, rbx; /* callee-saved in the C ABI */
    u64 r11, r10, r9, r8;
    u64 rax, rcx, rdx, rsi, rdi;
    u64 vector; /* pv: vector of the last trap, set by its stub */
    u64 error;  /* pv: its error code, or 0 */
    u64 rip, cs, rflags, rsp, ss;
};
_Static_assert(sizeof(struct regs) == 176, "22 slots, a multiple of 16");

enum vcpu_state {
    VCPU_RUNNABLE, /* on the run queue, or running */
    VCPU_BLOCKED,  /* waits for an event */
    VCPU_DOWN,     /* not started, or its domain has ended */
};

struct domain;
struct virt_vcpu;   /* src/cpu/vmx/ or src/pv/ */
struct paging_vcpu; /* src/mmu-shadow/ or src/mmu-ept/ */
struct lapic;       /* src/io/lapic.c */
struct fpu_state;   /* src/core/fpu.c */

struct timer {
    u64 deadline;                          /* TSC at which it fires; 0: not set */
    void (*fire)(struct timer *, u64 now); /* called with IF=0, the timer already off the list */
    struct timer *next;                    /* list of this processor, sorted by deadline */
};

/*
 * Tour 11: a virtual processor. What a processor is when it does not run: registers, and pointers
 * to what each room of the hypervisor keeps about it. `regs` is first and its order is fixed,
 * because assembly stores into it; under pv the real processor itself pushes its trap frame there.
 */
struct vcpu {
    struct regs regs;           /* must be first: see above */
    struct domain *domain;      /* the domain it belongs to */
    struct virt_vcpu *virt;     /* how its instructions run */
    struct paging_vcpu *paging; /* its view of memory (full virtualization) */
    struct lapic *lapic;        /* its local APIC (full virtualization) */
    struct fpu_state *fpu;      /* x87, SSE and XSAVE state while not loaded */
    u32 id;                     /* 0.. within the domain */
    enum vcpu_state state;      /* for the scheduler */
    struct vcpu *run_next;      /* next on the run queue */
    u64 slice_end;              /* TSC at which its slice ends */
    struct timer timer;         /* the guest's one-shot or periodic timer */
    u64 dr[4], dr6, dr7;        /* the guest's debug registers while not loaded */
    volatile u32 kicked;        /* somebody wants it out of the guest: see virt_kick */
};
_Static_assert(offsetof(struct vcpu, regs) == 0, "the stubs rely on it");

#endif
