/*
 * A kernel's file: which format it is (found from its bytes, not from its name), where its parts
 * go, and what its start of day looks like. A format is a file of its own here and a struct
 * image_format; domain_full.c does the rest for all of them.
 *
 * Invariant: what image_parse accepted is safe to use: each part's bytes lie inside the file, parts
 * do not overlap, and the entry lies in one of them. Whether it fits a domain's memory is
 * image_fits' question.
 */
#ifndef IMAGE_H
#define IMAGE_H

#include "elf_image.h"
#include "types.h"

struct image;
struct start;

struct image_format {
    const char *name;    /* for people */
    u32 modules;         /* so many modules (RAM disks) can be handed over */
    bool modules_follow; /* they are laid behind the image, as GRUB does; else at the end of RAM */
    bool pc;             /* the kernel may rely on what a PC's loader leaves: a GDT with START_CODE
                          * and START_DATA, the BIOS data area */
    /* Fills start->block and the registers. 0, or -EINVAL with a sentence in why. */
    int (*start)(const struct image *image, struct start *start, char *why, size_t whysize);
};

struct image {
    const struct image_format *format;         /* what it is */
    u32 entry;                                 /* guest-physical: 32-bit code, paging off */
    u64 start, end;                            /* what it takes of memory once it runs */
    u32 parts;                                 /* that are loaded */
    struct elf_segment part[ELF_MAX_SEGMENTS]; /* by ascending paddr */
    bool wants_video;                          /* multiboot: asks for a video mode */
    const u8 *setup;                           /* bzImage: its setup header, in the file */
    u32 setup_bytes;                           /* bzImage: of it */
    u64 modules_end;                           /* bzImage: the RAM disk must end here or below */
    u32 cmdline_max;                           /* bzImage: bytes of a command line, without its 0 */
};

/* Reads a module of `size` bytes. 0, or -ENOEXEC with a sentence in why. */
int image_parse(const void *file, u64 size, struct image *out, char *why, size_t whysize);
/* 0 if its parts and what it needs at run time fit a domain's memory and lie in RAM; else -ENOMEM
 * or -ENOEXEC with a sentence in why. */
int image_fits(const struct image *image, u64 mem_bytes, char *why, size_t whysize);

/* The formats. `elf` is the file's ELF if it is one, or NULL. image_parse calls them. */
bool image_is_bzimage(const u8 *file, u64 size);
int image_bzimage(const u8 *file, u64 size, struct image *out, char *why, size_t whysize);
/* Offset of a Multiboot header, or -ENOENT. */
int image_find_multiboot(const u8 *file, u64 size);
int image_multiboot(const u8 *file, u64 size, u32 header, const struct elf_image *elf,
                    struct image *out, char *why, size_t whysize);
int image_pvh(const struct elf_image *elf, struct image *out, char *why, size_t whysize);

/* For the formats: takes an ELF's segments over as parts. */
void image_take_segments(const struct elf_image *elf, struct image *out);
/* For the formats: is address inside one of its parts? */
bool image_contains(const struct image *image, u64 address);

#define IMAGE_FAIL(...)                                                                            \
    do {                                                                                           \
        format_text(why, whysize, __VA_ARGS__);                                                    \
        return -ENOEXEC;                                                                           \
    } while (0)

#endif
