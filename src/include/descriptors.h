/*
 * The processor's descriptor tables after the boot.
 */
#ifndef DESCRIPTORS_H
#define DESCRIPTORS_H

#include "types.h"

/* The page of descriptors at selector 0xe000, the same for every processor but for its TSS. */
extern u64 gdt_page[PT_ENTRIES];
/* Writes a 16-byte system descriptor (TSS, LDT) into the page at SEL_ selector. */
void gdt_set_system(u64 *gdt, u16 selector, u64 base, u32 limit, u8 type);
/* Loads GDTR with this base, then CS, SS and the data segments from it (boot/gdt_load.asm). */
void gdt_load(u64 base);
/* Lets code at privilege level dpl raise the vector with `int n` (pv). */
void idt_set_dpl(u8 vector, unsigned dpl);

#endif
