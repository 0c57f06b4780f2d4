/*
 * The simulated machine: see simmachine.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "simmachine.h"

#include "../model/mmu_model.h"
#include "../../src/cpu/cpuid_policy.h"
#include "frame.h"
#include "frame_setup.h"
#include "layout.h"
#include "paging.h"
#include "tlb.h"
#include "virt.h"
#include "x86.h"

enum { TLB_SLOTS = 8192, CACHE_SLOTS = 4096 };

struct tlb_entry {
    u64 page;             /* linear page number + 1 */
    u64 generation;       /* it is good if this is the TLB's */
    u64 frame;            /* machine frame number */
    bool user, write, nx; /* rights */
    bool dirty;           /* D was set when it was loaded */
};
struct cache_entry {
    u64 address;    /* machine address of the entry, + 1 */
    u64 generation; /* it is good if this is the cache's */
    u64 value;      /* of the entry */
};

struct sim sim;
u8 *host_machine_memory;
static void *frame_records;
static struct tlb_entry tlb[TLB_SLOTS];
static struct cache_entry cache[CACHE_SLOTS];
static u64 tlb_generation = 1, cache_generation = 1;
static u64 frames_total;

void sim_init(u64 frames, const struct domain_config *config)
{
    memset(&sim, 0, sizeof(sim));
    frames_total = frames;
    host_machine_memory = aligned_alloc(PAGE_SIZE, frames * PAGE_SIZE);
    memset(host_machine_memory, 0, frames * PAGE_SIZE);
    frame_records = malloc(frame_table_bytes(frames));
    frame_table_init(frame_records, frames);
    frame_table_add_ram(0, frames);
    frame_table_release(0, frames);
    sim.domain.id = 1;
    sim.domain.config = *config;
    sim.domain.vcpu_count = 1;
    sim.domain.vcpu[0] = &sim.vcpu;
    sim.vcpu.domain = &sim.domain;
    sim.maxphyaddr = 40;
    sim.page1gb = true;
    sim_tlb_reset();
}

void sim_end(void)
{
    free(frame_records);
    free(host_machine_memory);
}

void sim_tlb_reset(void)
{
    tlb_generation++;
    cache_generation++;
}

void tlb_hw_flush_page(mfn_t root, u64 gva)
{
    struct tlb_entry *t = &tlb[(gva >> PAGE_SHIFT) * 0x9e3779b97f4a7c15ULL >> 51];

    (void)root;
    sim.flushes++;
    if (t->page == (gva >> PAGE_SHIFT) + 1)
        t->generation = 0;
    cache_generation++;
}

void tlb_hw_flush_root(mfn_t root)
{
    (void)root;
    sim.flushes++;
    sim_tlb_reset();
}

void tlb_hw_flush_all(void)
{
    sim.flushes++;
    sim_tlb_reset();
}

u64 virt_get(struct vcpu *v, enum virt_reg r)
{
    (void)v;
    return sim.reg[r];
}

void virt_set(struct vcpu *v, enum virt_reg r, u64 value)
{
    (void)v;
    sim.reg[r] = value;
}

/* Supervisor accesses are a kernel's; what user mode causes is left out. */
unsigned virt_cpl(struct vcpu *v)
{
    (void)v;
    return 0;
}

void virt_paging_changed(struct vcpu *v)
{
    (void)v;
    sim.controls_changed = true;
}

u8 cpuid_policy_maxphyaddr(void)
{
    return sim.maxphyaddr;
}

bool cpuid_policy_page1gb(void)
{
    return sim.page1gb;
}

/* An entry of a table that the processor walks: must be a shadow's. */
static u64 read_table(void *context, u64 address)
{
    const struct frame *f = frame_of(mfn_of(address >> PAGE_SHIFT));

    (void)context;
    assert_non_null(f);
    assert_true(f->owner == DOMID_HYPERVISOR && f->flags & FRAME_SHADOW);
    struct cache_entry *c = &cache[(address >> 3) * 0x9e3779b97f4a7c15ULL >> 52];
    if (c->address == address + 1 && c->generation == cache_generation)
        return c->value;
    return *(const u64 *)(host_machine_memory + address);
}

/* Remembers the entries above level 1 that a walk has used; a present one only. */
static void remember(const struct mmu_outcome *o, unsigned top)
{
    for (unsigned i = 0; i < o->used_count; i++) {
        if (top - i == 1 || !(o->used[i].before & PTE_P))
            continue;
        u64 address = o->used[i].address;
        cache[(address >> 3) * 0x9e3779b97f4a7c15ULL >> 52] =
            (struct cache_entry){address + 1, cache_generation, o->used[i].before};
    }
}

