/*
 * The processor's own local APIC: the one real interrupt source of the hypervisor's.
 */
#ifndef LOCAL_APIC_H
#define LOCAL_APIC_H

#include "types.h"

enum local_apic_vector { APIC_TIMER_VECTOR = 0xf0, APIC_SPURIOUS_VECTOR = 0xff };

/* Switches it on, in MMIO mode, everything masked but its timer. */
void local_apic_init(void);
void local_apic_eoi(void);
/* One-shot timer: an interrupt after this many of its own ticks (0: off). */
void local_apic_timer(u32 ticks);
/* What is left of the count. */
u32 local_apic_timer_left(void);
u8 local_apic_id(void);

#endif
