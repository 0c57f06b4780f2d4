// sources: src/mmu-shadow/flood.c src/mmu-shadow/out_of_sync.c src/mmu-shadow/prefetch.c
// sources: src/mmu-shadow/check.c src/mmu-shadow/entry.c src/mmu-shadow/evict.c
// sources: src/mmu-shadow/leaf.c src/mmu-shadow/quick.c src/mmu-shadow/stop_shadowing.c
// sources: src/mmu-shadow/fill.c src/mmu-shadow/paging_shadow.c src/mmu-shadow/physmap_shadow.c
// sources: src/mmu-shadow/pae_root.c
// sources: src/mmu-shadow/pool.c src/mmu-shadow/reach.c src/mmu-shadow/sync.c src/core/walk.c
// sources: src/core/tlb.c src/core/frame.c tests/unit/stub_panic.c tests/unit/stub_machine.c
// sources: tests/include/simmachine.c tests/model/mmu_model.c tests/unit/stub_shadow_guest.c
// sources: src/mmu-shadow/smap.c
// sources: tests/unit/stub_heap.c tests/unit/stub_pages.c
/*
 * Shadow paging: what the differential test (tests/model/test_shadow.c) does not ask: no paging,
 * modes that are refused, the dirty log, flushes, no memory, and that the recount finds damage.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "../../src/mmu-shadow/shadow.h"
#include "errno.h"
#include "stub_machine.h"
#include "stub_shadow_guest.h"
#include "tlb.h"

static void without_paging(void **state)
{
    struct paging_fault f;

    (void)state;
    start(32);
    load_registers(CR0_PE, 0x123000, 0, 0);
    assert_int_equal(touch(0x5123, PF_W), 5);
    assert_int_equal(touch(0x5000, PF_I), 5);
    assert_int_equal(touch((DATA << PAGE_SHIFT) + 1, 0), DATA);
    assert_int_equal(fault(0xfee00030, 0, &f), PAGING_EMULATE);
    assert_int_equal(f.gpa, 0xfee00030);
    assert_false(f.table_write);
    check();
    /* Into long mode and back: the identity is still there. */
    long_mode(make_process(0));
    use_process(0);
    u64 fills = count(LC_SHADOW_FILL);
    load_registers(CR0_PE, 0, 0, 0);
    assert_int_equal(touch(0x5000, PF_W), 5);
    assert_int_equal(count(LC_SHADOW_FILL), fills);
    end();
}

/* PDPTEs with a reserved bit are the guest's #GP, and nothing changes; real mode, for which there
 * are no shadows, ends the domain with a sentence. */
static void modes_refused(void **state)
{
    struct paging_fault f = {0};

    (void)state;
    start(32);
    u64 good = new_table(), bad = new_table();
    store(good, new_table() | PTE_P);
    store(bad, new_table() | PTE_P | PTE_W);
    load_registers(CR0_PE | CR0_PG, good, CR4_PAE, 0);
    u16 root = v->paging->root;
    sim.reg[VREG_CR3] = bad;
    assert_int_equal(paging_load_root(v, &f), PAGING_INJECT);
    assert_int_equal(v->paging->root, root);
    assert_int_equal(v->paging->mode.root, good);
    sim.reg[VREG_CR3] = good;
    check();
    sim.reg[VREG_CR0] = 0; /* real mode, which runs by hand, is a mode without paging */
    paging_flush(v);
    assert_int_equal(paging_load_root(v, &f), PAGING_FIXED);
    assert_int_equal(v->paging->mode.levels, 0);
    end();
}

static void dirty_log(void **state)
{
    u8 bits[RAM_FRAMES / 8];
    u64 root;

    (void)state;
    start(64);
    assert_int_equal(physmap_dirty_read(d, gfn_of(0), RAM_FRAMES, bits), -EINVAL);
    root = make_process(0);
    long_mode(root);
    use_process(0);
    assert_int_equal(physmap_dirty_start(d), 0);
    touch(USER_BASE, PF_U);
    assert_int_equal(physmap_dirty_read(d, gfn_of(0), RAM_FRAMES, bits), 0);
    touch(USER_BASE + PAGE_SIZE, PF_U | PF_W);
    touch(USER_BASE + PAGE_SIZE, PF_U | PF_W);
    guest((DATA + 8) * PAGE_SIZE);
    guest((DATA + 9) * PAGE_SIZE);
    paging_guest_written(d, (DATA + 9) * PAGE_SIZE - 4, 8); /* two frames */
    assert_int_equal(physmap_dirty_read(d, gfn_of(0), RAM_FRAMES, bits), 3);
    assert_int_equal(bits[DATA / 8], 1 << 1);
    assert_int_equal(bits[(DATA + 8) / 8], 3);
    check();
    touch(USER_BASE + PAGE_SIZE, PF_U | PF_W);
    assert_int_equal(physmap_dirty_read(d, gfn_of(0), RAM_FRAMES, bits), 1);
    /* Read first, though the guest's entry says that it was written once: a write still shows. */
    map(root, 0x800000, (DATA + 70) << PAGE_SHIFT | RIGHTS | PTE_A | PTE_D);
    assert_true(physmap_dirty_read(d, gfn_of(0), RAM_FRAMES, bits) > 0);
    touch(0x800000, 0);
    touch(0x800000, PF_W);
    assert_true(physmap_dirty_read(d, gfn_of(0), RAM_FRAMES, bits) > 0);
    assert_int_equal(bits[(DATA + 70) / 8], 1 << (DATA + 70) % 8);
    physmap_dirty_stop(d);
    use_process(0);
    end();
}