/* A page fault drops what was used for this address. */
static void forget(u64 linear, const struct mmu_outcome *o)
{
    struct tlb_entry *t = &tlb[(linear >> PAGE_SHIFT) * 0x9e3779b97f4a7c15ULL >> 51];

    if (t->page == (linear >> PAGE_SHIFT) + 1)
        t->generation = 0;
    for (unsigned i = 0; o && i < o->used_count; i++) {
        struct cache_entry *c = &cache[(o->used[i].address >> 3) * 0x9e3779b97f4a7c15ULL >> 52];
        if (c->address == o->used[i].address + 1)
            c->generation = 0;
    }
}

static void check_reachable(u64 frame, bool write)
{
    const struct frame *f = frame_of(mfn_of(frame));

    assert_non_null(f);
    assert_int_equal(f->owner, sim.domain.id);
    if (write)
        assert_true((f->flags & (FRAME_SHADOWED | FRAME_OUT_OF_SYNC)) != FRAME_SHADOWED);
}

/* "PDPTE Registers": an entry with a reserved bit set refuses the entry into the guest. */
static void check_pdptes(u64 cr3)
{
    enum { RESERVED = 0x1e6 };
    const u64 *table = (const u64 *)(host_machine_memory + cr3);

    for (unsigned i = 0; i < 4; i++)
        if (table[i] & PTE_P)
            assert_int_equal(table[i] & (RESERVED | PTE_NX), 0);
}

/* The registers that the processor really runs with, under VT-x's fixed bits. */
static struct mmu_registers running(void)
{
    struct paging_controls c;
    struct mmu_registers r = {.maxphyaddr = 46, .page1gb = true};

    paging_get_controls(&sim.vcpu, &c);
    r.cr0 = sim.reg[VREG_CR0] | c.cr0_force_set;
    r.cr4 = (sim.reg[VREG_CR4] | c.cr4_force_set) & ~c.cr4_force_clear;
    r.efer = sim.reg[VREG_EFER] | c.efer_force_set;
    r.cr3 = c.cr3;
    assert_true(c.intercept_cr3 && c.intercept_pf && !c.use_ept);
    if (!(r.efer & EFER_LMA))
        check_pdptes(c.cr3);
    if (sim.root != c.cr3)
        sim_tlb_reset();
    sim.root = c.cr3;
    return r;
}

void sim_access(u64 linear, bool write, bool fetch, bool user, struct sim_result *out)
{
    const struct mmu_registers r = running();
    const struct mmu_access access = {
        .write = write, .fetch = fetch, .user = user, .ac = sim.reg[VREG_RFLAGS] & RFLAGS_AC};
    struct tlb_entry *t = &tlb[(linear >> PAGE_SHIFT) * 0x9e3779b97f4a7c15ULL >> 51];
    struct mmu_outcome o;

    *out = (struct sim_result){0};
    if (t->page == (linear >> PAGE_SHIFT) + 1 && t->generation == tlb_generation &&
        !(write && !t->dirty)) {
        sim.tlb_hits++;
        out->fault = !mmu_permits(&r, access, t->user, t->write, t->nx);
        if (out->fault) {
            out->error = mmu_error(&r, access, MMU_RIGHTS);
            forget(linear, NULL);
            return;
        }
        check_reachable(t->frame, write);
        out->machine = t->frame << PAGE_SHIFT | (linear & PAGE_OFFSET_MASK);
        return;
    }
    sim.tlb_misses++;
    mmu_translate(&r, linear, access, read_table, NULL, &o);
    if (o.cause != MMU_OK) {
        assert_int_not_equal(o.cause, MMU_RESERVED);
        out->fault = true;
        out->error = o.error;
        forget(linear, &o);
        return;
    }
    check_reachable(o.physical >> PAGE_SHIFT, write);
    for (unsigned i = 0; i < o.used_count; i++)
        *(u64 *)(host_machine_memory + o.used[i].address) |= o.used[i].after & (PTE_A | PTE_D);
    remember(&o, r.efer & EFER_LMA ? 4 : 2);
    *t = (struct tlb_entry){
        .page = (linear >> PAGE_SHIFT) + 1,
        .generation = tlb_generation,
        .frame = o.physical >> PAGE_SHIFT,
        .user = o.user,
        .write = o.write,
        .nx = o.nx,
        .dirty = o.used[o.used_count - 1].after & PTE_D,
    };
    out->machine = o.physical;
}
