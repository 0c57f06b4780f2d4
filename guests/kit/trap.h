/*
 * Traps, interrupts and system calls as the guests see them, on every platform: one frame, one
 * table of handlers. The stubs (trap_native.asm, trap_pv.asm) make the frame; under PV the
 * hypervisor pushed a part of it (xen/arch-x86/xen-x86_64.h).
 */
#ifndef KIT_TRAP_H
#define KIT_TRAP_H

#include "kit/types.h"

/* SDM, "Exceptions and Interrupts Vectors". */
enum trap_vector {
    TRAP_DIVIDE = 0,
    TRAP_DEBUG = 1,
    TRAP_BREAKPOINT = 3,
    TRAP_UNDEFINED = 6,
    TRAP_GENERAL_PROTECTION = 13,
    TRAP_PAGE_FAULT = 14,
    TRAP_EXCEPTIONS = 32,
    TRAP_TIMER = 0x40,    /* the local APIC's timer */
    TRAP_SPURIOUS = 0x4f, /* its spurious interrupt */
    TRAP_INT80 = 0x80,    /* the system call by INT */
    TRAP_VECTORS = 0x82,  /* vectors that the processor knows */
    TRAP_UPCALL = 0x82,   /* PV: the event upcall */
    TRAP_SYSCALL = 0x83,  /* the SYSCALL instruction */
    TRAP_COUNT = 0x84,
};

/* Page-fault error code. */
enum page_fault_error { FAULT_PRESENT = 1, FAULT_WRITE = 2, FAULT_USER = 4, FAULT_FETCH = 16 };

struct trap_frame {
    u64 r15, r14, r13, r12, rbp, rbx, r10, r9, r8, rdx, rsi, rdi; /* as at the trap */
    u64 vector;                                                   /* enum trap_vector */
    u64 rax, r11, rcx;            /* from here on, the order that PV's iret hypercall takes */
    u64 error;                    /* error code, or 0 */
    u64 rip, cs, rflags, rsp, ss; /* what IRETQ takes */
};

/* System calls of user programs: number in rax, arguments in rdi, rsi, rdx; result in rax. */
enum system_call {
    SYS_EXIT = 0,      /* ends the program: user_run returns rdi */
    SYS_NULL = 1,      /* does nothing */
    SYS_YIELD = 2,     /* the guest's own (scheduling) */
    SYS_FORK = 3,      /* the guest's own */
    SYS_PROBE = 0x700, /* answered by the first instructions of the entry: rax = TSC there */
};

/* A handler returns the frame to resume: the one it got, or another context's. */
typedef struct trap_frame *(*trap_handler)(struct trap_frame *frame);

/* What SYS_EXIT and the rest get when the guest has no handler of its own. */
struct trap_frame *trap_default_system_call(struct trap_frame *frame);

/* Sets descriptor tables (or PV's equivalents) up. Called once, by kit_main. */
void trap_init(void);
/* Handler for a vector; NULL brings back the default: report and end with failure. */
void trap_handle(unsigned vector, trap_handler handler);
/* For measuring: the vector enters at stub itself, without the kit's stub; NULL: back again. */
void trap_enter_at(unsigned vector, void (*stub)(void));

static inline bool trap_from_user(const struct trap_frame *f)
{
    return (f->cs & 3) == 3;
}
/* The faulting address of the page fault being handled. */
u64 trap_fault_address(void);

#endif
