/*
 * Building a fully virtualized domain: its RAM, its devices, its image, and vcpu 0 as the PVH entry
 * wants it: 32-bit protected mode, flat segments, paging off, EBX = start_info. Source:
 * xen/arch-x86/hvm/start_info.h; Xen's "x86/HVM direct boot ABI".
 */
#include "acpi.h"
#include "boot.h"
#include "devices.h"
#include "domain.h"
#include "elf_image.h"
#include "errno.h"
#include "frame.h"
#include "guest_access.h"
#include "lapic.h"
#include "log.h"
#include "paging.h"
#include "physmap.h"
#include "port.h"
#include "virt.h"
#include "x86.h"

#include <xen/arch-x86/hvm/start_info.h>

#include <string.h>

/* The start of day, on a page of its own and the command line on the next one. */
struct start_of_day {
    struct hvm_start_info info;              /* what EBX points to */
    struct hvm_modlist_entry initrd;         /* the RAM disk, if there is one */
    struct hvm_memmap_table_entry memory[4]; /* low RAM, firmware, RAM, the devices */
};
enum start_layout {
    START_LOW = 0x1000, /* below the image, which is usually at 1 MiB */
    START_BYTES = 2 * PAGE_SIZE,
    START_CMDLINE = PAGE_SIZE,
};

static int fail(char *why, size_t whysize, int error, const char *sentence)
{
    format_text(why, whysize, "%s", sentence);
    return error;
}

/* Copies an image's segments to where they go; the rest of the memory is zero already. */
static int load_segments(struct domain *d, const struct elf_image *image, char *why, size_t whysize)
{
    for (u32 i = 0; i < image->segments; i++) {
        const struct elf_segment *s = &image->segment[i];

        if (s->memsz > d->config.mem_bytes || s->paddr > d->config.mem_bytes - s->memsz) {
            format_text(why, whysize, "its image reaches 0x%lx, beyond mem=%luK",
                        s->paddr + s->memsz, d->config.mem_bytes >> 10);
            return -ENOMEM;
        }
        if (guest_phys_write(d, s->paddr, s->bytes, s->filesz) != s->filesz)
            return fail(why, whysize, -ENOMEM, "there is not enough memory for its image");
    }
    return 0;
}

/* Copies the RAM disk to the end of memory; *r tells where, size 0 if there is none. */
static int load_initrd(struct domain *d, u64 image_end, struct hvm_modlist_entry *r, char *why,
                       size_t whysize)
{
    u64 size = d->initrd ? d->initrd->end - d->initrd->start : 0, end = d->config.mem_bytes;

    *r = (struct hvm_modlist_entry){.paddr = (end - size) & ~PAGE_OFFSET_MASK, .size = size};
    if (!size)
        return 0;
    if (size > end || r->paddr < image_end + START_BYTES)
        return fail(why, whysize, -ENOMEM, "mem= leaves no room for its RAM disk");
    if (guest_phys_write(d, r->paddr, module_bytes(d->initrd), size) != size)
        return fail(why, whysize, -ENOMEM, "there is not enough memory for its RAM disk");
    return 0;
}

/* Writes the ACPI tables; *gpa is where the first is, 0: there is no RAM for them. */
static int write_acpi(struct domain *d, u64 *gpa, char *why, size_t whysize)
{
    u8 *tables;
    u64 wrote, bytes;

    *gpa = 0;
    if (d->config.mem_bytes < HIGH_RAM)
        return 0;
    tables = hv_alloc_pages(d, 0);
    if (!tables)
        return fail(why, whysize, -ENOMEM, "there is no memory for its ACPI tables");
    /* One processor: there is nobody to start the others. */
    bytes = acpi_build(tables, ACPI_AT, 1);
    wrote = guest_phys_write(d, ACPI_AT, tables, bytes);
    hv_free_pages(d, tables, 0);
    if (wrote != bytes)
        return fail(why, whysize, -ENOMEM, "there is not enough memory for its ACPI tables");
    *gpa = ACPI_AT;
    return 0;
}

/* Writes start_info and what it points to; *gpa is where. */
static int write_start_info(struct domain *d, const struct elf_image *image, u64 *gpa, char *why,
                            size_t whysize)
{
    u64 at = image->start >= START_LOW + START_BYTES ? START_LOW : PAGE_ALIGN_UP(image->end);
    const char *cmdline = d->config.args;
    struct start_of_day start = {
        .info =
            {
                .magic = XEN_HVM_START_MAGIC_VALUE,
                .version = 1,
                .cmdline_paddr = at + START_CMDLINE,
                .memmap_paddr = at + offsetof(struct start_of_day, memory),
                .memmap_entries = ARRAY_SIZE(start.memory),
            },
        .memory =
            {
                {.size = MIN(d->config.mem_bytes, (u64)LOW_RAM_END),
                 .type = XEN_HVM_MEMMAP_TYPE_RAM},
                {.addr = ACPI_AT, .size = HIGH_RAM - ACPI_AT, .type = XEN_HVM_MEMMAP_TYPE_RESERVED},
                {.addr = HIGH_RAM,
                 .size = MAX(d->config.mem_bytes, (u64)HIGH_RAM) - HIGH_RAM,
                 .type = XEN_HVM_MEMMAP_TYPE_RAM},
                {.addr = DEVICE_HOLE,
                 .size = (1ULL << 32) - DEVICE_HOLE,
                 .type = XEN_HVM_MEMMAP_TYPE_RESERVED},
            },
    };

    int error = load_initrd(d, PAGE_ALIGN_UP(image->end), &start.initrd, why, whysize);

    if (!error)
        error = write_acpi(d, &start.info.rsdp_paddr, why, whysize);
    if (error)
        return error;
    if (start.initrd.size) {
        start.info.nr_modules = 1;
        start.info.modlist_paddr = at + offsetof(struct start_of_day, initrd);
    }
    if (guest_phys_write(d, at, &start, sizeof(start)) != sizeof(start) ||
        guest_phys_write(d, at + START_CMDLINE, cmdline, strlen(cmdline) + 1) !=
            strlen(cmdline) + 1)
        return fail(why, whysize, -ENOMEM, "mem= leaves no room for its start_info");
    *gpa = at;
    return 0;
}

