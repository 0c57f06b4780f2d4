// sources: src/io/irq.c src/io/ioapic.c src/io/pic.c src/io/pit.c src/io/pit_tick.c
// sources: src/io/lapic.c src/io/lapic_regs.c src/io/lapic_msr.c
// sources: src/io/lapic_send.c src/io/lapic_timer.c
// sources: src/io/io_space.c src/core/timer.c tests/unit/stub_devices.c
/*
 * A domain's interrupt lines with everything that is wired to them: 8259s, IOAPIC, local APICs. And
 * any access to any of them in any order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "../../src/io/io_space.h"
#include "../../src/io/ioapic.h"
#include "devices.h"
#include "irq.h"
#include "lapic.h"
#include "mmio.h"
#include "port.h"
#include "stub_devices.h"
#include "timer.h"

enum { SVR = 0xf0, EOI = 0xb0, TPR = 0x80, LINT0 = 0x350, LDR = 0xd0, DFR = 0xe0, TMR = 0x180 };
enum {
    MASKED = 1 << 16,
    LEVEL = 1 << 15,
    LOGICAL = 1 << 11,
    REMOTE_IRR = 1 << 14,
    LOWEST = 1 << 8
};
enum { EXTINT = 0x700 };

static struct vcpu second;

static void put(u32 reg, u32 value)
{
    mmio_write(&stub_vcpu, IOAPIC_BASE, 4, reg);
    mmio_write(&stub_vcpu, IOAPIC_BASE + 0x10, 4, value);
}
static u32 get(u32 reg)
{
    mmio_write(&stub_vcpu, IOAPIC_BASE, 4, reg);
    return (u32)mmio_read(&stub_vcpu, IOAPIC_BASE + 0x10, 4);
}
static void redirect(unsigned pin, u32 low, u32 high)
{
    put(0x11 + 2 * pin, high << 24);
    put(0x10 + 2 * pin, low);
}
static void local(u64 offset, u32 value)
{
    mmio_write(&stub_vcpu, LAPIC_DEFAULT_BASE + offset, 4, value);
}
static u32 local_get(u64 offset)
{
    return (u32)mmio_read(&stub_vcpu, LAPIC_DEFAULT_BASE + offset, 4);
}
/* The vcpu takes what there is, and its vector; 0: nothing. */
static u8 take(struct vcpu *v)
{
    u16 pending = lapic_pending(v->lapic);

    if (pending & LAPIC_EXTINT)
        return irq_acknowledge(&stub_domain);
    if (pending)
        lapic_accept(v->lapic);
    return (u8)pending;
}

/* Takes and ends it. */
static u8 serve(struct vcpu *v)
{
    u8 vector = take(v);

    lapic_write(v->lapic, EOI, 0);
    return vector;
}

static int setup(void **state)
{
    (void)state;
    stub_begin();
    memset(&second, 0, sizeof(second));
    second = (struct vcpu){.domain = &stub_domain, .id = 1};
    stub_domain.vcpu[1] = &second;
    stub_domain.vcpu_count = 2;
    assert_int_equal(io_space_init(&stub_domain), 0);
    assert_int_equal(pic_attach(&stub_domain), 0);
    assert_int_equal(ioapic_attach(&stub_domain), 0);
    assert_int_equal(pit_attach(&stub_domain), 0);
    assert_int_equal(lapic_attach(&stub_domain), 0);
    irq_set(&stub_domain, IRQ_COM1, true); /* before there is a processor */
    irq_set(&stub_domain, IRQ_COM1, false);
    assert_int_equal(lapic_init(&stub_vcpu), 0);
    assert_int_equal(lapic_init(&second), 0);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    lapic_destroy(&stub_vcpu);
    lapic_destroy(&second);
    io_space_destroy(&stub_domain);
    assert_true(timer_next() == ~0ULL);
    assert_int_equal(stub_domain.overhead_bytes, 0);
    return 0;
}

static void init_pic(u8 mask)
{
    static const u8 words[] = {0x11, 0x30, 0x04, 0x01};

    for (unsigned i = 0; i < 4; i++)
        port_write(&stub_domain, i ? 0x21 : 0x20, 1, words[i]);
    port_write(&stub_domain, 0x21, 1, mask);
}

