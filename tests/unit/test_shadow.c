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
 * Shadow paging by its counters: what is cached stays, a store to a page table changes one entry,
 * reclaim takes no more than it needs; and which frames are tables.
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

static void switches_are_free(void **state)
{
    u64 root[PROCESSES], fills, made;

    (void)state;
    start(256);
    for (unsigned n = 0; n < PROCESSES; n++)
        root[n] = make_process(n);
    long_mode(root[0]);
    for (unsigned n = 0; n < PROCESSES; n++) {
        load_cr3(root[n]);
        use_process(n);
    }
    fills = count(LC_SHADOW_FILL);
    made = count(LC_SHADOW_NEW_TABLE);
    for (unsigned i = 0; i < 10 * PROCESSES; i++) {
        load_cr3(root[i * 7 % PROCESSES]);
        use_process(i * 7 % PROCESSES);
    }
    assert_int_equal(count(LC_SHADOW_FILL), fills);
    assert_int_equal(count(LC_SHADOW_NEW_TABLE), made);
    assert_true(count(LC_SHADOW_ROOT_SWITCH) >= 10 * PROCESSES);
    assert_int_equal(count(LC_SHADOW_RECLAIM_TABLE) + count(LC_SHADOW_DROP_TABLE), 0);
    end();
}

/* Entries of all shadows that differ from before; takes the new picture. */
static u64 changed_entries(void)
{
    static u64 picture[256][PT_ENTRIES];
    const struct shadow_pool *pool = &d->physmap->pool;
    u64 changed = 0;

    assert_true(pool->made < ARRAY_SIZE(picture));
    for (u32 slot = 1; slot <= pool->made; slot++)
        for (unsigned i = 0; i < PT_ENTRIES; i++) {
            changed += picture[slot][i] != pool->shadow[slot].table[i];
            picture[slot][i] = pool->shadow[slot].table[i];
        }
    return changed;
}

static void one_store_one_entry(void **state)
{
    u64 root, entry, la = USER_BASE + 3 * PAGE_SIZE, made;
    const u64 values[] = {
        0,
        (DATA + 5) << PAGE_SHIFT | RIGHTS | PTE_A | PTE_D,
        (DATA + 5) << PAGE_SHIFT | PTE_P | PTE_U | PTE_A,
        (DATA + 6) << PAGE_SHIFT | RIGHTS,
        (DATA + 6) << PAGE_SHIFT | RIGHTS | PTE_A,
        RAM_FRAMES << PAGE_SHIFT | RIGHTS | PTE_A,
        (DATA + 7) << PAGE_SHIFT | RIGHTS | PTE_A | PTE_NX,
    };

    (void)state;
    start(64);
    root = make_process(0);
    long_mode(root);
    use_process(0);
    entry = map(root, la, (DATA + 3) << PAGE_SHIFT | RIGHTS);
    made = count(LC_SHADOW_NEW_TABLE);
    for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
        u64 counted = count(LC_SHADOW_WRITE_ENTRY), changed;
        changed_entries();
        store(entry, values[i]);
        changed = changed_entries();
        assert_true(changed <= 1);
        assert_int_equal(count(LC_SHADOW_WRITE_ENTRY) - counted, changed);
        check();
    }
    /* The same higher up: the root's entry is the only one that changes. */
    changed_entries();
    store(root + 8 * pt_index(la, 4), *guest(root + 8 * pt_index(la, 4)) & ~PTE_W);
    assert_int_equal(changed_entries(), 1);
    paging_invalidate(v, la);
    u64 fills = count(LC_SHADOW_FILL);
    touch(USER_BASE, PF_U);
    assert_int_equal(count(LC_SHADOW_FILL), fills);
    assert_int_equal(refused(USER_BASE, PF_W | PF_U), PF_P | PF_W | PF_U);
    assert_int_equal(count(LC_SHADOW_NEW_TABLE), made);
    assert_int_equal(count(LC_SHADOW_DROP_TABLE), 0);
    end();
}

/* Stores to a table that the running root leads to never drop it, and fill it ahead. */
static void tables_in_use_stay(void **state)
{
    u64 root;

    (void)state;
    start(64);
    root = make_process(0);
    long_mode(root);
    use_process(0);
    for (u64 i = 16; i < PT_ENTRIES; i++) {
        guest((DATA + i) << PAGE_SHIFT);
        map(root, USER_BASE + i * PAGE_SIZE, (DATA + i) << PAGE_SHIFT | RIGHTS | PTE_A | PTE_D);
    }
    assert_int_equal(touch(USER_BASE + 99 * PAGE_SIZE, PF_U | PF_W), DATA + 99);
    assert_int_equal(count(LC_SHADOW_FILL), PAGES + 1);
    assert_int_equal(count(LC_SHADOW_DROP_TABLE), 0);
    assert_false(paging_table_given_up(d, guest(map(root, USER_BASE, 0))));
    assert_int_equal(count(LC_SHADOW_DROP_TABLE), 0);
    end();
}

