/*
 * What all formats' starts of day have in common: the memory map, the command line, a GDT.
 */
#include "start.h"

#include "acpi.h"
#include "config.h"
#include "devices.h"

#include <string.h>

/* "Segment Descriptors": flat 4 GiB, accessed, 32-bit. */
#define DESCRIPTOR_CODE 0x00cf9b000000ffffULL
#define DESCRIPTOR_DATA 0x00cf93000000ffffULL

_Static_assert(START_GDT - START_CMDLINE >= ARGS_MAX_LEN, "room for the longest command line");

unsigned memory_map(u64 mem_bytes, struct memory_piece piece[MEMORY_PIECES])
{
    unsigned n = 0;

    piece[n++] = (struct memory_piece){0, MIN(mem_bytes, (u64)LOW_RAM_END), MEMORY_RAM};
    piece[n++] = (struct memory_piece){ACPI_AT, HIGH_RAM - ACPI_AT, MEMORY_RESERVED};
    if (mem_bytes > HIGH_RAM)
        piece[n++] = (struct memory_piece){HIGH_RAM, mem_bytes - HIGH_RAM, MEMORY_RAM};
    piece[n++] = (struct memory_piece){DEVICE_HOLE, (1ULL << 32) - DEVICE_HOLE, MEMORY_RESERVED};
    return n;
}

void start_common(struct start *start)
{
    const u64 code = DESCRIPTOR_CODE, data = DESCRIPTOR_DATA;

    memcpy(start->block + START_CMDLINE, start->cmdline,
           MIN(strlen(start->cmdline), (size_t)ARGS_MAX_LEN - 1));
    memcpy(start->block + START_GDT + START_CODE, &code, sizeof(code));
    memcpy(start->block + START_GDT + START_DATA, &data, sizeof(data));
}
