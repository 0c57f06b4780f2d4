/*
 * The protected-mode part of a bzImage that is no Linux: looks at everything that the 32-bit boot
 * protocol promises, prints it, ends. `sum=X` on its command line: of the RAM disk's bytes. Source:
 * Linux, Documentation/arch/x86/boot.rst and zero-page.rst.
 */
#include "plain.h"

enum zero_page {
    ZERO_E820_COUNT = 0x1e8,
    ZERO_MAGIC = 0x202,
    ZERO_VERSION = 0x206,
    ZERO_LOADER = 0x210,
    ZERO_LOADFLAGS = 0x211,
    ZERO_CODE32 = 0x214,
    ZERO_RAMDISK = 0x218,
    ZERO_RAMDISK_SIZE = 0x21c,
    ZERO_CMDLINE = 0x228,
    ZERO_INITRD_MAX = 0x22c,
    ZERO_E820 = 0x2d0,
};
enum boot_constants { PROTOCOL = 0x20c, BOOT_CS = 0x10, BOOT_DS = 0x18, HDRS = 0x53726448 };
enum { LOADED_HIGH = 1 };

struct e820_entry {
    u64 start, bytes; /* physical */
    u32 type;         /* 1: RAM */
} __attribute__((packed));

void bzimage_main(u32 zero_page, u32 others);

static u32 word(u32 zero_page, unsigned at)
{
    u32 value;

    __builtin_memcpy(&value, (const u8 *)plain_at(zero_page) + at, sizeof(value));
    return value;
}

static void check_header(u32 zero)
{
    plain_check("HdrS in the zero page", HDRS, word(zero, ZERO_MAGIC));
    plain_check("version", PROTOCOL, word(zero, ZERO_VERSION) & 0xffff);
    plain_true("type_of_loader is set", word(zero, ZERO_LOADER) & 0xff);
    plain_check("loadflags, LOADED_HIGH", LOADED_HIGH, word(zero, ZERO_LOADFLAGS) & LOADED_HIGH);
    plain_check("code32_start", (uintptr_t)kernel_start, word(zero, ZERO_CODE32));
}

static void check_segments(void)
{
    u32 cs, ds, es, ss;

    __asm__ volatile("mov %%cs, %0" : "=r"(cs));
    __asm__ volatile("mov %%ds, %0" : "=r"(ds));
    __asm__ volatile("mov %%es, %0" : "=r"(es));
    __asm__ volatile("mov %%ss, %0" : "=r"(ss));
    plain_check("CS", BOOT_CS, cs);
    plain_check("DS", BOOT_DS, ds);
    plain_check("ES", BOOT_DS, es);
    plain_check("SS", BOOT_DS, ss);
}

static void check_map(u32 zero)
{
    const struct e820_entry *e = plain_at(zero + ZERO_E820);
    u32 count = word(zero, ZERO_E820_COUNT) & 0xff, disk = word(zero, ZERO_RAMDISK);
    bool home = false, stored = false;

    for (u32 i = 0; i < count; i++) {
        u64 end = e[i].start + e[i].bytes;

        plain_number("memory ", e[i].start);
        plain_number(" bytes ", e[i].bytes);
        plain_number(" type ", e[i].type);
        plain_text("\n");
        if (e[i].type != 1)
            continue;
        home |= e[i].start <= (uintptr_t)kernel_start && end >= (uintptr_t)kernel_end;
        stored |= e[i].start <= disk && end >= (u64)disk + word(zero, ZERO_RAMDISK_SIZE);
    }
    plain_true("the kernel lies in RAM", home);
    plain_true("the RAM disk lies in RAM", stored);
}

static void check_disk(u32 zero, const char *line)
{
    u32 at = word(zero, ZERO_RAMDISK), bytes = word(zero, ZERO_RAMDISK_SIZE), expected;

    plain_number("RAM disk ", at);
    plain_number(" bytes ", bytes);
    plain_text("\n");
    plain_true("the RAM disk ends below initrd_addr_max",
               !bytes || at + bytes - 1 <= word(zero, ZERO_INITRD_MAX));
    plain_true("the RAM disk does not overlap the kernel",
               !bytes || at >= (uintptr_t)kernel_end || at + bytes <= (uintptr_t)kernel_start);
    if (plain_option(line, "sum=", &expected))
        plain_check("sum of the RAM disk's bytes", expected, plain_sum(at, bytes, 0));
}

void bzimage_main(u32 zero_page, u32 others)
{
    const char *line = plain_at(word(zero_page, ZERO_CMDLINE));

    plain_begin("bzimage");
    plain_check("EBP, EDI and EBX", 0, others);
    plain_check_memory();
    plain_check_processor();
    check_segments();
    check_header(zero_page);
    plain_text("command line: ");
    plain_text(line);
    plain_text("\n");
    check_map(zero_page);
    check_disk(zero_page, line);
    plain_end();
}
