/*
 * What the files of the small machine share.
 */
#ifndef PVWORLD_PARTS_H
#define PVWORLD_PARTS_H

#include "pvworld/world.h"

extern struct virt_vcpu world_virt[WORLD_DOMAINS];
extern unsigned world_running;          /* whose vcpu runs */
extern bool world_dying[WORLD_DOMAINS]; /* its vcpu is gone, its memory not all */

/* Says what does not hold, and aborts. */
void world_fail(const char *what, u64 value) __attribute__((noreturn));
/* processor.c: what its TLB may remember is still the running guest's to reach; its registers hold
 * nothing that a guest may not have there. */
void world_check_tlb(void);
void world_check_registers(void);

#endif
