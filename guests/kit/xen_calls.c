/*
 * Hypercalls that PV and PVH guests make alike. Sources: xen/xen.h, xen/sched.h,
 * xen/memory.h.
 */
#include "kit/xen_calls.h"
#include "kit/boot.h"
#include "kit/hypercall.h"

#include <xen/memory.h>
#include <xen/sched.h>

void xen_console_write(const char *text, size_t bytes)
{
    hypercall3(__HYPERVISOR_console_io, CONSOLEIO_write, bytes, (u64)text);
}

void xen_end(unsigned code)
{
    struct sched_shutdown how = {.reason = code ? SHUTDOWN_crash : SHUTDOWN_poweroff};

    for (;;)
        hypercall2(__HYPERVISOR_sched_op, SCHEDOP_shutdown, (u64)&how);
}

/* An entry of XENMEM_memory_map: the BIOS's e820 format. */
struct e820_entry {
    u64 start;
    u64 bytes;
    u32 type; /* E820_RAM is memory */
} __attribute__((packed));
enum e820 { E820_RAM = 1, E820_MAX = 64 };

void xen_read_memory(void)
{
    static struct e820_entry entries[E820_MAX];
    struct xen_memory_map map = {.nr_entries = E820_MAX};

    set_xen_guest_handle(map.buffer, entries);
    if (hypercall2(__HYPERVISOR_memory_op, XENMEM_memory_map, (u64)&map))
        return;
    for (unsigned i = 0; i < map.nr_entries; i++)
        if (entries[i].type == E820_RAM)
            boot_add_ram(entries[i].start, entries[i].bytes);
}
