// sources: src/mmu-shadow/check.c src/mmu-shadow/entry.c src/mmu-shadow/evict.c
// sources: src/mmu-shadow/fill.c src/mmu-shadow/paging_shadow.c src/mmu-shadow/physmap_shadow.c
// sources: src/mmu-shadow/pool.c src/mmu-shadow/reach.c src/mmu-shadow/sync.c src/core/walk.c
// sources: src/core/tlb.c src/core/frame.c tests/unit/stub_panic.c tests/unit/stub_machine.c
// sources: tests/include/simmachine.c tests/model/mmu_model.c tests/model/mmu_world.c
/*
 * Shadow paging against the manual: whatever tables a guest builds, each access has the outcome
 * that the manual's rules give, and no other frame is ever reached. The pool is small, or the
 * smallest there is, so that shadows are evicted all the time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../include/simmachine.h"
#include "../unit/stub_machine.h"
#include "frame.h"
#include "layout.h"
#include "mmu_world.h"
#include "paging.h"
#include "physmap.h"
#include "x86.h"

enum { ROOMY = 64, CRAMPED = 16, TRANSLATIONS = 3500000, TRIES = 8 };

static uint64_t *memory(uint64_t gpa)
{
    char *page = physmap_map(&sim.domain, gpa_to_gfn(gpa_of(gpa)));

    return page ? (uint64_t *)(page + (gpa & PAGE_OFFSET_MASK)) : NULL;
}

/* A table that is not shadowed is written without the hypervisor's knowledge. */
static void store(uint64_t gpa, uint64_t value)
{
    uint64_t *p = memory(gpa);

    *p = value;
    if (frame_of(va_to_mfn(p))->flags & FRAME_SHADOWED)
        paging_guest_written(&sim.domain, gpa, sizeof(value));
}

static void invlpg(uint64_t linear)
{
    paging_invalidate(&sim.vcpu, linear);
}

/* As control_access.c does. */
static void load(const struct mmu_registers *r)
{
    struct paging_fault f = {0};
    bool mode =
        sim.reg[VREG_CR0] != r->cr0 || sim.reg[VREG_CR4] != r->cr4 || sim.reg[VREG_EFER] != r->efer;

    sim.reg[VREG_CR0] = r->cr0;
    sim.reg[VREG_CR3] = r->cr3;
    sim.reg[VREG_CR4] = r->cr4;
    sim.reg[VREG_EFER] = r->efer;
    if (mode)
        paging_flush(&sim.vcpu);
    assert_int_equal(paging_load_root(&sim.vcpu, &f), PAGING_FIXED);
}

/* The fault that the processor would exit with. */
static enum paging_result fault(uint64_t linear, u32 error, struct paging_fault *f)
{
    const struct exit e = {
        .reason = EXIT_PAGE_FAULT, .gva = linear, .error = error, .vector = VEC_PF};

    return paging_fault(&sim.vcpu, &e, f);
}

static void access_once(uint64_t linear, struct mmu_access access, struct mmu_outcome *out)
{
    struct paging_fault f = {0};
    struct sim_result r;
    mfn_t mfn;

    for (unsigned i = 0; i < TRIES; i++) {
        sim_access(linear, access.write, access.fetch, access.user, &r);
        if (!r.fault) {
            u32 gfn = frame_of(mfn_of(r.machine >> PAGE_SHIFT))->gfn;
            out->physical = (u64)gfn << PAGE_SHIFT | (r.machine & PAGE_OFFSET_MASK);
            return;
        }
        switch (fault(linear, r.error, &f)) {
        case PAGING_FIXED:
            break;
        case PAGING_INJECT:
            assert_int_equal(f.cr2, linear);
            out->cause = MMU_RIGHTS;
            out->error = f.error;
            return;
        case PAGING_EMULATE:
            out->physical = f.gpa;
            if (f.table_write)
                assert_true(access.write);
            else
                assert_int_equal(physmap_lookup(&sim.domain, gpa_to_gfn(gpa_of(f.gpa)), &mfn),
                                 PHYSMAP_NONE);
            return;
        default:
            fail_msg("%s", f.why);
        }
    }
    fail_msg("the same fault comes again and again");
}

static void check(void)
{
    assert_int_equal(physmap_check(&sim.domain), 0);
    assert_int_equal(violations_seen, 0);
}

static void compare_with_manual(const char *name, unsigned pool_tables, uint64_t seed)
{
    const struct mmu_subject subject = {
        .name = name,
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
        .shadow_bytes = pool_tables * PAGE_SIZE,
    };

    sim_init(2 * WORLD_RAM_FRAMES, &config);
    assert_int_equal(physmap_init(&sim.domain), 0);
    assert_int_equal(paging_vcpu_init(&sim.vcpu), 0);
    mmu_world_run(&subject, seed, TRANSLATIONS);
    print_message("TLB: %lu hits, %lu misses, %lu flushes; shadows made %lu, evicted %lu, dropped "
                  "%lu\n",
                  sim.tlb_hits, sim.tlb_misses, sim.flushes,
                  sim.domain.ledger.cell[LC_SHADOW_NEW_TABLE].n,
                  sim.domain.ledger.cell[LC_SHADOW_RECLAIM_TABLE].n,
                  sim.domain.ledger.cell[LC_SHADOW_DROP_TABLE].n);
    paging_vcpu_destroy(&sim.vcpu);
    physmap_destroy(&sim.domain);
    assert_int_equal(sim.domain.frames, 0);
    assert_int_equal(frame_check(), 0);
    sim_end();
}

static void roomy_pool(void **test_state)
{
    (void)test_state;
    compare_with_manual("shadow, pool of 64 tables", ROOMY, 1);
}

static void cramped_pool(void **test_state)
{
    (void)test_state;
    compare_with_manual("shadow, pool of 16 tables", CRAMPED, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roomy_pool),
        cmocka_unit_test(cramped_pool),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
