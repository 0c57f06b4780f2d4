/* What the platforms with the machine's own instructions share: native, full, xen-pvh. */
#ifndef KIT_MACHINE_H
#define KIT_MACHINE_H

#include "kit/platform.h"

/* The end as docs/formats.md has it, "How a machine stops". */
void machine_end(unsigned code) __attribute__((noreturn));
/* Measures the TSC against the PIT's channel 2. */
u32 machine_measure_tsc_khz(void);

void machine_trap_init(void);
void machine_trap_enter_at(unsigned vector, void (*stub)(void));
void machine_set_kernel_stack(u64 top);
void machine_resume(struct trap_frame *frame); /* trap_native.asm */

/* The local APIC's timer. */
void apic_init(void);
void apic_once(u64 ticks);
void apic_periodic(u64 ticks);
void apic_stop(void);
void apic_done(void);

#endif
