/*
 * A Multiboot kernel (version 1): looks at everything that the loader promises, prints it, ends.
 * Words of its command line say what to expect: `modules=N sum=X` of the modules' bytes. Source:
 * Multiboot Specification version 0.6.96, "Machine state", "Boot information format".
 */
#include "plain.h"

enum multiboot_constants { LOADER_MAGIC = 0x2badb002, MEGABYTE = 1 << 20, KIB_SHIFT = 10 };
enum multiboot_info_flags {
    INFO_MEMORY = 1 << 0,
    INFO_CMDLINE = 1 << 2,
    INFO_MODULES = 1 << 3,
    INFO_MEMORY_MAP = 1 << 6,
    INFO_LOADER_NAME = 1 << 9,
};
struct multiboot_info {
    u32 flags;                   /* what is valid */
    u32 mem_lower, mem_upper;    /* KiB */
    u32 boot_device, cmdline;    /* -, address */
    u32 mods_count, mods_addr;   /* modules */
    u32 syms[4];                 /* - */
    u32 mmap_length, mmap_addr;  /* bytes, address */
    u32 drives[2], config, name; /* -, -, address of the loader's name */
};
struct multiboot_module {
    u32 start, end, string, reserved; /* end exclusive */
};
struct multiboot_map_entry {
    u32 size;        /* of what follows */
    u64 base, bytes; /* physical */
    u32 type;        /* 1: RAM */
} __attribute__((packed));

void multiboot_main(u32 magic, u32 information);

static void check_modules(const struct multiboot_info *info, const char *line)
{
    u32 expected, count = info->flags & INFO_MODULES ? info->mods_count : 0, sum = 0;
    const struct multiboot_module *m = plain_at(info->mods_addr);
    u32 kernel_low = (u32)(uintptr_t)kernel_start, kernel_high = (u32)(uintptr_t)kernel_end;

    for (u32 i = 0; i < count; i++) {
        plain_number("module ", m[i].start);
        plain_number(" to ", m[i].end);
        plain_text(": ");
        plain_text(plain_at(m[i].string));
        plain_text("\n");
        plain_check("a module begins on a page boundary", 0, m[i].start & PAGE_OFFSET_MASK);
        plain_true("a module does not overlap the kernel",
                   m[i].end <= kernel_low || m[i].start >= kernel_high);
        plain_true("a module lies in memory",
                   m[i].end > m[i].start &&
                       m[i].end <= MEGABYTE + (u64)(info->mem_upper << KIB_SHIFT));
        sum = plain_sum(m[i].start, m[i].end - m[i].start, sum);
    }
    if (plain_option(line, "modules=", &expected))
        plain_check("modules", expected, count);
    if (plain_option(line, "sum=", &expected))
        plain_check("sum of the modules' bytes", expected, sum);
}

/* The map must agree with mem_lower and mem_upper, and have the kernel in RAM. */
static void check_map(const struct multiboot_info *info)
{
    u32 at = info->mmap_addr, end = at + info->mmap_length;
    u64 lower = 0, upper = 0;
    bool home = false;

    while (at < end) {
        const struct multiboot_map_entry *e = plain_at(at);

        plain_number("memory ", e->base);
        plain_number(" bytes ", e->bytes);
        plain_number(" type ", e->type);
        plain_text("\n");
        if (e->type == 1 && e->base == 0)
            lower = e->bytes >> KIB_SHIFT;
        if (e->type == 1 && e->base == MEGABYTE)
            upper = e->bytes >> KIB_SHIFT;
        home |= e->type == 1 && e->base <= (uintptr_t)kernel_start &&
                e->base + e->bytes >= (uintptr_t)kernel_end;
        at += e->size + (u32)sizeof(e->size);
    }
    plain_check("end of the memory map", end, at);
    plain_true("the kernel lies in RAM", home);
    plain_check("mem_lower", lower, info->mem_lower);
    plain_check("mem_upper", upper, info->mem_upper);
}

void multiboot_main(u32 magic, u32 information)
{
    const u32 wanted = INFO_MEMORY | INFO_CMDLINE | INFO_MEMORY_MAP | INFO_LOADER_NAME;
    const struct multiboot_info *info = plain_at(information);
    const char *line;

    plain_begin("multiboot1");
    plain_check("EAX", LOADER_MAGIC, magic);
    plain_check("flags", wanted, info->flags & wanted);
    plain_check_memory();
    plain_check_processor();
    line = info->flags & INFO_CMDLINE ? plain_at(info->cmdline) : "";
    plain_text("command line: ");
    plain_text(line);
    plain_text("\nloader: ");
    plain_text(info->flags & INFO_LOADER_NAME ? plain_at(info->name) : "");
    plain_number("\nmem_upper ", info->mem_upper);
    plain_text("\n");
    check_map(info);
    check_modules(info, line);
    plain_end();
}
