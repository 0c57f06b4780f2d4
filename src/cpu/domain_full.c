/*
 * Building a fully virtualized domain: its RAM, its devices, its image, and vcpu 0 as a loader
 * would leave it: 32-bit protected mode, flat segments, paging off, a register pointing to the
 * start of day; or, with start_at=, as a start-up message leaves it (start_up.c). What the image is
 * and what its start of day looks like is told by src/cpu/image/.
 */
#include "acpi.h"
#include "boot.h"
#include "cpuid_policy.h"
#include "boot_steps.h"
#include "cpu.h"
#include "devices.h"
#include "domain.h"
#include "errno.h"
#include "frame.h"
#include "guest_access.h"
#include "image/image.h"
#include "image/start.h"
#include "lapic.h"
#include "lives.h"
#include "log.h"
#include "paging.h"
#include "physmap.h"
#include "port.h"
#include "virt.h"
#include "virt_ops.h"
#include "x86.h"

#include <string.h>

/* Where the start of day goes: below the image, which is usually at 1 MiB or above. */
enum { START_LOW = 0x1000 };

static int fail(char *why, size_t whysize, int error, const char *sentence)
{
    format_text(why, whysize, "%s", sentence);
    return error;
}

/* Copies an image's parts to where they go; the rest of the memory is zero already. */
static int load_parts(struct domain *d, const struct image *image, char *why, size_t whysize)
{
    for (u32 i = 0; i < image->parts; i++) {
        const struct elf_segment *s = &image->part[i];

        if (guest_phys_write(d, s->paddr, s->bytes, s->filesz) != s->filesz)
            return fail(why, whysize, -ENOMEM, "there is not enough memory for its image");
    }
    return 0;
}

/* The first page from `at` on behind which `bytes` of RAM follow. */
static u64 ram_from(u64 at, u64 bytes)
{
    at = PAGE_ALIGN_UP(at);
    return at < HIGH_RAM && at + bytes > LOW_RAM_END ? HIGH_RAM : at;
}

/* Chooses the modules' places: behind the image, or at the end of RAM. free: where RAM is free
 * from. */
static int place_modules(const struct domain *d, const struct image *image, u64 free,
                         struct start *start, char *why, size_t whysize)
{
    u64 end = d->config.mem_bytes;

    if (image->modules_end)
        end = MIN(end, image->modules_end);
    for (u32 i = 0; i < start->modules; i++) {
        struct start_module *m = &start->module[i];

        m->gpa = (end - m->bytes) & ~PAGE_OFFSET_MASK;
        if (image->format->modules_follow)
            m->gpa = ram_from(free, m->bytes);
        if (m->bytes > end || m->gpa < ram_from(free, m->bytes) || m->gpa > end - m->bytes)
            return fail(why, whysize, -ENOMEM, "mem= leaves no room for its RAM disk");
        if (image->format->modules_follow)
            free = m->gpa + m->bytes;
        else
            end = m->gpa;
    }
    return 0;
}

