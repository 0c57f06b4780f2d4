// sources: src/core/run_queue.c src/core/timer.c
/*
 * The run queue and the timers: order, membership, and random use against a plain model.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "domain.h"
#include "pcpu.h"
#include "sched.h"
#include "timer.h"

enum { VCPUS = 8, TIMERS = 16 };

struct pcpu host_pcpu;
static struct domain domain;
static struct vcpu vcpu[VCPUS];

static int setup(void **state)
{
    (void)state;
    memset(&host_pcpu, 0, sizeof(host_pcpu));
    memset(&domain, 0, sizeof(domain));
    memset(vcpu, 0, sizeof(vcpu));
    for (unsigned i = 0; i < VCPUS; i++) {
        vcpu[i].domain = &domain;
        vcpu[i].state = VCPU_DOWN;
    }
    return 0;
}

static void round_robin(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        sched_wake(&vcpu[i]);
    sched_wake(&vcpu[1]); /* already there: no second place */
    for (unsigned i = 0; i < 9; i++) {
        assert_ptr_equal(host_pcpu.queue_head, &vcpu[i % 3]);
        sched_yield_vcpu(host_pcpu.queue_head);
        assert_int_equal(run_queue_check(), 0);
    }
    sched_block(&vcpu[1]);
    assert_int_equal(domain.ledger.cell[LC_BLOCKED].n, 1);
    sched_yield_vcpu(&vcpu[0]);
    assert_ptr_equal(host_pcpu.queue_head, &vcpu[2]);
    sched_wake(&vcpu[1]);
    assert_ptr_equal(host_pcpu.queue_tail, &vcpu[1]);
}

static void the_doomed_stay_asleep(void **state)
{
    (void)state;
    domain.doomed = true;
    sched_wake(&vcpu[0]);
    assert_null(host_pcpu.queue_head);
}

static void random_queue(void **state)
{
    u32 seed = 99;

    (void)state;
    for (unsigned n = 0; n < 100000; n++) {
        seed = seed * 1664525 + 1013904223;
        struct vcpu *v = &vcpu[seed >> 29];
        switch (seed >> 20 & 3) {
        case 0:
            sched_wake(v);
            break;
        case 1:
            sched_block(v);
            break;
        case 2:
            sched_yield_vcpu(v);
            break;
        case 3:
            sched_remove(v);
            break;
        }
        unsigned queued = 0, runnable = 0;
        for (struct vcpu *q = host_pcpu.queue_head; q; q = q->run_next)
            queued++;
        for (unsigned i = 0; i < VCPUS; i++)
            runnable += vcpu[i].state == VCPU_RUNNABLE;
        assert_int_equal(queued, runnable);
        assert_int_equal(run_queue_check(), 0);
    }
}

static u64 fired[TIMERS], fired_order[TIMERS];
static unsigned fired_count;
static struct timer timer[TIMERS];

static void fire(struct timer *t, u64 now)
{
    fired[t - timer] = now;
    fired_order[fired_count++ % TIMERS] = (u64)(t - timer);
}

static void timers_in_order(void **state)
{
    (void)state;
    memset(timer, 0, sizeof(timer));
    for (unsigned i = 0; i < TIMERS; i++) {
        timer[i].fire = fire;
        timer_set(&timer[i], 1000 - i * 10);
    }
    timer_set(&timer[3], 5000); /* moved */
    timer_cancel(&timer[4]);
    timer_cancel(&timer[4]);
    fired_count = 0;
    assert_int_equal(timer_next(), 850);
    timer_run(849);
    assert_int_equal(fired_count, 0);
    timer_run(1000);
    assert_int_equal(fired_count, TIMERS - 2);
    for (unsigned i = 1; i < fired_count; i++)
        assert_true(fired_order[i] < fired_order[i - 1]);
    assert_int_equal(timer_next(), 5000);
    timer_run(~0ULL);
    assert_true(timer_next() == ~0ULL);
    for (unsigned i = 0; i < TIMERS; i++)
        assert_int_equal(timer[i].deadline, 0);
}

static void refire(struct timer *t, u64 now)
{
    fired_count++;
    timer_set(t, now + 100);
}

static void periodic(void **state)
{
    (void)state;
    memset(timer, 0, sizeof(timer));
    timer[0].fire = refire;
    fired_count = 0;
    timer_set(&timer[0], 100);
    for (u64 now = 0; now <= 1000; now += 10)
        timer_run(now);
    assert_int_equal(fired_count, 10);
    timer_cancel(&timer[0]);
    assert_true(timer_next() == ~0ULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(round_robin, setup),
        cmocka_unit_test_setup(the_doomed_stay_asleep, setup),
        cmocka_unit_test_setup(random_queue, setup),
        cmocka_unit_test_setup(timers_in_order, setup),
        cmocka_unit_test_setup(periodic, setup),
    };
    return cmocka_run_group_tests_name("sched", tests, NULL, NULL);
}
