/*
 * Devices of the 8-bit bus: a wider access is one of each byte, the lowest first.
 */
#ifndef BYTES_H
#define BYTES_H

#include "types.h"

/* What the bytes from `port` on read as. */
static inline u32 read_bytes(void *device, u16 port, unsigned size, u8 (*read)(void *, u16))
{
    u32 value;

    if (likely(size == 1))
        return read(device, port);
    value = read(device, port);
    for (unsigned i = 1; i < size; i++)
        value |= (u32)read(device, (u16)(port + i)) << 8 * i;
    return value;
}

static inline void write_bytes(void *device, u16 port, unsigned size, u32 value,
                               void (*write)(void *, u16, u8))
{
    if (likely(size == 1)) {
        write(device, port, (u8)value);
        return;
    }
    for (unsigned i = 0; i < size; i++)
        write(device, (u16)(port + i), (u8)(value >> 8 * i));
}

#endif
