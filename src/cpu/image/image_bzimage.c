/*
 * The Linux bzImage: a real-mode part with the setup header, which is not run, and the
 * protected-mode part behind it, entered by the 32-bit boot protocol with ESI pointing to the "zero
 * page" (struct boot_params). Source: Linux, Documentation/arch/x86/boot.rst and zero-page.rst,
 * boot protocol 2.10 and later.
 */
#include "image.h"

#include "errno.h"
#include "log.h"
#include "start.h"

#include <string.h>

enum bzimage_constants {
    SECTOR = 512,
    PARAGRAPH = 16,
    SETUP_AT = 0x1f1,     /* of the setup header, in the file and in the zero page */
    SETUP_MIN = 0x264,    /* where it ends since protocol 2.10 */
    SETUP_MAX = 0x290,    /* where the zero page has something else */
    SETUP_SECTORS = 4,    /* what setup_sects 0 means */
    SETUP_END_AT = 0x201, /* its length: the second byte of the jump over it, counted from 0x202 */
    BOOT_FLAG = 0xaa55,
    PROTOCOL_2_10 = 0x20a,
    HIGH_LOAD = 0x100000,    /* where a bzImage that is not relocatable goes */
    LOADER_UNDEFINED = 0xff, /* type_of_loader: no number assigned */
    LOADED_HIGH = 1 << 0,    /* loadflags */
    CAN_USE_HEAP = 1 << 7,   /* loadflags: for the real-mode part, which is not run */
    ALIGN_MAX = 1 << 30,
};

/* The setup header, from SETUP_AT to SETUP_MIN. */
struct setup_header {
    u8 setup_sects;                       /* sectors of the real-mode part after the first */
    u16 root_flags;                       /* - */
    u32 syssize;                          /* 16-byte units of the protected-mode part */
    u16 ram_size, vid_mode, root_dev;     /* - */
    u16 boot_flag;                        /* BOOT_FLAG */
    u16 jump;                             /* jumps over the header */
    u8 magic[4];                          /* HdrS */
    u16 version;                          /* of the protocol: high byte major */
    u32 realmode_swtch;                   /* - */
    u16 start_sys_seg, kernel_version;    /* - */
    u8 type_of_loader, loadflags;         /* ours to write; LOADED_HIGH */
    u16 setup_move_size;                  /* - */
    u32 code32_start;                     /* where to enter, for a kernel loaded at HIGH_LOAD */
    u32 ramdisk_image, ramdisk_size;      /* ours to write */
    u32 bootsect_kludge;                  /* - */
    u16 heap_end_ptr;                     /* - */
    u8 ext_loader_ver, ext_loader_type;   /* ours: 0 */
    u32 cmd_line_ptr;                     /* ours to write */
    u32 initrd_addr_max;                  /* highest address that the RAM disk may have */
    u32 kernel_alignment;                 /* of a relocatable kernel */
    u8 relocatable_kernel, min_alignment; /* may it lie elsewhere? */
    u16 xloadflags;                       /* - */
    u32 cmdline_size;                     /* most bytes of a command line, without its 0 */
    u32 hardware_subarch;                 /* 0: a PC */
    u64 hardware_subarch_data;            /* - */
    u32 payload_offset, payload_length;   /* - */
    u64 setup_data;                       /* - */
    u64 pref_address;                     /* where it would like to run */
    u32 init_size;                        /* memory that it needs there until it has its own map */
} __attribute__((packed));
_Static_assert(offsetof(struct setup_header, boot_flag) == 0x1fe - SETUP_AT &&
                   offsetof(struct setup_header, code32_start) == 0x214 - SETUP_AT &&
                   offsetof(struct setup_header, cmdline_size) == 0x238 - SETUP_AT &&
                   sizeof(struct setup_header) == SETUP_MIN - SETUP_AT,
               "as boot.rst has it");

/* zero-page.rst: what is filled in beside the setup header. */
struct e820_entry {
    u64 start, bytes; /* guest-physical */
    u32 type;         /* 1: RAM */
} __attribute__((packed));
enum zero_page {
    ZERO_RSDP = 0x070,
    ZERO_ALT_MEM_K = 0x1e0,
    ZERO_E820_COUNT = 0x1e8,
    ZERO_E820 = 0x2d0
};

static void put(struct start *start, unsigned at, const void *from, size_t bytes)
{
    memcpy(start->block + at, from, bytes);
}

