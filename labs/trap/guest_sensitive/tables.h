/*
 * Two sets of descriptor tables, FS, LDTR and TR.
 */
#ifndef TABLES_H
#define TABLES_H

#include "kit/kit.h"

/* Once, before the others. */
void tables_init(void);
/* What the kernel has loaded, and believes to be in force; the kit's. */
void tables_of_kernel(void);
/* What the hypervisor below it has really loaded. */
void tables_of_hypervisor(void);
u64 tables_kernel_gdt(void);
u64 tables_kernel_idt(void);

#endif