/* As firmware leaves it, the 8259s' interrupts reach the first processor. */
static void virtual_wire(void **state)
{
    (void)state;
    init_pic(0x00);
    assert_true(irq_pulse(&stub_domain, IRQ_COM1));
    assert_false(irq_pulse(&stub_domain, IRQ_COM1)); /* the two are one */
    assert_int_equal(lapic_pending(stub_vcpu.lapic), LAPIC_EXTINT);
    assert_int_equal(stub_wakes, 1);
    local(TPR, 0xff); /* priorities do not hold it back */
    assert_int_equal(lapic_pending(stub_vcpu.lapic), LAPIC_EXTINT);
    local(LINT0, EXTINT | MASKED);
    assert_int_equal(lapic_pending(stub_vcpu.lapic), 0);
    local(LINT0, EXTINT);
    assert_int_equal(take(&stub_vcpu), 0x34);
    assert_int_equal(lapic_pending(stub_vcpu.lapic), 0);
    assert_int_equal(local_get(0x100 + 0x10), 0); /* nothing is in service there */
    port_write(&stub_domain, 0x20, 1, 0x20);
    irq_set(&stub_domain, IRQ_COM1, false);
    local(TPR, 0);
    local(LINT0, 0x41); /* fixed: the local APIC's own vector, at the rise */
    irq_pulse(&stub_domain, IRQ_COM1);
    assert_int_equal(take(&stub_vcpu), 0x41);
    port_write(&stub_domain, 0x21, 1, 0xff);
    assert_false(irq_pulse(&stub_domain, IRQ_RTC)); /* nobody listens */
    assert_int_equal(lapic_pending(second.lapic), 0);
}

static void edges(void **state)
{
    (void)state;
    assert_int_equal(get(1), 0x170020);
    redirect(4, 0x54, 0);
    assert_true(irq_pulse(&stub_domain, IRQ_COM1));
    assert_false(irq_pulse(&stub_domain, IRQ_COM1));
    assert_int_equal(take(&stub_vcpu), 0x54);
    assert_true(irq_pulse(&stub_domain, IRQ_COM1)); /* while the first is served */
    assert_int_equal(take(&stub_vcpu), 0);
    local(EOI, 0);
    assert_int_equal(take(&stub_vcpu), 0x54);
    local(EOI, 0);
    redirect(4, 0x54 | MASKED, 0);
    irq_set(&stub_domain, IRQ_COM1, false);
    irq_set(&stub_domain, IRQ_COM1, true);
    redirect(4, 0x54, 0);
    assert_int_equal(take(&stub_vcpu), 0); /* an edge while masked is lost */
    redirect(2, 0x60, 0);
    irq_pulse(&stub_domain, IRQ_TIMER); /* the timer's pin is 2 */
    assert_int_equal(take(&stub_vcpu), 0x60);
}

static void levels(void **state)
{
    (void)state;
    redirect(16, 0x61 | LEVEL | 1 << 13, 0);
    irq_set(&stub_domain, 16, true);
    assert_int_equal(get(0x30) & REMOTE_IRR, REMOTE_IRR);
    assert_int_equal(take(&stub_vcpu), 0x61);
    assert_int_equal(local_get(TMR + 0x30), 2);
    irq_set(&stub_domain, 16, true);
    assert_int_equal(take(&stub_vcpu), 0);
    local(EOI, 0); /* still high: again */
    assert_int_equal(take(&stub_vcpu), 0x61);
    irq_set(&stub_domain, 16, false);
    local(EOI, 0);
    assert_int_equal(take(&stub_vcpu), 0);
    assert_int_equal(get(0x30) & REMOTE_IRR, 0);
    irq_set(&stub_domain, 16, true);
    assert_int_equal(take(&stub_vcpu), 0x61);
    mmio_write(&stub_vcpu, IOAPIC_BASE + 0x40, 4, 0x61); /* the EOI register does it, too */
    assert_int_equal(get(0x30) & REMOTE_IRR, REMOTE_IRR);
    local(EOI, 0);
    redirect(16, 0x61 | MASKED, 0); /* edge-triggered and back forgets the service */
    assert_int_equal(get(0x30) & REMOTE_IRR, 0);
}

