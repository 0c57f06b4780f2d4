// sources: src/io/pit.c src/io/pit_tick.c src/io/io_space.c src/core/timer.c
// sources: tests/unit/stub_devices.c tests/unit/stub_irq.c
/*
 * The 8254: counts and outputs of every mode, latches, read-back, the gate of channel 2, ticks, and
 * late ticks; and any access in any order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../src/io/io_space.h"
#include "../../src/io/pit.h"
#include "devices.h"
#include "port.h"
#include "stub_devices.h"
#include "stub_irq.h"
#include "timer.h"

static struct pit *pit;

static void out(u16 port, u8 value)
{
    port_write(&stub_domain, port, 1, value);
}
static u8 in(u16 port)
{
    return (u8)port_read(&stub_domain, port, 1);
}
static void program(unsigned channel, unsigned mode, u16 count)
{
    out(0x43, (u8)(channel << 6 | 0x30 | mode << 1));
    out((u16)(0x40 + channel), (u8)count);
    out((u16)(0x40 + channel), (u8)(count >> 8));
}
static u16 latched(unsigned channel)
{
    u16 port = (u16)(0x40 + channel);

    out(0x43, (u8)(channel << 6));
    u8 low = in(port);
    return (u16)(low | in(port) << 8);
}
/* n PIT clocks of 41.9 TSC ticks. */
static void clocks(u64 n)
{
    stub_pass(n * 50000000 / PIT_HZ);
}
static void assert_near(u64 value, u64 wanted)
{
    assert_in_range(value, wanted - 2, wanted + 2);
}

static int setup(void **state)
{
    (void)state;
    stub_begin();
    stub_irq_begin();
    assert_int_equal(io_space_init(&stub_domain), 0);
    assert_int_equal(pit_attach(&stub_domain), 0);
    pit = stub_domain.io->pit;
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    io_space_destroy(&stub_domain);
    assert_true(timer_next() == ~0ULL);
    assert_int_equal(stub_domain.overhead_bytes, 0);
    return 0;
}

static void rate(void **state)
{
    (void)state;
    program(0, 2, 11932); /* 100 Hz */
    clocks(1000);
    assert_near(latched(0), 10932);
    stub_pass_us(1000000 - 838);
    assert_in_range(stub_edges[IRQ_TIMER], 99, 100);
    stub_pass_us(9000000);
    assert_in_range(stub_edges[IRQ_TIMER], 998, 1000);
    assert_true(pit_out(pit, 0, stub_now));
}

static void square(void **state)
{
    (void)state;
    program(0, 3, 10000);
    clocks(1000);
    assert_near(latched(0), 8000); /* by twos */
    assert_true(pit_out(pit, 0, stub_now));
    clocks(5000);
    assert_near(latched(0), 8000);
    assert_false(pit_out(pit, 0, stub_now));
    clocks(4010);
    assert_int_equal(stub_edges[IRQ_TIMER], 1);
    program(0, 3, 10001);
    clocks(5005);
    assert_false(pit_out(pit, 0, stub_now));
}

static void terminal_count(void **state)
{
    (void)state;
    program(0, 0, 1000);
    assert_false(pit_out(pit, 0, stub_now));
    clocks(900);
    assert_near(latched(0), 100);
    assert_int_equal(stub_edges[IRQ_TIMER], 0);
    clocks(110);
    assert_int_equal(stub_edges[IRQ_TIMER], 1);
    assert_true(pit_out(pit, 0, stub_now));
    assert_in_range(latched(0), 0xfff0, 0xffff); /* counts on */
    clocks(1000000);
    assert_int_equal(stub_edges[IRQ_TIMER], 1);
    out(0x43, 0x30); /* the mode alone lowers the line */
    assert_false(stub_line[IRQ_TIMER]);
}

static void strobe(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 3; i++) { /* as Linux' one-shot */
        program(0, 4, 500);
        clocks(600);
        assert_int_equal(stub_edges[IRQ_TIMER], i);
    }
}

