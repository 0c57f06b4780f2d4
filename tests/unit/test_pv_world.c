// world: pv
/*
 * The hypercalls in the small machine of tests/pvworld: each refused one answers what
 * src/pv/refused.h says; grants between two domains to the end of either; a frame exchanged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define __XEN_TOOLS__ 1 /* also the operations that only tools make */
#include "pvworld/world.h"

#include "../../src/pv/refused.h"
#include "errno.h"
#include "timer.h"

#include <xen/callback.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/sched.h>

#define SCRATCH     ((u64)WORLD_SCRATCH << PAGE_SHIFT)
#define PAGE(n)     ((u64)(WORLD_DATA + (n)) << PAGE_SHIFT)
#define FRAME(w, n) world_mfn(w, WORLD_DATA + (n))

enum { REF = 3 };

static int setup(void **state)
{
    (void)state;
    world_begin();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_end();
    return 0;
}

/* A structure in the running guest's memory. */
static u64 put(const void *from, size_t len)
{
    assert_true(world_store(SCRATCH, from, len));
    return SCRATCH;
}

static void get(void *to, size_t len)
{
    assert_true(pv_copy_bytes_from(to, SCRATCH, len));
}

static void refused_calls(void **state)
{
    (void)state;
#define CALL(number, why) assert_int_equal(world_call(number, 0, 0, 0, 0), -ENOSYS);
    REFUSED_CALLS(CALL)
    assert_int_equal(world_call(HYPERCALLS, 0, 0, 0, 0), -ENOSYS);
}

static void expect_refused(u64 number, u64 command, s64 error)
{
    struct callback_register c = {.type = (u16)command, .address = 0x1000};

    if (number == __HYPERVISOR_callback_op) {
        put(&c, sizeof(c));
        command = CALLBACKOP_register;
    }
    assert_int_equal(
        world_call(number, command, number == __HYPERVISOR_vcpu_op ? 0 : SCRATCH, 1, 0), -error);
}

static void refused_operations(void **state)
{
    (void)state;
#define OPERATION(call, command, error, why) expect_refused(__HYPERVISOR_##call, command, error);
    REFUSED_OPERATIONS(OPERATION)
}

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

/* The other maps it at its own page n. */
static s64 map(unsigned who, unsigned n, u32 flags, u32 *handle)
{
    struct gnttab_map_grant_ref m = {
        .host_addr = PAGE(n), .flags = GNTMAP_host_map | flags, .ref = REF, .dom = !who};

    world_run(who);
    assert_int_equal(
        world_call(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, put(&m, sizeof(m)), 1, 0),
        0);
    get(&m, sizeof(m));
    *handle = m.handle;
    return m.status;
}

