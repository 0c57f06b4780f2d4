// sources: src/mmu-shadow/flood.c src/mmu-shadow/out_of_sync.c src/mmu-shadow/prefetch.c
// sources: src/mmu-shadow/check.c src/mmu-shadow/entry.c src/mmu-shadow/evict.c
// sources: src/mmu-shadow/leaf.c src/mmu-shadow/quick.c src/mmu-shadow/stop_shadowing.c
// sources: src/mmu-shadow/fill.c src/mmu-shadow/paging_shadow.c src/mmu-shadow/physmap_shadow.c
// sources: src/mmu-shadow/pool.c src/mmu-shadow/reach.c src/mmu-shadow/sync.c src/core/walk.c
// sources: src/mmu-shadow/pae_root.c src/core/tlb.c src/core/frame.c tests/unit/stub_panic.c
// sources: tests/unit/stub_machine.c tests/include/simmachine.c tests/model/mmu_model.c
// sources: tests/model/mmu_world.c tests/model/shadow_subject.c
// sources: src/mmu-shadow/smap.c
// sources: tests/unit/stub_heap.c tests/unit/stub_pages.c
/*
 * Shadow paging against the manual: whatever tables a guest builds, each access has the outcome
 * that the manual's rules give, and no other frame is ever reached. The pool is small, or the
 * smallest there is, so that shadows are evicted all the time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "mmu_world.h"
#include "shadow_subject.h"

enum { ROOMY = 64, CRAMPED = 16, MAXPHYADDR = 40, TRANSLATIONS = 3500000 };

static void compare_with_manual(const char *name, unsigned pool_tables, uint64_t seed)
{
    const struct mmu_subject subject = {
        .name = name,
        .smep_smap = true,
        .memory = subject_memory,
        .store = subject_store,
        .invlpg = subject_invlpg,
        .load = subject_load,
        .access = subject_access,
        .check = subject_check,
    };

    subject_begin(WORLD_RAM_FRAMES, pool_tables, MAXPHYADDR);
    mmu_world_run(&subject, seed, TRANSLATIONS);
    subject_end();
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
