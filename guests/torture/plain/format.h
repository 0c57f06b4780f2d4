/*
 * The two formats of page tables outside long mode: one is linked in. A kernel of guests/kernels/
 * (no kit, started by Multiboot) tries them.
 */
#ifndef TORTURE_FORMAT_H
#define TORTURE_FORMAT_H

#include "../torture.h"

struct format {
    const char *name;    /* of the guest */
    unsigned entry_size; /* bytes */
    unsigned index_bits; /* of an address that a table takes */
    u32 cr4;             /* that paging in this format needs */
    struct target bits;  /* the bits that a case's flags set; addresses come later */
};

extern const struct format format;

/* What CR3 shall be, from the page directory, or the directories of the first two GiB. */
u32 format_root(const void *low, const void *high);
/* Sets what MODE_FORMAT means, and says what the entries are then. */
void format_set(bool on, struct mode *m);
/* Writes an entry. */
void format_store(volatile void *entry, u64 value);

static inline u32 read_cr4(void)
{
    u32 value;

    __asm__ volatile("mov %%cr4, %0" : "=r"(value));
    return value;
}
static inline void write_cr4(u32 value)
{
    __asm__ volatile("mov %0, %%cr4" : : "r"(value) : "memory");
}

#endif
