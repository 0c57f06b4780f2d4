/*
 * A guest's ELF file: segments and the notes that say how it can be entered. Everything in it is
 * hostile until checked; what elf_image_parse accepted is safe to use.
 */
#ifndef ELF_IMAGE_H
#define ELF_IMAGE_H

#include "types.h"

enum { ELF_MAX_SEGMENTS = 16 };

struct elf_segment {
    u64 paddr, vaddr; /* where it goes */
    u64 memsz;        /* bytes there; what the file lacks of them is zero */
    u64 filesz;       /* bytes in the file, <= memsz */
    const u8 *bytes;  /* in the file */
};

/* Notes of the guest (xen/elfnote.h); absent numbers are ELF_NOTE_ABSENT. */
#define ELF_NOTE_ABSENT (~0ULL)
struct elf_notes {
    u64 phys32_entry;   /* PVH: 32-bit entry, physical */
    u64 entry;          /* PV: 64-bit entry, virtual */
    u64 virt_base;      /* PV: virtual address of physical 0 */
    u64 paddr_offset;   /* PV: subtracted from p_paddr */
    u64 hypercall_page; /* PV: virtual address of the page to fill */
    u64 init_p2m;       /* PV: where the guest wants its p2m list */
    u64 hv_start_low;   /* PV: lowest address the hypervisor may use */
    u64 mod_start_pfn;  /* PV: not 0: the module is handed over unmapped */
    bool is_xen;        /* it has a GUEST_OS or ENTRY note of Xen's */
};

struct elf_image {
    bool narrow;                                  /* an ELF32 for the 386 */
    u64 entry;                                    /* e_entry */
    u32 segments;                                 /* PT_LOAD segments that take memory */
    struct elf_segment segment[ELF_MAX_SEGMENTS]; /* by ascending paddr */
    struct elf_notes notes;                       /* what it says of itself */
    u64 start, end;                               /* physical span of all segments */
};

/* Reads an ELF64 for x86-64, or an ELF32 for the 386, of `size` bytes. 0, or -ENOEXEC with a
 * sentence in why. Accepts no segment outside the file, wrapping around, or overlapping another in
 * physical memory. */
int elf_image_parse_any(const void *file, u64 size, struct elf_image *out, char *why,
                        size_t whysize);
/* The same, an ELF64 only. */
int elf_image_parse(const void *file, u64 size, struct elf_image *out, char *why, size_t whysize);

#endif
