/*
 * Building a paravirtualized domain: its memory, its image, the start of day (build_layout.c,
 * build_start.c), and vcpu 0 in its kernel's entry.
 */
#include "boot.h"
#include "boot_steps.h"
#include "build.h"
#include "devices.h"
#include "elf_image.h"
#include "errno.h"
#include "layout.h"
#include "log.h"
#include "port.h"
#include "hypercall.h"
#include "segment.h"
#include "table.h"
#include "xenstore.h"

#include <string.h>

enum build_constants {
    MAX_ORDER = 9, /* of the builder's own list of frames */
    PAGES_MAX = (PAGE_SIZE << MAX_ORDER) / sizeof(u64),
};

static int fail(char *why, size_t whysize, int error, const char *sentence)
{
    format_text(why, whysize, "%s", sentence);
    return error;
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

/* Copies bytes to the domain's memory, `at` counted from frame 0; the caller knows that they fit.
 */
static void put(const struct building *b, u64 at, const u8 *bytes, u64 len)
{
    for (u64 done = 0; done < len;) {
        u64 part = MIN(len - done, PAGE_SIZE - ((at + done) & PAGE_OFFSET_MASK));

        memcpy((u8 *)page_at(b, (at + done) >> PAGE_SHIFT) + ((at + done) & PAGE_OFFSET_MASK),
               bytes + done, part);
        done += part;
    }
}

static void load_image(const struct building *b, const struct elf_image *image, u64 paddr_offset)
{
    for (u32 i = 0; i < image->segments; i++) {
        const struct elf_segment *s = &image->segment[i];

        put(b, s->paddr - paddr_offset, s->bytes, s->filesz);
    }
}

/* The hypervisor's own pages for a domain: slot 260's tables, shared_info. */
static int make_pv_domain(struct domain *d)
{
    struct pv_domain *p = d->pv = hv_alloc(d, sizeof(*p));
    struct frame *f;

    _Static_assert(sizeof(*p) <= PAGE_SIZE, "hv_alloc's limit");
    if (!p)
        return -ENOMEM;
    p->owner = d;
    p->assists = 1ULL << VMASST_TYPE_pae_extended_cr3; /* as Xen has it for a 64-bit guest */
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
    do
        error = page_pin(d, b->mfn[b->tables], FT_L4);
    while (error == -ERESTART);
    if (!error)
        error = page_get_and_type(d, b->mfn[b->tables], FT_L4, &root);
    if (error)
        return error;
    v->virt->kernel_root = b->mfn[b->tables] << PAGE_SHIFT;
    pv_show_m2p(v->domain, v->virt->kernel_root, true);
    v->regs = (struct regs){
        .rip = entry,
        .cs = FLAT_KERNEL_CS,
        .rflags = RFLAGS_IF | RFLAGS_FIXED,
        .rsp = va_of(b, b->stack + 1),
        .ss = FLAT_KERNEL_SS,
        .rsi = va_of(b, b->start_info),
    };
    pv_time_update(v);
    pv_wall_clock(d);
    return 0;
}

static int build(struct building *b, const struct elf_image *image, char *why, size_t whysize)
{
    const struct elf_notes *n = &image->notes;
    u64 offset = n->paddr_offset == ELF_NOTE_ABSENT ? 0 : n->paddr_offset;
    u64 hypercall_page = n->hypercall_page - b->virt_base;
    struct domain *d = b->d;
    u32 console_port, store_port;
    u64 memory = b->pages << PAGE_SHIFT;
    u64 initrd_bytes = d->initrd ? PAGE_ALIGN_UP(d->initrd->end - d->initrd->start) : 0;
    int error;

    if (image->start < offset)
        return fail(why, whysize, -ENOEXEC, "its ELF has a segment below PADDR_OFFSET");
    b->image_pages = PAGE_ALIGN_UP(image->end - offset) >> PAGE_SHIFT;
    b->initrd_pages = initrd_bytes >> PAGE_SHIFT;
    if (image->end - offset > memory || initrd_bytes > memory || !build_lay_out(b))
        return fail(why, whysize, -ENOMEM,
                    "mem= is too small for its image, its RAM disk and its first page tables: give "
                    "it more");
    if (make_pv_domain(d) || take_memory(b))
        return fail(why, whysize, -ENOMEM, "there is not enough memory for it");
    load_image(b, image, offset);
    if (initrd_bytes)
        put(b, b->initrd << PAGE_SHIFT, module_bytes(d->initrd), d->initrd->end - d->initrd->start);
    if (n->hypercall_page != ELF_NOTE_ABSENT) {
        if (hypercall_page & PAGE_OFFSET_MASK || hypercall_page >> PAGE_SHIFT >= b->image_pages)
            return fail(why, whysize, -ENOEXEC, "its HYPERCALL_PAGE is not a page of its image");
        hypercall_page_fill(page_at(b, hypercall_page >> PAGE_SHIFT));
    }
    build_tables(b);
    build_p2m(b);
    d->pv->console_frame = &frame_table[b->mfn[b->console]];
    d->pv->console = page_at(b, b->console);
    d->pv->store_frame = &frame_table[b->mfn[b->store]];
    d->pv->store_ring = page_at(b, b->store);
    d->pv->store_ring->server_features =
        XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR;
    console_port = pv_console_port(d);
    store_port = pv_store_port(d);
    if (!console_port || !store_port)
        return fail(why, whysize, -ENOMEM, "there is no memory for its event channels");
    build_start_info(b, console_port, store_port);
    error = keep_writable(d, d->pv->shared_frame);
    if (!error)
        error = keep_writable(d, d->pv->console_frame);
    if (!error)
        error = keep_writable(d, d->pv->store_frame);
    if (!error)
        error = ready_vcpus(b, n->entry);
    if (!error)
        pv_console_input_begin(d);
    return error ? fail(why, whysize, error, "its first page tables are not valid") : 0;
}

/*
 * Tour 49 [MODE=pv: the guest knows]: page tables from the first instruction. No VT-x from here on.
 * The guest's kernel starts in ring 3, in 64-bit mode, on page tables that the builder made for it,
 * full of machine frame numbers. `build_tables` maps the tables themselves read-only. The guest
 * learns its machine frames from a list (`build_p2m`), and who it is from start_info.
 */
int domain_build(struct domain *d, char *why, size_t whysize)
{
    const struct module *m = d->image;
    struct building b = {.d = d, .pages = d->config.mem_bytes >> PAGE_SHIFT};
    const char *refused;
    struct elf_image image;
    int error = elf_image_parse(module_bytes(m), m->end - m->start, &image, why, whysize);

    if (error)
        return error;
    if (d->config.start_at)
        return fail(
            why, whysize, -EINVAL,
            "start_at= is for full virtualization: a paravirtualized kernel has no real mode");
    if (image.notes.entry == ELF_NOTE_ABSENT)
        return fail(why, whysize, -ENOEXEC,
                    "its ELF has no note XEN_ELFNOTE_ENTRY: it cannot be paravirtualized");
    if (b.pages > PAGES_MAX)
        return fail(why, whysize, -EINVAL,
                    "mem= is more than a paravirtualized domain may have here: at most 1G");
    refused = build_read_notes(&b, &image.notes);
    if (refused)
        return fail(why, whysize, -ENOEXEC, refused);
    if (io_space_init(d) || pv_pit_attach(d))
        return fail(why, whysize, -ENOMEM, "there is no memory for its table of ports");
    error = build(&b, &image, why, whysize);
    if (b.mfn)
        hv_free_pages(NULL, b.mfn, b.mfn_order);
    return error;
}
