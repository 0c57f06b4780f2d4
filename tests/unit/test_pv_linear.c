// world: pv
/*
 * An L4 that leads to itself, or to another: what the guest reads through it, what the hypervisor
 * reads and writes for it there, and that neither comes to what is the hypervisor's
 * (src/pv/linear.c). The world's processor has the hypervisor's own accesses ignore U, and aborts
 * when one of them reaches a frame that is not the domain's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "errno.h"
#include "guest_access.h"
#include "layout.h"
#include "pvworld/case.h"

#include "../../src/pv/table.h"

enum { SLOT = 5, OTHER_SLOT = 6, DIRECT_SLOT = 262, READ_ONLY = PTE_P | PTE_U };
#define ROOT (world_mfn(0, WORLD_TABLES) << PAGE_SHIFT)

static u64 va(u64 l4, u64 l3, u64 l2, u64 l1)
{
    return l4 << 39 | l3 << PAGE_SHIFT_1G | l2 << PAGE_SHIFT_2M | l1 << PAGE_SHIFT;
}

static s64 set_slot(u64 root, u64 slot, u64 entry)
{
    struct mmu_update u = {.ptr = root + slot * sizeof(u64), .val = entry};

    assert_true(world_store(SCRATCH, &u, sizeof(u)));
    return world_call(__HYPERVISOR_mmu_update, SCRATCH, 1, 0, DOMID_SELF);
}

/* What the hypervisor finds there for the guest: by a list that it copies whole. */
static bool reads(u64 at, u64 *value)
{
    return pv_copy_from(value, at, sizeof(*value));
}

/* All four levels, as a kernel with a recursive slot reads them: by itself, and by the hypervisor.
 */
static void own_tables(void **state)
{
    const u64 at[] = {va(SLOT, SLOT, SLOT, SLOT), va(SLOT, SLOT, SLOT, 0), va(SLOT, SLOT, 0, 0),
                      va(SLOT, 0, 0, 0)};
    u64 word, other;

    (void)state;
    assert_int_equal(set_slot(ROOT, SLOT, ROOT | READ_ONLY), 0);
    for (unsigned i = 0; i < ARRAY_SIZE(at); i++) {
        u64 want = *(u64 *)mfn_to_va(mfn_of(world_mfn(0, WORLD_TABLES + i)));

        assert_true(world_load(&word, at[i], sizeof(word)));
        assert_true(reads(at[i], &other));
        assert_true(word == other && (word & ~(u64)PTE_A) == (want & ~(u64)PTE_A));
        assert_false(world_store(at[i], &word, sizeof(word)));
        assert_false(pv_copy_to(at[i], &word, sizeof(word)));
        assert_true(pv_put_word(at[i], word));
    }
    /* Across two pages, the second of which is none. */
    assert_true(reads(va(SLOT, SLOT, SLOT, 0) + PAGE_SIZE - sizeof(u64), &word));
    assert_false(reads(va(SLOT, SLOT, SLOT, 0) + PAGE_SIZE - 4, &word));
}

/* By every way down through the direct map's slot, from one level to three. */
static void not_the_hypervisors(void **state)
{
    const u64 at[] = {va(SLOT, DIRECT_SLOT, 0, 0), va(SLOT, DIRECT_SLOT, 3, 4),
                      va(SLOT, SLOT, DIRECT_SLOT, 5), va(SLOT, SLOT, SLOT, DIRECT_SLOT)};
    struct access_fault f;
    u64 word;

    (void)state;
    assert_int_equal(set_slot(ROOT, SLOT, ROOT | READ_ONLY), 0);
    for (unsigned i = 0; i < ARRAY_SIZE(at); i++) {
        assert_false(world_load(&word, at[i], sizeof(word)));
        assert_false(reads(at[i], &word));
        assert_false(pv_copy_bytes_from(&word, at[i] + 1, 3));
        assert_false(pv_copy_bytes_from(&word, at[i] - 1, 2));
        assert_int_equal(guest_read(pv_current(), &word, at[i], 4, &f), 0);
        assert_int_equal(world_call(__HYPERVISOR_mmu_update, at[i], 1, 0, DOMID_SELF), -EFAULT);
        assert_int_equal(world_call(__HYPERVISOR_multicall, at[i], 1, 0, 0), -EFAULT);
        assert_int_equal(world_call(__HYPERVISOR_console_io, CONSOLEIO_write, 8, at[i], 0),
                         -EFAULT);
        pv_current()->regs.rsp = at[i];
        assert_null(pv_iret_frame(pv_current()));
    }
    pv_current()->regs.rsp = SCRATCH;
    assert_non_null(pv_iret_frame(pv_current()));
}

/* Nor by way of another L4, nor when such an entry is gone and a TLB might remember it. */
static void another_l4(void **state)
{
    u64 b = world_mfn(0, WORLD_DATA) << PAGE_SHIFT, word;

    (void)state;
    assert_int_equal(set_slot(b, 0, 0), 0);
    assert_int_equal(world_call(__HYPERVISOR_update_va_mapping, (u64)WORLD_DATA << PAGE_SHIFT,
                                b | READ_ONLY, UVMF_TLB_FLUSH, 0),
                     0);
    assert_int_equal(page_pin(world_domain[0], b >> PAGE_SHIFT, FT_L4), 0);
    assert_false(world_domain[0]->linear_l4);
    assert_int_equal(set_slot(ROOT, OTHER_SLOT, b | READ_ONLY), 0);
    assert_true(world_domain[0]->linear_l4);
    assert_false(reads(va(OTHER_SLOT, DIRECT_SLOT, 0, 0), &word));
    assert_int_equal(set_slot(ROOT, OTHER_SLOT, 0), 0);
    assert_true(world_domain[0]->linear_l4);
    assert_false(pv_read_plain(SCRATCH));
    assert_true(reads(SCRATCH, &word));
    assert_int_equal(page_unpin(world_domain[0], b >> PAGE_SHIFT), 0);
}

/* The other domain, which has none, is read as before; and this one again when it comes back. */
static void only_whose_it_is(void **state)
{
    (void)state;
    assert_true(pv_read_plain(SCRATCH) && pv_read_plain(HYPERVISOR_VIRT_END));
    assert_int_equal(set_slot(ROOT, SLOT, ROOT | READ_ONLY), 0);
    assert_false(pv_read_plain(SCRATCH) || pv_read_plain(HYPERVISOR_VIRT_END));
    world_run(1);
    assert_true(pv_read_plain(SCRATCH) && pv_read_plain(HYPERVISOR_VIRT_END));
    world_run(0);
    assert_false(pv_read_plain(SCRATCH));
    assert_int_equal(set_slot(ROOT, SLOT, 0), 0);
    assert_false(pv_read_plain(SCRATCH));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(own_tables, setup, teardown),
        cmocka_unit_test_setup_teardown(not_the_hypervisors, setup, teardown),
        cmocka_unit_test_setup_teardown(another_l4, setup, teardown),
        cmocka_unit_test_setup_teardown(only_whose_it_is, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