/* Finds the modules that go with the domain and copies them to their places. */
static int load_modules(struct domain *d, const struct image *image, u64 free, struct start *start,
                        char *why, size_t whysize)
{
    const struct module *m[START_MODULES + 1];
    int error;

    while (start->modules <= START_MODULES &&
           (m[start->modules] = lives_initrd(d->image, start->modules)))
        start->modules++;
    if (start->modules > image->format->modules) {
        format_text(why, whysize, "a %s takes at most %u modules", image->format->name,
                    image->format->modules);
        return -EINVAL;
    }
    for (u32 i = 0; i < start->modules; i++) {
        start->module[i].bytes = m[i]->end - m[i]->start;
        start->module[i].words = command_line_rest(m[i]->cmdline);
    }
    error = place_modules(d, image, free, start, why, whysize);
    for (u32 i = 0; i < start->modules && !error; i++)
        if (guest_phys_write(d, start->module[i].gpa, module_bytes(m[i]), start->module[i].bytes) !=
            start->module[i].bytes)
            error = fail(why, whysize, -ENOMEM, "there is not enough memory for its RAM disk");
    return error;
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

/* Writes the start of day as the format has it. */
static int write_start(struct domain *d, const struct image *image, struct start *start, char *why,
                       size_t whysize)
{
    int error;

    start->block = hv_alloc_pages(d, START_ORDER);
    if (!start->block)
        return fail(why, whysize, -ENOMEM, "there is no memory for its start of day");
    memset(start->block, 0, START_BYTES);
    start_common(start);
    error = image->format->start(image, start, why, whysize);
    if (!error && guest_phys_write(d, start->at, start->block, START_BYTES) != START_BYTES)
        error = fail(why, whysize, -ENOMEM, "mem= leaves no room for its start of day");
    hv_free_pages(d, start->block, START_ORDER);
    return error;
}

/* What is read of the BIOS data area by kernels that look for the end of low RAM, where a BIOS may
 * have put tables: there is a COM1 and nothing above 640 KiB. */
static int write_bios_data(struct domain *d, char *why, size_t whysize)
{
    enum { BIOS_DATA_COM1 = 0x400, BIOS_DATA_LOW_KIB = 0x413, COM1 = 0x3f8 };
    const u16 port = COM1, kib = (u16)(MIN(d->config.mem_bytes, (u64)LOW_RAM_END) >> 10);

    if (guest_phys_write(d, BIOS_DATA_COM1, &port, sizeof(port)) != sizeof(port) ||
        guest_phys_write(d, BIOS_DATA_LOW_KIB, &kib, sizeof(kib)) != sizeof(kib))
        return fail(why, whysize, -ENOMEM, "there is not enough memory for its BIOS data area");
    return 0;
}

/* Fills the domain's memory: the image, its modules, ACPI's tables, the start of day. */
static int load(struct domain *d, const struct image *image, struct start *start, char *why,
                size_t whysize)
{
    bool below = image->start >= START_LOW + START_BYTES;
    int error = image_fits(image, d->config.mem_bytes, why, whysize);

    start->at = below ? START_LOW : ram_from(image->end, START_BYTES);
    start->mem_bytes = d->config.mem_bytes;
    start->cmdline = d->config.args;
    if (!error)
        error = load_parts(d, image, why, whysize);
    if (!error)
        error = load_modules(d, image, below ? image->end : start->at + START_BYTES, start, why,
                             whysize);
    if (!error)
        error = write_acpi(d, &start->rsdp, why, whysize);
    if (!error && image->format->pc && image->start >= START_LOW)
        error = write_bios_data(d, why, whysize);
    return error ? error : write_start(d, image, start, why, whysize);
}

static int populate(struct domain *d, char *why, size_t whysize)
{
    mfn_t mfn;

    for (u64 gfn = 0; d->config.eager && gfn < d->config.mem_bytes >> PAGE_SHIFT; gfn++)
        if (physmap_populate(d, gfn_of(gfn), &mfn))
            return fail(why, whysize, -ENOMEM, "there is not enough memory to fill its RAM");
    return 0;
}

/* The state at entry, which all formats have in common: 32-bit protected mode, flat segments,
 * paging off, interrupts off. */
static void set_registers(struct vcpu *v, const struct image *image, const struct start *start)
{
    enum { CODE = 0xb, DATA = 0x3, TSS32_BUSY = 0xb, TSS_LIMIT = 0x67 };
    const u16 flat = SEG_ATTR_S | SEG_ATTR_P | SEG_ATTR_DB | SEG_ATTR_G;
    const bool pc = image->format->pc;
    const struct segment code = {
        .limit = ~0u, .attr = flat | CODE, .selector = pc ? START_CODE : 0};
    const struct segment data = {
        .limit = ~0u, .attr = flat | DATA, .selector = pc ? START_DATA : 0};
    const struct segment tr = {.limit = TSS_LIMIT, .attr = SEG_ATTR_P | TSS32_BUSY};
    const struct segment none = {.attr = SEG_ATTR_UNUSABLE};

    v->regs = (struct regs){.rax = start->eax, .rbx = start->ebx, .rsi = start->esi};
    virt_set_segment(v, SEG_CS, &code);
    virt_set_segment(v, SEG_SS, &data);
    virt_set_segment(v, SEG_DS, &data);
    virt_set_segment(v, SEG_ES, &data);
    virt_set_segment(v, SEG_FS, &data);
    virt_set_segment(v, SEG_GS, &data);
    virt_set_segment(v, SEG_LDTR, &none);
    virt_set_segment(v, SEG_TR, &tr);
    if (pc)
        virt_ops->set_table(v, false, start->at + START_GDT, START_GDT_BYTES - 1);
    virt_set(v, VREG_RIP, image->entry);
    virt_set(v, VREG_RSP, 0);
    virt_set(v, VREG_RFLAGS, RFLAGS_FIXED);
    virt_set(v, VREG_CR0, CR0_PE | CR0_ET);
    virt_set(v, VREG_CR3, 0);
    virt_set(v, VREG_CR4, 0);
    virt_set(v, VREG_EFER, 0);
}

/* Puts vcpu 0 where it begins. */
static enum paging_result begin(struct vcpu *v, const struct image *image,
                                const struct start *start, struct paging_fault *f)
{
    if (v->domain->config.start_at)
        return cpu_start_up(v, (u8)(v->domain->config.start_at >> PAGE_SHIFT), f);
    set_registers(v, image, start);
    return paging_load_root(v, f);
}

static int ready_vcpus(struct domain *d)
{
    int error = 0;

    for (u32 i = 0; i < d->vcpu_count && !error; i++) {
        mtrr_init(&d->vcpu[i]->virt->mtrr, cpuid_policy_maxphyaddr());
        error = lapic_init(d->vcpu[i]);
        if (!error)
            error = paging_vcpu_init(d->vcpu[i]);
    }
    return error;
}

/* Whether its configuration can be had here, with that image. */
static int check_wishes(const struct domain *d, const struct image *image, char *why,
                        size_t whysize)
{
    if (!image_contains(image, image->entry)) /* the image's own entry always is */
        return fail(why, whysize, -EINVAL, "start_at= is no address of its image's");
    if (d->config.mem_bytes > DEVICE_HOLE)
        return fail(why, whysize, -EINVAL, "mem= reaches the devices: at most 4076M");
    if (d->config.log_by_processor && !(virt_ops->second_stage() & SECOND_STAGE_LOG))
        return fail(why, whysize, -ENODEV,
                    "dirty_log=pml: there is no page-modification logging here (it goes with EPT, "
                    "on processors that have it)");
    return 0;
}

/*
 * Tour 23: building a machine. A fully virtualized domain is made like a real machine: RAM that
 * begins at 0, a serial port, a local APIC, and a processor in the state that its loader would
 * leave. `load` and `set_registers` are that loader: the image in its place, 32-bit protected mode,
 * paging off, a register pointing to what the kernel wants to know. The guest's own start code then
 * makes page tables and enters long mode, as our own did in boot.asm.
 */
int domain_build(struct domain *d, char *why, size_t whysize)
{
    const struct module *m = d->image;
    struct image image;
    struct start start = {0};
    struct paging_fault f = {0};
    int error = image_parse(module_bytes(m), m->end - m->start, &image, why, whysize);

    if (error)
        return error;
    if (d->config.start_at)
        image.entry = d->config.start_at;
    if (image.format->pc)
        log_line("%s: a %s, enters at 0x%x%s", d->config.name, image.format->name, image.entry,
                 image.wants_video ? "; it asks for a video mode, and there is none" : "");
    error = check_wishes(d, &image, why, whysize);
    if (error)
        return error;
    if (physmap_init(d) || devices_attach(d))
        return fail(why, whysize, -ENOMEM, "there is no memory for its tables");
    error = load(d, &image, &start, why, whysize);
    if (!error)
        error = populate(d, why, whysize);
    if (error)
        return error;
    if (ready_vcpus(d))
        return fail(why, whysize, -ENOMEM, "there is no memory for its vcpus");
    if (begin(d->vcpu[0], &image, &start, &f) == PAGING_KILL)
        return fail(why, whysize, -ENOMEM, f.why);
    return 0;
}

bool domain_unbuild(struct domain *d)
{
    io_space_destroy(d);
    return physmap_destroy(d);
}
