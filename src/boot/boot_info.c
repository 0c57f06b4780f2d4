/*
 * Filling boot_info, whichever loader speaks.
 */
#include "boot.h"
#include "boot_steps.h"
#include "log.h"

#include <string.h>

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

struct module *boot_add_module(struct boot_info *info, u64 start, u64 end)
{
    if (info->modules == BOOT_MODULES)
        refuse("More than %d modules: give fewer domains.", BOOT_MODULES);
    struct module *m = &info->module[info->modules++];
    *m = (struct module){.start = start, .end = end, .cmdline = ""};
    return m;
}

void boot_set_line(struct boot_info *info, struct module *m, const char *text, u64 size)
{
    u64 length = 0;

    while (length < size && text[length] && text[length] != '\n' && text[length] != '\r')
        length++;
    if (length >= BOOT_TEXT - info->text_used)
        refuse("The modules' command lines have more than %d bytes: shorten them.", BOOT_TEXT);
    char *line = info->text + info->text_used;
    memcpy(line, text, length);
    line[length] = 0;
    m->cmdline = line;
    info->text_used += (u32)length + 1;
}
