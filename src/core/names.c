/*
 * Looking up the function that an address lies in.
 */
#include "names.h"

#include "boot.h"

/* Appends what a code stands for at out[at], and returns where the next one goes. Pairs are made of
 * earlier codes only, so this ends. */
static unsigned unpack(u8 code, char *out, unsigned at)
{
    if (code >= NAMES_FIRST_PAIR) {
        const u8 *pair = names_pairs[code - NAMES_FIRST_PAIR];
        return unpack(pair[1], out, unpack(pair[0], out, at));
    }
    if (at < NAME_BYTES - 1)
        out[at++] = (char)code;
    return at;
}

const char *name_of(u64 a, u64 *into)
{
    static char name[NAME_BYTES];
    const u8 *codes = names_text, *best = NULL;
    u64 start = (u64)(uintptr_t)text_start;
    unsigned length = 0;

    if (a < start || a >= (u64)(uintptr_t)text_end)
        return NULL;
    for (const u16 *step = names_start; step < names_end && start + *step <= a; step++) {
        start += *step;
        best = codes;
        while (*codes++)
            ;
    }
    if (!best)
        return NULL;
    *into = a - start;
    while (*best)
        length = unpack(*best++, name, length);
    name[length] = 0;
    return name;
}