static int bzimage_start(const struct image *image, struct start *start, char *why, size_t whysize)
{
    struct memory_piece piece[MEMORY_PIECES];
    u8 pieces = (u8)memory_map(start->mem_bytes, piece);
    u32 above = (u32)((MAX(start->mem_bytes, (u64)HIGH_LOAD) - HIGH_LOAD) >> 10);
    struct setup_header h;

    if (strlen(start->cmdline) > image->cmdline_max) {
        format_text(why, whysize, "its command line has more than the %u bytes that it takes",
                    image->cmdline_max);
        return -EINVAL;
    }
    put(start, SETUP_AT, image->setup, image->setup_bytes);
    memcpy(&h, image->setup, sizeof(h));
    h.type_of_loader = LOADER_UNDEFINED;
    h.loadflags &= (u8)~CAN_USE_HEAP;
    h.ext_loader_ver = h.ext_loader_type = 0;
    h.code32_start = image->entry;
    h.cmd_line_ptr = (u32)start->at + START_CMDLINE;
    h.ramdisk_image = start->modules ? (u32)start->module[0].gpa : 0;
    h.ramdisk_size = start->modules ? (u32)start->module[0].bytes : 0;
    put(start, SETUP_AT, &h, sizeof(h));
    for (unsigned i = 0; i < pieces; i++) {
        struct e820_entry e = {piece[i].start, piece[i].bytes, piece[i].kind};
        put(start, ZERO_E820 + i * (unsigned)sizeof(e), &e, sizeof(e));
    }
    put(start, ZERO_E820_COUNT, &pieces, sizeof(pieces));
    put(start, ZERO_ALT_MEM_K, &above, sizeof(above));
    put(start, ZERO_RSDP, &start->rsdp, sizeof(start->rsdp));
    start->esi = (u32)start->at;
    return 0;
}

static bool power_of_two(u32 x)
{
    return x && !(x & (x - 1));
}

/* "Loading The Rest of The Kernel", "Details of Header Fields": where it is loaded, entered, and
 * how far it reaches. */
static int place(const struct setup_header *h, const u8 *bytes, u64 size, struct image *out,
                 char *why, size_t whysize)
{
    u64 load = HIGH_LOAD, run = h->pref_address, entry;

    if (h->pref_address >> 32)
        IMAGE_FAIL("its setup header has pref_address 0x%lx, above 4 GiB", h->pref_address);
    if (h->relocatable_kernel) {
        if (!power_of_two(h->kernel_alignment) || h->kernel_alignment > ALIGN_MAX)
            IMAGE_FAIL("its setup header has kernel_alignment 0x%x, no power of two",
                       h->kernel_alignment);
        load = MAX(h->pref_address, (u64)HIGH_LOAD);
        run = load = (load + h->kernel_alignment - 1) & ~((u64)h->kernel_alignment - 1);
    }
    entry = load + h->code32_start - HIGH_LOAD;
    out->part[out->parts++] = (struct elf_segment){
        .paddr = load, .vaddr = load, .memsz = size, .filesz = size, .bytes = bytes};
    out->start = load;
    out->end = MAX(load + size, run + h->init_size);
    out->entry = (u32)entry;
    if (h->code32_start < HIGH_LOAD || entry >> 32 || !image_contains(out, entry))
        IMAGE_FAIL("its setup header has code32_start 0x%x, outside of its image", h->code32_start);
    return 0;
}

bool image_is_bzimage(const u8 *file, u64 size)
{
    struct setup_header h;

    if (size < SETUP_AT + sizeof(h))
        return false;
    memcpy(&h, file + SETUP_AT, sizeof(h));
    return h.boot_flag == BOOT_FLAG && memcmp(h.magic, "HdrS", sizeof(h.magic)) == 0;
}

int image_bzimage(const u8 *file, u64 size, struct image *out, char *why, size_t whysize)
{
    static const struct image_format bzimage = {
        .name = "Linux bzImage", .modules = 1, .pc = true, .start = bzimage_start};
    u64 end = SETUP_END_AT + 1 + (u64)file[SETUP_END_AT], real;
    struct setup_header h;

    memcpy(&h, file + SETUP_AT, sizeof(h));
    real = ((h.setup_sects ? h.setup_sects : SETUP_SECTORS) + 1ULL) * SECTOR;
    out->format = &bzimage;
    if (h.version < PROTOCOL_2_10)
        IMAGE_FAIL("its boot protocol is %u.%02u: 2.10 or later is needed", h.version >> 8,
                   h.version & 0xff);
    if (!(h.loadflags & LOADED_HIGH))
        IMAGE_FAIL("it is a zImage, to be loaded below 1 MiB: only a bzImage can be started");
    if (end < SETUP_MIN || end > SETUP_MAX)
        IMAGE_FAIL("its setup header ends at 0x%lx: not between 0x%x and 0x%x", end, SETUP_MIN,
                   SETUP_MAX);
    /* syssize is rounded up; not every file is padded to it. */
    if (real >= size || (u64)h.syssize * PARAGRAPH > size - real + PARAGRAPH - 1)
        IMAGE_FAIL("it is truncated: it should have %lu bytes and has %lu",
                   real + (u64)h.syssize * PARAGRAPH, size);
    out->setup = file + SETUP_AT;
    out->setup_bytes = (u32)(end - SETUP_AT);
    out->cmdline_max = h.cmdline_size;
    out->modules_end = (u64)h.initrd_addr_max + 1;
    return place(&h, file + real, size - real, out, why, whysize);
}
