/* The machine's operations on page tables; the meaning of each is in platform.h. */
#ifndef KIT_MACHINE_PAGING_H
#define KIT_MACHINE_PAGING_H

#include "kit/platform.h"
#include "kit/space.h"

u64 machine_entry(u64 pa, u64 bits);
u64 machine_entry_pa(u64 entry);
void machine_set_entry(u64 *entry, u64 value);
void machine_set_entries(const struct entry_change *change, unsigned count);
void machine_set_mapping(u64 va, u64 *entry, u64 value);
void machine_table_nothing(void *page);
void machine_space_nothing(struct space *s);
void machine_space_load(struct space *s);
void machine_flush_all(void);

#endif
