// sources: tests/unit/stub_pv.c tests/unit/stub_panic.c src/core/timer.c
// sources: src/pv/event_bind.c src/pv/foreign.c
// sources: tests/unit/stub_pv_copy.c tests/unit/stub_heap.c
/*
 * Event channels: the two levels of bits and the vcpu's flags, masks, closing, and who may bind
 * what.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "stub_pv.h"

#include "../../src/pv/event_channel.c"

static struct shared_info shared;
static struct virt_vcpu virt;
static struct vcpu vcpu;
static struct pv_domain pv;
static struct domain domain;

s64 pv_again(struct vcpu *v, u64 number, u64 first, u64 second)
{
    (void)v;
    (void)first;
    (void)second;
    return (s64)number;
}

static int setup(void **state)
{
    (void)state;
    memset(&shared, 0, sizeof(shared));
    virt = (struct virt_vcpu){.info = &shared.vcpu_info[0]};
    vcpu = (struct vcpu){.domain = &domain, .virt = &virt, .state = VCPU_BLOCKED};
    memset(&pv, 0, sizeof(pv));
    pv.shared = &shared;
    memset(&domain, 0, sizeof(domain));
    domain.pv = &pv;
    domain.id = 3;
    domain.vcpu_count = 1;
    domain.vcpu[0] = &vcpu;
    host_pcpu.current = &vcpu;
    host_pcpu.timers = NULL;
    stub_pv_bad_bytes = 0;
    stub_pv_woken = stub_pv_drained = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pv_ports_destroy(&domain);
    return 0;
}

static s64 op(u32 command, void *argument)
{
    return do_event_channel_op(command, (u64)(uintptr_t)argument);
}

static u32 new_ipi(void)
{
    struct evtchn_bind_ipi b = {.vcpu = 0};

    assert_int_equal(op(EVTCHNOP_bind_ipi, &b), 0);
    return b.port;
}

static void send_sets_all_levels(void **state)
{
    (void)state;
    struct evtchn_send s = {.port = new_ipi()};

    assert_int_equal(op(EVTCHNOP_send, &s), 0);
    assert_true(shared.evtchn_pending[0] == 1ULL << s.port);
    assert_true(shared.vcpu_info[0].evtchn_pending_sel == 1);
    assert_int_equal(shared.vcpu_info[0].evtchn_upcall_pending, 1);
    assert_int_equal(stub_pv_woken, 1);
    assert_true(event_pending(&vcpu));
    shared.vcpu_info[0].evtchn_upcall_mask = 1;
    assert_false(event_pending(&vcpu));
}

static void masked_port_waits_for_unmask(void **state)
{
    (void)state;
    struct evtchn_send s = {.port = new_ipi()};
    struct evtchn_unmask u = {.port = s.port};

    shared.evtchn_mask[0] = ~0ULL;
    assert_int_equal(op(EVTCHNOP_send, &s), 0);
    assert_int_equal(shared.vcpu_info[0].evtchn_upcall_pending, 0);
    assert_int_equal(op(EVTCHNOP_unmask, &u), 0);
    assert_int_equal(shared.vcpu_info[0].evtchn_upcall_pending, 1);
    assert_true(shared.evtchn_mask[0] == ~(1ULL << s.port));
    assert_true(shared.vcpu_info[0].evtchn_pending_sel == 1);
}

/* SCHEDOP_poll wakes for a port that is masked, and then its timer must not fire any more. */
static void a_port_ends_a_poll_and_its_timer(void **state)
{
    (void)state;
    struct evtchn_send s = {.port = new_ipi()};

    shared.evtchn_mask[0] = ~0ULL;
    virt.polling = true;
    timer_set(&virt.poll_timer, 1000);
    assert_int_equal(op(EVTCHNOP_send, &s), 0);
    assert_int_equal(stub_pv_woken, 1);
    assert_false(virt.polling);
    assert_null(host_pcpu.timers);
    assert_true(virt.poll_timer.deadline == 0);
}

/* An edge: a port that is pending already tells nobody again. */
static void second_send_is_silent(void **state)
{
    (void)state;
    struct evtchn_send s = {.port = new_ipi()};

    op(EVTCHNOP_send, &s);
    shared.vcpu_info[0].evtchn_upcall_pending = 0;
    op(EVTCHNOP_send, &s);
    assert_int_equal(shared.vcpu_info[0].evtchn_upcall_pending, 0);
}

static void ports_beyond_the_first_word(void **state)
{
    (void)state;
    struct evtchn_send s;

    while ((s.port = new_ipi()) < 130)
        ;
    op(EVTCHNOP_send, &s);
    assert_true(shared.evtchn_pending[2] == 1ULL << 2);
    assert_true(shared.vcpu_info[0].evtchn_pending_sel == 4);
}

