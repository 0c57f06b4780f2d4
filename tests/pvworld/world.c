/*
 * The small machine: see world.h.
 */
#include "pvworld/world.h"

#include <stdio.h>
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
static struct virt_vcpu virt[WORLD_DOMAINS];
static struct vcpu vcpu[WORLD_DOMAINS];
static u64 built_mfn[WORLD_DOMAINS][WORLD_PAGES];
static unsigned running;
static bool dying[WORLD_DOMAINS]; /* its vcpu is gone, its memory not all */

/* What a TLB may remember of the running domain since the last flush. */
static bool cached_read[WORLD_FRAMES], cached_write[WORLD_FRAMES];

static void fail(const char *what, u64 value)
{
    fprintf(stderr, "world: %s (%lx)\n", what, (unsigned long)value);
    abort();
}

void world_cr3_loaded(void)
{
    memset(cached_read, 0, sizeof(cached_read));
    memset(cached_write, 0, sizeof(cached_write));
}

/* Keeps what it has: a model that forgets less finds more. */
void world_page_flushed(u64 la)
{
    (void)la;
    world_cpu.invlpgs++;
}

static const u64 *table_of(u64 entry)
{
    u64 mfn = (entry & PTE_ADDR) >> PAGE_SHIFT;

    if (mfn >= WORLD_FRAMES)
        fail("a table's entry leads out of the machine", entry);
    return mfn_to_va(mfn_of(mfn));
}

/* The L1 entry of an address in the tables that are loaded, W being that of all levels; 0: none, or
 * none for ring 3. In ring 0 U means nothing. */
static u64 walk(u64 va, unsigned ring)
{
    u64 entry = world_cpu.cr3 | PTE_P, all = PTE_W | PTE_U;

    if (!canonical(va) || slot_is_hypervisors(pt_index(va, 4)))
        return 0;
    for (unsigned level = 4; level > 0 && entry & PTE_P; level--) {
        entry = table_of(entry)[pt_index(va, level)];
        all &= entry;
    }
    if (!(entry & PTE_P) || (ring == 3 && !(all & PTE_U)))
        return 0;
    return (entry & ~(u64)PTE_W) | (all & PTE_W);
}

/* A frame that the running guest reaches: its own, granted, or left behind by one that has ended.
 */
static void check_reached(u64 mfn, bool write)
{
    const struct frame *f = frame_of(mfn_of(mfn));
    const struct domain *d = world_domain[running];

    if (!f)
        fail("a translation leads out of memory", mfn);
    if (f->owner != d->id && !pv_grant_explains(d, mfn << PAGE_SHIFT | (write ? PTE_W : 0)) &&
        !pv_grant_explains(d, mfn << PAGE_SHIFT | PTE_W))
        fail("a translation leads to a frame of another's", mfn);
    if (write && f->type != FT_WRITABLE)
        fail("a writable translation leads to what is no such memory", mfn);
}

/* One access within a page: our pointer to it, or NULL. */
static void *reach(u64 va, bool write, unsigned ring)
{
    u64 entry = walk(va, ring);

    if (!entry || (write && !(entry & PTE_W)))
        return NULL;
    check_reached((entry & PTE_ADDR) >> PAGE_SHIFT, write);
    return (u8 *)mfn_to_va(mfn_of((entry & PTE_ADDR) >> PAGE_SHIFT)) + (va & PAGE_OFFSET_MASK);
}

static bool copy(u64 gva, void *ours, size_t len, bool write, unsigned ring)
{
    for (size_t done = 0; done < len;) {
        size_t part = MIN(len - done, PAGE_SIZE - ((gva + done) & PAGE_OFFSET_MASK));
        void *p = reach(gva + done, write, ring), *q = (u8 *)ours + done;

        if (!p)
            return false;
        memcpy(write ? p : q, write ? q : p, part);
        done += part;
    }
    return true;
}

/* The hypervisor's own accesses, in ring 0; those of guest_memory.c and access.asm. */
size_t safe_copy(void *to, const void *from, size_t len, u64 *error)
{
    *error = 0;
    return copy((u64)(uintptr_t)from, to, len, false, 0) ? 0 : len;
}

bool pv_copy_bytes_from(void *to, u64 gva, size_t len)
{
    u64 error;

    if (!pv_read_plain(gva))
        return !pv_read_careful(to, gva, len, &error);
    return copy(gva, to, len, false, 0);
}