static void destinations(void **state)
{
    (void)state;
    redirect(5, 0x55, 1);
    irq_pulse(&stub_domain, 5);
    assert_int_equal(serve(&stub_vcpu), 0);
    assert_int_equal(serve(&second), 0x55);
    redirect(6, 0x56, 0xff);
    irq_pulse(&stub_domain, 6);
    assert_int_equal(serve(&stub_vcpu), 0x56);
    assert_int_equal(serve(&second), 0x56);
    local(LDR, 2 << 24);
    redirect(7, 0x57 | LOGICAL, 2);
    irq_pulse(&stub_domain, 7);
    assert_int_equal(serve(&stub_vcpu), 0x57);
    assert_int_equal(serve(&second), 0);
    local(DFR, 0x0fffffff); /* clusters */
    local(LDR, 0x12 << 24);
    redirect(7, 0x67 | LOGICAL, 0x16);
    irq_pulse(&stub_domain, 7);
    assert_int_equal(serve(&stub_vcpu), 0x67);
    redirect(7, 0x77 | LOGICAL, 0x22);
    irq_pulse(&stub_domain, 7);
    assert_int_equal(serve(&stub_vcpu), 0);
    local(TPR, 0x20);
    redirect(9, 0x99 | LOWEST, 0xff);
    irq_pulse(&stub_domain, 9);
    assert_int_equal(serve(&second), 0x99); /* it is less busy */
    assert_int_equal(serve(&stub_vcpu), 0);
}

static bool wr(u32 msr, u64 value)
{
    return lapic_wrmsr(stub_vcpu.lapic, msr, value);
}
static u64 rd(u32 msr)
{
    u64 value = 0;

    assert_true(lapic_rdmsr(stub_vcpu.lapic, msr, &value));
    return value;
}

static void x2apic(void **state)
{
    struct lapic *l = stub_vcpu.lapic;
    u64 base = LAPIC_DEFAULT_BASE | 0x900, value;

    (void)state;
    assert_true(lapic_base(l) == base);
    assert_false(lapic_rdmsr(l, 0x802, &value));
    assert_false(lapic_set_base(l, base | 1));      /* reserved */
    assert_false(lapic_set_base(l, base + 0x1000)); /* does not move */
    assert_false(lapic_set_base(l, (base & ~0x800ULL) | 0x400));
    assert_true(lapic_set_base(l, base | 0x400));
    assert_false(lapic_set_base(l, base)); /* not back but through disabled */
    assert_int_equal(local_get(SVR), 0xffffffff);
    assert_int_equal(rd(0x802), 0);
    assert_int_equal(rd(0x80d), 1);
    assert_int_equal(rd(0x80f), 0x1ff);
    assert_true(wr(0x83f, 0x41)); /* to itself */
    assert_int_equal(serve(&stub_vcpu), 0x41);
    assert_false(wr(0x80b, 1));
    assert_true(wr(0x80b, 0));
    assert_true(wr(0x830, 1ULL << 32 | 0x42)); /* to the other */
    assert_int_equal(serve(&second), 0x42);
    assert_true(wr(0x830, 0xffffffffULL << 32 | 0x43));
    assert_int_equal(serve(&stub_vcpu), 0x43);
    assert_int_equal(rd(0x830), 0xffffffff00000043ULL);
    assert_true(wr(0x830, 1ULL << 32 | LOGICAL | 0x49)); /* cluster 0, the first */
    assert_int_equal(serve(&stub_vcpu), 0x49);
    assert_false(wr(0x808, 0x100));
    assert_false(wr(0x80e, 0)); /* there is no DFR */
    assert_false(wr(0x802, 0));
    assert_false(wr(0x828, 1));
    assert_false(wr(0x838, 1ULL << 32));
    assert_false(lapic_rdmsr(l, 0x80b, &value));
    assert_false(lapic_rdmsr(l, 0x831, &value));
    assert_true(lapic_set_base(l, base & ~0x800ULL)); /* disabled */
    assert_false(lapic_set_base(l, base | 0x400));
    irq_pulse(&stub_domain, IRQ_COM1);
    init_pic(0);
    irq_pulse(&stub_domain, IRQ_COM1);
    assert_int_equal(serve(&stub_vcpu), 0x34); /* INTR goes straight to the processor */
    lapic_request(l, 0x99);
    assert_int_equal(serve(&stub_vcpu), 0);
    assert_true(lapic_set_base(l, base));
    assert_int_equal(local_get(SVR), 0xff);
}

