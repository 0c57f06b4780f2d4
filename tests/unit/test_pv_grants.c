// world: pv
/*
 * Grants between the two domains of tests/pvworld: mapped, used by a device, both, to the end of
 * either. The counts of all uses are recomputed after every call (tests/pvworld/check.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pvworld/case.h"

#include "errno.h"

#include <xen/memory.h>
#include <xen/sched.h>

#define PAGE(n)     ((u64)(WORLD_DATA + (n)) << PAGE_SHIFT)
#define FRAME(w, n) world_mfn(w, WORLD_DATA + (n))

enum { REF = 3 };

/* Domain `who` makes its table and grants page n to the other. */
static void grant(unsigned who, unsigned n, u16 flags)
{
    struct gnttab_setup_table s = {.dom = DOMID_SELF, .nr_frames = 1};

    world_run(who);
    set_xen_guest_handle(s.frame_list, (xen_pfn_t *)(uintptr_t)PAGE(9));
    assert_int_equal(
        world_call(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, put(&s, sizeof(s)), 1, 0), 0);
    get(&s, sizeof(s));
    assert_int_equal(s.status, GNTST_okay);
    *grant_entry(world_domain[who]->pv->grants, REF) = (grant_entry_v1_t){
        .flags = (u16)(GTF_permit_access | flags), .domid = !who, .frame = (u32)FRAME(who, n)};
}

/* The other's device uses it, the other maps it at its own page n, or both. */
static s64 use(unsigned who, unsigned n, u32 flags, u32 *handle)
{
    struct gnttab_map_grant_ref m = {
        .host_addr = PAGE(n), .flags = flags, .ref = REF, .dom = !who, .handle = ~0u};

    world_run(who);
    assert_int_equal(
        world_call(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, put(&m, sizeof(m)), 1, 0),
        0);
    get(&m, sizeof(m));
    assert_true(m.status != GNTST_okay ||
                m.dev_bus_addr == (u64)grant_track(grants_of(world_domain[who]), m.handle)->mfn
                                      << PAGE_SHIFT);
    *handle = m.handle;
    return m.status;
}

static s64 map(unsigned who, unsigned n, u32 flags, u32 *handle)
{
    return use(who, n, GNTMAP_host_map | flags, handle);
}

/* By either address, or both; 0: not by this one. */
static s64 unmap_by(unsigned who, u64 host, u64 device, u32 handle)
{
    struct gnttab_unmap_grant_ref u = {.host_addr = host, .dev_bus_addr = device, .handle = handle};

    world_run(who);
    assert_int_equal(
        world_call(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, put(&u, sizeof(u)), 1, 0),
        0);
    get(&u, sizeof(u));
    return u.status;
}

static s64 unmap(unsigned who, unsigned n, u32 handle)
{
    return unmap_by(who, PAGE(n), 0, handle);
}

/* Of the running domain's memory to what the other has granted it. */
static s64 copy_to_grant(unsigned who)
{
    struct gnttab_copy c = {.source = {.u.gmfn = FRAME(who, 4), .domid = DOMID_SELF},
                            .dest = {.u.ref = REF, .domid = !who},
                            .len = 8,
                            .flags = GNTCOPY_dest_gref};

    assert_int_equal(
        world_call(__HYPERVISOR_grant_table_op, GNTTABOP_copy, put(&c, sizeof(c)), 1, 0), 0);
    get(&c, sizeof(c));
    return c.status;
}

static void end(unsigned who)
{
    world_run(who);
    world_domain[who]->doomed = true;
    world_call(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, 0);
    world_renew();
}

static void granted_both_ways(void **state)
{
    (void)state;
    u64 word = 42, got = 0;
    u32 handle;

    grant(0, 1, 0);
    assert_int_equal(map(1, 2, 0, &handle), GNTST_okay);
    assert_true(world_store(PAGE(2) + 8, &word, sizeof(word)));
    assert_int_equal(grant_entry(world_domain[0]->pv->grants, REF)->flags,
                     GTF_permit_access | GTF_reading | GTF_writing);
    world_run(0);
    assert_true(pv_copy_bytes_from(&got, PAGE(1) + 8, sizeof(got)));
    assert_int_equal(got, 42);
    assert_int_equal(unmap(1, 2, handle), GNTST_okay);
    assert_false(world_store(PAGE(2), &word, sizeof(word)));
    assert_int_equal(unmap(1, 2, handle), GNTST_bad_handle);
}

