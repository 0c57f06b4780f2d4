/* PV's operations on page tables; the meaning of each is in platform.h. */
#ifndef KIT_PV_PAGING_H
#define KIT_PV_PAGING_H

#include "kit/platform.h"
#include "kit/space.h"

u64 pv_entry_of(u64 pa, u64 bits);
u64 pv_entry_pa(u64 entry);
void pv_set_entry(u64 *entry, u64 value);
void pv_set_entries(const struct entry_change *change, unsigned count);
void pv_set_mapping(u64 va, u64 *entry, u64 value);
void pv_table_begin(void *page);
void pv_table_end(void *page);
void pv_space_pin(struct space *s);
void pv_space_unpin(struct space *s);
void pv_space_load(struct space *s);
void pv_flush_page(u64 va);
void pv_flush_all(void);

#endif
