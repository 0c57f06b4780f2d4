// sources: src/mmu-ept/ept.c src/mmu-ept/stage2.c src/mmu-ept/physmap_ept.c src/mmu-ept/dirty_log.c
// sources: src/mmu-ept/write_log.c src/mmu-ept/accessed.c src/mmu-ept/merge.c src/mmu-ept/giga.c
// sources: src/mmu-ept/execute_only.c tests/unit/stub_second_stage.c
// sources: src/mmu-ept/physmap_check.c src/mmu-ept/paging_ept.c src/core/walk.c src/core/tlb.c
// sources: src/core/frame.c tests/unit/stub_panic.c tests/unit/stub_machine.c
// sources: tests/include/simmachine.c tests/model/mmu_model.c tests/model/mmu_world.c
// sources: tests/unit/stub_heap.c tests/unit/stub_pages.c
/*
 * EPT composed with the guest's walk, against the manual: the walker (src/core/walk.c) over a
 * guest's tables, each of its accesses to guest-physical memory translated by the second stage as
 * "EPT Translation Mechanism" says, lazily filled, with the dirty log on half the time.
 * Translations of guest-physical addresses are remembered until INVEPT.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "../../src/mmu-ept/physmap_ept.h"
#include "../include/simmachine.h"
#include "../unit/stub_machine.h"
#include "frame.h"
#include "layout.h"
#include "mmu_world.h"
#include "paging.h"
#include "walk.h"
#include "x86.h"

enum { TRANSLATIONS = 6000000, TRIES = 4, EPT_R = 1, EPT_W = 2, EPT_X = 4, EPT_LARGE = 0x80 };

static struct walk_mode mode;
static struct mmu_registers registers;
static u64 remembered[WORLD_RAM_FRAMES];    /* the leaf entry for a gfn, as a TLB has it, or 0 */
static u64 remembered_at[WORLD_RAM_FRAMES]; /* sim.flushes when it was loaded */
static bool dirty[WORLD_RAM_FRAMES];        /* written or filled since the log was last read */
static bool logging;

/* The processor's translation of gpa for an access (EPT_R, EPT_W, EPT_X); 0: a violation. */
static u64 second_stage(u64 gpa, u64 access)
{
    u64 gfn = gpa >> PAGE_SHIFT, *table = mfn_to_va(physmap_root(&sim.domain)), entry;
    u64 offset = gpa & PAGE_OFFSET_MASK;

    if (gfn < WORLD_RAM_FRAMES && remembered[gfn] && remembered_at[gfn] == sim.flushes) {
        if ((remembered[gfn] & access) == access)
            return (remembered[gfn] & PTE_ADDR) | offset;
        remembered[gfn] = 0; /* a violation drops it */
        return 0;
    }
    for (unsigned level = 4;; level--) {
        unsigned shift = 12 + 9 * (level - 1);
        entry = table[gpa >> shift & 511];
        if ((entry & access) != access)
            return 0;
        if (level == 1 || entry & EPT_LARGE) {
            u64 page = (entry & PTE_ADDR) >> shift << shift;
            page |= gpa & ((1ULL << shift) - 1) & ~PAGE_OFFSET_MASK;
            assert_true(gfn < WORLD_RAM_FRAMES);
            assert_int_equal(frame_of(mfn_of(page >> PAGE_SHIFT))->owner, sim.domain.id);
            assert_int_equal(frame_of(mfn_of(page >> PAGE_SHIFT))->gfn, gfn);
            remembered[gfn] = page | (entry & (EPT_R | EPT_W | EPT_X));
            remembered_at[gfn] = sim.flushes;
            return page | offset;
        }
        table = mfn_to_va(mfn_of((entry & PTE_ADDR) >> PAGE_SHIFT));
    }
}

/* With the hypervisor's help; NULL: there is no memory. */
static void *reach(u64 gpa, u64 access)
{
    const struct exit e = {.reason = EXIT_STAGE2, .gpa = gpa};
    struct paging_fault f = {0};

    for (unsigned i = 0; i < TRIES; i++) {
        u64 machine = second_stage(gpa, access);
        struct exit now = e;

        if (machine) {
            if (access & EPT_W && logging)
                dirty[gpa >> PAGE_SHIFT] = true;
            return host_machine_memory + machine;
        }
        now.error = (access & EPT_W ? PF_W : 0) | (access & EPT_X ? PF_I : 0);
        if (second_stage(gpa, EPT_R))
            now.error |= PF_P;
        if (paging_fault(&sim.vcpu, &now, &f) == PAGING_FIXED) {
            if (logging && !(now.error & PF_P))
                dirty[gpa >> PAGE_SHIFT] = true;
            continue;
        }
        assert_true(gpa >> PAGE_SHIFT >= WORLD_RAM_FRAMES);
        assert_int_equal(f.gpa, gpa);
        return NULL;
    }
    fail_msg("the same violation comes again and again");
    return NULL;
}

static uint64_t *memory(uint64_t gpa)
{
    return reach(gpa, EPT_R);
}

