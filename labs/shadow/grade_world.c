/*
 * The machine behind the grader's host part (grade_shadow.h).
 */
#include "grade_shadow.h"

#include "grade.h"

#include "frame.h"
#include "frame_setup.h"
#include "layout.h"
#include "log.h"
#include "machine.h"
#include "physmap.h"
#include "tlb.h"
#include "virt.h"

#include "../../src/cpu/cpuid_policy.h"
#include "../../src/mmu-shadow/fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { MAXPHYADDR = 40, TLB_SLOTS = 4096, TRIES = 6, PICTURES = 256 };

struct domain domain;
struct vcpu vcpu;
struct paging_fault world_fault;
u8 *host_machine_memory;

static u64 reg[VREG_COUNT], next_table, kernel_tables, flushes;
static struct {
    u64 page, mfn; /* linear page + 1; 0: nothing */
    u64 rights;    /* PTE_W, PTE_U, PTE_NX */
} tlb[TLB_SLOTS];

/* What the hypervisor's sources need of the rest of it. */

struct domain *domain_by_id(u16 id)
{
    return id == WORLD_DOMAIN ? &domain : NULL;
}
u64 virt_get(struct vcpu *v, enum virt_reg r)
{
    (void)v;
    return reg[r];
}
unsigned virt_cpl(struct vcpu *v)
{
    (void)v;
    return 0;
}

void virt_paging_changed(struct vcpu *v)
{
    (void)v;
}
u8 cpuid_policy_maxphyaddr(void)
{
    return MAXPHYADDR;
}
bool cpuid_policy_page1gb(void)
{
    return true;
}
/* quick.c is not part of this machine: each fault walks. */
void shadow_prepare_reflecting(struct vcpu *v, u64 gva, const struct walk_result *r)
{
    (void)v;
    (void)gva;
    (void)r;
}

/* The TLB. */

void tlb_hw_flush_page(mfn_t root, u64 gva)
{
    (void)root;
    tlb[gva >> PAGE_SHIFT & (TLB_SLOTS - 1)].page = 0;
}
void tlb_hw_flush_root(mfn_t root)
{
    (void)root;
    tlb_hw_flush_all();
}
void tlb_hw_flush_all(void)
{
    memset(tlb, 0, sizeof(tlb));
    flushes++;
}
u64 world_flushes(void)
{
    return flushes;
}

u64 ledger(enum ledger_counter c)
{
    return domain.ledger.cell[c].n;
}

void world_start(unsigned pool_tables)
{
    const size_t bytes = (size_t)WORLD_FRAMES << PAGE_SHIFT;
    static void *records;

    if (host_machine_memory) /* of the machine before */
        munmap(host_machine_memory, bytes);
    free(records);
    host_machine_memory =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    records = malloc(frame_table_bytes(WORLD_FRAMES));
    if (host_machine_memory == MAP_FAILED || !records)
        grade_error("no memory for the simulated machine");
    frame_table_init(records, WORLD_FRAMES);
    frame_table_add_ram(0, WORLD_FRAMES);
    frame_table_release(0, WORLD_FRAMES);
    memset(&domain, 0, sizeof(domain));
    memset(&vcpu, 0, sizeof(vcpu));
    memset(tlb, 0, sizeof(tlb));
    domain.id = WORLD_DOMAIN;
    domain.config.mem_bytes = (u64)WORLD_RAM << PAGE_SHIFT;
    domain.config.shadow_bytes = (u64)pool_tables << PAGE_SHIFT;
    snprintf(domain.config.name, sizeof(domain.config.name), "graded");
    domain.vcpu_count = 1;
    domain.vcpu[0] = &vcpu;
    vcpu.domain = &domain;
    next_table = WORLD_TABLES;
    kernel_tables = 0;
    reg[VREG_CR0] = CR0_PE | CR0_PG | CR0_WP;
    reg[VREG_CR4] = CR4_PAE;
    reg[VREG_EFER] = EFER_LME | EFER_LMA | EFER_NXE;
    if (physmap_init(&domain) || paging_vcpu_init(&vcpu))
        grade_error("physmap_init fails");
    for (u64 gfn = 0; gfn < WORLD_RAM; gfn += 1 + gfn % 3) /* some are filled, in no order */
        frame_for(WORLD_RAM - 1 - gfn);
}

void world_check(const char *where)
{
    GRADE_CASE("the recount of the shadows (check.c)");
    grade_forget_violation();
    physmap_check(&domain);
    grade_same("what it finds wrong", grade_violation(), "", where);
}

/* The guest. */

u64 *guest(u64 gpa)
{
    char *page = physmap_map(&domain, gpa_to_gfn(gpa_of(gpa)));

    if (!page)
        grade_error("no memory at 0x%lx", (unsigned long)gpa);
    return (u64 *)(page + (gpa & PAGE_OFFSET_MASK));
}