static void a_read_only_grant(void **state)
{
    (void)state;
    u64 word = 42;
    u32 handle;

    grant(0, 1, GTF_readonly);
    assert_int_equal(map(1, 2, 0, &handle), GNTST_general_error);
    assert_int_equal(map(1, 2, GNTMAP_readonly, &handle), GNTST_okay);
    assert_false(world_store(PAGE(2), &word, sizeof(word)));
    /* Its own entry for what is granted is not the guest's to write. */
    assert_int_equal(
        world_call(__HYPERVISOR_update_va_mapping, PAGE(3), FRAME(0, 1) << PAGE_SHIFT | 7, 0, 0),
        -EBUSY);
    assert_int_equal(unmap(1, 3, handle), GNTST_general_error);
    assert_int_equal(unmap(1, 2, handle), GNTST_okay);
}

/* The guest stores into its L1, at its entry for page n; what stands there then. */
static u64 store_entry(unsigned who, unsigned n, u64 entry)
{
    static const u8 mov[] = {0x48, 0x89, 0x08}; /* mov [rax], rcx */
    u64 at = (WORLD_TABLES + 3) * PAGE_SIZE + (WORLD_DATA + n) * sizeof(u64), now;

    world_run(who);
    assert_true(world_store(WORLD_CODE, mov, sizeof(mov)));
    world_instruction(at, entry, 0, at);
    assert_true(world_load(&now, at, sizeof(now)));
    return now;
}

/* A call may change the entry that a grant has made, if it keeps its frame; a store may not. */
static void a_grants_entry(void **state)
{
    (void)state;
    u64 at = world_mfn(1, WORLD_TABLES + 3) * PAGE_SIZE + (WORLD_DATA + 2) * sizeof(u64), entry;
    u64 own = FRAME(1, 3) << PAGE_SHIFT | PTE_P | PTE_U | PTE_G;
    struct mmu_update u = {.ptr = at};
    u32 handle;

    grant(0, 1, 0);
    assert_int_equal(map(1, 2, 0, &handle), GNTST_okay);
    assert_true(world_load(&entry, (WORLD_TABLES + 3) * PAGE_SIZE + at % PAGE_SIZE, sizeof(entry)));
    assert_int_equal(entry & PTE_ADDR, FRAME(0, 1) << PAGE_SHIFT);
    assert_int_equal(store_entry(1, 2, entry | PTE_NX), entry);
    assert_int_equal(store_entry(1, 3, own | PTE_NX), own | PTE_NX);
    u.val = entry | PTE_NX;
    assert_int_equal(world_call(__HYPERVISOR_mmu_update, put(&u, sizeof(u)), 1, 0, DOMID_SELF), 0);
    assert_int_equal(store_entry(1, 2, entry), entry | PTE_NX);
    u.val = entry & ~PTE_W;
    assert_int_equal(world_call(__HYPERVISOR_mmu_update, put(&u, sizeof(u)), 1, 0, DOMID_SELF),
                     -EBUSY);
    assert_int_equal(unmap(1, 2, handle), GNTST_okay);
}

/* What was granted outlives its domain as long as it is mapped. */
static void the_granter_ends(void **state)
{
    (void)state;
    u64 free, word = 7;
    u32 handle;

    grant(0, 1, 0);
    assert_int_equal(map(1, 2, 0, &handle), GNTST_okay);
    free = frame_free_count();
    end(0);
    world_run(1);
    assert_true(world_store(PAGE(2), &word, sizeof(word)));
    assert_int_equal(unmap(1, 2, handle), GNTST_okay);
    assert_true(frame_free_count() >= free);
}