static s64 unmap(unsigned who, unsigned n, u32 handle)
{
    struct gnttab_unmap_grant_ref u = {.host_addr = PAGE(n), .handle = handle};

    world_run(who);
    assert_int_equal(
        world_call(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, put(&u, sizeof(u)), 1, 0),
        0);
    get(&u, sizeof(u));
    return u.status;
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
    world_domain[0]->doomed = true;
    while (world_call(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, 0), world_ended == ended) {
        pieces++;
        assert_true(world_store(PAGE(2), &word, sizeof(word)));
        assert_int_equal(map(1, 3, 0, &other), GNTST_bad_domain);
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

static void exchanged(void **state)
{
    (void)state;
    struct lists {
        struct xen_memory_exchange e;
        u64 in[4], out[4];
    } l = {.e = {.in = {.nr_extents = 4, .domid = DOMID_SELF},
                 .out = {.nr_extents = 1, .extent_order = 2, .domid = DOMID_SELF}},
           .out = {77}};

    for (unsigned i = 0; i < 4; i++) {
        l.in[i] = FRAME(0, i);
        assert_int_equal(world_call(__HYPERVISOR_update_va_mapping, PAGE(i), 0, 0, 0), 0);
    }
    set_xen_guest_handle(l.e.in.extent_start,
                         (xen_pfn_t *)(uintptr_t)(SCRATCH + offsetof(struct lists, in)));
    set_xen_guest_handle(l.e.out.extent_start,
                         (xen_pfn_t *)(uintptr_t)(SCRATCH + offsetof(struct lists, out)));
    l.in[3] = l.in[2];
    put(&l, sizeof(l));
    assert_int_equal(world_call(__HYPERVISOR_memory_op, XENMEM_exchange, SCRATCH, 0, 0), -EINVAL);
    l.in[3] = FRAME(0, 3);
    put(&l, sizeof(l));
    assert_int_equal(world_call(__HYPERVISOR_memory_op, XENMEM_exchange, SCRATCH, 0, 0), 0);
    get(&l, sizeof(l));
    assert_int_equal(l.e.nr_exchanged, 4);
    assert_int_equal(l.out[0] % 4, 0);
    assert_int_equal(frame_table[l.out[0] + 3].owner, 0);
    l.e.in.nr_extents = ~0ULL >> 2;
    put(&l, sizeof(l));
    assert_int_equal(world_call(__HYPERVISOR_memory_op, XENMEM_exchange, SCRATCH, 0, 0), -EINVAL);
}

/* Its memory as one range of RAM; under Xen a domain 0 has no such map, so no guest asks for it. */
static void the_memory_map(void **state)
{
    enum { E820_RAM = 1, ENTRY_BYTES = 20 };
    struct xen_memory_map m = {.nr_entries = 4};
    u8 entry[ENTRY_BYTES];
    u32 type;

    (void)state;
    set_xen_guest_handle(m.buffer, (void *)(uintptr_t)PAGE(1));
    assert_int_equal(
        world_call(__HYPERVISOR_memory_op, XENMEM_memory_map, put(&m, sizeof(m)), 0, 0), 0);
    get(&m, sizeof(m));
    assert_int_equal(m.nr_entries, 1);
    assert_true(pv_copy_bytes_from(entry, PAGE(1), sizeof(entry)));
    memcpy(&type, entry + ENTRY_BYTES - sizeof(type), sizeof(type));
    assert_int_equal(type, E820_RAM);
    m.nr_entries = 0;
    assert_int_equal(
        world_call(__HYPERVISOR_memory_op, XENMEM_memory_map, put(&m, sizeof(m)), 0, 0), -EINVAL);
    m.nr_entries = 4;
    set_xen_guest_handle(m.buffer, (void *)(uintptr_t)HYPERVISOR_VIRT_START);
    assert_int_equal(
        world_call(__HYPERVISOR_memory_op, XENMEM_memory_map, put(&m, sizeof(m)), 0, 0), -EFAULT);
    assert_int_equal(
        world_call(__HYPERVISOR_memory_op, XENMEM_memory_map, HYPERVISOR_VIRT_START, 0, 0),
        -EFAULT);
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

/* All memory that is left is in smaller pieces than are wanted. */
static void exchange_without_memory(void **state)
{
    struct xen_memory_exchange e = {
        .in = {.nr_extents = 1, .extent_order = 0, .domid = DOMID_SELF},
        .out = {.nr_extents = 1, .extent_order = 0, .domid = DOMID_SELF}};
    u64 in = FRAME(0, 2);

    (void)state;
    world_run(0);
    while (frame_alloc(DOMID_HYPERVISOR))
        ;
    assert_int_equal(world_call(__HYPERVISOR_update_va_mapping, PAGE(2), 0, UVMF_TLB_FLUSH, 0), 0);
    assert_true(world_store(PAGE(3), &in, sizeof(in)));
    set_xen_guest_handle(e.in.extent_start, (xen_pfn_t *)(uintptr_t)PAGE(3));
    set_xen_guest_handle(e.out.extent_start, (xen_pfn_t *)(uintptr_t)PAGE(3));
    assert_int_equal(world_call(__HYPERVISOR_memory_op, XENMEM_exchange, put(&e, sizeof(e)), 0, 0),
                     -ENOMEM);
}

/* As much as is written, in pieces if it takes long; what is typed, if it can be told. */
static void the_console(void **state)
{
    enum { BYTES = 20 * PAGE_SIZE };
    u64 got = 0;

    (void)state;
    world_run(0);
    world_printed = 0;
    assert_int_equal(world_call(__HYPERVISOR_console_io, CONSOLEIO_write, BYTES, PAGE(0), 0), 0);
    assert_int_equal(world_printed, BYTES);
    world_typed = "ab";
    assert_int_equal(world_call(__HYPERVISOR_console_io, CONSOLEIO_read, 1, SCRATCH, 0), 1);
    get(&got, 1);
    assert_int_equal(got, 'a');
    assert_int_equal(
        world_call(__HYPERVISOR_console_io, CONSOLEIO_read, 8, HYPERVISOR_VIRT_START, 0), -EFAULT);
    assert_int_equal(world_call(__HYPERVISOR_console_io, CONSOLEIO_read, 8, SCRATCH, 0), 0);
}

static void expect_end(u32 said, u32 reason, enum end_reason end, u64 code)
{
    struct sched_shutdown s = {.reason = said};
    unsigned ended = world_ended;

    world_run(0);
    assert_int_equal(
        world_call(__HYPERVISOR_sched_op, SCHEDOP_shutdown_code, put(&s, sizeof(s)), 0, 0), 0);
    s.reason = reason;
    assert_int_equal(world_call(__HYPERVISOR_sched_op, SCHEDOP_shutdown, put(&s, sizeof(s)), 0, 0),
                     0);
    assert_true(world_domain[0]->doomed || world_ended > ended);
    assert_int_equal(world_end_reason, end);
    assert_int_equal(world_end_code, code);
    world_renew();
}

/* Every reason ends the domain; what it said first counts, and its lowest byte. */
static void ends(void **state)
{
    (void)state;
    expect_end(SHUTDOWN_poweroff, SHUTDOWN_poweroff, END_POWEROFF, 0);
    expect_end(SHUTDOWN_reboot, SHUTDOWN_crash, END_REBOOT, 0);
    expect_end(SHUTDOWN_crash, SHUTDOWN_poweroff, END_CRASH, SHUTDOWN_crash);
    expect_end(SHUTDOWN_watchdog, SHUTDOWN_watchdog, END_CRASH, SHUTDOWN_watchdog);
    expect_end(SHUTDOWN_suspend, SHUTDOWN_suspend, END_POWEROFF, SHUTDOWN_suspend);
    expect_end(SHUTDOWN_soft_reset, SHUTDOWN_soft_reset, END_POWEROFF, SHUTDOWN_soft_reset);
    expect_end(77, 77, END_POWEROFF, 77);
    expect_end(0x100, 0x100, END_POWEROFF, 0);
}

static s64 watchdog(u32 id, u32 seconds)
{
    struct sched_watchdog w = {.id = id, .timeout = seconds};

    return world_call(__HYPERVISOR_sched_op, SCHEDOP_watchdog, put(&w, sizeof(w)), 0, 0);
}

/* One that is set again does not bite, one that is stopped neither, and one of a domain that has
 * ended is in nobody's list. */
static void watchdogs(void **state)
{
    enum { SECOND = 1000000000 }; /* ticks: tsc_khz is a million here */
    u64 now = world_cpu.tsc;

    (void)state;
    world_run(0);
    assert_int_equal(watchdog(0, 10), 1);
    assert_int_equal(watchdog(0, 20), 2);
    assert_int_equal(watchdog(0, 30), -ENOSPC);
    assert_int_equal(watchdog(3, 30), -EINVAL);
    assert_int_equal(watchdog(1, 30), 0);
    assert_int_equal(watchdog(2, 0), 0);
    assert_int_equal(watchdog(2, 0), -EINVAL);
    timer_run(now + 29ULL * SECOND);
    assert_false(world_domain[0]->doomed);
    timer_run(now + 31ULL * SECOND);
    assert_true(world_domain[0]->doomed);
    assert_int_equal(world_end_reason, END_CRASH);
    assert_int_equal(world_end_code, SHUTDOWN_watchdog);
    end(0);
    world_run(0);
    assert_int_equal(watchdog(0, ~0u), 1);
    end(0);
    timer_run(~0ULL - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refused_calls, setup, teardown),
        cmocka_unit_test_setup_teardown(refused_operations, setup, teardown),
        cmocka_unit_test_setup_teardown(granted_both_ways, setup, teardown),
        cmocka_unit_test_setup_teardown(a_read_only_grant, setup, teardown),
        cmocka_unit_test_setup_teardown(the_granter_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_end, setup, teardown),
        cmocka_unit_test_setup_teardown(the_mapper_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(a_mapping_overwritten, setup, teardown),
        cmocka_unit_test_setup_teardown(released_while_in_use, setup, teardown),
        cmocka_unit_test_setup_teardown(granted_and_a_table, setup, teardown),
        cmocka_unit_test_setup_teardown(exchanged, setup, teardown),
        cmocka_unit_test_setup_teardown(the_memory_map, setup, teardown),
        cmocka_unit_test_setup_teardown(more_handles_than_there_are, setup, teardown),
        cmocka_unit_test_setup_teardown(exchange_without_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(the_console, setup, teardown),
        cmocka_unit_test_setup_teardown(ends, setup, teardown),
        cmocka_unit_test_setup_teardown(watchdogs, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