struct frame *frame_for(u64 gfn)
{
    return frame_of(va_to_mfn(guest(gfn << PAGE_SHIFT)));
}

u64 leaf_to(u64 gfn, u64 bits)
{
    return frame_mfn(frame_for(gfn)).v << PAGE_SHIFT | PTE_P | PTE_A | bits;
}

u64 world_table(void)
{
    if (next_table == WORLD_DATA)
        grade_error("no more tables");
    return next_table++ << PAGE_SHIFT;
}

u64 world_entry(u64 root, u64 la, unsigned level)
{
    u64 table = root;

    for (unsigned l = 4; l > level; l--) {
        u64 *at = guest(table + 8 * pt_index(la, l));
        if (!(*at & PTE_P))
            *at = world_table() | RIGHTS | PTE_A;
        table = *at & PTE_ADDR;
    }
    return table + 8 * pt_index(la, level);
}

u64 world_map(u64 root, u64 la, u64 entry)
{
    u64 at = world_entry(root, la, 1);

    *guest(at) = entry;
    return at;
}

u64 world_space(void)
{
    u64 root = world_table();

    if (kernel_tables) {
        *guest(root) = kernel_tables;
        return root;
    }
    for (u64 gfn = 0; gfn < WORLD_RAM; gfn++)
        world_map(root, gfn << PAGE_SHIFT, gfn << PAGE_SHIFT | PTE_P | PTE_W | PTE_A | PTE_D);
    kernel_tables = *guest(root);
    return root;
}

void world_load(u64 root)
{
    struct paging_fault out = {0};

    reg[VREG_CR3] = root;
    if (paging_load_root(&vcpu, &out) != PAGING_FIXED)
        grade_error("the root 0x%lx cannot be loaded", (unsigned long)root);
}

void world_invlpg(u64 la)
{
    paging_invalidate(&vcpu, la);
}

void world_wp(bool wp)
{
    struct paging_fault out = {0};

    reg[VREG_CR0] = CR0_PE | CR0_PG | (wp ? CR0_WP : 0);
    paging_flush(&vcpu);
    if (paging_load_root(&vcpu, &out) != PAGING_FIXED)
        grade_error("CR0.WP cannot be changed");
}

void world_leave(u64 frames)
{
    static struct frame *taken[WORLD_FRAMES];
    unsigned count = 0;

    while ((taken[count] = frame_alloc(DOMID_HYPERVISOR)))
        count++;
    while (frames--)
        frame_put(taken[--count]);
}

void world_emulated(u64 gpa, u64 value)
{
    *guest(gpa) = value;
    if (shadow_sees_writes(frame_for(gpa >> PAGE_SHIFT)))
        paging_table_stored(&domain, guest(gpa));
}

struct shadow *world_shadow(u64 gpa, u16 role, const char *where)
{
    struct shadow *s = shadow_find(&domain.physmap->pool, gpa >> PAGE_SHIFT, role);

    GRADE_CASE("the guest's table at 0x%lx", (unsigned long)gpa);
    GRADE_TRUE("it has a shadow", s, where);
    return s;
}

u64 page_at(unsigned i)
{
    return USER + i * 37 * (u64)PAGE_SIZE + i % 5;
}

u64 make_space(void)
{
    u64 root = world_space();

    for (unsigned i = 0; i < PAGES; i++)
        world_map(root, page_at(i), (u64)(WORLD_DATA + i) << PAGE_SHIFT | RIGHTS);
    return root;
}

/* The processor. */

static void must(const char *what, bool holds, u64 la, const char *where)
{
    if (holds)
        return;
    GRADE_CASE("an access to 0x%lx", (unsigned long)la);
    GRADE_TRUE(what, false, where);
}

static void check_reached(u64 mfn, u64 la, u32 access, const char *where)
{
    const struct frame *f = frame_of(mfn_of(mfn));

    must("a leaf leads to a frame of the guest's", f && f->owner == WORLD_DOMAIN, la, where);
    if (access & PF_W)
        must("a page table in use is not written to behind the hypervisor's back",
             !shadow_sees_writes(f), la, where);
}

/* All rights on the way to la in the shadow tables, and the frame; 0: nothing is there. */
static u64 walk_shadow(u64 la, u64 *mfn, const char *where)
{
    struct paging_controls c;
    u64 all = PTE_P | PTE_W | PTE_U | PTE_NX;

    paging_get_controls(&vcpu, &c);
    *mfn = c.cr3 >> PAGE_SHIFT;
    for (unsigned level = 4; level >= 1; level--) {
        const struct frame *f = frame_of(mfn_of(*mfn));
        must("what the processor walks is a shadow",
             f && f->owner == DOMID_HYPERVISOR && f->flags & FRAME_SHADOW, la, where);
        u64 *entry = (u64 *)mfn_to_va(mfn_of(*mfn)) + pt_index(la, level);
        if (!(*entry & PTE_P))
            return 0;
        *entry |= PTE_A;
        all &= *entry ^ PTE_NX;
        *mfn = (*entry & PTE_ADDR) >> PAGE_SHIFT;
    }
    return all;
}

