// sources: src/io/lapic.c src/io/lapic_regs.c src/io/lapic_msr.c
// sources: src/io/lapic_send.c src/io/lapic_timer.c
// sources: src/core/timer.c tests/unit/stub_heap.c
/*
 * The local APIC model: registers, priorities, the timer in both modes, interrupts to oneself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../src/io/wiring.h"
#include "domain.h"
#include "frame.h"
#include "lapic.h"
#include "mmio.h"
#include "pcpu.h"
#include "sched.h"
#include "timer.h"
#include "virt.h"

enum {
    ID = 0x20,
    VERSION = 0x30,
    TPR = 0x80,
    PPR = 0xa0,
    EOI = 0xb0,
    SVR = 0xf0,
    ISR = 0x100,
    IRR = 0x200,
    ESR = 0x280,
    ICR = 0x300,
    LVT_TIMER = 0x320,
    LVT_LINT0 = 0x350,
    INITIAL = 0x380,
    CURRENT = 0x390,
    DIVIDE = 0x3e0,
};
enum { PERIODIC = 1 << 17, MASKED = 1 << 16, BY_1 = 0xb, BY_2 = 0, SELF = 1 << 18 };

struct pcpu host_pcpu;
u64 tsc_khz = 50000;
static u64 now;
static unsigned wakes;
static struct domain domain;
static struct vcpu vcpu;
static const struct mmio_ops *ops;

u64 sched_now(void)
{
    return now;
}
void sched_wake(struct vcpu *v)
{
    (void)v;
    wakes++;
}
void virt_kick(struct vcpu *v)
{
    (void)v;
}
void wire_end(struct domain *d, u8 vector)
{
    (void)d;
    (void)vector;
}
static unsigned reboots;
void domain_end(struct domain *d, enum end_reason reason, u64 code, const char *detail, ...)
{
    (void)d;
    (void)code;
    (void)detail;
    reboots += reason == END_REBOOT;
}
int mmio_register(struct domain *d, u64 gpa, u64 len, const struct mmio_ops *o, void *device)
{
    (void)d;
    (void)device;
    assert_int_equal(gpa, LAPIC_DEFAULT_BASE);
    assert_int_equal(len, 0x1000);
    ops = o;
    return 0;
}

static void put(u64 offset, u32 value)
{
    ops->write(NULL, &vcpu, offset, 4, value);
}
static u32 get(u64 offset)
{
    return (u32)ops->read(NULL, &vcpu, offset, 4);
}
/* Lets time pass, timers firing when they are due. */
static void pass(u64 ticks)
{
    u64 end = now + ticks;

    while (timer_next() <= end) {
        now = MAX(timer_next(), now);
        timer_run(now);
    }
    now = end;
}

static int setup(void **state)
{
    (void)state;
    memset(&host_pcpu, 0, sizeof(host_pcpu));
    memset(&domain, 0, sizeof(domain));
    memset(&vcpu, 0, sizeof(vcpu));
    now = 1000000;
    wakes = reboots = 0;
    vcpu.domain = &domain;
    domain.vcpu[0] = &vcpu;
    domain.vcpu_count = 1;
    assert_int_equal(lapic_init(&vcpu), 0);
    assert_int_equal(lapic_attach(&domain), 0);
    put(SVR, 0x1ff);
    put(DIVIDE, BY_1);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    lapic_destroy(&vcpu);
    assert_true(timer_next() == ~0ULL);
    return 0;
}

static void after_reset(void **state)
{
    (void)state;
    put(SVR, 0xff);
    assert_int_equal(get(ID), 0);
    assert_int_equal(get(VERSION) & 0xff, 0x14);
    assert_int_equal(get(LVT_TIMER), MASKED);
    assert_int_equal(get(INITIAL), 0);
    assert_int_equal(get(CURRENT), 0);
    lapic_request(vcpu.lapic, 0x40); /* switched off by software: nothing is accepted */
    assert_int_equal(lapic_next(vcpu.lapic), 0);
    put(LVT_LINT0, 0x700); /* and the mask bits stay set */
    assert_int_equal(get(LVT_LINT0), MASKED | 0x700);
}

static void priorities(void **state)
{
    struct lapic *l = vcpu.lapic;

    (void)state;
    lapic_request(l, 0x45);
    assert_int_equal(wakes, 1);
    lapic_request(l, 0x51);
    assert_int_equal(lapic_next(l), 0x51);
    lapic_accept(l);
    assert_int_equal(get(PPR), 0x50);
    assert_int_equal(get(ISR + 0x20), 1 << (0x51 - 0x40));
    assert_int_equal(lapic_next(l), 0); /* 0x45 waits */
    lapic_request(l, 0x5f);             /* the same class: waits too */
    assert_int_equal(lapic_next(l), 0);
    lapic_request(l, 0x60); /* a higher one does not */
    assert_int_equal(lapic_next(l), 0x60);
    lapic_accept(l);
    put(EOI, 0);
    assert_int_equal(lapic_next(l), 0);
    put(EOI, 0);
    assert_int_equal(lapic_next(l), 0x5f);
    lapic_accept(l);
    put(EOI, 0);
    assert_int_equal(lapic_next(l), 0x45);
    put(TPR, 0x40); /* the task priority holds its own class back */
    assert_int_equal(lapic_next(l), 0);
    assert_int_equal(lapic_cr8(l), 4);
    lapic_set_cr8(l, 3);
    assert_int_equal(get(TPR), 0x30);
    assert_int_equal(lapic_next(l), 0x45);
    lapic_accept(l);
    put(EOI, 0);
    put(EOI, 0); /* one too many does nothing */
    assert_int_equal(get(PPR), 0x30);
}

