/*
 * The small machine's domains: how they are built, called, trapped and ended. See world.h.
 */
#include "pvworld/parts.h"

#include <stdlib.h>
#include <string.h>

#include "../../src/pv/event_channel.h"
#include "../../src/pv/table.h"
#include "boot_steps.h"
#include "frame_setup.h"
#include "layout.h"
#include "timer.h"
#include "tlb.h"
#include "virt.h"

struct domain *world_domain[WORLD_DOMAINS];
unsigned world_ended;
enum end_reason world_end_reason;
u64 world_end_code;
u8 *host_machine_memory;
static u8 memory[WORLD_FRAMES * PAGE_SIZE] __attribute__((aligned(4096)));
static struct frame records[WORLD_FRAMES + 1];
struct virt_vcpu world_virt[WORLD_DOMAINS];
static struct vcpu vcpu[WORLD_DOMAINS];
static u64 built_mfn[WORLD_DOMAINS][WORLD_PAGES];
unsigned world_running;
bool world_dying[WORLD_DOMAINS];

struct domain *domain_by_id(u16 id)
{
    return id < WORLD_DOMAINS ? world_domain[id] : NULL;
}

void domain_end(struct domain *d, enum end_reason reason, u64 code, const char *detail, ...)
{
    (void)detail;
    d->doomed = true;
    world_end_reason = reason;
    world_end_code = code;
    vcpu[d->id].state = VCPU_DOWN;
}

u64 world_mfn(unsigned which, unsigned page)
{
    return built_mfn[which][page];
}

static u64 *words(unsigned which, unsigned page)
{
    return mfn_to_va(mfn_of(built_mfn[which][page]));
}

static void make_tables(unsigned which)
{
    enum { FLAGS = PTE_P | PTE_W | PTE_U };
    const u64 *mfn = built_mfn[which];

    for (unsigned level = 0; level < 3; level++)
        words(which, WORLD_TABLES + level)[0] = mfn[WORLD_TABLES + level + 1] << PAGE_SHIFT | FLAGS;
    for (unsigned i = 0; i < WORLD_PAGES; i++) {
        bool table = i >= WORLD_TABLES && i < WORLD_TABLES + 4;
        words(which, WORLD_TABLES + 3)[i] =
            mfn[i] << PAGE_SHIFT | PTE_P | PTE_U | (table ? 0 : PTE_W);
    }
}

/* What builder.c and virt_pv.c give a domain and its vcpu. */
static void make_pv(struct domain *d)
{
    struct pv_domain *p = d->pv = hv_alloc(d, sizeof(*p));
    struct virt_vcpu *x = &world_virt[d->id];
    struct frame *f = frame_alloc(d->id);

    p->window_l3 = hv_alloc_pages(d, 0);
    p->window_l2 = hv_alloc_pages(d, 0);
    p->window_l1 = hv_alloc_pages(d, 0);
    d->frames_max++;
    p->xen_frames++;
    page_adopt(d, f, ~0u);
    f->flags |= FRAME_XEN_HEAP;
    p->shared_frame = f;
    p->shared = mfn_to_va(frame_mfn(f));
    p->console_frame = &frame_table[built_mfn[d->id][WORLD_CONSOLE]];
    p->console = mfn_to_va(frame_mfn(p->console_frame));
    *x = (struct virt_vcpu){.owner = &vcpu[d->id], .kernel_mode = true, .window = p->window_l1};
    x->gate = hv_alloc_pages(d, 0);
    x->info = &p->shared->vcpu_info[0];
    x->runstate.state = RUNSTATE_running;
    vcpu[d->id] = (struct vcpu){.domain = d, .virt = x, .state = VCPU_RUNNABLE};
    pv_timer_init(&vcpu[d->id]);
    if (page_get_and_type(d, frame_mfn(p->shared_frame).v, FT_WRITABLE, &f) ||
        page_get_and_type(d, frame_mfn(p->console_frame).v, FT_WRITABLE, &f) || !pv_console_port(d))
        world_fail("a new domain's shared pages", d->id);
}

