// sources: src/io/uart.c src/io/io_space.c src/core/timer.c
// sources: tests/unit/stub_devices.c tests/unit/stub_irq.c
/*
 * The 16550's interrupts and its input: what a driver that was not written for us relies on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "devices.h"
#include "../../src/io/io_space.h"
#include "port.h"
#include "stub_devices.h"
#include "stub_irq.h"
#include "timer.h"

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR };
enum { OUT2 = 0x08, LOOP = 0x10 };

static void out(unsigned offset, u8 value)
{
    port_write(&stub_domain, (u16)(0x3f8 + offset), 1, value);
}
static u8 in(unsigned offset)
{
    return (u8)port_read(&stub_domain, (u16)(0x3f8 + offset), 1);
}

static int setup(void **state)
{
    (void)state;
    stub_begin();
    stub_irq_begin();
    assert_int_equal(io_space_init(&stub_domain), 0);
    assert_int_equal(uart_attach(&stub_domain), 0);
    out(MCR, OUT2);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    io_space_destroy(&stub_domain);
    assert_true(timer_next() == ~0ULL);
    return 0;
}

static void transmitter(void **state)
{
    (void)state;
    out(IER, 2);
    assert_true(stub_line[IRQ_COM1]); /* empty as it is enabled */
    assert_int_equal(in(IIR), 0x02);
    assert_false(stub_line[IRQ_COM1]); /* reading IIR is the answer */
    assert_int_equal(in(IIR), 0x01);
    out(DATA, 'a');
    assert_true(stub_line[IRQ_COM1]); /* empty again */
    assert_int_equal(in(IIR), 0x02);
    out(IER, 0);
    out(IER, 2); /* enabling tells it again: Linux tests for this */
    assert_int_equal(in(IIR), 0x02);
    out(MCR, 0);
    out(DATA, 'b');
    assert_false(stub_line[IRQ_COM1]); /* OUT2 is a PC's switch */
    out(MCR, OUT2);
    assert_true(stub_line[IRQ_COM1]);
    assert_string_equal(stub_printed, "ab");
}

static void receiver(void **state)
{
    (void)state;
    out(IIR, 0x81); /* FIFO, told at 8 */
    stub_typed = "0123456789abcdefghijklmnop";
    assert_int_equal(in(LSR), 0x61);
    assert_int_equal(stub_edges[IRQ_COM1], 0);
    out(IER, 1);
    assert_true(stub_line[IRQ_COM1]);
    assert_int_equal(in(IIR), 0xc4);
    for (unsigned i = 0; i < 9; i++)
        assert_int_equal(in(DATA), '0' + i);
    assert_int_equal(in(IIR), 0xcc); /* fewer than 8: timed out */
    assert_true(stub_line[IRQ_COM1]);
    for (unsigned i = 9; i < 16; i++)
        (void)in(DATA);
    assert_false(stub_line[IRQ_COM1]);
    assert_int_equal(in(IIR), 0xc1);
    assert_int_equal(in(DATA), 0);
    stub_pass_us(20000); /* the poll finds the rest */
    assert_true(stub_line[IRQ_COM1]);
    for (unsigned i = 16; i < 26; i++)
        assert_int_equal(in(DATA), 'a' + i - 10);
    assert_int_equal(in(LSR), 0x60);
    stub_typed = "xy";
    stub_pass_us(20000);
    out(IIR, 0x03); /* clears the receiver */
    assert_int_equal(in(LSR), 0x60);
}

static void without_fifo(void **state)
{
    (void)state;
    stub_typed = "xyz";
    out(IER, 1);
    stub_pass_us(20000);
    assert_int_equal(in(IIR), 0x04);
    assert_int_equal(in(DATA), 'x');
    assert_int_equal(in(LSR)&1, 1);
    assert_int_equal(in(DATA), 'y');
    out(IER, 0); /* nobody waits: no timer */
    assert_true(timer_next() == ~0ULL);
}

static void loop_back(void **state)
{
    (void)state;
    out(IIR, 1);
    out(MCR, OUT2 | LOOP);
    out(IER, 5);
    for (unsigned i = 0; i < 20; i++)
        out(DATA, (u8)i);
    assert_false(stub_line[IRQ_COM1]);
    assert_int_equal(in(IIR), 0xc6); /* an overrun comes first */
    assert_int_equal(in(LSR), 0x63);
    assert_int_equal(in(LSR), 0x61);
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(in(DATA), i);
    assert_string_equal(stub_printed, "");
}

static void anything(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 200000; i++) {
        u32 r = stub_random();
        if (!*stub_typed)
            stub_typed = "what somebody types";
        if (r & 1)
            port_write(&stub_domain, (u16)(0x3f8 + (r >> 8) % 8), 1u << (r >> 16) % 3,
                       stub_random());
        else
            (void)port_read(&stub_domain, (u16)(0x3f8 + (r >> 8) % 8), 1u << (r >> 16) % 3);
        stub_pass(r >> 24);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(transmitter, setup, teardown),
        cmocka_unit_test_setup_teardown(receiver, setup, teardown),
        cmocka_unit_test_setup_teardown(without_fifo, setup, teardown),
        cmocka_unit_test_setup_teardown(loop_back, setup, teardown),
        cmocka_unit_test_setup_teardown(anything, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
