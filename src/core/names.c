/*
 * Looking up the function that an address lies in.
 */
#include "names.h"

#include "boot.h"

const char *name_of(u64 a, u64 *into)
{
    u64 base = (u64)(uintptr_t)image_start;
    const char *name = names_text, *best = NULL;

    if (a < base || a >= (u64)(uintptr_t)text_end)
        return NULL;
    for (const u32 *offset = names_start; offset < names_end && base + *offset <= a; offset++) {
        best = name;
        *into = a - base - *offset;
        while (*name++)
            ;
    }
    return best;
}