/* It goes in pieces, and between them others live on: what they have mapped stays theirs, but
 * nothing new is to be had. */
static void a_long_end(void **state)
{
    (void)state;
    u64 word = 7;
    unsigned pieces = 1;
    u32 handle, other, ended = world_ended;

    grant(0, 1, 0);
    assert_int_equal(map(1, 2, 0, &handle), GNTST_okay);
    assert_int_equal(copy_to_grant(1), GNTST_okay);
    world_domain[0]->doomed = true;
    while (world_call(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, 0), world_ended == ended) {
        pieces++;
        assert_true(world_store(PAGE(2), &word, sizeof(word)));
        assert_int_equal(map(1, 3, 0, &other), GNTST_bad_domain);
        assert_int_equal(copy_to_grant(1), GNTST_bad_domain);
    }
    assert_true(pieces > 4);
    assert_int_equal(unmap(1, 2, handle), GNTST_okay);
}

static void the_mapper_ends(void **state)
{
    (void)state;
    u32 handle;

    grant(0, 1, 0);
    assert_int_equal(map(1, 2, 0, &handle), GNTST_okay);
    end(1);
    assert_int_equal(grant_entry(world_domain[0]->pv->grants, REF)->flags, GTF_permit_access);
}

/* An entry that the guest overwrites drops what it holds; the handle stays. */
static void a_mapping_overwritten(void **state)
{
    (void)state;
    u32 handle;

    grant(0, 1, 0);
    assert_int_equal(map(1, 2, 0, &handle), GNTST_okay);
    assert_int_equal(world_call(__HYPERVISOR_update_va_mapping, PAGE(2), 0, 0, 0), 0);
    assert_int_equal(unmap(1, 2, handle), GNTST_general_error);
    end(0);
    end(1);
}

/* A handle alone keeps the frame its granter's, who has given it away. */
static void released_while_in_use(void **state)
{
    (void)state;
    struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};
    xen_pfn_t gone = FRAME(0, 1);
    u16 owner = frame_table[gone].owner;
    u32 handle;

    grant(0, 1, 0);
    assert_int_equal(map(1, 2, 0, &handle), GNTST_okay);
    assert_int_equal(world_call(__HYPERVISOR_update_va_mapping, PAGE(2), 0, UVMF_TLB_FLUSH, 0), 0);
    world_run(0);
    assert_int_equal(world_call(__HYPERVISOR_update_va_mapping, PAGE(1), 0, UVMF_TLB_FLUSH, 0), 0);
    assert_true(world_store(PAGE(WORLD_SCRATCH + 1), &gone, sizeof(gone)));
    set_xen_guest_handle(r.extent_start, (xen_pfn_t *)(uintptr_t)PAGE(WORLD_SCRATCH + 1));
    assert_int_equal(
        world_call(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, put(&r, sizeof(r)), 0, 0),
        1);
    assert_int_equal(frame_table[gone].owner, owner);
    assert_int_equal(frame_table[gone].refs, 1);
    end(1);
    assert_int_not_equal(frame_table[gone].owner, owner);
}

/* References of the page that the grants of these tests are for. */
static void expect_held(unsigned n, u32 refs, u32 typed)
{
    assert_int_equal(frame_table[FRAME(0, n)].refs, refs);
    assert_int_equal(frame_table[FRAME(0, n)].type_count, typed);
}

