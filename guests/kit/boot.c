/*
 * The loaders' structures -> boot_info. Sources: the Multiboot2 specification, "Boot information
 * format"; xen/arch-x86/hvm/start_info.h. The whole of the RAM that holds the image is used.
 */
#include "kit/boot.h"
#include "kit/memory.h"

#include <xen/arch-x86/hvm/start_info.h>

/* Multiboot2: every tag is 8-byte aligned. */
enum multiboot2_tag { TAG_END = 0, TAG_COMMAND_LINE = 1, TAG_MEMORY_MAP = 6, TAG_ALIGN = 8 };
enum multiboot2_memory { MEMORY_RAM = 1 };

struct multiboot2_tag_head {
    u32 type;  /* enum multiboot2_tag */
    u32 bytes; /* with this head */
};
struct multiboot2_memory_map {
    struct multiboot2_tag_head head;
    u32 entry_bytes;   /* of each entry */
    u32 entry_version; /* 0 */
};
struct multiboot2_range {
    u64 start; /* physical */
    u64 bytes;
    u32 type; /* enum multiboot2_memory */
    u32 zero;
};

struct boot_info boot_info;
extern u8 image_end[];

void boot_keep_arguments(const char *line, bool whole)
{
    const char *from = whole ? line : "";
    size_t n = 0;

    for (const char *p = line; *p; p++)
        if ((p == line || p[-1] == ' ') && p[0] == '-' && p[1] == '-' && (!p[2] || p[2] == ' ')) {
            from = p + 2;
            break;
        }
    while (*from == ' ')
        from++;
    for (; n < BOOT_COMMAND_LINE - 1 && from[n]; n++)
        boot_info.arguments[n] = from[n];
    boot_info.arguments[n] = 0;
}

/* The first argument that begins with text, behind it; NULL if there is none. */
static const char *find_argument(const char *text)
{
    const char *p = boot_info.arguments;
    size_t n = strlen(text);

    while (*p) {
        if (memcmp(p, text, n) == 0)
            return p + n;
        while (*p && *p != ' ')
            p++;
        while (*p == ' ')
            p++;
    }
    return NULL;
}

bool boot_has_argument(const char *word)
{
    const char *end = find_argument(word);

    return end && (!*end || *end == ' ');
}

u64 boot_number(const char *key, u64 otherwise)
{
    const char *p = find_argument(key);
    u64 value = 0;

    if (!p || *p != '=')
        return otherwise;
    for (p++; *p >= '0' && *p <= '9'; p++)
        value = value * 10 + (u64)(*p - '0');
    return value;
}

void boot_add_ram(u64 start, u64 bytes)
{
    u64 image = (u64)image_end;

    boot_info.memory_bytes += bytes;
    if (start < image && image <= start + bytes) {
        boot_info.free_start = PAGE_ALIGN_UP(image);
        boot_info.free_end = (start + bytes) & ~(u64)(PAGE_SIZE - 1);
    }
}

void boot_read_multiboot2(u64 information)
{
    const u8 *p = (const u8 *)information;
    const u8 *end = p + *(const u32 *)p;

    for (p += TAG_ALIGN; p < end;) {
        const struct multiboot2_tag_head *tag = (const void *)p;

        if (tag->type == TAG_END)
            break;
        if (tag->type == TAG_COMMAND_LINE)
            boot_keep_arguments((const char *)(tag + 1), false);
        if (tag->type == TAG_MEMORY_MAP) {
            const struct multiboot2_memory_map *map = (const void *)tag;

            for (const u8 *e = (const u8 *)(map + 1); e < p + tag->bytes; e += map->entry_bytes) {
                const struct multiboot2_range *r = (const void *)e;

                if (r->type == MEMORY_RAM)
                    boot_add_ram(r->start, r->bytes);
            }
        }
        p += (tag->bytes + TAG_ALIGN - 1) & ~(u32)(TAG_ALIGN - 1);
    }
}

void boot_read_pvh(u64 information)
{
    const struct hvm_start_info *s = (const void *)information;
    const struct hvm_memmap_table_entry *map = (const void *)s->memmap_paddr;

    if (s->cmdline_paddr)
        boot_keep_arguments((const char *)s->cmdline_paddr, true);
    for (u32 i = 0; s->version >= 1 && i < s->memmap_entries; i++)
        if (map[i].type == XEN_HVM_MEMMAP_TYPE_RAM)
            boot_add_ram(map[i].addr, map[i].size);
}
