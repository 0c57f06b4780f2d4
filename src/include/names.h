/*
 * Names of the hypervisor's functions, for backtraces. The table is made by src/names.sh after a
 * first link and added in a second one; it stands at the image's end so that nothing moves.
 */
#ifndef NAMES_H
#define NAMES_H

#include "types.h"

struct name_entry {
    u32 offset;    /* from image_start */
    char name[28]; /* cut to fit */
};

/* Linker symbols: empty in the first link. */
extern const struct name_entry names_start[], names_end[];

/* Name of the function that holds address a, and how far into it; NULL if none does. */
const char *name_of(u64 a, u64 *into);

#endif