/* Each part ends by its own address, once, whichever is first. */
static void for_a_device(void **state)
{
    (void)state;
    u64 bus = FRAME(0, 1) << PAGE_SHIFT;
    u32 handle, both, refs, typed;

    grant(0, 1, 0);
    refs = frame_table[FRAME(0, 1)].refs;
    typed = frame_table[FRAME(0, 1)].type_count;
    assert_int_equal(use(1, 2, GNTMAP_device_map, &handle), GNTST_okay);
    expect_held(1, refs + 2, typed + 1); /* the use, and that the grant is in use */
    assert_int_equal(use(1, 2, GNTMAP_device_map | GNTMAP_host_map, &both), GNTST_okay);
    expect_held(1, refs + 4, typed + 3);
    assert_int_equal(unmap_by(1, 0, 0, handle), GNTST_okay); /* nothing of it */
    assert_int_equal(unmap_by(1, PAGE(2), 0, handle), GNTST_okay);
    assert_int_equal(unmap_by(1, 0, bus + PAGE_SIZE, handle), GNTST_bad_dev_addr);
    assert_int_equal(unmap_by(1, PAGE(2), bus + 1, both), GNTST_bad_dev_addr);
    assert_int_equal(unmap_by(1, PAGE(3), bus, both), GNTST_general_error);
    expect_held(1, refs + 4, typed + 3);
    assert_int_equal(unmap_by(1, 0, bus, both), GNTST_okay);
    assert_int_equal(unmap_by(1, 0, bus, both), GNTST_okay); /* there is no such part any more */
    expect_held(1, refs + 3, typed + 2);
    assert_int_equal(unmap_by(1, PAGE(2), bus + 1, both), GNTST_okay); /* nor one to be wrong */
    assert_int_equal(unmap_by(1, PAGE(2), 0, both), GNTST_bad_handle);
    expect_held(1, refs + 2, typed + 1);
    assert_int_equal(unmap_by(1, 0, bus, handle), GNTST_okay);
    assert_int_equal(unmap_by(1, 0, bus, handle), GNTST_bad_handle);
    expect_held(1, refs, typed);
    assert_int_equal(grant_entry(world_domain[0]->pv->grants, REF)->flags, GTF_permit_access);
}

/* A mapping whose entry cannot be leaves nothing of its device's part. */
static void a_device_and_no_entry(void **state)
{
    (void)state;
    u32 handle, refs, typed;

    grant(0, 1, 0);
    refs = frame_table[FRAME(0, 1)].refs;
    typed = frame_table[FRAME(0, 1)].type_count;
    assert_int_equal(use(1, 512, GNTMAP_device_map | GNTMAP_host_map, &handle),
                     GNTST_general_error);
    assert_int_equal(handle, ~0u); /* not touched */
    expect_held(1, refs, typed);
    assert_int_equal(grant_entry(world_domain[0]->pv->grants, REF)->flags, GTF_permit_access);
}

/* While a device may write to it, it becomes no table; a table is not written by a device. */
static void a_device_and_a_table(void **state)
{
    (void)state;
    struct mmuext_op pin = {.cmd = MMUEXT_PIN_L1_TABLE};
    u32 handle;

    grant(0, 1, 0);
    grant_entry(world_domain[0]->pv->grants, REF)->frame = (u32)world_mfn(0, WORLD_TABLES + 3);
    assert_int_equal(use(1, 2, GNTMAP_device_map, &handle), GNTST_general_error);
    grant_entry(world_domain[0]->pv->grants, REF)->frame = (u32)FRAME(0, 1);
    assert_int_equal(use(1, 2, GNTMAP_device_map, &handle), GNTST_okay);
    world_run(0);
    assert_int_equal(world_call(__HYPERVISOR_update_va_mapping, PAGE(1), 0, UVMF_TLB_FLUSH, 0), 0);
    pin.arg1.mfn = FRAME(0, 1);
    assert_int_equal(world_call(__HYPERVISOR_mmuext_op, put(&pin, sizeof(pin)), 1, 0, DOMID_SELF),
                     -EINVAL);
    assert_int_equal(unmap_by(1, 0, FRAME(0, 1) << PAGE_SHIFT, handle), GNTST_okay);
    world_run(0);
    assert_int_equal(world_call(__HYPERVISOR_mmuext_op, put(&pin, sizeof(pin)), 1, 0, DOMID_SELF),
                     0);
}

