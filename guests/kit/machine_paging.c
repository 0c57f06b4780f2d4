/*
 * Page-table operations where the tables are the guest's own: stores, INVLPG and CR3.
 */
#include "kit/insn.h"
#include "kit/machine_paging.h"

u64 machine_entry(u64 pa, u64 bits)
{
    return pa | bits;
}

u64 machine_entry_pa(u64 entry)
{
    return entry & ENTRY_ADDRESS;
}

void machine_set_entry(u64 *entry, u64 value)
{
    *(volatile u64 *)entry = value;
}

void machine_set_entries(const struct entry_change *change, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        *(volatile u64 *)change[i].entry = change[i].value;
}

void machine_set_mapping(u64 va, u64 *entry, u64 value)
{
    *(volatile u64 *)entry = value;
    invlpg(va);
}

void machine_table_nothing(void *page)
{
    (void)page;
}

void machine_space_nothing(struct space *s)
{
    (void)s;
}

void machine_space_load(struct space *s)
{
    write_cr3((u64)s->root);
}

void machine_flush_all(void)
{
    write_cr3(read_cr3());
}
