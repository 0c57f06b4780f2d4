/*
 * Building a paravirtualized domain: its memory, its image, the start of day as xen/xen.h lays it
 * out ("Start-of-day memory layout"), and vcpu 0 in its kernel's entry.
 *
 * In virtual memory from VIRT_BASE on, each part aligned to 4 KiB: the image; the list of frames;
 * start_info; the console's ring; the page tables, read-only; a page of stack; at least 512 KiB of
 * slack to an end aligned to 4 MiB.
 */
#include "boot.h"
#include "boot_steps.h"
#include "devices.h"
#include "elf_image.h"
#include "errno.h"
#include "layout.h"
#include "log.h"
#include "port.h"
#include "hypercall.h"
#include "segment.h"
#include "table.h"

#include <xen/io/console.h>

#include <string.h>

enum build_constants {
    SLACK_BYTES = 512 << 10,
    END_ALIGN = 4 << 20,
    MAX_ORDER = 9, /* of the builder's own list of frames */
    PAGES_MAX = (PAGE_SIZE << MAX_ORDER) / sizeof(u64),
    ENTRY_FLAGS = PTE_P | PTE_W | PTE_U | PTE_A | PTE_D,
};

/* A domain being built. Page numbers count from VIRT_BASE. */
struct building {
    struct domain *d;
    u64 *mfn;                                    /* machine frame of each page */
    unsigned mfn_order;                          /* of its allocation */
    u64 pages;                                   /* all of the domain's memory */
    u64 virt_base;                               /* virtual address of page 0 */
    u64 p2m, start_info, console, tables, stack; /* first page of each part */
    u64 table_count;                             /* pages of page tables */
    u64 end;                                     /* first page that is not mapped */
};

static int fail(char *why, size_t whysize, int error, const char *sentence)
{
    format_text(why, whysize, "%s", sentence);
    return error;
}

static void *page_at(const struct building *b, u64 page)
{
    return mfn_to_va(mfn_of(b->mfn[page]));
}

static u64 va_of(const struct building *b, u64 page)
{
    return b->virt_base + (page << PAGE_SHIFT);
}

static int take_memory(struct building *b)
{
    struct domain *d = b->d;

    while ((u64)PAGE_SIZE << b->mfn_order < b->pages * sizeof(u64))
        if (++b->mfn_order > MAX_ORDER)
            return -ENOMEM;
    b->mfn = hv_alloc_pages(NULL, b->mfn_order);
    if (!b->mfn)
        return -ENOMEM;
    for (u64 i = 0; i < b->pages; i++) {
        struct frame *f = frame_alloc(d->id);

        if (!f)
            return -ENOMEM;
        page_adopt(d, f, (u32)i);
        b->mfn[i] = frame_mfn(f).v;
        m2p_set(b->mfn[i], i);
    }
    return 0;
}

/* Tables of one level that [start, end) takes, level being that of the entries' own table. */
static u64 tables_of(u64 start, u64 end, unsigned level)
{
    unsigned shift = PAGE_SHIFT + 9 * level;

    return ((end - 1) >> shift) - (start >> shift) + 1;
}

/* Where everything goes; false: the memory is too small. */
static bool lay_out(struct building *b, u64 image_pages)
{
    u64 start = b->virt_base, end;

    b->p2m = image_pages;
    b->start_info = b->p2m + ((b->pages * sizeof(u64) + PAGE_SIZE - 1) >> PAGE_SHIFT);
    b->console = b->start_info + 1;
    b->tables = b->console + 1;
    b->table_count = 4;
    for (;;) {
        b->stack = b->tables + b->table_count;
        end = va_of(b, b->stack + 1) + SLACK_BYTES;
        end = (end + END_ALIGN - 1) & ~(u64)(END_ALIGN - 1);
        u64 need =
            1 + tables_of(start, end, 3) + tables_of(start, end, 2) + tables_of(start, end, 1);
        if (need <= b->table_count)
            break;
        b->table_count = need;
    }
    b->end = (end - start) >> PAGE_SHIFT;
    return b->end <= b->pages;
}

static int load_image(struct building *b, const struct elf_image *image, u64 paddr_offset)
{
    for (u32 i = 0; i < image->segments; i++) {
        const struct elf_segment *s = &image->segment[i];
        u64 at = s->paddr - paddr_offset;

        for (u64 done = 0; done < s->filesz;) {
            u64 part = MIN(s->filesz - done, PAGE_SIZE - ((at + done) & PAGE_OFFSET_MASK));

            memcpy((u8 *)page_at(b, (at + done) >> PAGE_SHIFT) + ((at + done) & PAGE_OFFSET_MASK),
                   s->bytes + done, part);
            done += part;
        }
    }
    return 0;
}

