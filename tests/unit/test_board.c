// sources: src/io/kbc.c src/io/board.c src/io/io_space.c src/core/timer.c
// sources: tests/unit/stub_devices.c tests/unit/stub_irq.c
/*
 * The keyboard controller without a keyboard, and the board's small ports; and any access in any
 * order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "devices.h"
#include "port.h"
#include "stub_devices.h"
#include "stub_irq.h"

static void out(u16 port, u8 value)
{
    port_write(&stub_domain, port, 1, value);
}
static u8 in(u16 port)
{
    return (u8)port_read(&stub_domain, port, 1);
}

static int setup(void **state)
{
    (void)state;
    stub_begin();
    stub_irq_begin();
    assert_int_equal(io_space_init(&stub_domain), 0);
    assert_int_equal(kbc_attach(&stub_domain), 0);
    assert_int_equal(board_attach(&stub_domain), 0);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    io_space_destroy(&stub_domain);
    assert_int_equal(stub_domain.overhead_bytes, 0);
    return 0;
}

static void resets(void **state)
{
    (void)state;
    out(0x64, 0xff); /* pulses nothing */
    assert_int_equal(stub_end_reason, END_NONE);
    out(0x64, 0xfe);
    assert_int_equal(stub_end_reason, END_REBOOT);
    stub_end_reason = END_NONE;
    out(0x64, 0xd1);
    out(0x60, 0xce);
    assert_int_equal(stub_end_reason, END_REBOOT);
    stub_end_reason = END_NONE;
    assert_int_equal(in(0x92), 2);
    out(0x92, 0);
    assert_int_equal(in(0x92), 0);
    out(0x92, 3);
    assert_int_equal(stub_end_reason, END_REBOOT);
}

static void a20(void **state)
{
    (void)state;
    assert_int_equal(in(0x64), 0x14); /* nothing to read, room to write */
    out(0x64, 0xd1);
    out(0x60, 0xdf);
    out(0x64, 0xd0);
    assert_int_equal(in(0x64), 0x15);
    assert_int_equal(in(0x60), 0xdf);
    assert_int_equal(in(0x64), 0x14);
}

static void no_keyboard(void **state)
{
    (void)state;
    out(0x64, 0xaa);
    assert_int_equal(in(0x60), 0x55);
    out(0x64, 0xa9);
    assert_int_equal(in(0x60), 0x01); /* nor a mouse */
    out(0x64, 0x60);
    out(0x60, 0x01);
    out(0x64, 0x20);
    assert_true(stub_line[IRQ_KEYBOARD]);
    assert_int_equal(in(0x60), 0x01);
    assert_false(stub_line[IRQ_KEYBOARD]);
    out(0x60, 0xf2); /* who is there? */
    assert_int_equal(in(0x64), 0x55);
    assert_int_equal(in(0x60), 0xfe);
    out(0x64, 0xd2);
    out(0x60, 0x1e);
    assert_int_equal(in(0x60), 0x1e);
}

static void small_ports(void **state)
{
    (void)state;
    out(0x80, 0x5a);
    assert_int_equal(in(0x80), 0x5a);
    assert_int_equal(in(0xe9), 0xe9);
    out(0xe9, 'x');
    assert_string_equal(stub_printed, "x");
}

static void anything(void **state)
{
    static const u16 ports[] = {0x60, 0x64, 0x80, 0x92, 0xe9};

    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        u32 r = stub_random();
        u16 port = ports[(r >> 8) % ARRAY_SIZE(ports)];
        if (r & 1)
            port_write(&stub_domain, port, 1u << (r >> 16) % 3, stub_random());
        else
            (void)port_read(&stub_domain, port, 1u << (r >> 16) % 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(resets, setup, teardown),
        cmocka_unit_test_setup_teardown(a20, setup, teardown),
        cmocka_unit_test_setup_teardown(no_keyboard, setup, teardown),
        cmocka_unit_test_setup_teardown(small_ports, setup, teardown),
        cmocka_unit_test_setup_teardown(anything, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