static void build(unsigned which)
{
    struct domain *d = world_domain[which] = calloc(1, sizeof(*d));
    struct frame *root;

    host_pcpu.until = ~0ULL; /* what is long is not broken off here */
    d->id = (u16)which;
    d->vcpu_count = 1;
    d->vcpu[0] = &vcpu[which];
    d->config.mem_bytes = (u64)WORLD_PAGES << PAGE_SHIFT;
    d->frames_max = WORLD_PAGES + WORLD_SPARE_FRAMES;
    for (unsigned i = 0; i < WORLD_PAGES; i++) {
        struct frame *f = frame_alloc(d->id);
        if (!f)
            world_fail("the machine's memory is gone", which);
        page_adopt(d, f, i);
        built_mfn[which][i] = frame_mfn(f).v;
    }
    make_tables(which);
    make_pv(d);
    if (page_pin(d, built_mfn[which][WORLD_TABLES], FT_L4) ||
        page_get_and_type(d, built_mfn[which][WORLD_TABLES], FT_L4, &root))
        world_fail("a new domain's tables", which);
    world_virt[which].kernel_root = built_mfn[which][WORLD_TABLES] << PAGE_SHIFT;
    pv_set_gdt(&vcpu[which], NULL, 0);
}

static void put_root(struct domain *d, u64 *root)
{
    if (*root)
        page_put_and_type(d, &frame_table[*root >> PAGE_SHIFT]);
    *root = 0;
}

/* As domain.c and virt_pv.c do. */
static void end_vcpu(unsigned which)
{
    struct domain *d = world_domain[which];
    struct virt_vcpu *x = &world_virt[which];

    timer_cancel(&vcpu[which].timer);
    pv_set_gdt(&vcpu[which], NULL, 0);
    pv_drop_ldt(&vcpu[which]);
    put_root(d, &x->kernel_root);
    put_root(d, &x->user_root);
    if (x->info_frame)
        page_put_and_type(d, x->info_frame);
    pv_timer_cancel(&vcpu[which]);
    hv_free_pages(d, x->gate, 0);
    d->vcpu_count = 0;
    world_dying[which] = true;
}

/* A piece of a domain's end. True: it is no more. */
static bool unbuild_some(unsigned which)
{
    struct domain *d = world_domain[which];

    host_pcpu.current = NULL;
    host_pcpu.until = 0;
    tlb_flush_all();
    if (!world_dying[which])
        end_vcpu(which);
    if (!domain_unbuild(d))
        return false;
    if (d->frames)
        world_fail("frames of a domain that has ended", d->frames);
    world_domain[which] = NULL;
    world_dying[which] = false;
    free(d);
    return true;
}

void world_run(unsigned which)
{
    world_running = world_dying[which] ? !which : which;
    host_pcpu.current = &vcpu[world_running];
    pv_set_reach(world_domain[world_running]);
    pv_load_root(&vcpu[world_running]);
}

/* A little of a direct map: tables of the hypervisor's in its slot, as in layout.h. */
static void make_direct_map(void)
{
    enum { ENTRIES = 8, DIRECT_MAP_SLOT = 262, LEVELS = 3 };
    u64 *above = &hypervisor_l4[DIRECT_MAP_SLOT], count = 1;

    for (unsigned level = 0; level < LEVELS; level++) {
        u64 mfn = frame_mfn(frame_alloc(DOMID_HYPERVISOR)).v;

        for (u64 i = 0; i < count; i++)
            above[i] = mfn << PAGE_SHIFT | PTE_P | PTE_W | PTE_A;
        above = mfn_to_va(mfn_of(mfn));
        count = ENTRIES;
    }
}

void world_begin(void)
{
    host_machine_memory = memory;
    frame_table_init(records, WORLD_FRAMES);
    frame_table_add_ram(0, WORLD_FRAMES);
    frame_table_release(0, WORLD_FRAMES);
    memset(&host_pcpu, 0, sizeof(host_pcpu));
    memset(&world_cpu, 0, sizeof(world_cpu));
    world_calls_init();
    make_direct_map();
    for (unsigned i = 0; i < WORLD_DOMAINS; i++)
        build(i);
    world_run(0);
}

void world_end(void)
{
    for (unsigned i = 0; i < WORLD_DOMAINS; i++)
        while (!unbuild_some(i))
            ;
    if (frame_check())
        world_fail("frames when all has ended", 0);
}

