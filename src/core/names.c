/*
 * Looking up the function that an address lies in.
 */
#include "names.h"

#include "boot.h"

const char *name_of(u64 a, u64 *into)
{
    u64 base = (u64)(uintptr_t)image_start;
    const char *best = NULL;

    if (a < base || a >= (u64)(uintptr_t)text_end)
        return NULL;
    for (const struct name_entry *e = names_start; e < names_end && base + e->offset <= a; e++) {
        best = e->name;
        *into = a - base - e->offset;
    }
    return best;
}