/* How kernels calibrate: channel 2 in mode 0, the gate in port 0x61, until OUT rises. */
static void speaker_gate(void **state)
{
    (void)state;
    out(0x61, 0);
    program(2, 0, 5000);
    clocks(10000);
    assert_int_equal(in(0x61) & 0x23, 0); /* the gate holds it */
    assert_near(latched(2), 5000);
    out(0x61, 1);
    clocks(3000);
    assert_near(latched(2), 2000);
    out(0x61, 0);
    clocks(3000);
    assert_near(latched(2), 2000);
    out(0x61, 3);
    clocks(1990);
    assert_int_equal(in(0x61) & 0x23, 3);
    clocks(20);
    assert_int_equal(in(0x61) & 0x23, 0x23);
    out(0x61, 0);
    program(2, 1, 1000); /* a one-shot, begun by the gate */
    assert_int_equal(in(0x61) & 0x20, 0x20);
    out(0x61, 1);
    assert_int_equal(in(0x61) & 0x20, 0);
    clocks(1010);
    assert_int_equal(in(0x61) & 0x20, 0x20);
    program(2, 3, 1000);
    clocks(600);
    assert_int_equal(in(0x61) & 0x20, 0);
    out(0x61, 0); /* and a low gate sets it */
    assert_int_equal(in(0x61) & 0x20, 0x20);
    unsigned changes = 0, last = in(0x61) & 0x10;
    for (unsigned i = 0; i < 1000; i++) {
        clocks(9);
        changes += (in(0x61) & 0x10) != last;
        last = in(0x61) & 0x10;
    }
    assert_in_range(changes, 400, 600);
    assert_int_equal(stub_edges[IRQ_TIMER], 0);
}

static void latches(void **state)
{
    (void)state;
    program(0, 2, 50000);
    out(0x43, 0x00);
    u16 at = (u16)pit_count(pit, 0, stub_now);
    clocks(1000);
    out(0x43, 0x00); /* the first one holds */
    u8 low = in(0x40);
    assert_near((u64)(low | in(0x40) << 8), at);
    out(0x43, 0xc2);                  /* read back: status and count of channel 0 */
    assert_int_equal(in(0x40), 0xb4); /* OUT high, both bytes, mode 2 */
    low = in(0x40);
    assert_near((u64)(low | in(0x40) << 8), 49000);
    out(0x43, 0xe8); /* status of channel 2 alone: no count yet */
    assert_int_equal(in(0x42) & 0x40, 0x40);
    out(0x43, 0x14); /* low byte only */
    out(0x40, 100);
    clocks(20);
    assert_near(in(0x40), 80);
    out(0x43, 0x24); /* high byte only */
    out(0x40, 0x10);
    clocks(0x310);
    assert_int_equal(in(0x40), 0x0c);
    out(0x43, 0x31); /* decimal */
    out(0x40, 0x00);
    out(0x40, 0x10);
    clocks(1);
    u16 decimal = latched(0);
    assert_in_range(decimal, 0x0995, 0x0999);
    assert_int_equal(in(0x43), 0xff);
}

static void new_count_later(void **state)
{
    (void)state;
    program(0, 2, 10000);
    clocks(2000);
    out(0x40, 0x88); /* 5000, without a new mode: from the next period on */
    out(0x40, 0x13);
    assert_near(latched(0), 8000);
    out(0x43, 0xe2);
    assert_int_equal(in(0x40) & 0x40, 0x40);
    clocks(8010);
    assert_int_equal(stub_edges[IRQ_TIMER], 1);
    assert_in_range(latched(0), 4980, 5000);
    clocks(10000);
    assert_int_equal(stub_edges[IRQ_TIMER], 3);
}

/* What the guest could not take while it was another's turn is told later, and all of it if it is
 * less than a second's. */
static void late(void **state)
{
    (void)state;
    program(0, 2, 11932);
    stub_elsewhere = stub_merge[IRQ_TIMER] = true;
    stub_pass_us(500000);
    assert_int_equal(stub_edges[IRQ_TIMER], 0);
    stub_elsewhere = stub_merge[IRQ_TIMER] = false;
    stub_pass_us(500000);
    assert_in_range(stub_edges[IRQ_TIMER], 98, 100);
    stub_elsewhere = stub_merge[IRQ_TIMER] = true;
    stub_pass_us(60000000);
    stub_elsewhere = stub_merge[IRQ_TIMER] = false;
    stub_edges[IRQ_TIMER] = 0;
    stub_pass_us(10000000);
    assert_in_range(stub_edges[IRQ_TIMER], 1098, 1103);
    stub_now += 25000000; /* the hypervisor itself is late */
    timer_run(stub_now);
    stub_pass_us(1000000);
    assert_in_range(stub_edges[IRQ_TIMER], 1246, 1255);
}

/* What it did not take while it ran is lost. */
static void interrupts_off(void **state)
{
    (void)state;
    program(0, 2, 11932);
    stub_merge[IRQ_TIMER] = true;
    stub_pass_us(500000);
    stub_merge[IRQ_TIMER] = false;
    stub_pass_us(500000);
    assert_in_range(stub_edges[IRQ_TIMER], 49, 51);
}

