/*
 * Numbers of 1, 2 or 4 bytes at any address: moves, where memcpy
 * would be a call.
 */
#ifndef BYTES_AT_H
#define BYTES_AT_H

#include "types.h"

static inline u32 get_bytes(const void *p, unsigned size)
{
    u32 value = 0;

    if (size == 2)
        __builtin_memcpy(&value, p, 2);
    else if (size == 4)
        __builtin_memcpy(&value, p, 4);
    else
        __builtin_memcpy(&value, p, 1);
    return value;
}

static inline void put_bytes(void *p, unsigned size, u32 value)
{
    if (size == 2)
        __builtin_memcpy(p, &value, 2);
    else if (size == 4)
        __builtin_memcpy(p, &value, 4);
    else
        __builtin_memcpy(p, &value, 1);
}

#endif
