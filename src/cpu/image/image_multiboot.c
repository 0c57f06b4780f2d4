/*
 * The Multiboot format, version 1: a header in the file's first 8 KiB; what is loaded is told by
 * the ELF around it or by address fields in the header ("a.out kludge"). Entered with EAX =
 * 0x2badb002 and EBX pointing to the Multiboot information. Source: Multiboot Specification version
 * 0.6.96, "OS image format", "Machine state", "Boot information format".
 */
#include "image.h"

#include "acpi.h"
#include "errno.h"
#include "log.h"
#include "start.h"

#include <string.h>

enum multiboot_constants {
    HEADER_MAGIC = 0x1badb002,
    HEADER_SEARCH = 8192,
    HEADER_ALIGN = 4,
    LOADER_MAGIC = 0x2badb002,
};
/* "Multiboot header", flags. */
enum multiboot_header_flags {
    HEADER_PAGE_ALIGN = 1 << 0, /* modules on page boundaries: they always are */
    HEADER_MEMORY = 1 << 1,     /* wants to know its memory: always told */
    HEADER_VIDEO = 1 << 2,      /* wants a video mode: there is none to give */
    HEADER_REQUIRED = 0xffff,   /* a loader that does not know one of these must refuse */
    HEADER_ADDRESSES = 1 << 16, /* the address fields are valid */
};
/* "Boot information format", flags. */
enum multiboot_info_flags {
    INFO_MEMORY = 1 << 0,
    INFO_CMDLINE = 1 << 2,
    INFO_MODULES = 1 << 3,
    INFO_MEMORY_MAP = 1 << 6,
    INFO_LOADER_NAME = 1 << 9,
};

struct multiboot_header {
    u32 magic, flags, checksum;                                /* their sum is 0 */
    u32 header_addr, load_addr, load_end, bss_end, entry_addr; /* with HEADER_ADDRESSES */
};
enum { HEADER_SHORT = 12 };

struct multiboot_info {
    u32 flags;                       /* which of the following are valid */
    u32 mem_lower, mem_upper;        /* KiB below 640 KiB, and from 1 MiB to the first hole */
    u32 boot_device, cmdline;        /* -, address of the command line */
    u32 mods_count, mods_addr;       /* modules */
    u32 syms[4];                     /* - */
    u32 mmap_length, mmap_addr;      /* bytes of the memory map, and where it is */
    u32 drives[2], config, name;     /* -, -, address of the loader's name */
    u32 apm, vbe[4], framebuffer[7]; /* - */
};
struct multiboot_map_entry {
    u32 size;      /* of what follows */
    u32 base[2];   /* low and high half, for the entry is not aligned to 8 */
    u32 length[2]; /* bytes */
    u32 type;      /* 1: RAM */
};
struct multiboot_module {
    u32 start, end; /* end exclusive */
    u32 string;     /* address of its string */
    u32 reserved;   /* 0 */
};
/* The first page of the start of day. */
struct multiboot_page {
    struct multiboot_info info;
    struct multiboot_map_entry map[MEMORY_PIECES];
    struct multiboot_module module[START_MODULES];
    char name[16];
};
_Static_assert(sizeof(struct multiboot_info) == 116 && sizeof(struct multiboot_map_entry) == 24,
               "as the specification has them");
_Static_assert(sizeof(struct multiboot_page) <= PAGE_SIZE, "a page");

int image_find_multiboot(const u8 *file, u64 size)
{
    struct multiboot_header h;
    u64 end = MIN(size, (u64)HEADER_SEARCH);

    for (u32 at = 0; at + HEADER_SHORT <= end; at += HEADER_ALIGN) {
        memcpy(&h, file + at, HEADER_SHORT);
        if (h.magic == HEADER_MAGIC && h.magic + h.flags + h.checksum == 0)
            return (int)at;
    }
    return -ENOENT;
}

static void write_modules(struct start *start, struct multiboot_page *page)
{
    for (u32 i = 0; i < start->modules; i++) {
        const struct start_module *m = &start->module[i];
        u32 at = START_STRINGS + i * START_STRING_MAX;

        format_text((char *)start->block + at, START_STRING_MAX, "%s", m->words);
        page->module[i] = (struct multiboot_module){
            .start = (u32)m->gpa, .end = (u32)(m->gpa + m->bytes), .string = (u32)start->at + at};
    }
}