static bool permitted(u64 all, u32 access)
{
    return all & PTE_P && (!(access & PF_W) || all & PTE_W) && (!(access & PF_U) || all & PTE_U) &&
           (!(access & PF_I) || all & PTE_NX);
}

struct world_access world_access(u64 la, u32 access, const char *where)
{
    u64 slot = la >> PAGE_SHIFT & (TLB_SLOTS - 1), page = (la >> PAGE_SHIFT) + 1, mfn, all;

    if (tlb[slot].page == page) {
        mfn = tlb[slot].mfn;
        all = tlb[slot].rights;
    } else {
        all = walk_shadow(la, &mfn, where);
    }
    if (!permitted(all, access)) {
        tlb[slot].page = 0;
        return (struct world_access){.fault = true, .error = access | (all ? PF_P : 0)};
    }
    check_reached(mfn, la, access, where);
    tlb[slot].page = page;
    tlb[slot].mfn = mfn;
    tlb[slot].rights = all;
    return (struct world_access){.gfn = frame_of(mfn_of(mfn))->gfn};
}

const char *world_exit(u64 la, u32 error, bool pushed)
{
    const struct exit e = {.reason = EXIT_PAGE_FAULT,
                           .gva = la,
                           .error = error,
                           .vector = VEC_PF,
                           .event_being_delivered = pushed};

    world_fault = (struct paging_fault){.cr2 = ~la, .error = ~0u, .gpa = ~0ULL};
    unsigned result = shadow_walk_and_fill(&vcpu, &e, &world_fault);
    return grade_paging_result(result);
}

static const char *access_text(u64 la, u32 access)
{
    static char text[80];

    snprintf(text, sizeof(text), "a %s's %s at 0x%lx", access & PF_U ? "user" : "kernel",
             access & PF_I   ? "fetch"
             : access & PF_W ? "write"
                             : "read",
             (unsigned long)la);
    return text;
}

u64 world_touch(u64 la, u32 access, const char *where)
{
    for (unsigned i = 0; i < TRIES; i++) {
        struct world_access a = world_access(la, access, where);
        if (!a.fault)
            return a.gfn;
        GRADE_CASE("%s, which the guest's tables permit", access_text(la, access));
        GRADE_SAME("the page fault's result", world_exit(la, a.error, false), "PAGING_FIXED",
                   where);
    }
    GRADE_CASE("%s, which the guest's tables permit", access_text(la, access));
    GRADE_TRUE("it does not fault again and again", false, where);
    return 0;
}

u32 world_refused(u64 la, u32 access, const char *where)
{
    struct world_access a = world_access(la, access, where);

    GRADE_CASE("%s, which the guest's tables forbid", access_text(la, access));
    GRADE_TRUE("it is a page fault", a.fault, where);
    GRADE_SAME("the page fault's result", world_exit(la, a.error, false), "PAGING_INJECT", where);
    GRADE_EQUAL("out->cr2", world_fault.cr2, la, where);
    return world_fault.error;
}

bool world_store(u64 gpa, u64 value, const char *where)
{
    for (unsigned i = 0; i < TRIES; i++) {
        struct world_access a = world_access(gpa, PF_W, where);
        if (!a.fault) {
            *guest(gpa) = value;
            return false;
        }
        const char *result = world_exit(gpa, a.error, false);
        if (strcmp(result, "PAGING_EMULATE")) {
            GRADE_CASE("a kernel's write at 0x%lx", (unsigned long)gpa);
            GRADE_SAME("the page fault's result", result, "PAGING_FIXED", where);
            continue;
        }
        GRADE_CASE("a kernel's write to its page table at 0x%lx", (unsigned long)gpa);
        GRADE_TRUE("out->table_write", world_fault.table_write, where);
        GRADE_EQUAL("out->gpa", world_fault.gpa, gpa, where);
        GRADE_TRUE("out->bytes is the hypervisor's pointer to it", world_fault.bytes == guest(gpa),
                   where);
        *guest(gpa) = value;
        paging_table_stored(&domain, world_fault.bytes);
        return true;
    }
    GRADE_CASE("a kernel's write at 0x%lx", (unsigned long)gpa);
    GRADE_TRUE("it does not fault again and again", false, where);
    return false;
}

u64 world_changed(void)
{
    static u64 picture[PICTURES][PT_ENTRIES];
    const struct shadow_pool *pool = &domain.physmap->pool;
    u64 changed = 0;

    for (u32 slot = 1; slot <= pool->made && slot < PICTURES; slot++)
        for (unsigned i = 0; i < PT_ENTRIES; i++) {
            u64 now = pool->shadow[slot].table[i];
            changed += picture[slot][i] != now;
            picture[slot][i] = now;
        }
    return changed;
}
