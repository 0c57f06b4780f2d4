/*
 * Which format a module is, and whether it fits.
 */
#include "image.h"

#include "acpi.h"
#include "errno.h"
#include "log.h"

#include <string.h>

enum { MULTIBOOT2_MAGIC = 0xe85250d6, MULTIBOOT2_SEARCH = 32768 };

void image_take_segments(const struct elf_image *elf, struct image *out)
{
    out->parts = elf->segments;
    memcpy(out->part, elf->segment, sizeof(out->part));
    out->start = elf->start;
    out->end = elf->end;
}

bool image_contains(const struct image *image, u64 address)
{
    for (u32 i = 0; i < image->parts; i++)
        if (address >= image->part[i].paddr &&
            address - image->part[i].paddr < image->part[i].memsz)
            return true;
    return false;
}

/* Multiboot2 Specification, "OS image format": for a better sentence only. */
static bool is_multiboot2(const u8 *file, u64 size)
{
    u32 word;

    for (u64 at = 0; at + sizeof(word) <= MIN(size, (u64)MULTIBOOT2_SEARCH); at += 8) {
        memcpy(&word, file + at, sizeof(word));
        if (word == MULTIBOOT2_MAGIC)
            return true;
    }
    return false;
}

static int parse_elf(const u8 *file, u64 size, struct image *out, char *why, size_t whysize)
{
    struct elf_image elf;
    int error = elf_image_parse_any(file, size, &elf, why, whysize), header;

    if (error)
        return error;
    if (elf.notes.phys32_entry != ELF_NOTE_ABSENT)
        return image_pvh(&elf, out, why, whysize);
    header = image_find_multiboot(file, size);
    if (header >= 0)
        return image_multiboot(file, size, (u32)header, &elf, out, why, whysize);
    IMAGE_FAIL("its ELF has no note XEN_ELFNOTE_PHYS32_ENTRY and no Multiboot header%s: it cannot "
               "be entered under full virtualization",
               is_multiboot2(file, size) ? " (of version 1; there is one of version 2)" : "");
}

int image_parse(const void *file, u64 size, struct image *out, char *why, size_t whysize)
{
    int header;

    memset(out, 0, sizeof(*out));
    if (size >= 4 && memcmp(file, "\177ELF", 4) == 0)
        return parse_elf(file, size, out, why, whysize);
    if (image_is_bzimage(file, size))
        return image_bzimage(file, size, out, why, whysize);
    header = image_find_multiboot(file, size);
    if (header >= 0)
        return image_multiboot(file, size, (u32)header, NULL, out, why, whysize);
    IMAGE_FAIL("the module is not an ELF file, nor a Multiboot kernel or a Linux bzImage");
}

int image_fits(const struct image *image, u64 mem_bytes, char *why, size_t whysize)
{
    for (u32 i = 0; i < image->parts; i++) {
        const struct elf_segment *s = &image->part[i];

        if (s->memsz > mem_bytes || s->paddr > mem_bytes - s->memsz) {
            format_text(why, whysize, "its image reaches 0x%lx, beyond mem=%luK",
                        s->paddr + s->memsz, mem_bytes >> 10);
            return -ENOMEM;
        }
        if (s->paddr < HIGH_RAM && s->paddr + s->memsz > LOW_RAM_END)
            IMAGE_FAIL("its image covers 0x%lx to 0x%lx, where a PC has no RAM",
                       MAX(s->paddr, (u64)LOW_RAM_END), MIN(s->paddr + s->memsz, (u64)HIGH_RAM));
    }
    if (image->end > mem_bytes) {
        format_text(why, whysize, "it needs memory up to 0x%lx to unpack itself, beyond mem=%luK",
                    image->end, mem_bytes >> 10);
        return -ENOMEM;
    }
    return 0;
}