static void one_shot(void **state)
{
    (void)state;
    put(LVT_TIMER, 0x30);
    put(INITIAL, 10000);
    pass(4000);
    assert_int_equal(get(CURRENT), 6000);
    assert_int_equal(lapic_next(vcpu.lapic), 0);
    pass(6000);
    assert_int_equal(lapic_next(vcpu.lapic), 0x30);
    assert_int_equal(get(CURRENT), 0);
    lapic_accept(vcpu.lapic);
    put(EOI, 0);
    pass(1000000);
    assert_int_equal(lapic_next(vcpu.lapic), 0);
    put(DIVIDE, BY_2);
    put(INITIAL, 10000);
    pass(10000);
    assert_int_equal(get(CURRENT), 5000);
    put(INITIAL, 0); /* stops it */
    pass(1000000);
    assert_int_equal(lapic_next(vcpu.lapic), 0);
}

static void periodic(void **state)
{
    unsigned got = 0;

    (void)state;
    put(LVT_TIMER, 0x30 | PERIODIC);
    put(INITIAL, 10000);
    for (unsigned i = 0; i < 1000; i++) {
        pass(1000);
        if (lapic_next(vcpu.lapic)) {
            lapic_accept(vcpu.lapic);
            put(EOI, 0);
            got++;
        }
    }
    assert_int_equal(got, 100);
    put(LVT_TIMER, 0x30 | PERIODIC | MASKED); /* counts on without interrupts */
    pass(15000);
    assert_int_equal(lapic_next(vcpu.lapic), 0);
    assert_int_equal(get(CURRENT), 5000);
}

/* Interrupts that nobody took are one, and lateness does not shift the beat. */
static void late(void **state)
{
    (void)state;
    put(LVT_TIMER, 0x30 | PERIODIC);
    put(INITIAL, 10000);
    u64 start = now;
    now += 55000;
    timer_run(now);
    assert_int_equal(domain.ledger.cell[LC_DELIVERED_TIMER].n, 1);
    assert_int_equal(timer_next(), start + 60000);
}

/* A guest cannot keep the processor busy with its timer alone. */
static void hostile_period(void **state)
{
    (void)state;
    put(LVT_TIMER, 0x30 | PERIODIC);
    put(INITIAL, 1);
    pass(1000000); /* 20 ms */
    assert_true(domain.ledger.cell[LC_DELIVERED_TIMER].n <= 400);
}

static void to_oneself(void **state)
{
    (void)state;
    put(ICR, SELF | 0x77);
    assert_int_equal(lapic_next(vcpu.lapic), 0x77);
    assert_int_equal(get(IRR + 0x30), 1 << (0x77 - 0x60));
    put(ICR, SELF | 0x05); /* an illegal vector is an error, not an interrupt */
    assert_int_equal(get(ESR), 1 << 5);
    put(ESR, 0);
    assert_int_equal(get(ESR), 0);
}

/* An NMI is pending whatever priorities and IF are; INIT begins anew; other messages do nothing. */
static void nmi_and_init(void **state)
{
    enum { NMI = 4 << 8, SMI = 2 << 8, INIT = 5 << 8, STARTUP = 6 << 8, ASSERT = 1 << 14 };

    (void)state;
    put(TPR, 0xf0);
    put(ICR + 0x10, 0);
    put(ICR, NMI | ASSERT);
    assert_int_equal(lapic_pending(vcpu.lapic), LAPIC_NMI);
    assert_int_equal(wakes, 1);
    put(ICR, SELF | 0x77); /* held back by TPR */
    assert_int_equal(lapic_pending(vcpu.lapic), LAPIC_NMI);
    lapic_accept_nmi(vcpu.lapic);
    assert_int_equal(lapic_pending(vcpu.lapic), 0);
    put(ICR + 0x10, 1 << 24); /* to somebody who is not there */
    put(ICR, NMI | ASSERT);
    assert_int_equal(lapic_pending(vcpu.lapic), 0);
    put(ICR + 0x10, 0);
    put(ICR, SMI | ASSERT);
    put(ICR, STARTUP | ASSERT | 8);
    put(ICR, INIT); /* the level's end */
    assert_int_equal(reboots, 0);
    assert_int_equal(get(ESR), 0);
    put(ICR, INIT | ASSERT);
    assert_int_equal(reboots, 1);
}

static void odd_accesses(void **state)
{
    (void)state;
    put(TPR, 0x20);
    assert_int_equal(ops->read(NULL, &vcpu, TPR + 4, 4), 0);
    assert_int_equal(ops->read(NULL, &vcpu, TPR, 8), 0);
    ops->write(NULL, &vcpu, TPR, 1, 0x90);
    ops->write(NULL, &vcpu, 0xffc, 4, 0x90);
    assert_int_equal(get(TPR), 0x20);
    for (u64 offset = 0; offset < 0x1000; offset += 4) {
        (void)ops->read(NULL, &vcpu, offset, 4);
        ops->write(NULL, &vcpu, offset, 4, 0xffffffff);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(after_reset, setup, teardown),
        cmocka_unit_test_setup_teardown(priorities, setup, teardown),
        cmocka_unit_test_setup_teardown(one_shot, setup, teardown),
        cmocka_unit_test_setup_teardown(periodic, setup, teardown),
        cmocka_unit_test_setup_teardown(late, setup, teardown),
        cmocka_unit_test_setup_teardown(hostile_period, setup, teardown),
        cmocka_unit_test_setup_teardown(to_oneself, setup, teardown),
        cmocka_unit_test_setup_teardown(nmi_and_init, setup, teardown),
        cmocka_unit_test_setup_teardown(odd_accesses, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
