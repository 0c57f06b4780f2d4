// sources: src/pv/builder.c src/pv/build_layout.c src/pv/build_start.c src/pv/page_type.c
// sources: src/pv/page_undo.c src/pv/table.c src/pv/segment.c src/pv/page_check.c
// sources: src/core/frame.c src/core/tlb.c src/core/format.c tests/unit/stub_panic.c
// sources: tests/unit/stub_machine.c tests/unit/stub_pages.c
/*
 * The start of day: where everything lies, what the first page tables map and how, what start_info
 * says; and what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "boot.h"
#include "devices.h"
#include "elf_image.h"
#include "errno.h"
#include "frame_setup.h"
#include "layout.h"
#include "stub_machine.h"
#include "tlb.h"

#include "../../src/pv/page_check.h"
#include "../../src/pv/hypercall.h"
#include "../../src/pv/table.h"

enum { FRAMES = 8192, MEM = 16 << 20, END_ALIGN = 4 << 20, SLACK = 512 << 10 };

u8 *host_machine_memory;
struct pcpu host_pcpu;

/* The builder has no time to lose. */
bool sched_time_is_up(void)
{
    return true;
}
static void *records;
static u64 m2p[FRAMES];
static struct elf_image image;
static u8 code[PAGE_SIZE + 100];
static struct module module = {.end = 1, .cmdline = "name=test mem=16M -- word"};
static struct domain domain;
static struct vcpu vcpu;
static struct virt_vcpu virt;
static char why[200];

/* What the builder asks of the rest. The allocator forgets everything between tests. */
void *hv_alloc(struct domain *d, size_t size)
{
    assert_true(size <= PAGE_SIZE);
    return hv_alloc_pages(d, 0);
}

int elf_image_parse(const void *file, u64 size, struct elf_image *out, char *w, size_t wsize)
{
    (void)file;
    (void)size;
    (void)w;
    (void)wsize;
    *out = image;
    return 0;
}

int pv_pit_attach(struct domain *d)
{
    (void)d;
    return 0;
}

int io_space_init(struct domain *d)
{
    (void)d;
    return 0;
}

void m2p_set(u64 mfn, u64 gfn)
{
    m2p[mfn] = gfn;
}

void pv_wall_clock(struct domain *d)
{
    (void)d;
}

void pv_time_update(struct vcpu *v)
{
    v->virt->info->time.version += 2;
}

u32 pv_console_port(struct domain *d)
{
    (void)d;
    return 1;
}

int pv_set_gdt(struct vcpu *v, const u64 *mfn, u32 frames)
{
    (void)v;
    (void)mfn;
    (void)frames;
    return 0;
}

u32 pv_store_port(struct domain *d)
{
    (void)d;
    return 2;
}

void pv_console_input_begin(struct domain *d)
{
    (void)d;
}

void hypercall_page_fill(void *page)
{
    memset(page, 0xcd, PAGE_SIZE);
}

void l4_linear_noted(const struct domain *d)
{
    (void)d;
}

void l4_fill(const struct domain *d, u64 *l4)
{
    l4[PERDOMAIN_SLOT] = d->pv->window_l4e;
}

void pv_show_m2p(const struct domain *d, u64 l4, bool show)
{
    (void)d;
    (void)l4;
    (void)show;
}

void l4_clear(u64 *l4)
{
    l4[PERDOMAIN_SLOT] = 0;
}

void page_each_held(struct domain *d, void (*visit)(void *context, struct frame *f, bool typed),
                    void *context)
{
    visit(context, d->pv->shared_frame, true);
    visit(context, d->pv->console_frame, true);
    visit(context, d->pv->store_frame, true);
    visit(context, &frame_table[virt.kernel_root >> PAGE_SHIFT], true);
}

bool page_granted(const struct domain *d, u64 entry)
{
    (void)d;
    (void)entry;
    return false;
}

void tlb_hw_flush_all(void)
{
    page_note_flush();
}

void tlb_hw_flush_root(mfn_t root)
{
    (void)root;
}

void tlb_hw_flush_page(mfn_t root, u64 gva)
{
    (void)root;
    (void)gva;
}