/* What a device uses is nobody's when its owner has ended, until the device's use ends. */
static void the_granter_ends_under_a_device(void **state)
{
    (void)state;
    u64 mfn = FRAME(0, 1), free;
    u32 handle, second, third;

    grant(0, 1, 0);
    assert_int_equal(use(1, 2, GNTMAP_device_map, &handle), GNTST_okay);
    assert_int_equal(use(1, 2, GNTMAP_device_map | GNTMAP_readonly, &second), GNTST_okay);
    assert_int_equal(use(1, 2, GNTMAP_device_map | GNTMAP_host_map, &third), GNTST_okay);
    end(0);
    assert_int_equal(frame_table[mfn].owner, DOMID_HYPERVISOR);
    free = frame_free_count();
    assert_int_equal(unmap_by(1, PAGE(2), mfn << PAGE_SHIFT, third), GNTST_okay);
    assert_int_equal(unmap_by(1, 0, mfn << PAGE_SHIFT, handle), GNTST_okay);
    assert_int_equal(unmap_by(1, 0, mfn << PAGE_SHIFT, handle), GNTST_bad_handle);
    assert_int_equal(frame_table[mfn].refs, 1);
    assert_int_equal(frame_table[mfn].type_count, 0);
    assert_int_equal(frame_free_count(), free);
    assert_int_equal(unmap_by(1, 0, mfn << PAGE_SHIFT, second), GNTST_okay);
    assert_int_equal(frame_free_count(), free + 1);
}

/* Its handles end with it, and with them its devices' uses; also of those that have ended before.
 */
static void the_mapper_ends_with_a_device(void **state)
{
    (void)state;
    u32 handle, refs, typed;
    u64 free;

    grant(0, 1, 0);
    refs = frame_table[FRAME(0, 1)].refs;
    typed = frame_table[FRAME(0, 1)].type_count;
    assert_int_equal(use(1, 2, GNTMAP_device_map, &handle), GNTST_okay);
    assert_int_equal(use(1, 2, GNTMAP_device_map | GNTMAP_readonly, &handle), GNTST_okay);
    end(1);
    expect_held(1, refs, typed);
    assert_int_equal(grant_entry(world_domain[0]->pv->grants, REF)->flags, GTF_permit_access);
    free = frame_free_count();
    assert_int_equal(use(1, 2, GNTMAP_device_map, &handle), GNTST_okay);
    end(0);
    end(1);
    grant(0, 1, 0);
    assert_int_equal(frame_free_count(), free);
}

/* Domain 0 uses what it has granted, itself. */
static s64 use_own(u32 flags)
{
    struct gnttab_map_grant_ref m = {.flags = flags, .ref = REF, .dom = 0};

    world_run(0);
    assert_int_equal(
        world_call(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, put(&m, sizeof(m)), 1, 0),
        0);
    get(&m, sizeof(m));
    return m.status;
}

/* While one uses it nobody else does, whatever the entry says. */
static void one_user(void **state)
{
    (void)state;
    u32 handle;

    grant(0, 1, 0);
    assert_int_equal(use(1, 2, GNTMAP_device_map, &handle), GNTST_okay);
    grant_entry(world_domain[0]->pv->grants, REF)->domid = 0;
    assert_int_equal(use_own(GNTMAP_device_map), GNTST_general_error);
    assert_int_equal(use_own(GNTMAP_device_map | GNTMAP_readonly), GNTST_general_error);
    assert_int_equal(use(1, 2, GNTMAP_device_map, &handle), GNTST_okay);
    end(1);
    assert_int_equal(use_own(GNTMAP_device_map), GNTST_okay);
    assert_int_equal(use(1, 2, GNTMAP_device_map, &handle), GNTST_general_error);
}

/* Each kind of use so many times, and each for itself. */
static void so_many_uses(void **state)
{
    (void)state;
    enum { READ = GNTMAP_device_map | GNTMAP_readonly };
    u32 handle;

    grant(0, 1, 0);
    for (unsigned i = 0; i < GRANT_PINS_MAX; i++)
        assert_int_equal(use(1, 2, GNTMAP_device_map, &handle), GNTST_okay);
    assert_int_equal(use(1, 2, GNTMAP_device_map, &handle), GNTST_general_error);
    assert_int_equal(use(1, 2, GNTMAP_device_map | GNTMAP_host_map, &handle), GNTST_general_error);
    for (unsigned i = 0; i < GRANT_PINS_MAX; i++)
        assert_int_equal(use(1, 2, READ, &handle), GNTST_okay);
    assert_int_equal(use(1, 2, READ, &handle), GNTST_general_error);
    assert_int_equal(map(1, 2, 0, &handle), GNTST_okay);
    assert_int_equal(map(1, 3, GNTMAP_readonly, &handle), GNTST_okay);
}

