/* What the platforms with the machine's own instructions share: native, full, xen-pvh. */
#ifndef KIT_MACHINE_H
#define KIT_MACHINE_H

#include "kit/platform.h"

/* The end as docs/formats.md has it, "How a machine stops". */
void machine_end(unsigned code) __attribute__((noreturn));
/* Measures the TSC against the PIT's channel 2. */
u32 machine_measure_tsc_khz(void);

/* Masks the two 8259s, which the firmware left on. */
void machine_mask_pics(void);

/* User mode's selectors: entries of the GDT in machine_trap.c, RPL 3. */
enum machine_user_selectors { MACHINE_USER_SS = 0x20 | 3, MACHINE_USER_CS = 0x28 | 3 };
void machine_trap_init(void);
void machine_trap_enter_at(unsigned vector, void (*stub)(void));
void machine_set_kernel_stack(u64 top);
void machine_resume(struct trap_frame *frame); /* trap_native.asm */
/* probe_native.asm */
void probe_native_plain(void);
void probe_native_error(void);
void probe_native_call(void);

/* The local APIC's timer. */
void apic_init(void);
void apic_once(u64 ticks);
void apic_periodic(u64 ticks);
void apic_stop(void);

#endif