static void store(uint64_t gpa, uint64_t value)
{
    *(uint64_t *)reach(gpa, EPT_R | EPT_W) = value;
}

static bool read_entry(void *ctx, u64 gpa, unsigned size, u64 *value)
{
    const u64 *p = reach(gpa, EPT_R);

    (void)ctx;
    assert_int_equal(size, 8);
    if (p)
        *value = *p;
    return p;
}

static enum walk_cmpxchg cmpxchg_entry(void *ctx, u64 gpa, unsigned size, u64 old, u64 new_value)
{
    u64 *p = reach(gpa, EPT_R | EPT_W);

    (void)ctx;
    assert_int_equal(size, 8);
    if (!p)
        return WALK_NO_MEMORY;
    if (*p != old)
        return WALK_CHANGED;
    *p = new_value;
    return WALK_EXCHANGED;
}

/* The guest's own affairs: nothing exits. */
static void invlpg(uint64_t linear)
{
    (void)linear;
}

static void load(const struct mmu_registers *r)
{
    const struct walk_features cpu = {.maxphyaddr = (u8)r->maxphyaddr, .page1gb = r->page1gb};

    registers = *r;
    walk_mode_init(&mode, r->cr0, r->cr3, r->cr4, r->efer, &cpu);
}

static void access_once(uint64_t linear, struct mmu_access access, struct mmu_outcome *out)
{
    static const struct walk_memory ops = {read_entry, cmpxchg_entry};
    unsigned bits = (access.write ? WALK_WRITE : 0) | (access.fetch ? WALK_FETCH : 0) |
                    (access.user ? WALK_USER : 0) | (access.ac ? WALK_AC : 0);
    u64 rights = access.write ? EPT_R | EPT_W : access.fetch ? EPT_X : EPT_R;
    struct walk_result r;

    switch (walk(&mode, linear, bits, &ops, NULL, &r)) {
    case WALK_OK:
        out->physical = r.gpa;
        if (!reach(r.gpa, rights))
            assert_true(r.gpa >> PAGE_SHIFT >= WORLD_RAM_FRAMES);
        return;
    case WALK_FAULT:
        out->cause = MMU_RIGHTS;
        out->error = r.error;
        return;
    case WALK_NO_TABLE: /* a processor reads all ones there */
        out->cause = MMU_RIGHTS;
        out->error = walk_error(&mode, bits, PF_P | PF_RSVD);
        return;
    default:
        fail_msg("the walk does not end");
    }
}

/* A part of the log, another one each time, has exactly the frames that were written or filled. */
static void check_log(void)
{
    enum { PART = 701 };
    static u64 first;
    u8 bits[PART / 8 + 1];
    s64 found = physmap_dirty_read(&sim.domain, gfn_of(first), PART, bits), expected = 0;

    for (u64 gfn = first; gfn < first + PART && gfn < WORLD_RAM_FRAMES; gfn++) {
        assert_int_equal(bits[(gfn - first) / 8] >> (gfn - first) % 8 & 1, dirty[gfn]);
        expected += dirty[gfn];
        dirty[gfn] = false;
    }
    assert_int_equal(found, expected);
    first = (first + PART) % WORLD_RAM_FRAMES;
}

static void check(void)
{
    static unsigned turn;

    assert_int_equal(physmap_check(&sim.domain), 0);
    assert_int_equal(violations_seen, 0);
    if (logging)
        check_log();
    if (++turn % 16 == 0) {
        logging = !logging;
        if (logging)
            assert_int_equal(physmap_dirty_start(&sim.domain), 0);
        else
            physmap_dirty_stop(&sim.domain);
        memset(dirty, 0, sizeof(dirty));
    }
}

static void compare_with_manual(const char *name, bool small_pages, uint64_t seed)
{
    const struct mmu_subject subject = {
        .name = name,
        .smep_smap = true,
        .memory = memory,
        .store = store,
        .invlpg = invlpg,
        .load = load,
        .access = access_once,
        .check = check,
    };
    const struct domain_config config = {
        .name = "model",
        .mem_bytes = WORLD_RAM_FRAMES * PAGE_SIZE,
        .small_pages = small_pages,
    };

    sim_init(3 * WORLD_RAM_FRAMES, &config);
    memset(remembered, 0, sizeof(remembered));
    logging = false;
    assert_int_equal(physmap_init(&sim.domain), 0);
    mmu_world_run(&subject, seed, TRANSLATIONS / 2);
    while (!physmap_destroy(&sim.domain))
        ;
    assert_int_equal(sim.domain.frames, 0);
    assert_int_equal(frame_check(), 0);
    sim_end();
}

static void large_pages(void **test_state)
{
    (void)test_state;
    compare_with_manual("EPT with 2 MiB entries", false, 3);
}

static void small_pages(void **test_state)
{
    (void)test_state;
    compare_with_manual("EPT with 4 KiB entries", true, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_pages),
        cmocka_unit_test(small_pages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
