/*
 * Names of the hypervisor's functions, for backtraces. The table is made by src/names.py after a
 * first link and added in a second one; it stands at the end of what is loaded, so that no code
 * moves.
 *
 * A name is a string of codes that ends with 0. A code below 128 is a character; code 128 + n
 * stands for the two codes names_pairs[n], and so on (byte-pair encoding: half the bytes of plain
 * names).
 */
#ifndef NAMES_H
#define NAMES_H

#include "types.h"

enum {
    NAMES_FIRST_PAIR = 128,
    NAME_BYTES = 64, /* of an unpacked name, with its zero; longer ones are cut */
};

/* Linker symbols, all empty in the first link: how many bytes each function begins after the one
 * before it (the first: after text_start), ascending; the pairs; the names in the same order. */
extern const u16 names_start[], names_end[];
extern const u8 names_pairs[][2];
extern const u8 names_text[];

/* Name of the function that holds address a, and how far into it; NULL if none does. The name
 * stands until the next call. */
const char *name_of(u64 a, u64 *into);

#endif