static void nobody_listens(void **state)
{
    (void)state;
    program(0, 2, 11932);
    stub_deaf[IRQ_TIMER] = true;
    stub_pass_us(100000);
    assert_int_equal(stub_edges[IRQ_TIMER], 1); /* the controller remembers one */
    assert_true(timer_next() == ~0ULL);         /* and no timer keeps the machine awake */
    stub_deaf[IRQ_TIMER] = false;
    pit_listen(pit, stub_now);
    stub_pass_us(100000);
    assert_in_range(stub_edges[IRQ_TIMER], 10, 11);
}

/* A guest that masks the line while it handles a tick, and has to wait for its turn then and now:
 * what is owed, and the ticks that come while it waits, are told when it listens again. */
static void masked_for_a_moment(void **state)
{
    (void)state;
    program(0, 2, 11932);
    stub_elsewhere = stub_merge[IRQ_TIMER] = true;
    stub_pass_us(205000); /* 20 ticks are owed */
    stub_elsewhere = stub_merge[IRQ_TIMER] = false;
    stub_deaf[IRQ_TIMER] = true;
    stub_pass_us(10000); /* one that the controller remembers */
    assert_int_equal(stub_edges[IRQ_TIMER], 1);
    stub_elsewhere = true;
    stub_pass_us(100000);
    stub_elsewhere = stub_deaf[IRQ_TIMER] = false;
    pit_listen(pit, stub_now);
    stub_pass_us(500000);
    assert_in_range(stub_edges[IRQ_TIMER], 80, 82);
    stub_elsewhere = stub_merge[IRQ_TIMER] = true;
    stub_pass_us(200000); /* and what is owed is so still after it did not listen for long */
    stub_elsewhere = stub_merge[IRQ_TIMER] = false;
    stub_deaf[IRQ_TIMER] = true;
    stub_pass_us(300000);
    assert_true(timer_next() == ~0ULL);
    stub_deaf[IRQ_TIMER] = false;
    pit_listen(pit, stub_now);
    stub_edges[IRQ_TIMER] = 0;
    stub_pass_us(500000);
    assert_in_range(stub_edges[IRQ_TIMER], 67, 70);
}

static void hostile_period(void **state)
{
    (void)state;
    for (unsigned mode = 2; mode < 4; mode++) {
        program(0, mode, 1);
        stub_pass_us(20000);
        assert_true(stub_edges[IRQ_TIMER] <= 400 * (mode - 1));
    }
}

static void anything(void **state)
{
    static const u16 ports[] = {0x40, 0x41, 0x42, 0x43, 0x61};

    (void)state;
    for (unsigned i = 0; i < 300000; i++) {
        u32 r = stub_random();
        u16 port = ports[(r >> 8) % ARRAY_SIZE(ports)];
        stub_merge[IRQ_TIMER] = r >> 28 == 0;
        stub_deaf[IRQ_TIMER] = r >> 28 == 1;
        if (r >> 28 == 2)
            pit_listen(pit, stub_now);
        if (r & 1)
            port_write(&stub_domain, port, 1u << (r >> 16) % 3, stub_random());
        else
            (void)port_read(&stub_domain, port, 1u << (r >> 16) % 3);
        stub_pass((r >> 20 & 7) ? r >> 20 & 0xff : (u64)stub_random() % 5000000);
    }
    for (unsigned i = 0; i < PIT_CHANNELS; i++)
        assert_in_range(pit->channel[i].reload, 1, 65536);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rate, setup, teardown),
        cmocka_unit_test_setup_teardown(square, setup, teardown),
        cmocka_unit_test_setup_teardown(terminal_count, setup, teardown),
        cmocka_unit_test_setup_teardown(strobe, setup, teardown),
        cmocka_unit_test_setup_teardown(speaker_gate, setup, teardown),
        cmocka_unit_test_setup_teardown(latches, setup, teardown),
        cmocka_unit_test_setup_teardown(new_count_later, setup, teardown),
        cmocka_unit_test_setup_teardown(late, setup, teardown),
        cmocka_unit_test_setup_teardown(interrupts_off, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_listens, setup, teardown),
        cmocka_unit_test_setup_teardown(masked_for_a_moment, setup, teardown),
        cmocka_unit_test_setup_teardown(hostile_period, setup, teardown),
        cmocka_unit_test_setup_teardown(anything, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