static void flushes(void **state)
{
    u64 root, before;

    (void)state;
    start(64);
    root = make_process(0);
    long_mode(root);
    use_process(0);
    before = sim.flushes;
    paging_invalidate(v, USER_BASE);
    assert_int_equal(sim.flushes, before + 1);
    paging_invalidate(v, 1ULL << 47); /* INVLPG of no address does nothing */
    assert_int_equal(sim.flushes, before + 1);
    load_cr3(root);
    assert_true(sim.flushes > before + 1);
    end();
}

static void no_memory(void **state)
{
    struct frame *taken[2 * RAM_FRAMES];
    struct paging_fault f = {0};
    unsigned n = 0;
    u64 root;

    (void)state;
    start(64);
    root = make_process(0);
    while ((taken[n] = frame_alloc(DOMID_HYPERVISOR)))
        n++;
    sim.reg[VREG_CR0] = CR0_PE | CR0_PG | CR0_WP;
    sim.reg[VREG_CR3] = root;
    sim.reg[VREG_CR4] = CR4_PAE;
    sim.reg[VREG_EFER] = EFER_LME | EFER_LMA;
    assert_int_equal(paging_load_root(v, &f), PAGING_KILL);
    assert_non_null(f.why);
    frame_put(taken[--n]);
    assert_int_equal(paging_load_root(v, &f), PAGING_FIXED);
    f.why = NULL;
    assert_int_equal(fault(USER_BASE, PF_U, &f), PAGING_KILL);
    assert_non_null(f.why);
    while (n)
        frame_put(taken[--n]);
    use_process(0);
    end();
}

/* Each kind of damage is found by the recount. */
static void recount_finds_damage(void **state)
{
    struct shadow_pool *pool = NULL;
    struct shadow *s = NULL;
    u64 *entry, old;

    (void)state;
    start(64);
    long_mode(make_process(0));
    use_process(0);
    pool = &d->physmap->pool;
    for (u32 slot = 1; slot <= pool->made; slot++)
        if (pool->shadow[slot].role && shadow_level(&pool->shadow[slot]) == 1 &&
            pool->shadow[slot].table[1])
            s = &pool->shadow[slot];
    assert_non_null(s);
    entry = &s->table[1];
    old = *entry;
    *entry = old + PAGE_SIZE; /* another frame */
    assert_true(physmap_check(d) > 0);
    *entry = (old & ~PTE_ADDR) | va_to_mpa(s->table).v; /* the hypervisor's */
    assert_true(physmap_check(d) > 0);
    *entry = 0;
    assert_true(physmap_check(d) > 0);
    *entry = old;
    s->guest[1] &= ~PTE_W; /* a store that nobody saw */
    assert_true(physmap_check(d) > 0);
    s->guest[1] |= PTE_W;
    s->refs++;
    assert_true(physmap_check(d) > 0);
    s->refs--;
    violations_seen = 0;
    end();
}

/* INVPCID: what is out of sync is brought up to date, and the root flushed; PDPTEs stay. */
static void forgetting(void **state)
{
    u64 root, entry, before;

    (void)state;
    start(64);
    root = make_process(0);
    long_mode(root);
    use_process(0);
    entry = map(root, USER_BASE, (DATA + 70) << PAGE_SHIFT | RIGHTS | PTE_A);
    touch(USER_BASE, PF_U);
    map(root, 0x700000, (entry & PTE_ADDR) | RIGHTS);
    touch(0x700000 + (entry & PAGE_OFFSET_MASK), PF_W); /* its table is let go */
    *guest(entry) = (DATA + 71) << PAGE_SHIFT | RIGHTS | PTE_A;
    before = sim.flushes;
    paging_forget(v);
    assert_true(sim.flushes > before);
    assert_int_equal(touch(USER_BASE, PF_U), DATA + 71);
    check();
    end();
}

/* An access that AC would let pass, and the processor forbids again and again, is an implicit one:
 * each time that the guest comes back to it without a change, not only the first. */
static void implicit_accesses(void **state)
{
    struct paging_fault f;

    (void)state;
    start(64);
    long_mode(make_process(0));
    load_registers(CR0_PE | CR0_PG | CR0_WP, sim.reg[VREG_CR3], CR4_PAE | CR4_SMAP,
                   EFER_LME | EFER_LMA | EFER_NXE);
    sim.reg[VREG_RFLAGS] = RFLAGS_FIXED | RFLAGS_AC;
    touch(USER_BASE, 0);
    for (unsigned again = 0; again < 3; again++) {
        unsigned patience = 8;
        while (fault(USER_BASE, PF_P, &f) != PAGING_INJECT)
            assert_true(patience--);
        assert_int_equal(f.error, PF_P);
    }
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_paging), cmocka_unit_test(modes_refused),
        cmocka_unit_test(dirty_log),      cmocka_unit_test(flushes),
        cmocka_unit_test(no_memory),      cmocka_unit_test(recount_finds_damage),
        cmocka_unit_test(forgetting),     cmocka_unit_test(implicit_accesses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
