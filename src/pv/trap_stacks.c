/*
 * Paravirtualization's share of the descriptor tables: guests run in ring 3 with the hypervisor's
 * GDT, and enter it by `syscall` with their own stack pointer. So the GDT is a page of its own, and
 * what can come between `syscall` and the switch of stacks, #DB and NMI, has a stack of its own.
 */
#include "descriptors.h"
#include "pcpu.h"
#include "x86.h"

enum { STACK_NMI = TRAP_STACK_MODE, STACK_DB, STACKS_END };

u64 gdt_page[PT_ENTRIES] __attribute__((aligned(PAGE_SIZE)));
static u8 stacks[STACKS_END - TRAP_STACK_MODE][TRAP_STACK_SIZE] __attribute__((aligned(16)));

unsigned trap_stack_of(unsigned vector)
{
    return vector == VEC_NMI ? STACK_NMI : vector == VEC_DB ? STACK_DB : TRAP_STACK_NONE;
}

void trap_stacks_init(struct tss *tss)
{
    for (unsigned i = TRAP_STACK_MODE; i < STACKS_END; i++)
        tss->ist[i - 1] = (u64)(uintptr_t)stacks[i - TRAP_STACK_MODE] + TRAP_STACK_SIZE;
}