static void tsc_deadline(void **state)
{
    struct lapic *l = stub_vcpu.lapic;

    (void)state;
    lapic_set_deadline(l, stub_now + 100);
    assert_int_equal(lapic_deadline(l), 0); /* not in that mode */
    local(0x320, 0x40030);
    lapic_set_deadline(l, stub_now + 1000);
    local(0x380, 50); /* ignored */
    stub_pass(999);
    assert_int_equal(take(&stub_vcpu), 0);
    assert_true(lapic_deadline(l) == stub_now + 1);
    stub_pass(1);
    assert_int_equal(take(&stub_vcpu), 0x30);
    assert_int_equal(lapic_deadline(l), 0);
    local(EOI, 0);
    lapic_set_deadline(l, 1); /* long past: at once */
    stub_pass(0);
    assert_int_equal(take(&stub_vcpu), 0x30);
    local(EOI, 0);
    lapic_set_deadline(l, stub_now + 1000);
    lapic_set_deadline(l, 0);
    stub_pass(2000);
    assert_int_equal(take(&stub_vcpu), 0);
    lapic_set_deadline(l, stub_now + 1000);
    local(0x320, 0x30); /* another mode disarms it */
    stub_pass(2000);
    assert_int_equal(take(&stub_vcpu), 0);
}

/* Linux without APICs: the 8254 through the 8259s at 250 Hz for a while. */
static void ticks_arrive(void **state)
{
    unsigned got = 0;

    (void)state;
    port_write(&stub_domain, 0x43, 1, 0x34);
    port_write(&stub_domain, 0x40, 1, 4773 & 0xff);
    port_write(&stub_domain, 0x40, 1, 4773 >> 8);
    stub_pass_us(100000);
    assert_int_equal(take(&stub_vcpu), 0);
    init_pic(0xfa);
    for (unsigned i = 0; i < 10000; i++) {
        stub_pass_us(100);
        if (take(&stub_vcpu) == 0x30) {
            got++;
            port_write(&stub_domain, 0x20, 1, 0x20);
        }
    }
    assert_in_range(got, 249, 251);
}

static void touch(struct vcpu *v, u32 r)
{
    static const u64 bases[] = {IOAPIC_BASE, IOAPIC_BASE, LAPIC_DEFAULT_BASE};
    u64 at = bases[r % 3] + (r % 3 == 2 ? (r >> 8) % 0x1000 & ~0xfULL : (r >> 8) % 8 * 0x10), value;

    switch (r >> 28) {
    case 0:
        irq_set(&stub_domain, r % 32, r & 0x100);
        break;
    case 1:
        irq_pulse(&stub_domain, r % 32);
        break;
    case 2:
        (void)take(v);
        break;
    case 3:
        (void)lapic_wrmsr(v->lapic, 0x800 + (r >> 8) % 0x40, stub_random() & 0xff);
        break;
    case 4:
        (void)lapic_rdmsr(v->lapic, 0x7ff + (r >> 8) % 0x42, &value);
        break;
    case 5:
        (void)lapic_set_base(v->lapic, lapic_base(v->lapic) ^ (r & 0xc00));
        break;
    case 6:
        lapic_set_deadline(v->lapic, stub_now + (r & 0xffff));
        break;
    case 7:
        port_write(&stub_domain, 0x20 + (r & 1), 1, r >> 8 & 0xff);
        break;
    case 8:
        put(0x10 + r % 48, stub_random() & 0x1ffff);
        break;
    default:
        if (r & 0x80)
            mmio_write(v, at, 1u << (r >> 4 & 3), stub_random());
        else
            (void)mmio_read(v, at, 1u << (r >> 4 & 3));
    }
}

static void anything(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 400000; i++) {
        u32 r = stub_random();
        touch(r & 0x40 ? &stub_vcpu : &second, r);
        stub_pass(r >> 16 & 0xff);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(virtual_wire, setup, teardown),
        cmocka_unit_test_setup_teardown(edges, setup, teardown),
        cmocka_unit_test_setup_teardown(levels, setup, teardown),
        cmocka_unit_test_setup_teardown(destinations, setup, teardown),
        cmocka_unit_test_setup_teardown(x2apic, setup, teardown),
        cmocka_unit_test_setup_teardown(tsc_deadline, setup, teardown),
        cmocka_unit_test_setup_teardown(ticks_arrive, setup, teardown),
        cmocka_unit_test_setup_teardown(anything, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