static void virq_is_bound_once(void **state)
{
    (void)state;
    struct evtchn_bind_virq b = {.virq = VIRQ_TIMER};
    struct evtchn_close c;

    assert_int_equal(op(EVTCHNOP_bind_virq, &b), 0);
    c.port = b.port;
    assert_int_equal(op(EVTCHNOP_bind_virq, &b), -EEXIST);
    event_raise(&vcpu, EVENT_TIMER);
    assert_true(shared.evtchn_pending[0] == 1ULL << c.port);
    assert_int_equal(op(EVTCHNOP_close, &c), 0);
    assert_true(shared.evtchn_pending[0] == 0);
    event_raise(&vcpu, EVENT_TIMER);
    assert_true(shared.evtchn_pending[0] == 0);
    assert_int_equal(op(EVTCHNOP_bind_virq, &b), 0);
}

static void pair_with_itself(void **state)
{
    (void)state;
    struct evtchn_alloc_unbound a = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
    struct evtchn_bind_interdomain b = {.remote_dom = 3};
    struct evtchn_send s;
    struct evtchn_close c;
    struct evtchn_status st = {.dom = DOMID_SELF};

    assert_int_equal(op(EVTCHNOP_alloc_unbound, &a), 0);
    b.remote_port = a.port;
    assert_int_equal(op(EVTCHNOP_bind_interdomain, &b), 0);
    shared.evtchn_pending[0] = 0;
    s.port = b.local_port;
    op(EVTCHNOP_send, &s);
    assert_true(shared.evtchn_pending[0] == 1ULL << a.port);
    c.port = b.local_port;
    assert_int_equal(op(EVTCHNOP_close, &c), 0);
    st.port = a.port;
    assert_int_equal(op(EVTCHNOP_status, &st), 0);
    assert_int_equal(st.status, EVTCHNSTAT_unbound);
}

static void console_port_drains(void **state)
{
    (void)state;
    struct evtchn_send s = {.port = pv_console_port(&domain)};
    struct evtchn_close c = {.port = s.port};

    assert_int_equal(op(EVTCHNOP_send, &s), 0);
    assert_int_equal(stub_pv_drained, 1);
    assert_int_equal(op(EVTCHNOP_close, &c), -EINVAL);
}

static void bad_input(void **state)
{
    (void)state;
    static const u32 ports[] = {0, 5, PV_PORTS - 1, PV_PORTS, 4096, ~0u};
    struct evtchn_bind_virq v = {.virq = NR_VIRQS};
    struct evtchn_bind_ipi i = {.vcpu = 1};
    struct evtchn_alloc_unbound a = {.dom = 0, .remote_dom = DOMID_SELF};
    struct evtchn_bind_interdomain b = {.remote_dom = 0, .remote_port = 1};
    struct evtchn_bind_vcpu bv = {.port = 1, .vcpu = 1};

    for (unsigned k = 0; k < ARRAY_SIZE(ports); k++) {
        u32 port = ports[k];
        assert_int_equal(op(EVTCHNOP_send, &port), -EINVAL);
        assert_int_equal(op(EVTCHNOP_unmask, &port), -EINVAL);
        assert_int_equal(op(EVTCHNOP_close, &port), -EINVAL);
    }
    assert_int_equal(op(EVTCHNOP_bind_virq, &v), -EINVAL);
    assert_int_equal(op(EVTCHNOP_bind_ipi, &i), -ENOENT);
    assert_int_equal(op(EVTCHNOP_alloc_unbound, &a), -ESRCH);
    assert_int_equal(op(EVTCHNOP_bind_interdomain, &b), -ESRCH);
    b.remote_dom = DOMID_SELF;
    assert_int_equal(op(EVTCHNOP_bind_interdomain, &b), -EINVAL);
    assert_int_equal(op(EVTCHNOP_bind_vcpu, &bv), -ENOENT);
    assert_int_equal(op(0x7777, &b), -ENOSYS);
    assert_int_equal(do_event_channel_op(EVTCHNOP_send, HYPERVISOR_VIRT_START), -EFAULT);
    stub_pv_bad = (u64)(uintptr_t)&i;
    stub_pv_bad_bytes = 1;
    assert_int_equal(op(EVTCHNOP_bind_ipi, &i), -EFAULT);
}

static void ports_run_out(void **state)
{
    (void)state;
    struct evtchn_bind_ipi b = {.vcpu = 0};

    for (u32 i = 1; i < PV_PORTS; i++)
        assert_int_equal(new_ipi(), i);
    assert_int_equal(op(EVTCHNOP_bind_ipi, &b), -ENOSPC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(send_sets_all_levels, setup, teardown),
        cmocka_unit_test_setup_teardown(masked_port_waits_for_unmask, setup, teardown),
        cmocka_unit_test_setup_teardown(second_send_is_silent, setup, teardown),
        cmocka_unit_test_setup_teardown(a_port_ends_a_poll_and_its_timer, setup, teardown),
        cmocka_unit_test_setup_teardown(ports_beyond_the_first_word, setup, teardown),
        cmocka_unit_test_setup_teardown(virq_is_bound_once, setup, teardown),
        cmocka_unit_test_setup_teardown(pair_with_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(console_port_drains, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_input, setup, teardown),
        cmocka_unit_test_setup_teardown(ports_run_out, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
