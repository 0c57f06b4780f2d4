/*
 * What the debugger's desk asks of a debug build: see src/cpu/vmx/desk.c.
 */
#ifndef DESK_H
#define DESK_H

#include "types.h"

/* What is to be printed at the next exit. tools/lib/desk.py has the same numbers. */
enum desk_request {
    DESK_EXIT = 1 << 0,             /* its reason by name */
    DESK_CONTROLS = 1 << 1,         /* the VMCS's control fields */
    DESK_EXIT_INFORMATION = 1 << 2, /* its read-only ones */
    DESK_GUEST = 1 << 3,            /* the guest's state */
    DESK_HOST = 1 << 4,             /* the host's */
    DESK_WALK = 1 << 5,             /* where desk_address leads, through both tables */
    DESK_STATE = 1 << 6,            /* the vcpu's registers and segments */
    DESK_RECENT = 1 << 7,           /* its last exits */
};
/* Written by the debugger alone. */
extern volatile u32 desk_request;
extern volatile u64 desk_address;

/* Bochs' magic break: its debugger takes over. */
static inline void desk_stop(void)
{
    __asm__ volatile("xchg %%bx, %%bx" : : : "memory");
}

#endif
