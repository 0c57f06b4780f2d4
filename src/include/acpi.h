/*
 * The ACPI tables of a fully virtualized domain: what its firmware would have left.
 */
#ifndef ACPI_H
#define ACPI_H

#include "types.h"

enum acpi_layout {
    ACPI_AT = 0xe0000,     /* guest-physical: where kernels also look for the first of them */
    ACPI_BYTES = 0x1000,   /* at most */
    LOW_RAM_END = 0xa0000, /* RAM below; from here to 1 MiB a PC has its adapters and firmware */
    HIGH_RAM = 0x100000,
};

/* Writes RSDP (first), RSDT, XSDT, FADT, FACS, DSDT and MADT of a machine with `vcpus` processors
 * into out, of ACPI_BYTES, for guest-physical address `at`, a multiple of 64 below 4 GiB. Returns
 * how many bytes they are. */
u32 acpi_build(u8 *out, u32 at, u32 vcpus);

#endif