static void use_image(u64 virt_base, u64 paddr)
{
    memset(code, 0x90, sizeof(code));
    image = (struct elf_image){
        .segments = 1,
        .segment[0] = {.paddr = paddr,
                       .vaddr = paddr,
                       .memsz = 3 * PAGE_SIZE,
                       .filesz = sizeof(code),
                       .bytes = code},
        .notes = {.phys32_entry = ELF_NOTE_ABSENT,
                  .entry = virt_base + paddr,
                  .virt_base = virt_base,
                  .paddr_offset = ELF_NOTE_ABSENT,
                  .hypercall_page = virt_base + paddr + 2 * PAGE_SIZE,
                  .init_p2m = ELF_NOTE_ABSENT,
                  .hv_start_low = ELF_NOTE_ABSENT,
                  .mod_start_pfn = ELF_NOTE_ABSENT},
        .start = paddr,
        .end = paddr + 3 * PAGE_SIZE,
    };
}

static int setup(void **state)
{
    (void)state;
    host_machine_memory = aligned_alloc(PAGE_SIZE, (size_t)FRAMES * PAGE_SIZE);
    memset(host_machine_memory, 0xa5, (size_t)FRAMES * PAGE_SIZE);
    records = malloc(frame_table_bytes(FRAMES));
    frame_table_init(records, FRAMES);
    frame_table_add_ram(0, FRAMES);
    tlb_flush_all();
    frame_table_release(4, FRAMES);
    memset(&domain, 0, sizeof(domain));
    domain.id = 1;
    domain.config.mem_bytes = MEM;
    domain.config.vcpus = 1;
    strcpy(domain.config.args, "word");
    domain.image = &module;
    domain.vcpu_count = 1;
    domain.vcpu[0] = &vcpu;
    domain.frames_max = MEM >> PAGE_SHIFT;
    vcpu = (struct vcpu){.domain = &domain, .virt = &virt};
    memset(&virt, 0, sizeof(virt));
    use_image(0, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(records);
    free(host_machine_memory);
    return 0;
}

/* The L1 entry for va in the new domain's tables, or 0. */
static u64 entry_of(u64 va)
{
    struct frame *table;
    const u64 *p = table_find_l1(&domain, virt.kernel_root, va, &table);

    return p ? *p : 0;
}

static void *at(u64 va)
{
    u64 e = entry_of(va);

    assert_true(e & PTE_P);
    return mpa_to_va(mpa_of((e & PTE_ADDR) | (va & PAGE_OFFSET_MASK)));
}

static void check_tables(const struct start_info *s, u64 base, u64 end)
{
    u64 tables_end = s->pt_base + s->nr_pt_frames * PAGE_SIZE;

    for (u64 va = base; va < end; va += PAGE_SIZE) {
        u64 e = entry_of(va), pfn = (va - base) >> PAGE_SHIFT;

        assert_true((e & (PTE_P | PTE_U)) == (PTE_P | PTE_U));
        assert_int_equal(!(e & PTE_W), va >= s->pt_base && va < tables_end);
        assert_int_equal(m2p[(e & PTE_ADDR) >> PAGE_SHIFT], pfn);
        assert_int_equal(((const u64 *)at(s->mfn_list + pfn / 512 * PAGE_SIZE))[pfn % 512],
                         (e & PTE_ADDR) >> PAGE_SHIFT);
    }
    assert_true(entry_of(end) == 0);
    assert_true(entry_of(s->pt_base) >> PAGE_SHIFT << PAGE_SHIFT ==
                (virt.kernel_root | (entry_of(s->pt_base) & ~PTE_ADDR & ~PAGE_OFFSET_MASK)));
}

static void check_start(u64 base)
{
    assert_int_equal(domain_build(&domain, why, sizeof(why)), 0);
    const struct start_info *s = at(vcpu.regs.rsi);
    u64 stack_end = vcpu.regs.rsp, end = base;

    assert_string_equal(s->magic, "xen-3.0-x86_64");
    assert_int_equal(s->nr_pages, MEM >> PAGE_SHIFT);
    assert_true(s->shared_info == frame_mfn(domain.pv->shared_frame).v << PAGE_SHIFT);
    assert_string_equal((const char *)s->cmd_line, "word");
    assert_int_equal(s->flags, 0);
    assert_int_equal(s->console.domU.evtchn, 1);
    assert_int_equal(s->store_evtchn, 2);
    assert_int_equal(s->store_mfn, frame_mfn(domain.pv->store_frame).v);
    assert_int_equal(s->console.domU.mfn, frame_mfn(domain.pv->console_frame).v);
    assert_true(s->mfn_list == base + image.end);
    assert_true(vcpu.regs.rsi == s->mfn_list + s->nr_p2m_frames * PAGE_SIZE);
    assert_true(s->pt_base == vcpu.regs.rsi + 3 * PAGE_SIZE); /* two rings between */
    assert_true(stack_end == s->pt_base + (s->nr_pt_frames + 1) * PAGE_SIZE);
    while (entry_of(end))
        end += PAGE_SIZE;
    assert_int_equal((end - base) % END_ALIGN, 0);
    assert_true(end - stack_end >= SLACK);
    check_tables(s, base, end);
    assert_true(vcpu.regs.rip == image.notes.entry);
    assert_int_equal(vcpu.regs.cs, FLAT_KERNEL_CS);
    assert_int_equal(*(u8 *)at(base + image.start), 0x90);
    assert_int_equal(*(u8 *)at(base + image.start + sizeof(code)), 0);
    assert_int_equal(*(u8 *)at(image.notes.hypercall_page), 0xcd);
    assert_int_equal(virt.info->evtchn_upcall_mask, 1);
    assert_int_equal(domain.frames, (MEM >> PAGE_SHIFT) + 1);
    assert_int_equal(page_check(&domain), 0);
}

static void low_kernel(void **state)
{
    (void)state;
    check_start(0);
}

static void high_kernel(void **state)
{
    (void)state;
    use_image(0xffffffff80000000ULL, 1 << 20);
    check_start(0xffffffff80000000ULL);
}

/* PADDR_OFFSET is taken off p_paddr. */
static void offset_kernel(void **state)
{
    (void)state;
    const u64 base = 0xffffffff80000000ULL;

    use_image(base, 1 << 20);
    image.notes.paddr_offset = base;
    image.start += base;
    image.end += base;
    image.segment[0].paddr += base;
    assert_int_equal(domain_build(&domain, why, sizeof(why)), 0);
    assert_int_equal(*(u8 *)at(base + (1 << 20)), 0x90);
}

static void refused(int error, const char *words)
{
    assert_int_equal(domain_build(&domain, why, sizeof(why)), error);
    assert_non_null(strstr(why, words));
}

static void refusals(void **state)
{
    (void)state;
    image.notes.entry = ELF_NOTE_ABSENT;
    refused(-ENOEXEC, "XEN_ELFNOTE_ENTRY");
    use_image(0x1000, 1 << 20);
    refused(-ENOEXEC, "VIRT_BASE");
    use_image(HYPERVISOR_VIRT_START, 1 << 20);
    refused(-ENOEXEC, "VIRT_BASE");
    use_image(HYPERVISOR_VIRT_START - END_ALIGN, 1 << 20);
    image.end = END_ALIGN;
    refused(-ENOEXEC, "VIRT_BASE");
    use_image(0, 1 << 20);
    image.notes.paddr_offset = 2 << 20;
    refused(-ENOEXEC, "PADDR_OFFSET");
    use_image(0, MEM - 2 * PAGE_SIZE);
    refused(-ENOMEM, "too small");
    use_image(0, 1 << 20);
    domain.config.mem_bytes = 3 << 20;
    refused(-ENOMEM, "too small");
    domain.config.mem_bytes = (1ULL << PAGE_SHIFT_1G) + PAGE_SIZE;
    refused(-EINVAL, "at most 1G");
}

static void hypercall_page_outside_the_image(void **state)
{
    (void)state;
    image.notes.hypercall_page = image.end;
    refused(-ENOEXEC, "HYPERCALL_PAGE");
}

static void unaligned_hypercall_page(void **state)
{
    (void)state;
    image.notes.hypercall_page += 8;
    refused(-ENOEXEC, "HYPERCALL_PAGE");
}

static void more_memory_than_there_is(void **state)
{
    (void)state;
    domain.config.mem_bytes = (u64)(FRAMES + 16) << PAGE_SHIFT;
    refused(-ENOMEM, "memory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(low_kernel, setup, teardown),
        cmocka_unit_test_setup_teardown(high_kernel, setup, teardown),
        cmocka_unit_test_setup_teardown(offset_kernel, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(hypercall_page_outside_the_image, setup, teardown),
        cmocka_unit_test_setup_teardown(unaligned_hypercall_page, setup, teardown),
        cmocka_unit_test_setup_teardown(more_memory_than_there_is, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