/* A piece of the end of each that is at its end; one of them at least goes on living. */
static void renew(void)
{
    bool again = false;

    for (unsigned i = 0; i < WORLD_DOMAINS; i++) {
        if (!world_domain[i]->doomed)
            continue;
        if (unbuild_some(i)) {
            build(i);
            world_ended++;
        } else if (world_dying[!i]) {
            again = true;
        }
        world_run(world_running);
    }
    if (again)
        renew();
}

void world_renew(void)
{
    while (world_dying[0] || world_dying[1]) {
        renew();
        world_check();
    }
}

s64 world_call(u64 number, u64 a, u64 b, u64 c, u64 d)
{
    enum { TIMES = 100000, CALL_BYTES = 2, SLICE = 4000 };
    struct vcpu *v = &vcpu[world_running];
    s64 result = number < HYPERCALLS ? 0 : -ENOSYS;

    v->state = VCPU_RUNNABLE;
    v->regs.rip = PAGE_SIZE;
    v->regs.rdi = a;
    v->regs.rsi = b;
    v->regs.rdx = c;
    for (unsigned i = 0; number < HYPERCALLS; i++) {
        u64 rip = v->regs.rip;

        host_pcpu.until = world_cpu.tsc + SLICE;
        result = hypercall_slot[number].handler(v->regs.rdi, v->regs.rsi, v->regs.rdx, d, 0, 0);
        if (v->virt->in_multicall || v->virt->again)
            world_fail("a multicall has left something behind", number);
        if (v->regs.rip == rip || v->domain->doomed)
            break;
        if (v->regs.rip != rip - CALL_BYTES || (u64)result != number || i == TIMES)
            world_fail("a call that is made again", number);
        v->regs.rip = rip;
    }
    v->kicked = 0;
    renew();
    world_check();
    return result;
}

void world_instruction(u64 rax, u64 rcx, u64 rdx, u64 table)
{
    struct vcpu *v = &vcpu[world_running];

    v->regs = (struct regs){.rax = rax, .rcx = rcx, .rdx = rdx, .rdi = rax, .rsi = rcx};
    v->regs.rip = WORLD_CODE;
    v->regs.cs = SEL_GUEST_CS64;
    host_pcpu.until = ~0ULL;
    if (table)
        pv_write_table(v, table);
    else
        pv_emulate(v);
    v->kicked = 0;
    v->state = VCPU_RUNNABLE;
    renew();
    world_check();
}

/* Where a guest can be after a trap: in code that ring 3 may run, and where a frame led it, if one
 * did. */
static void check_place(const struct vcpu *v)
{
    enum { RPL = 3 };

    if ((v->regs.cs & RPL) != RPL)
        world_fail("a guest runs outside of ring 3", v->regs.cs);
    if (!v->regs.vector && !canonical(v->regs.rip))
        world_fail("a handler that is not canonical", v->regs.rip);
    if (v->regs.rflags & (RFLAGS_VM | RFLAGS_IOPL))
        world_fail("flags that are not a guest's", v->regs.rflags);
}

void world_trap(const struct regs *r, u64 cr2, bool user)
{
    struct vcpu *v = &vcpu[world_running];

    v->regs = *r;
    world_cpu.cr2 = cr2;
    host_pcpu.until = ~0ULL;
    if (user && v->virt->user_root) {
        swapgs();
        v->virt->kernel_mode = false;
        write_cr3(v->virt->user_root);
    }
    pv_trap(v);
    v->virt->segments_lost |= cr2 & 1;
    if (!v->domain->doomed)
        virt_deliver_pending(v);
    if (!v->domain->doomed)
        check_place(v);
    v->kicked = 0;
    v->state = VCPU_RUNNABLE;
    world_check_tlb();
    world_enter_kernel(v);
    renew();
    world_check();
}

void world_ldt(u64 offset)
{
    enum { LDT_WINDOW = 16 };
    u64 cr2 = PERDOMAIN_BASE + LDT_WINDOW * PAGE_SIZE + offset;

    pv_ldt_fault(&vcpu[world_running], &cr2);
    world_check();
}