static int populate(struct domain *d, char *why, size_t whysize)
{
    mfn_t mfn;

    for (u64 gfn = 0; d->config.eager && gfn < d->config.mem_bytes >> PAGE_SHIFT; gfn++)
        if (physmap_populate(d, gfn_of(gfn), &mfn))
            return fail(why, whysize, -ENOMEM, "there is not enough memory to fill its RAM");
    return 0;
}

/* "Xen x86/HVM direct boot ABI": the state at entry. */
static void set_registers(struct vcpu *v, u64 entry, u64 start_info)
{
    enum { CODE = 0xb, DATA = 0x3, TSS32_BUSY = 0xb, TSS_LIMIT = 0x67 };
    const u16 flat = SEG_ATTR_S | SEG_ATTR_P | SEG_ATTR_DB | SEG_ATTR_G;
    const struct segment code = {.limit = ~0u, .attr = flat | CODE};
    const struct segment data = {.limit = ~0u, .attr = flat | DATA};
    const struct segment tr = {.limit = TSS_LIMIT, .attr = SEG_ATTR_P | TSS32_BUSY};
    const struct segment none = {.attr = SEG_ATTR_UNUSABLE};

    v->regs = (struct regs){.rbx = start_info};
    virt_set_segment(v, SEG_CS, &code);
    virt_set_segment(v, SEG_SS, &data);
    virt_set_segment(v, SEG_DS, &data);
    virt_set_segment(v, SEG_ES, &data);
    virt_set_segment(v, SEG_FS, &data);
    virt_set_segment(v, SEG_GS, &data);
    virt_set_segment(v, SEG_LDTR, &none);
    virt_set_segment(v, SEG_TR, &tr);
    virt_set(v, VREG_RIP, entry);
    virt_set(v, VREG_RSP, 0);
    virt_set(v, VREG_RFLAGS, RFLAGS_FIXED);
    virt_set(v, VREG_CR0, CR0_PE | CR0_ET);
    virt_set(v, VREG_CR3, 0);
    virt_set(v, VREG_CR4, 0);
    virt_set(v, VREG_EFER, 0);
}

static int ready_vcpus(struct domain *d)
{
    int error = 0;

    for (u32 i = 0; i < d->vcpu_count && !error; i++) {
        error = lapic_init(d->vcpu[i]);
        if (!error)
            error = paging_vcpu_init(d->vcpu[i]);
    }
    return error;
}

/*
 * Tour 23: building a machine. A fully virtualized domain is made like a real machine: RAM that
 * begins at 0, a serial port, a local APIC, and a processor in the state that its loader would
 * leave. `set_registers` is that loader: 32-bit protected mode, paging off, EBX pointing to
 * start_info. The guest's own start code then makes page tables and enters long mode, as our own
 * did in boot.asm.
 */
int domain_build(struct domain *d, char *why, size_t whysize)
{
    const struct module *m = d->image;
    struct elf_image image;
    struct paging_fault f = {0};
    u64 start_info;
    int error = elf_image_parse(module_bytes(m), m->end - m->start, &image, why, whysize);

    if (error)
        return error;
    if (image.notes.phys32_entry == ELF_NOTE_ABSENT || image.notes.phys32_entry >> 32)
        return fail(why, whysize, -ENOEXEC,
                    "its ELF has no note XEN_ELFNOTE_PHYS32_ENTRY with a 32-bit address: it cannot "
                    "be entered under full virtualization");
    if (d->config.mem_bytes > DEVICE_HOLE)
        return fail(why, whysize, -EINVAL, "mem= reaches the devices: at most 4076M");
    if (physmap_init(d) || devices_attach(d))
        return fail(why, whysize, -ENOMEM, "there is no memory for its tables");
    error = load_segments(d, &image, why, whysize);
    if (!error)
        error = write_start_info(d, &image, &start_info, why, whysize);
    if (!error)
        error = populate(d, why, whysize);
    if (error)
        return error;
    if (ready_vcpus(d))
        return fail(why, whysize, -ENOMEM, "there is no memory for its vcpus");
    set_registers(d->vcpu[0], image.notes.phys32_entry, start_info);
    if (paging_load_root(d->vcpu[0], &f) == PAGING_KILL)
        return fail(why, whysize, -ENOMEM, f.why);
    return 0;
}

void domain_unbuild(struct domain *d)
{
    physmap_destroy(d);
    io_space_destroy(d);
}
