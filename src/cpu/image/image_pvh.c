/*
 * The PVH format: an ELF with the note XEN_ELFNOTE_PHYS32_ENTRY, entered with EBX pointing to an
 * hvm_start_info. Source: xen/arch-x86/hvm/start_info.h; Xen's "x86/HVM direct boot ABI".
 */
#include "image.h"

#include "errno.h"
#include "log.h"
#include "start.h"

#include <xen/arch-x86/hvm/start_info.h>

/* The first page of the start of day. */
struct pvh_page {
    struct hvm_start_info info;                          /* what EBX points to */
    struct hvm_modlist_entry module[START_MODULES];      /* the RAM disk, if there is one */
    struct hvm_memmap_table_entry memory[MEMORY_PIECES]; /* low RAM, firmware, RAM, devices */
};
_Static_assert(sizeof(struct pvh_page) <= PAGE_SIZE, "a page");
_Static_assert(MEMORY_RAM == XEN_HVM_MEMMAP_TYPE_RAM &&
                   MEMORY_RESERVED == XEN_HVM_MEMMAP_TYPE_RESERVED,
               "the same numbers");

static int pvh_start(const struct image *image, struct start *start, char *why, size_t whysize)
{
    struct pvh_page *page = (void *)start->block;
    struct memory_piece piece[MEMORY_PIECES];
    unsigned pieces = memory_map(start->mem_bytes, piece);

    (void)image;
    (void)why;
    (void)whysize;
    page->info = (struct hvm_start_info){
        .magic = XEN_HVM_START_MAGIC_VALUE,
        .version = 1,
        .cmdline_paddr = start->at + START_CMDLINE,
        .rsdp_paddr = start->rsdp,
        .memmap_paddr = start->at + offsetof(struct pvh_page, memory),
        .memmap_entries = pieces,
        .nr_modules = start->modules,
        .modlist_paddr = start->modules ? start->at + offsetof(struct pvh_page, module) : 0,
    };
    for (unsigned i = 0; i < pieces; i++)
        page->memory[i] = (struct hvm_memmap_table_entry){
            .addr = piece[i].start, .size = piece[i].bytes, .type = piece[i].kind};
    for (u32 i = 0; i < start->modules; i++)
        page->module[i] = (struct hvm_modlist_entry){.paddr = start->module[i].gpa,
                                                     .size = start->module[i].bytes};
    start->ebx = (u32)start->at;
    return 0;
}

int image_pvh(const struct elf_image *elf, struct image *out, char *why, size_t whysize)
{
    static const struct image_format pvh = {
        .name = "PVH ELF", .modules = START_MODULES, .start = pvh_start};

    image_take_segments(elf, out);
    out->format = &pvh;
    out->entry = (u32)elf->notes.phys32_entry;
    if (elf->notes.phys32_entry >> 32 || !image_contains(out, out->entry))
        IMAGE_FAIL("its note XEN_ELFNOTE_PHYS32_ENTRY names 0x%lx, which is no address of its "
                   "image's",
                   elf->notes.phys32_entry);
    return 0;
}
