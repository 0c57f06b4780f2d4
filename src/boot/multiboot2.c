/*
 * Multiboot2 information structure -> boot_info. Source: Multiboot2 Specification, "Boot
 * information".
 */
#include "boot.h"
#include "boot_steps.h"
#include "log.h"

#include <string.h>

enum multiboot2_tag_type { TAG_END = 0, TAG_CMDLINE = 1, TAG_MODULE = 3, TAG_MEMORY_MAP = 6 };

struct tag {
    u32 type, size; /* size includes these eight bytes; tags are aligned to 8 */
};
struct module_tag {
    struct tag tag;
    u32 start, end; /* machine addresses */
    char cmdline[]; /* zero-terminated */
};
struct map_entry {
    u64 base, length; /* bytes */
    u32 type;         /* 1: usable RAM */
    u32 reserved;     /* 0 */
};
struct map_tag {
    struct tag tag;
    u32 entry_size, entry_version; /* of the entries that follow */
};

static void read_map(const struct map_tag *t, struct boot_info *info)
{
    const u8 *at = (const u8 *)(t + 1), *end = (const u8 *)t + t->tag.size;

    for (; at + sizeof(struct map_entry) <= end; at += t->entry_size) {
        const struct map_entry *e = (const void *)at;
        boot_add_range(info, e->base, e->base + e->length, e->type == 1);
    }
}

void multiboot2_read(u64 information, struct boot_info *info)
{
    const u8 *base = mpa_to_va(mpa_of(information));
    u32 total = *(const u32 *)base;
    const struct tag *t = (const void *)(base + 8);

    while ((const u8 *)t < base + total && t->type != TAG_END) {
        if (t->type == TAG_CMDLINE)
            format_text(info->cmdline, sizeof(info->cmdline), "%s", (const char *)(t + 1));
        else if (t->type == TAG_MODULE) {
            const struct module_tag *m = (const void *)t;
            boot_set_line(info, boot_add_module(info, m->start, m->end), m->cmdline,
                          t->size - sizeof(*m));
        } else if (t->type == TAG_MEMORY_MAP)
            read_map((const void *)t, info);
        t = (const void *)((const u8 *)t + ((t->size + 7) & ~7u));
    }
}