bool pv_copy_to(u64 gva, const void *from, size_t len)
{
    return pv_range_ok(gva, len) && copy(gva, (void *)(uintptr_t)from, len, true, 0);
}

u64 pv_put_word(u64 gva, u64 value)
{
    return !copy(gva, &value, sizeof(value), true, 0);
}

u64 pv_get_half(void *to, u64 gva)
{
    return !copy(gva, to, sizeof(u32), false, 0);
}

u64 pv_get_words(void *to, u64 gva, u64 words)
{
    return !copy(gva, to, words * sizeof(u64), false, 0);
}

bool world_store(u64 gva, const void *from, size_t len)
{
    return copy(gva, (void *)(uintptr_t)from, len, true, 3);
}

bool world_load(void *to, u64 gva, size_t len)
{
    return copy(gva, to, len, false, 3);
}

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
    struct virt_vcpu *x = &virt[d->id];
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
        fail("a new domain's shared pages", d->id);
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
            fail("the machine's memory is gone", which);
        page_adopt(d, f, i);
        built_mfn[which][i] = frame_mfn(f).v;
    }
    make_tables(which);
    make_pv(d);
    if (page_pin(d, built_mfn[which][WORLD_TABLES], FT_L4) ||
        page_get_and_type(d, built_mfn[which][WORLD_TABLES], FT_L4, &root))
        fail("a new domain's tables", which);
    virt[which].kernel_root = built_mfn[which][WORLD_TABLES] << PAGE_SHIFT;
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
    struct virt_vcpu *x = &virt[which];

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
    dying[which] = true;
}

/* A piece of a domain's end. True: it is no more. */
static bool unbuild_some(unsigned which)
{
    struct domain *d = world_domain[which];

    host_pcpu.current = NULL;
    host_pcpu.until = 0;
    tlb_flush_all();
    if (!dying[which])
        end_vcpu(which);
    if (!domain_unbuild(d))
        return false;
    if (d->frames)
        fail("frames of a domain that has ended", d->frames);
    world_domain[which] = NULL;
    dying[which] = false;
    free(d);
    return true;
}

void world_run(unsigned which)
{
    running = dying[which] ? !which : which;
    host_pcpu.current = &vcpu[running];
    pv_set_reach(world_domain[running]);
    pv_load_root(&vcpu[running]);
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
        fail("frames when all has ended", 0);
}

/* Everything that the running guest can reach now is remembered; what was remembered must still be
 * the guest's to reach. */
static void check_tlb(void)
{
    for (u64 page = 0; page < WORLD_PAGES + PT_ENTRIES; page++) {
        u64 entry = walk(page << PAGE_SHIFT, 3), mfn = (entry & PTE_ADDR) >> PAGE_SHIFT;

        if (!entry)
            continue;
        check_reached(mfn, entry & PTE_W);
        cached_read[mfn] = true;
        cached_write[mfn] |= !!(entry & PTE_W);
    }
    for (u64 mfn = 0; mfn < WORLD_FRAMES; mfn++) {
        const struct frame *f = &frame_table[mfn];

        if (cached_write[mfn] && f->type != FT_WRITABLE)
            fail("a TLB can write what has become something else", mfn);
        if (cached_read[mfn] && f->owner != running && !f->refs)
            fail("a TLB reads a frame that has been given back", mfn);
    }
}

static void check_ports(const struct domain *d)
{
    for (u32 i = 1; i < PV_PORTS; i++) {
        const struct pv_port *p, *back;

        if (!d->pv->ports[i / PV_PORT_BUCKET]) {
            i += PV_PORT_BUCKET - 1;
            continue;
        }
        p = port_of(d, i);

        if (!p || p->state != PORT_PAIR)
            continue;
        if (!domain_by_id(p->remote_dom))
            fail("a port's other end is of no domain", i);
        back = port_of(domain_by_id(p->remote_dom), p->remote);
        if (!back || back->state != PORT_PAIR || back->remote != i || back->remote_dom != d->id)
            fail("a port's other end does not point back", i);
    }
}

