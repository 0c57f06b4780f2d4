/*
 * Calls of the paravirtual interface that no figure makes, checked for what they do. For PV only,
 * ours and Xen's.
 */
#ifndef PRIVILEGED_PV_CHECK_H
#define PRIVILEGED_PV_CHECK_H

#include "kit/kit.h"

/* All of them; the last one moves vcpu_info away, so no event arrives afterwards. */
void pv_check(void);

/* pv_check_cpu.c: descriptor tables, debug registers, the FPU's switch, segment bases. */
void pv_check_cpu(void);
/* pv_check_memory.c: reservations, the M2P, lists of calls. */
void pv_check_memory(void);
/* pv_check_tables.c: stores to page tables. */
void pv_check_tables(void);

/* Changes the entry that maps `at`. 0 or -errno. */
s64 pv_check_map(const void *at, u64 entry);
/* One mmuext_op. */
s64 pv_check_ext(unsigned command, u64 first, u64 second);

enum pv_entry { ENTRY_READ_ONLY = 5, ENTRY_WRITABLE = 7, ENTRY_ADDRESS_SHIFT = 12 };

#endif
