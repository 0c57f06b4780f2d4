// world: pv
/*
 * Frames that are not the caller's, and the domains that mmu_update and its like can name: each
 * answer is Xen's to a domain without privilege.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pvworld/world.h"

#include "../../src/pv/page_type.h"
#include "../../src/pv/table.h"
#include "errno.h"
#include "layout.h"

#define SCRATCH ((u64)WORLD_SCRATCH << PAGE_SHIFT)
#define PAGE(n) ((u64)(WORLD_DATA + (n)) << PAGE_SHIFT)

enum {
    RO = PTE_P | PTE_U,
    RW = RO | PTE_W,
    DEVICE = 0, /* the machine's first frame is no RAM */
    DONE_BEFORE = 77,
    ABSENT = 9,
    ENTRIES = 100, /* of the L1, from here on, nothing is mapped */
};

static const u64 all_bits = PTE_ADDR >> PAGE_SHIFT;
static u64 own, others, l1, l2;

static int setup(void **state)
{
    (void)state;
    world_begin();
    world_run(0);
    own = world_mfn(0, WORLD_DATA);
    others = world_mfn(1, WORLD_DATA);
    l2 = world_mfn(0, WORLD_TABLES + 2);
    l1 = world_mfn(0, WORLD_TABLES + 3);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_end();
    return 0;
}

static u64 *word(u64 mfn, unsigned i)
{
    return (u64 *)mfn_to_va(mfn_of(mfn)) + i;
}

static s64 map(u64 entry)
{
    return world_call(__HYPERVISOR_update_va_mapping, PAGE(0), entry, 0, 0);
}

static u64 free_frame(void)
{
    u64 mfn = 0;

    while (frame_table[mfn].owner != DOMID_NONE || frame_table[mfn].flags & FRAME_NOT_RAM)
        mfn++;
    return mfn;
}

/* One request; where *done stands there is DONE_BEFORE. */
static u32 done;
static s64 update(u64 at, u64 value, u32 foreign)
{
    struct mmu_update u = {.ptr = at, .val = value};
    u32 before = DONE_BEFORE;
    s64 result;

    assert_true(world_store(SCRATCH, &u, sizeof(u)));
    assert_true(world_store(SCRATCH + 64, &before, sizeof(before)));
    result = world_call(__HYPERVISOR_mmu_update, SCRATCH, 1, SCRATCH + 64, foreign);
    assert_true(world_load(&done, SCRATCH + 64, sizeof(done)));
    return result;
}

static u64 entry_at(u64 table, unsigned i)
{
    return (table << PAGE_SHIFT) + i * sizeof(u64);
}

static void strange_frames(void **state)
{
    (void)state;
    const struct {
        u64 mfn;
        int error;
    } cases[] = {
        {others, -EBUSY},    {DEVICE, -EPERM},       {free_frame(), -EBUSY}, {WORLD_FRAMES, -EPERM},
        {all_bits, -EINVAL}, {all_bits - 1, -EPERM}, {1ULL << 39, -EPERM},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        u64 entry = cases[i].mfn << PAGE_SHIFT;

        assert_int_equal(map(entry | RO), cases[i].error);
        assert_int_equal(map(entry | RW), cases[i].error);
        assert_int_equal(update(entry_at(l1, ENTRIES), entry | RO, DOMID_SELF), cases[i].error);
        assert_int_equal(update(entry_at(l2, ENTRIES), entry | RO, DOMID_SELF), -EINVAL);
        assert_int_equal(update(entry_at(cases[i].mfn, 0), 0, DOMID_SELF), -EINVAL);
        assert_int_equal(update(entry | MMU_MACHPHYS_UPDATE, 0, DOMID_SELF), -EINVAL);
    }
}

/* How a frame is cached is not the guest's to say, be it its own or shared with the hypervisor. */
static void cached_frames(void **state)
{
    (void)state;
    u64 entry = frame_mfn(world_domain[0]->pv->shared_frame).v << PAGE_SHIFT;

    assert_int_equal(map(entry | RW), 0);
    assert_int_equal(map(entry | RW | PTE_PCD), -EINVAL);
    assert_int_equal(map(entry | RO | PTE_PAT), -EINVAL);
    assert_int_equal(map(own << PAGE_SHIFT | RW | PTE_PCD), -EINVAL);
}

/* The same frame and right again: nothing is asked. */
static void same_use(void **state)
{
    (void)state;
    u64 *p = word(l1, WORLD_DATA);
    u32 refs = frame_table[own].refs;

    assert_int_equal(update(entry_at(l1, WORLD_DATA), (*p & ~PTE_U) | PTE_NX, DOMID_SELF), 0);
    assert_int_equal(*p >> 63, 1);
    assert_true(*p & PTE_U);
    assert_int_equal(frame_table[own].refs, refs);
    *p |= PTE_D;
    assert_int_equal(
        update(entry_at(l1, WORLD_DATA) | MMU_PT_UPDATE_PRESERVE_AD, *p & ~PTE_D, DOMID_SELF), 0);
    assert_true(*p & PTE_D);
    assert_int_equal(update(entry_at(l1, WORLD_DATA), *p & ~PTE_W, DOMID_SELF), 0);
    assert_int_equal(frame_table[own].type_count, 0);
}