/* Uses of a grant are as many as there are handles. */
static void check_grants(const struct domain *d)
{
    const struct pv_grants *g = d->pv->grants;
    u64 uses = 0, handles = 0;

    for (u32 i = 0; g && i < g->frames * GRANTS_PER_FRAME; i++)
        uses += grant_active(g, i)->readers + grant_active(g, i)->writers;
    for (unsigned k = 0; k < WORLD_DOMAINS; k++) {
        const struct pv_grants *h = world_domain[k]->pv->grants;
        for (u32 i = 0; h && i < h->tracks; i++)
            handles += grant_track(h, i)->flags && grant_track(h, i)->dom == d->id;
    }
    if (uses != handles)
        fail("grants in use and handles differ", uses - handles);
}

/* What the guests write to control and debug registers: the processor's are all 0 but for what they
 * may have there. */
static void check_registers(void)
{
    enum { CONDITIONS = 16, ON = 3, ON_PORT = 2 };

    if (world_cpu.cr0 & ~CR0_TS || world_cpu.cr4 & ~CR4_TSD)
        fail("a control register", world_cpu.cr0 | world_cpu.cr4);
    if (world_cpu.dr7 & DR7_GD)
        fail("general detect", world_cpu.dr7);
    for (unsigned i = 0; i < 4; i++)
        if (world_cpu.dr7 >> 2 * i & 3 && (world_cpu.dr7 >> (CONDITIONS + 4 * i) & ON) == ON_PORT)
            fail("a breakpoint on a port", world_cpu.dr7);
}

void world_check(void)
{
    check_registers();
    for (unsigned i = 0; i < WORLD_DOMAINS; i++) {
        struct domain *d = world_domain[i];

        if (dying[i])
            continue;
        if (page_check(d))
            fail("the recount", i);
        if (d->frames > d->frames_max)
            fail("more memory than it may have", d->frames);
        if (!canonical(virt[i].event.address) || !canonical(virt[i].failsafe.address) ||
            !canonical(virt[i].syscall.address))
            fail("a callback that is not canonical", i);
        check_ports(d);
        check_grants(d);
    }
    if (frame_check())
        fail("the frame table", 0);
    check_tlb();
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
        } else if (dying[!i]) {
            again = true;
        }
        world_run(running);
    }
    if (again)
        renew();
}

void world_renew(void)
{
    while (dying[0] || dying[1]) {
        renew();
        world_check();
    }
}

s64 world_call(u64 number, u64 a, u64 b, u64 c, u64 d)
{
    enum { TIMES = 100000, CALL_BYTES = 2, SLICE = 4000 };
    struct vcpu *v = &vcpu[running];
    s64 result = number < HYPERCALLS ? 0 : -ENOSYS;

    v->state = VCPU_RUNNABLE;
    v->regs.rip = PAGE_SIZE;
    v->regs.rdi = a;
    v->regs.rsi = b;
    for (unsigned i = 0; number < HYPERCALLS; i++) {
        u64 rip = v->regs.rip;

        host_pcpu.until = world_cpu.tsc + SLICE;
        result = hypercall_slot[number].handler(v->regs.rdi, v->regs.rsi, c, d, 0, 0);
        if (v->virt->in_multicall || v->virt->again)
            fail("a multicall has left something behind", number);
        if (v->regs.rip == rip || v->domain->doomed)
            break;
        if (v->regs.rip != rip - CALL_BYTES || (u64)result != number || i == TIMES)
            fail("a call that is made again", number);
        v->regs.rip = rip;
    }
    v->kicked = 0;
    renew();
    world_check();
    return result;
}

void world_instruction(u64 rax, u64 rcx, u64 rdx, u64 table)
{
    struct vcpu *v = &vcpu[running];

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
        fail("a guest runs outside of ring 3", v->regs.cs);
    if (!v->regs.vector && !canonical(v->regs.rip))
        fail("a handler that is not canonical", v->regs.rip);
    if (v->regs.rflags & (RFLAGS_VM | RFLAGS_IOPL))
        fail("flags that are not a guest's", v->regs.rflags);
}

void world_trap(const struct regs *r, u64 cr2, bool user)
{
    struct vcpu *v = &vcpu[running];

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
    check_tlb();
    world_enter_kernel(v);
    renew();
    world_check();
}

void world_ldt(u64 offset)
{
    enum { LDT_WINDOW = 16 };
    u64 cr2 = PERDOMAIN_BASE + LDT_WINDOW * PAGE_SIZE + offset;

    pv_ldt_fault(&vcpu[running], &cr2);
    world_check();
}
