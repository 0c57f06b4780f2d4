/*
 * PVH start information -> boot_info, for QEMU's -kernel. Source: xen/arch-x86/hvm/start_info.h.
 * The one module (QEMU's -initrd) is an archive of all domains: see cpio.c.
 */
#include "boot.h"
#include "boot_steps.h"
#include "log.h"

#include <xen/arch-x86/hvm/start_info.h>

_Static_assert(PVH_MAGIC == XEN_HVM_START_MAGIC_VALUE, "one magic");

void pvh_read(u64 information, struct boot_info *info)
{
    const struct hvm_start_info *s = mpa_to_va(mpa_of(information));
    const struct hvm_memmap_table_entry *map = mpa_to_va(mpa_of(s->memmap_paddr));
    const struct hvm_modlist_entry *mod = mpa_to_va(mpa_of(s->modlist_paddr));

    if (s->cmdline_paddr)
        format_text(info->cmdline, sizeof(info->cmdline), "%s",
                    (const char *)mpa_to_va(mpa_of(s->cmdline_paddr)));
    if (s->version < 1 || !s->memmap_entries)
        refuse("The PVH loader gave no memory map: use one of version 1 or later.");
    for (u32 i = 0; i < s->memmap_entries; i++)
        boot_add_range(info, map[i].addr, map[i].addr + map[i].size,
                       map[i].type == XEN_HVM_MEMMAP_TYPE_RAM);
    for (u32 i = 0; i < s->nr_modules; i++)
        cpio_modules(mod[i].paddr, mod[i].paddr + mod[i].size, info);
}
