/*
 * Traps that arrive while the hypervisor itself runs.
 */
#ifndef HOST_TRAP_H
#define HOST_TRAP_H

#include "vcpu.h"

/* From boot/traps.asm. */
void host_trap(struct regs *r);
/* An interrupt of the machine's, wherever it arrived: acknowledges it. The run loop looks at the
 * clock itself. */
void host_interrupt(u8 vector);
/* Who takes NMIs (the slice clock of processors without a VMX preemption timer). */
void host_set_nmi_handler(void (*handler)(void));

#endif
