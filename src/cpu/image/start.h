/*
 * A domain's start of day: two pages that its kernel finds in memory, and the registers that point
 * there. The first page is the format's own; the second has the command line, a GDT and the
 * modules' strings at the same place for all.
 */
#ifndef START_H
#define START_H

#include "types.h"

enum start_layout {
    START_ORDER = 1,
    START_BYTES = PAGE_SIZE << START_ORDER,
    START_CMDLINE = PAGE_SIZE, /* offsets in the block */
    START_GDT = START_CMDLINE + 512,
    START_STRINGS = START_GDT + 512,
    START_MODULES = 8,      /* at most */
    START_STRING_MAX = 256, /* bytes of a module's string, with its 0 */
};
_Static_assert(START_STRINGS + START_MODULES * START_STRING_MAX <= START_BYTES, "room for all");

/* The selectors that GRUB and Linux's boot protocol have; some kernels rely on them. */
enum start_selectors { START_CODE = 0x10, START_DATA = 0x18, START_GDT_BYTES = 0x20 };

struct start_module {
    u64 gpa, bytes;    /* where it lies */
    const char *words; /* its string */
};

struct start {
    u64 at;                                    /* guest-physical address of the block */
    u64 mem_bytes;                             /* RAM of the domain */
    const char *cmdline;                       /* the kernel's own arguments */
    u64 rsdp;                                  /* guest-physical: the ACPI tables, or 0 */
    u32 modules;                               /* used entries of the next */
    struct start_module module[START_MODULES]; /* in the order given */
    u8 *block;                                 /* START_BYTES: zero, then the start of day */
    u32 eax, ebx, esi;                         /* answered: registers at the entry */
};

/* A piece of the memory map: what XEN_HVM_MEMMAP, Multiboot and e820 all call 1 and 2. */
enum memory_kind { MEMORY_RAM = 1, MEMORY_RESERVED = 2, MEMORY_PIECES = 4 };
struct memory_piece {
    u64 start, bytes; /* guest-physical */
    u32 kind;         /* enum memory_kind */
};
/* The memory map of a domain with so much RAM; returns how many pieces it has. */
unsigned memory_map(u64 mem_bytes, struct memory_piece piece[MEMORY_PIECES]);

/* Writes the command line and the GDT into the second page. */
void start_common(struct start *start);

#endif
