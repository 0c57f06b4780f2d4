/* The world that a device model sees in a host test: time, memory, the machine's console. */
#ifndef STUB_DEVICES_H
#define STUB_DEVICES_H

#include "domain.h"
#include "types.h"

extern u64 stub_now;              /* TSC; 50 MHz */
extern unsigned stub_wakes;       /* calls of sched_wake */
extern bool stub_elsewhere;       /* another vcpu has the processor */
extern const char *stub_typed;    /* what console_getc still has */
extern char stub_printed[256];    /* what the guest wrote */
extern struct domain stub_domain; /* the domain, with a vcpu */
extern struct vcpu stub_vcpu;
extern u64 stub_ended_with; /* the code of domain_end, or ~0 */
extern enum end_reason stub_end_reason;

/* A fresh world at TSC 1,000,000. */
void stub_begin(void);
/* Lets time pass, timers firing when they are due. */
void stub_pass(u64 ticks);
static inline void stub_pass_us(u64 us)
{
    stub_pass(us * 50);
}
/* The next number of a fixed sequence. */
u32 stub_random(void);

#endif
