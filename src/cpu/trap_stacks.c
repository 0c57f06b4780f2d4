/*
 * Full virtualization's share of the descriptor tables. A guest's traps are exits, after which the
 * stack pointer is the hypervisor's: a trap finds a good stack always, but for #DF and #MC. Nor
 * does a guest see the GDT: it is as long as its last descriptor.
 */
#include "descriptors.h"
#include "pcpu.h"

enum { PLACES = (SEL_TSS - GDT_RESERVED_BYTES) / 8 + 2 };

u64 gdt_page[PLACES] __attribute__((aligned(16)));

unsigned trap_stack_of(unsigned vector)
{
    (void)vector;
    return TRAP_STACK_NONE;
}

void trap_stacks_init(struct tss *tss)
{
    (void)tss;
}