/* A process that has ended: after a few stores its tables are frames like others. */
static void tables_given_up_go(void **state)
{
    u64 root, other, entry, index;

    (void)state;
    start(64);
    root = make_process(0);
    other = make_process(1);
    long_mode(other);
    use_process(1);
    load_cr3(root);
    use_process(0);
    load_cr3(other);
    entry = map(root, USER_BASE, DATA << PAGE_SHIFT | PTE_P | PTE_U);
    assert_int_equal(count(LC_SHADOW_DROP_TABLE), 0); /* one store may be to one that lives */
    for (index = 1; count(LC_SHADOW_DROP_TABLE) == 0; index++)
        store(entry + 8 * index, 0);
    assert_true(index <= 8);
    assert_false(frame_of(va_to_mfn(guest(entry)))->flags & FRAME_SHADOWED);
    assert_true(paging_table_given_up(d, guest(root)));
    assert_int_equal(count(LC_SHADOW_DROP_TABLE), 2);
    use_process(1);
    check();
    load_cr3(root); /* it lives after all */
    touch(USER_BASE + 7 * PAGE_SIZE, PF_U);
    end();
}

/* A full pool gives up one table for each that is made, the one that was idle longest. */
static void reclaim_takes_one(void **state)
{
    enum { MANY = 40, POOL = 24 };
    u64 root[MANY], shared = 0;

    (void)state;
    start(POOL);
    for (unsigned n = 0; n < MANY; n++) {
        root[n] = make_process(n % PROCESSES);
        long_mode(root[n]);
        use_process(n % PROCESSES);
        if (count(LC_SHADOW_RECLAIM_TABLE))
            assert_int_equal(count(LC_SHADOW_RECLAIM_TABLE), count(LC_SHADOW_NEW_TABLE) - POOL);
        assert_int_equal(d->physmap->pool.in_use,
                         count(LC_SHADOW_NEW_TABLE) - count(LC_SHADOW_RECLAIM_TABLE));
        check();
    }
    assert_int_equal(d->physmap->pool.in_use, POOL);
    assert_int_equal(d->physmap->pool.made, POOL);
    /* The latest are still there, one after another. */
    shared = count(LC_SHADOW_NEW_TABLE);
    load_cr3(root[MANY - 2]);
    use_process((MANY - 2) % PROCESSES);
    load_cr3(root[MANY - 1]);
    use_process((MANY - 1) % PROCESSES);
    assert_int_equal(count(LC_SHADOW_NEW_TABLE), shared);
    end();
}

/* One address space larger than the pool: its own tables of level 1 go round. */
static void reclaim_within_one_root(void **state)
{
    enum { REGIONS = 40 };
    u64 root = 0, made;

    (void)state;
    start(SHADOW_MIN);
    root = new_table();
    for (u64 i = 0; i < REGIONS; i++)
        map(root, USER_BASE + (i << PAGE_SHIFT_2M), (DATA + i) << PAGE_SHIFT | RIGHTS);
    long_mode(root);
    for (unsigned round = 0; round < 4; round++)
        for (u64 i = 0; i < REGIONS; i++)
            assert_int_equal(touch(USER_BASE + (i << PAGE_SHIFT_2M), PF_W), DATA + i);
    made = count(LC_SHADOW_NEW_TABLE);
    assert_int_equal(count(LC_SHADOW_RECLAIM_TABLE), made - SHADOW_MIN);
    assert_true(made <= 4 * REGIONS + 3); /* root, level 3, level 2 never went */
    end();
}