/* The next free page of the tables, or the one that the entry leads to already. */
static u64 *table_below(const struct building *b, u64 *entry, u64 *next)
{
    if (!(*entry & PTE_P))
        *entry = b->mfn[(*next)++] << PAGE_SHIFT | ENTRY_FLAGS;
    return mpa_to_va(mpa_of(*entry & PTE_ADDR));
}

/* L4 first (pt_base), the others in the order in which they are reached. */
static void make_tables(const struct building *b)
{
    u64 *l4 = page_at(b, b->tables), next = b->tables + 1;

    for (u64 i = 0; i < b->end; i++) {
        u64 va = va_of(b, i);
        u64 *l3 = table_below(b, &l4[pt_index(va, 4)], &next);
        u64 *l2 = table_below(b, &l3[pt_index(va, 3)], &next);
        u64 *l1 = table_below(b, &l2[pt_index(va, 2)], &next);
        bool is_table = i >= b->tables && i < b->tables + b->table_count;

        l1[pt_index(va, 1)] =
            b->mfn[i] << PAGE_SHIFT | (is_table ? ENTRY_FLAGS & ~PTE_W : ENTRY_FLAGS);
    }
    ASSERT(next <= b->tables + b->table_count);
}

static void write_start_info(const struct building *b, u32 console_port)
{
    struct start_info *s = page_at(b, b->start_info);
    const char *line = b->d->config.args;

    _Static_assert(sizeof(*s) <= PAGE_SIZE, "one page");
    format_text(s->magic, sizeof(s->magic), "xen-3.0-x86_64");
    s->nr_pages = b->pages;
    s->shared_info = mfn_to_mpa(frame_mfn(b->d->pv->shared_frame)).v;
    s->console.domU.mfn = b->mfn[b->console];
    s->console.domU.evtchn = console_port;
    s->pt_base = va_of(b, b->tables);
    s->nr_pt_frames = b->table_count;
    s->mfn_list = va_of(b, b->p2m);
    s->first_p2m_pfn = b->p2m;
    s->nr_p2m_frames = b->start_info - b->p2m;
    memcpy(s->cmd_line, line, MIN(strlen(line), sizeof(s->cmd_line) - 1));
}

static void write_p2m(const struct building *b)
{
    enum { PER_PAGE = PAGE_SIZE / sizeof(u64) };

    for (u64 i = 0; i < b->pages; i++)
        ((u64 *)page_at(b, b->p2m + i / PER_PAGE))[i % PER_PAGE] = b->mfn[i];
}

/* The hypervisor's own pages for a domain: slot 260's tables, shared_info. */
static int make_pv_domain(struct domain *d)
{
    struct pv_domain *p = d->pv = hv_alloc(d, sizeof(*p));
    struct frame *f;

    _Static_assert(sizeof(*p) <= PAGE_SIZE, "hv_alloc's limit");
    if (!p)
        return -ENOMEM;
    p->window_l3 = hv_alloc_pages(d, 0);
    p->window_l2 = hv_alloc_pages(d, 0);
    p->window_order = d->config.vcpus * PV_WINDOW_FRAMES > PT_ENTRIES;
    p->window_l1 = hv_alloc_pages(d, p->window_order);
    f = frame_alloc(d->id);
    if (!p->window_l3 || !p->window_l2 || !p->window_l1 || !f)
        return -ENOMEM;
    p->window_l4e = va_to_mpa(p->window_l3).v | PTE_P | PTE_W;
    p->window_l3[0] = va_to_mpa(p->window_l2).v | PTE_P | PTE_W;
    for (unsigned i = 0; i < 1u << p->window_order; i++)
        p->window_l2[i] = (va_to_mpa(p->window_l1).v + i * PAGE_SIZE) | PTE_P | PTE_W;
    d->frames_max++;
    p->xen_frames++;
    page_adopt(d, f, ~0u);
    f->flags |= FRAME_XEN_HEAP;
    p->shared_frame = f;
    p->shared = mfn_to_va(frame_mfn(f));
    return 0;
}

/* A frame that the hypervisor writes to whenever it likes stays writable memory. */
static int keep_writable(struct domain *d, struct frame *f)
{
    return page_get_and_type(d, frame_mfn(f).v, FT_WRITABLE, &f);
}

