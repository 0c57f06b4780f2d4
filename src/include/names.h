/*
 * Names of the hypervisor's functions, for backtraces. The table is made by src/names.sh after a
 * first link and added in a second one; it stands at the image's end so that nothing moves.
 */
#ifndef NAMES_H
#define NAMES_H

#include "types.h"

/* Linker symbols: where each function begins, from image_start, ascending (none in the first link),
 * and their names in the same order, each with its zero. */
extern const u32 names_start[], names_end[];
extern const char names_text[];

/* Name of the function that holds address a, and how far into it; NULL if none does. */
const char *name_of(u64 a, u64 *into);

#endif
