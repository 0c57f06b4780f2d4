/*
 * The scheduler: round robin with slices over the runnable vcpus of one processor, and the run
 * loop.
 */
#ifndef SCHED_H
#define SCHED_H

#include "types.h"

struct vcpu;

/* A blocked or new vcpu becomes runnable, at the end of the queue. */
void sched_wake(struct vcpu *v);
/* The current vcpu goes to sleep until sched_wake. */
void sched_block(struct vcpu *v);
/* The current vcpu gives up the rest of its slice. */
void sched_yield_vcpu(struct vcpu *v);
/* v leaves the scheduler for good. */
void sched_remove(struct vcpu *v);
/* The vcpu that runs on this processor, or NULL. */
struct vcpu *sched_current(void);
/* The run loop of every mode; returns never: stops the machine when the last domain has ended. */
void sched_run(void) __attribute__((noreturn));
/* Debug: violations of the run queue's invariants (src/core/run_queue.c). */
unsigned run_queue_check(void);
/* The clock of the scheduler: the TSC. */
u64 sched_now(void);
/* Others must run now: what goes on for long on a vcpu's account breaks off. */
bool sched_time_is_up(void);
/* Slice length in TSC ticks; set at boot from slice=. */
extern u64 sched_slice;

#endif