static int ready_vcpus(struct building *b, u64 entry)
{
    struct domain *d = b->d;
    struct vcpu *v = d->vcpu[0];
    struct frame *root;
    int error;

    for (u32 i = 0; i < d->vcpu_count; i++) {
        struct virt_vcpu *x = d->vcpu[i]->virt;

        x->info = &d->pv->shared->vcpu_info[i];
        x->info->evtchn_upcall_mask = 1;
        x->window = &d->pv->window_l1[i * PV_WINDOW_FRAMES];
        pv_set_gdt(d->vcpu[i], NULL, 0);
    }
    error = page_pin(d, b->mfn[b->tables], FT_L4);
    if (!error)
        error = page_get_and_type(d, b->mfn[b->tables], FT_L4, &root);
    if (error)
        return error;
    v->virt->kernel_root = b->mfn[b->tables] << PAGE_SHIFT;
    v->regs = (struct regs){
        .rip = entry,
        .cs = FLAT_KERNEL_CS,
        .rflags = RFLAGS_IF | RFLAGS_FIXED,
        .rsp = va_of(b, b->stack + 1),
        .ss = FLAT_KERNEL_SS,
        .rsi = va_of(b, b->start_info),
    };
    pv_time_update(v);
    return 0;
}

static int build(struct building *b, const struct elf_image *image, char *why, size_t whysize)
{
    const struct elf_notes *n = &image->notes;
    u64 offset = n->paddr_offset == ELF_NOTE_ABSENT ? 0 : n->paddr_offset;
    u64 hypercall_page = n->hypercall_page - b->virt_base;
    struct domain *d = b->d;
    u32 console_port;
    int error;

    if (image->start < offset)
        return fail(why, whysize, -ENOEXEC, "its ELF has a segment below PADDR_OFFSET");
    if (!pv_range_ok(b->virt_base, b->pages << PAGE_SHIFT))
        return fail(why, whysize, -ENOEXEC,
                    "its VIRT_BASE is not an address that a guest may have");
    if (image->end - offset > b->pages << PAGE_SHIFT ||
        !lay_out(b, PAGE_ALIGN_UP(image->end - offset) >> PAGE_SHIFT))
        return fail(why, whysize, -ENOMEM,
                    "mem= is too small for its image and its first page tables: give it more");
    if (make_pv_domain(d) || take_memory(b))
        return fail(why, whysize, -ENOMEM, "there is not enough memory for it");
    load_image(b, image, offset);
    if (n->hypercall_page != ELF_NOTE_ABSENT) {
        if (hypercall_page & PAGE_OFFSET_MASK || hypercall_page >> PAGE_SHIFT >= b->p2m)
            return fail(why, whysize, -ENOEXEC, "its HYPERCALL_PAGE is not a page of its image");
        hypercall_page_fill(page_at(b, hypercall_page >> PAGE_SHIFT));
    }
    make_tables(b);
    write_p2m(b);
    d->pv->console_frame = &frame_table[b->mfn[b->console]];
    d->pv->console = page_at(b, b->console);
    console_port = pv_console_port(d);
    if (!console_port)
        return fail(why, whysize, -ENOMEM, "there is no memory for its event channels");
    write_start_info(b, console_port);
    error = keep_writable(d, d->pv->shared_frame);
    if (!error)
        error = keep_writable(d, d->pv->console_frame);
    if (!error)
        error = ready_vcpus(b, n->entry);
    return error ? fail(why, whysize, error, "its first page tables are not valid") : 0;
}

/*
 * Tour 49 [MODE=pv: the guest knows]: page tables from the first instruction. No VT-x from here on.
 * The guest's kernel starts in ring 3, in 64-bit mode, on page tables that the builder made for it,
 * full of machine frame numbers. `make_tables` maps the tables themselves read-only. The guest
 * learns its machine frames from a list (`write_p2m`), and who it is from start_info.
 */
int domain_build(struct domain *d, char *why, size_t whysize)
{
    const struct module *m = d->image;
    struct building b = {.d = d, .pages = d->config.mem_bytes >> PAGE_SHIFT};
    struct elf_image image;
    int error = elf_image_parse(module_bytes(m), m->end - m->start, &image, why, whysize);

    if (error)
        return error;
    if (image.notes.entry == ELF_NOTE_ABSENT)
        return fail(why, whysize, -ENOEXEC,
                    "its ELF has no note XEN_ELFNOTE_ENTRY: it cannot be paravirtualized");
    if (b.pages > PAGES_MAX)
        return fail(why, whysize, -EINVAL,
                    "mem= is more than a paravirtualized domain may have here: at most 1G");
    b.virt_base = image.notes.virt_base == ELF_NOTE_ABSENT ? 0 : image.notes.virt_base;
    if (b.virt_base & (END_ALIGN - 1))
        return fail(why, whysize, -ENOEXEC, "its VIRT_BASE is not a multiple of 4 MiB");
    if (io_space_init(d))
        return fail(why, whysize, -ENOMEM, "there is no memory for its table of ports");
    error = build(&b, &image, why, whysize);
    if (b.mfn)
        hv_free_pages(NULL, b.mfn, b.mfn_order);
    return error;
}