static int multiboot_start(const struct image *image, struct start *start, char *why,
                           size_t whysize)
{
    struct multiboot_page *page = (void *)start->block;
    struct memory_piece piece[MEMORY_PIECES];
    unsigned pieces = memory_map(start->mem_bytes, piece);
    u32 at = (u32)start->at;

    (void)image;
    (void)why;
    (void)whysize;
    for (unsigned i = 0; i < pieces; i++)
        page->map[i] = (struct multiboot_map_entry){
            .size = sizeof(page->map[i]) - sizeof(u32),
            .base = {(u32)piece[i].start, (u32)(piece[i].start >> 32)},
            .length = {(u32)piece[i].bytes, (u32)(piece[i].bytes >> 32)},
            .type = piece[i].kind};
    write_modules(start, page);
    format_text(page->name, sizeof(page->name), "Trivisor");
    page->info = (struct multiboot_info){
        .flags = INFO_MEMORY | INFO_CMDLINE | INFO_MEMORY_MAP | INFO_LOADER_NAME |
                 (start->modules ? INFO_MODULES : 0),
        .mem_lower = (u32)(MIN(start->mem_bytes, (u64)LOW_RAM_END) >> 10),
        .mem_upper = (u32)((MAX(start->mem_bytes, (u64)HIGH_RAM) - HIGH_RAM) >> 10),
        .cmdline = at + START_CMDLINE,
        .mods_count = start->modules,
        .mods_addr = start->modules ? at + (u32)offsetof(struct multiboot_page, module) : 0,
        .mmap_length = pieces * (u32)sizeof(page->map[0]),
        .mmap_addr = at + (u32)offsetof(struct multiboot_page, map),
        .name = at + (u32)offsetof(struct multiboot_page, name),
    };
    start->eax = LOADER_MAGIC;
    start->ebx = at;
    return 0;
}

/* The entry of an ELF: GRUB takes it for virtual and looks for its segment; kernels whose entry is
 * physical already are common, and taken as they are. */
static int elf_entry(const struct elf_image *elf, struct image *out, char *why, size_t whysize)
{
    image_take_segments(elf, out);
    for (u32 i = 0; i < out->parts; i++) {
        const struct elf_segment *s = &out->part[i];
        u64 entry = elf->entry - s->vaddr + s->paddr;

        if (elf->entry >= s->vaddr && elf->entry - s->vaddr < s->memsz && !(entry >> 32)) {
            out->entry = (u32)entry;
            return 0;
        }
    }
    out->entry = (u32)elf->entry;
    if (elf->entry >> 32 || !image_contains(out, elf->entry))
        IMAGE_FAIL("its entry, 0x%lx, lies in none of its ELF's segments", elf->entry);
    return 0;
}

/* "The address fields of Multiboot header". */
static int flat(const u8 *file, u64 size, u32 header, const struct multiboot_header *h,
                struct image *out, char *why, size_t whysize)
{
    u64 before = (u64)h->header_addr - h->load_addr, bytes, end;

    if (h->header_addr < h->load_addr || before > header)
        IMAGE_FAIL("its Multiboot header lies %u bytes into the file, but is to be loaded at 0x%x, "
                   "with the image from 0x%x on",
                   header, h->header_addr, h->load_addr);
    bytes = size - (header - before);
    if (h->load_end && (h->load_end < h->load_addr || h->load_end - h->load_addr > bytes))
        IMAGE_FAIL("its Multiboot header has load_end_addr 0x%x: not so much is in the file",
                   h->load_end);
    if (h->load_end)
        bytes = h->load_end - h->load_addr;
    end = h->bss_end ? h->bss_end : h->load_addr + bytes;
    if (end < h->load_addr + bytes)
        IMAGE_FAIL("its Multiboot header has bss_end_addr 0x%x, before the end of what is loaded",
                   h->bss_end);
    out->part[out->parts++] = (struct elf_segment){.paddr = h->load_addr,
                                                   .vaddr = h->load_addr,
                                                   .memsz = end - h->load_addr,
                                                   .filesz = bytes,
                                                   .bytes = file + header - before};
    out->start = h->load_addr;
    out->end = end;
    out->entry = h->entry_addr;
    if (!image_contains(out, out->entry))
        IMAGE_FAIL("its Multiboot header has entry_addr 0x%x, outside of its image", out->entry);
    return 0;
}

int image_multiboot(const u8 *file, u64 size, u32 header, const struct elf_image *elf,
                    struct image *out, char *why, size_t whysize)
{
    static const struct image_format multiboot = {.name = "Multiboot kernel",
                                                  .modules = START_MODULES,
                                                  .modules_follow = true,
                                                  .pc = true,
                                                  .start = multiboot_start};
    const u32 known = HEADER_PAGE_ALIGN | HEADER_MEMORY | HEADER_VIDEO;
    struct multiboot_header h = {0};

    memcpy(&h, file + header, MIN(size - header, sizeof(h)));
    out->format = &multiboot;
    out->wants_video = h.flags & HEADER_VIDEO;
    if (h.flags & HEADER_REQUIRED & ~known)
        IMAGE_FAIL("its Multiboot header requires features that nobody knows: flags 0x%x", h.flags);
    if (h.flags & HEADER_ADDRESSES) {
        if (size - header < sizeof(h))
            IMAGE_FAIL("its Multiboot header is truncated");
        return flat(file, size, header, &h, out, why, whysize);
    }
    if (!elf)
        IMAGE_FAIL("it has a Multiboot header, but is no ELF and has no address fields");
    return elf_entry(elf, out, why, whysize);
}
