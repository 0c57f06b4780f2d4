/*
 * Filling boot_info, whichever loader speaks.
 */
#include "boot.h"
#include "boot_steps.h"
#include "log.h"

void boot_add_range(struct boot_info *info, u64 start, u64 end, bool usable)
{
    if (end <= start)
        return;
    if (info->ranges == BOOT_RANGES) {
        log_line("memory map too long: %lx-%lx left out", start, end);
        return;
    }
    info->range[info->ranges++] = (struct memory_range){start, end, usable};
}

struct module *boot_add_module(struct boot_info *info, u64 start, u64 end, const char *cmdline)
{
    if (info->modules == BOOT_MODULES)
        refuse("More than %d modules: give fewer domains.", BOOT_MODULES);
    struct module *m = &info->module[info->modules++];
    m->start = start;
    m->end = end;
    format_text(m->cmdline, sizeof(m->cmdline), "%s", cmdline);
    return m;
}