static void devices(void **state)
{
    (void)state;
    u64 at = entry_at(l1, ENTRIES), here = entry_at(l1, WORLD_DATA);

    assert_int_equal(update(at, own << PAGE_SHIFT | RO, DOMID_IO), -EBUSY);
    assert_int_equal(done, 0);
    assert_int_equal(update(at, others << PAGE_SHIFT | RO, DOMID_IO), -EBUSY);
    assert_int_equal(update(at, (u64)WORLD_FRAMES << PAGE_SHIFT | RO, DOMID_IO), -EPERM);
    assert_int_equal(update(at, PTE_ADDR | RO, DOMID_IO), -EINVAL);
    assert_int_equal(update(at, 0x7700, DOMID_IO), 0);
    assert_int_equal(done, 1);
    assert_int_equal(*word(l1, ENTRIES), 0x7700);
    assert_int_equal(update(here, *word(l1, WORLD_DATA) | PTE_A, DOMID_IO), 0);
    assert_int_equal(update(here, *word(l1, WORLD_DATA) & ~PTE_W, DOMID_IO), -EBUSY);
    assert_int_equal(update(here, 0, DOMID_IO), 0);
    assert_int_equal(update(entry_at(l2, ENTRIES), 0, DOMID_IO), -EINVAL);
    assert_int_equal(update(entry_at(own, 3), 0x55, DOMID_IO), 0);
    assert_int_equal(*word(own, 3), 0x55);
    assert_int_equal(update(entry_at(others, 3), 0, DOMID_IO), -EINVAL);
    assert_int_equal(update(own << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, 0, DOMID_IO), -EINVAL);
    assert_int_equal(update((u64)DEVICE << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, 0, DOMID_IO), 0);
    assert_int_equal(update((u64)WORLD_FRAMES << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, 0, DOMID_IO),
                     -EINVAL);
    assert_int_equal(update(4, 0, DOMID_IO), -ENOSYS);
}

static void domains(void **state)
{
    (void)state;
    const u32 self = world_domain[0]->id, other = world_domain[1]->id;
    const struct {
        u32 tables, frames; /* + 1, or 0: not said */
        int error;
        u32 done;
    } cases[] = {
        {0, DOMID_SELF, 0, 1},
        {self + 1, DOMID_SELF, 0, 1},
        {self + 1, DOMID_IO, 0, 1},
        {other + 1, DOMID_SELF, -EPERM, 0},
        {other + 1, DOMID_IO, -EPERM, 0},
        {0, DOMID_XEN, -EPERM, 0},
        {0, other, -EPERM, 0},
        {0, self, -ESRCH, 0},
        {0, ABSENT, -ESRCH, 0},
        {0, DOMID_COW, -ESRCH, 0},
        {0, DOMID_INVALID, -ESRCH, 0},
        {0, DOMID_IDLE, -ESRCH, 0},
        {other + 1, self, -ESRCH, 0},
        {ABSENT + 1, DOMID_SELF, -ESRCH, DONE_BEFORE},
        {ABSENT + 1, ABSENT, -ESRCH, DONE_BEFORE},
        {DOMID_SELF + 1, DOMID_SELF, -ESRCH, DONE_BEFORE},
        {DOMID_IO + 1, DOMID_SELF, -ESRCH, DONE_BEFORE},
        {0xffff, DOMID_SELF, -ESRCH, DONE_BEFORE},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        u32 foreign = cases[i].tables << 16 | cases[i].frames;

        assert_int_equal(update(entry_at(l1, ENTRIES), 0, foreign), cases[i].error);
        assert_int_equal(done, cases[i].done);
        assert_int_equal(update((own << PAGE_SHIFT) + 4, 0, foreign),
                         cases[i].error == -ESRCH ? -ESRCH : -ENOSYS);
        assert_int_equal(world_call(__HYPERVISOR_mmu_update, 0, 0, 0, foreign),
                         cases[i].error == -ESRCH ? -ESRCH : 0);
        assert_int_equal(world_call(__HYPERVISOR_mmu_update, HYPERVISOR_VIRT_START, 0, 0, foreign),
                         -EFAULT);
    }
}

/* mmuext_op and update_va_mapping_otherdomain say it at once. */
static void others_at_once(void **state)
{
    (void)state;
    const u32 self = world_domain[0]->id, other = world_domain[1]->id;
    const struct {
        u32 id;
        int error;
    } cases[] = {
        {DOMID_SELF, 0},     {DOMID_IO, -EPERM},      {DOMID_XEN, -EPERM},
        {other, -EPERM},     {self, -ESRCH},          {ABSENT, -ESRCH},
        {DOMID_COW, -ESRCH}, {DOMID_INVALID, -ESRCH}, {0x50000u | DOMID_SELF, 0},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(world_call(__HYPERVISOR_mmuext_op, 0, 0, 0, cases[i].id), cases[i].error);
        assert_int_equal(
            world_call(__HYPERVISOR_mmuext_op, HYPERVISOR_VIRT_START, 0, 0, cases[i].id), -EFAULT);
        assert_int_equal(
            world_call(__HYPERVISOR_update_va_mapping_otherdomain, PAGE(20), 0, 0, cases[i].id),
            cases[i].error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(strange_frames, setup, teardown),
        cmocka_unit_test_setup_teardown(cached_frames, setup, teardown),
        cmocka_unit_test_setup_teardown(same_use, setup, teardown),
        cmocka_unit_test_setup_teardown(devices, setup, teardown),
        cmocka_unit_test_setup_teardown(domains, setup, teardown),
        cmocka_unit_test_setup_teardown(others_at_once, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
