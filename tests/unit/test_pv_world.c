// world: pv
/*
 * The hypercalls in the small machine of tests/pvworld: each refused one answers what
 * src/pv/refused.h says; frames exchanged, the console, the end of a domain.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define __XEN_TOOLS__ 1 /* also the operations that only tools make */
#include "pvworld/case.h"

#include "../../src/pv/refused.h"
#include "errno.h"
#include "timer.h"
#include "virt.h"

#include <xen/callback.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#define PAGE(n)     ((u64)(WORLD_DATA + (n)) << PAGE_SHIFT)
#define FRAME(w, n) world_mfn(w, WORLD_DATA + (n))

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

static void end(unsigned who)
{
    world_run(who);
    world_domain[who]->doomed = true;
    world_call(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, 0);
    world_renew();
}

static void exchanged(void **state)
{
    enum { LIMIT_BITS = 19 }; /* half of the machine */
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
    l.in[0] = l.out[0]; /* and back, below a limit */
    l.e.in = (struct xen_memory_reservation){l.e.in.extent_start, 1, 2, 0, DOMID_SELF};
    l.e.out = (struct xen_memory_reservation){l.e.out.extent_start, 4, 0,
                                              XENMEMF_address_bits(LIMIT_BITS), DOMID_SELF};
    l.e.nr_exchanged = 0;
    put(&l, sizeof(l));
    assert_int_equal(world_call(__HYPERVISOR_memory_op, XENMEM_exchange, SCRATCH, 0, 0), 0);
    get(&l, sizeof(l));
    for (unsigned i = 0; i < 4; i++)
        assert_true(l.out[i] < 1ULL << (LIMIT_BITS - PAGE_SHIFT) &&
                    frame_table[l.out[i]].owner == 0 && l.out[i] == l.out[0] + i);
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
        world_call(__HYPERVISOR_memory_op, XENMEM_memory_map, put(&m, sizeof(m)), 0, 0), 0);
    get(&m, sizeof(m));
    assert_int_equal(m.nr_entries, 0);
    m.nr_entries = 4;
    set_xen_guest_handle(m.buffer, (void *)(uintptr_t)HYPERVISOR_VIRT_START);
    assert_int_equal(
        world_call(__HYPERVISOR_memory_op, XENMEM_memory_map, put(&m, sizeof(m)), 0, 0), -EFAULT);
    assert_int_equal(
        world_call(__HYPERVISOR_memory_op, XENMEM_memory_map, HYPERVISOR_VIRT_START, 0, 0),
        -EFAULT);
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

/* An event comes although there is no callback for it. */
static void an_event_for_nobody(void **state)
{
    struct vcpu *v = world_domain[0]->vcpu[0];
    struct vcpu_info *info = v->virt->info;

    (void)state;
    world_run(0);
    v->virt->event.address = 0;
    info->evtchn_upcall_pending = info->evtchn_upcall_mask = 1;
    virt_deliver_pending(v);
    assert_false(world_domain[0]->doomed);
    info->evtchn_upcall_mask = 0;
    virt_deliver_pending(v);
    assert_true(world_domain[0]->doomed);
    assert_int_equal(world_end_reason, END_CRASH);
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

/* What the kernel wants to be told of is written where its own table has it while a program runs,
 * too. */
static void told_in_user_mode(void **state)
{
    struct vcpu_register_runstate_memory_area area = {.addr.p = PAGE(1)};
    struct vcpu_register_time_memory_area times = {.addr.p = PAGE(2)};
    struct mmuext_op root = {.cmd = MMUEXT_NEW_USER_BASEPTR, .arg1.mfn = FRAME(0, 0)};
    struct vcpu_runstate_info seen = {0};
    struct vcpu_time_info time = {0}, none = {0};
    struct vcpu *v;

    (void)state;
    world_run(0);
    v = pv_current();
    assert_int_equal(world_call(__HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area, 0,
                                put(&area, sizeof(area)), 0),
                     0);
    assert_int_equal(world_call(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_time_memory_area, 0,
                                put(&times, sizeof(times)), 0),
                     0);
    assert_int_equal(world_call(__HYPERVISOR_update_va_mapping, PAGE(0),
                                FRAME(0, 0) << PAGE_SHIFT | PTE_P | PTE_U, UVMF_INVLPG, 0),
                     0);
    assert_int_equal(world_call(__HYPERVISOR_mmuext_op, put(&root, sizeof(root)), 1, 0, DOMID_SELF),
                     0);
    assert_true(world_store(PAGE(2), &none, sizeof(none)));
    v->virt->kernel_mode = false;
    write_cr3(v->virt->user_root);
    pv_runstate_change(v, RUNSTATE_runnable);
    pv_time_update(v);
    assert_int_equal(world_cpu.cr3, v->virt->user_root);
    assert_false(world_load(&seen, PAGE(1), sizeof(seen)));
    world_enter_kernel(v);
    assert_true(world_load(&seen, PAGE(1), sizeof(seen)));
    assert_int_equal(seen.state, RUNSTATE_runnable);
    assert_true(world_load(&time, PAGE(2), sizeof(time)));
    assert_true(time.tsc_to_system_mul && !(time.version & 1));
}

/* At system time 0 the wall clock showed this. */
static void the_wall_clock(void **state)
{
    const struct shared_info *s = world_domain[0]->pv->shared;

    (void)state;
    world_run(0);
    world_cpu.tsc += 5ULL * 1000000000; /* ticks: tsc_khz is a million here */
    pv_wall_clock(world_domain[0]);
    assert_true(s->wc_sec == 946684800 || s->wc_sec == 946684799); /* seconds are whole ones */
    assert_true(s->wc_version && !(s->wc_version & 1) && !s->wc_sec_hi && s->wc_nsec < 1000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refused_calls, setup, teardown),
        cmocka_unit_test_setup_teardown(refused_operations, setup, teardown),
        cmocka_unit_test_setup_teardown(exchanged, setup, teardown),
        cmocka_unit_test_setup_teardown(the_memory_map, setup, teardown),
        cmocka_unit_test_setup_teardown(exchange_without_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(the_console, setup, teardown),
        cmocka_unit_test_setup_teardown(ends, setup, teardown),
        cmocka_unit_test_setup_teardown(an_event_for_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(watchdogs, setup, teardown),
        cmocka_unit_test_setup_teardown(told_in_user_mode, setup, teardown),
        cmocka_unit_test_setup_teardown(the_wall_clock, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
