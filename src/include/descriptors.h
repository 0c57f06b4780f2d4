/*
 * The processor's descriptor tables after the boot.
 */
#ifndef DESCRIPTORS_H
#define DESCRIPTORS_H

#include "types.h"

struct tss;

/* The descriptors at selector 0xe000, the same for every processor but for its TSS. Each mode has
 * its own: where guests see it (pv) it is a page with nothing else in it, elsewhere no longer than
 * it need be. */
extern u64 gdt_page[];

/* Stacks that a vector's gate names, IST 1 to 7. */
enum trap_stack { TRAP_STACK_NONE, TRAP_STACK_FATAL, TRAP_STACK_MODE };
enum { TRAP_STACK_SIZE = 4096 };
/* The mode's: of a vector other than #DF and #MC, TRAP_STACK_NONE or one from TRAP_STACK_MODE up,
 * which trap_stacks_init puts into the TSS. */
unsigned trap_stack_of(unsigned vector);
void trap_stacks_init(struct tss *tss);
/* Writes a 16-byte system descriptor (TSS, LDT) into the page at SEL_ selector. */
void gdt_set_system(u64 *gdt, u16 selector, u64 base, u32 limit, u8 type);
/* Loads GDTR with this base, then CS, SS and the data segments from it (boot/gdt_load.asm). */
void gdt_load(u64 base);
/* Lets code at privilege level dpl raise the vector with `int n` (pv). */
void idt_set_dpl(u8 vector, unsigned dpl);

#endif