/* Wherever a frame is mapped, once it is a table it is writable nowhere. */
static void no_table_is_writable(void **state)
{
    enum { MAPPINGS = 7 };
    const u64 frame = DATA + 50, table_gpa = frame << PAGE_SHIFT;
    u64 root, la = USER_BASE + (5ULL << PAGE_SHIFT_2M);
    struct paging_fault f;

    (void)state;
    start(64);
    root = new_table();
    for (u64 i = 0; i < MAPPINGS; i++) {
        map(root, USER_BASE + (i << PAGE_SHIFT_1G), table_gpa | RIGHTS);
    }
    long_mode(root);
    for (u64 i = 0; i < MAPPINGS; i++)
        assert_int_equal(touch(USER_BASE + (i << PAGE_SHIFT_1G), PF_W), frame);
    assert_int_equal(frame_of(va_to_mfn(guest(table_gpa)))->type_count, MAPPINGS);
    /* It becomes the table of level 1 for la. */
    store(table_gpa + 8 * pt_index(la, 1), DATA << PAGE_SHIFT | RIGHTS);
    map(root, la + PAGE_SIZE, 0);
    for (u64 at = root, level = 4; level > 1; level--) {
        at += 8 * pt_index(la, level);
        if (level == 2)
            store(at, table_gpa | RIGHTS);
        at = *guest(at) & PTE_ADDR;
    }
    assert_int_equal(touch(la, PF_W), DATA);
    assert_int_equal(frame_of(va_to_mfn(guest(table_gpa)))->type_count, 0);
    for (u64 i = 0; i < MAPPINGS; i++) {
        /* A write lets it go until the next flush. */
        assert_int_equal(fault(USER_BASE + (i << PAGE_SHIFT_1G) + 8, PF_P | PF_W, &f),
                         PAGING_FIXED);
        assert_int_equal(frame_of(va_to_mfn(guest(table_gpa)))->type_count, 1);
        check();
        load_cr3(root);
        assert_int_equal(frame_of(va_to_mfn(guest(table_gpa)))->type_count, 0);
        assert_int_equal(touch(USER_BASE + (i << PAGE_SHIFT_1G), PF_U), frame);
    }
    end();
}

/* An instruction that is not emulated writes to a table: the frame stops being one for a while. */
static void a_table_written_oddly(void **state)
{
    u64 root, la = USER_BASE + (9ULL << PAGE_SHIFT_1G), l3;
    struct paging_fault f;

    (void)state;
    start(64);
    root = make_process(0);
    long_mode(root);
    use_process(0);
    map(root, la, DATA << PAGE_SHIFT | RIGHTS);
    l3 = *guest(root) & PTE_ADDR; /* of 0x400000: not on la's way */
    map(root, la, l3 | RIGHTS);
    assert_int_equal(fault(la, PF_W, &f), PAGING_EMULATE);
    assert_true(f.table_write);
    assert_int_equal(f.gpa, l3);
    assert_ptr_equal(f.bytes, guest(l3));
    assert_true(paging_stop_shadowing(v, la, f.gpa));
    assert_false(paging_stop_shadowing(v, la, f.gpa)); /* it is none now */
    assert_int_equal(touch(la, PF_W), l3 >> PAGE_SHIFT);
    use_process(0); /* and now again */
    assert_int_equal(fault(la, PF_W | PF_P, &f), PAGING_EMULATE);
    /* A table on the way of the write itself stays. */
    map(root, la, root | RIGHTS);
    assert_int_equal(fault(la, PF_W, &f), PAGING_EMULATE);
    assert_false(paging_stop_shadowing(v, la, f.gpa));
    end();
}

/* The delivery of an event pushes onto a frame that was a table. */
static void a_stack_on_a_table(void **state)
{
    struct exit e = {.reason = EXIT_PAGE_FAULT, .error = PF_P | PF_W, .event_being_delivered = 1};
    u64 root, other, stack = USER_BASE + (9ULL << PAGE_SHIFT_1G);
    struct paging_fault f = {0};

    (void)state;
    start(64);
    root = make_process(0);
    other = make_process(1);
    long_mode(other);
    use_process(1);
    map(root, stack, other | RIGHTS);
    load_cr3(root);
    use_process(0);
    e.gva = stack;
    assert_int_equal(paging_fault(v, &e, &f), PAGING_FIXED);
    assert_int_equal(touch(stack, PF_W), other >> PAGE_SHIFT);
    /* On a table that it runs on there is no way: the root, or the one that maps the stack. */
    map(root, stack, root | RIGHTS);
    paging_invalidate(v, stack);
    assert_int_equal(paging_fault(v, &e, &f), PAGING_KILL);
    assert_non_null(f.why);
    f.why = NULL;
    map(root, stack, (*guest(root + 8) & PTE_ADDR) | RIGHTS);
    paging_invalidate(v, stack);
    assert_int_equal(paging_fault(v, &e, &f), PAGING_KILL);
    assert_non_null(f.why);
    /* One of level 1 is let go, even that. */
    map(root, stack, (map(root, stack, 0) & PTE_ADDR) | RIGHTS);
    paging_invalidate(v, stack);
    assert_int_equal(paging_fault(v, &e, &f), PAGING_FIXED);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(switches_are_free),    cmocka_unit_test(one_store_one_entry),
        cmocka_unit_test(tables_in_use_stay),   cmocka_unit_test(tables_given_up_go),
        cmocka_unit_test(reclaim_takes_one),    cmocka_unit_test(reclaim_within_one_root),
        cmocka_unit_test(no_table_is_writable), cmocka_unit_test(a_table_written_oddly),
        cmocka_unit_test(a_stack_on_a_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