/* A page table is not written by way of a grant, nor a writable grant made a table. */
static void granted_and_a_table(void **state)
{
    (void)state;
    struct mmuext_op pin = {.cmd = MMUEXT_PIN_L1_TABLE};
    u32 handle;

    grant(0, 1, 0);
    grant_entry(world_domain[0]->pv->grants, REF)->frame = (u32)world_mfn(0, WORLD_TABLES + 3);
    assert_int_equal(map(1, 2, 0, &handle), GNTST_general_error);
    grant_entry(world_domain[0]->pv->grants, REF)->frame = (u32)FRAME(0, 1);
    assert_int_equal(map(1, 2, 0, &handle), GNTST_okay);
    world_run(0);
    assert_int_equal(world_call(__HYPERVISOR_update_va_mapping, PAGE(1), 0, UVMF_TLB_FLUSH, 0), 0);
    pin.arg1.mfn = FRAME(0, 1);
    assert_int_equal(world_call(__HYPERVISOR_mmuext_op, put(&pin, sizeof(pin)), 1, 0, DOMID_SELF),
                     -EINVAL);
    assert_int_equal(unmap(1, 2, handle), GNTST_okay);
    world_run(0);
    assert_int_equal(world_call(__HYPERVISOR_mmuext_op, put(&pin, sizeof(pin)), 1, 0, DOMID_SELF),
                     0);
}

/* At one place: each mapping overwrites the one before, and its handle stays. */
static void more_handles_than_there_are(void **state)
{
    enum { HANDLES = GRANT_TRACK_PAGES * TRACKS_PER_PAGE, FIRST_REF = 8 };
    struct gnttab_map_grant_ref m = {.host_addr = PAGE(2), .flags = GNTMAP_host_map};

    (void)state;
    grant(0, 1, 0);
    world_run(1);
    for (u32 i = 0; i <= HANDLES; i++) {
        m.ref = FIRST_REF + i / GRANT_PINS_MAX;
        *grant_entry(world_domain[0]->pv->grants, m.ref) =
            *grant_entry(world_domain[0]->pv->grants, REF);
        assert_int_equal(world_call(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref,
                                    put(&m, sizeof(m)), 1, 0),
                         0);
        get(&m, sizeof(m));
        assert_int_equal(m.status, i < HANDLES ? GNTST_okay : GNTST_no_space);
    }
    end(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(granted_both_ways, setup, teardown),
        cmocka_unit_test_setup_teardown(a_read_only_grant, setup, teardown),
        cmocka_unit_test_setup_teardown(a_grants_entry, setup, teardown),
        cmocka_unit_test_setup_teardown(the_granter_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_end, setup, teardown),
        cmocka_unit_test_setup_teardown(the_mapper_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(a_mapping_overwritten, setup, teardown),
        cmocka_unit_test_setup_teardown(released_while_in_use, setup, teardown),
        cmocka_unit_test_setup_teardown(for_a_device, setup, teardown),
        cmocka_unit_test_setup_teardown(a_device_and_no_entry, setup, teardown),
        cmocka_unit_test_setup_teardown(a_device_and_a_table, setup, teardown),
        cmocka_unit_test_setup_teardown(the_granter_ends_under_a_device, setup, teardown),
        cmocka_unit_test_setup_teardown(the_mapper_ends_with_a_device, setup, teardown),
        cmocka_unit_test_setup_teardown(one_user, setup, teardown),
        cmocka_unit_test_setup_teardown(so_many_uses, setup, teardown),
        cmocka_unit_test_setup_teardown(granted_and_a_table, setup, teardown),
        cmocka_unit_test_setup_teardown(more_handles_than_there_are, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
