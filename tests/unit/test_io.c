// sources: src/io/io_space.c src/io/uart.c src/io/end_port.c src/core/timer.c
// sources: tests/unit/stub_devices.c tests/unit/stub_irq.c
/*
 * Ports and MMIO find their device, the 16550 and the end port do what guests rely on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "devices.h"
#include "domain.h"
#include "errno.h"
#include "mmio.h"
#include "port.h"
#include "stub_devices.h"
#include "stub_irq.h"

static u64 last_write;

static int setup(void **state)
{
    (void)state;
    stub_begin();
    stub_irq_begin();
    assert_int_equal(io_space_init(&stub_domain), 0);
    assert_int_equal(uart_attach(&stub_domain), 0);
    assert_int_equal(end_port_attach(&stub_domain), 0);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    io_space_destroy(&stub_domain);
    assert_null(stub_domain.io);
    return 0;
}

static void uart(void **state)
{
    (void)state;
    port_write(&stub_domain, 0x3fb, 1, 0x83); /* DLAB: the divisor is not text */
    port_write(&stub_domain, 0x3f8, 1, 0x01);
    port_write(&stub_domain, 0x3f9, 1, 0x00);
    port_write(&stub_domain, 0x3fb, 1, 0x03);
    assert_int_equal(port_read(&stub_domain, 0x3fb, 1), 0x03);
    port_write(&stub_domain, 0x3fa, 1, 0x01);
    assert_int_equal(port_read(&stub_domain, 0x3fa, 1), 0xc1); /* FIFO, no interrupt pending */
    for (const char *s = "hi\n"; *s; s++) {
        assert_int_equal(port_read(&stub_domain, 0x3fd, 1) & 0x61, 0x60);
        port_write(&stub_domain, 0x3f8, 1, (u8)*s);
    }
    assert_string_equal(stub_printed, "hi\n");
    port_write(&stub_domain, 0x3ff, 1, 0x5a);
    assert_int_equal(port_read(&stub_domain, 0x3ff, 1), 0x5a);
    port_write(&stub_domain, 0x3fc, 1, 0x1b); /* loop-back: what goes out comes back as status */
    assert_int_equal(port_read(&stub_domain, 0x3fe, 1), 0xb0);
    port_write(&stub_domain, 0x3f8, 1, 'x');
    assert_string_equal(stub_printed, "hi\n");
}

static void end(void **state)
{
    (void)state;
    port_write(&stub_domain, 0xf4, 4, 7);
    assert_int_equal(stub_ended_with, 7);
    port_write(&stub_domain, 0xf4, 1, 0);
    assert_int_equal(stub_ended_with, 0);
    port_write(&stub_domain, 0x8900, 1, 'S');
    assert_int_equal(stub_ended_with, 1);
}

static void nobody(void **state)
{
    (void)state;
    assert_int_equal(port_read(&stub_domain, 0x60, 1), 0xff);
    assert_int_equal(port_read(&stub_domain, 0x60, 2), 0xffff);
    assert_int_equal(port_read(&stub_domain, 0xffff, 4), 0xffffffff);
    assert_int_equal(port_read(&stub_domain, 0x3ff, 2), 0xffff); /* sticks out of the UART */
    port_write(&stub_domain, 0x60, 1, 1);
    assert_int_equal(mmio_read(&stub_vcpu, 0xdead0000, 8), ~0ULL);
    assert_int_equal(mmio_read(&stub_vcpu, 0xdead0000, 2), 0xffff);
    assert_int_equal(stub_domain.ledger.cell[LC_UNCLAIMED_ACCESS].n, 7);
}

static u64 device_read(void *device, struct vcpu *v, u64 offset, unsigned size)
{
    (void)v;
    (void)size;
    return (u64)(uintptr_t)device + offset;
}
static void device_write(void *device, struct vcpu *v, u64 offset, unsigned size, u64 value)
{
    (void)device;
    (void)v;
    (void)offset;
    (void)size;
    last_write = value;
}

static void claims(void **state)
{
    static const struct mmio_ops ops = {device_read, device_write};
    static const struct port_ops ports;

    (void)state;
    assert_int_equal(mmio_register(&stub_domain, 0x1000, 0x1000, &ops, (void *)0x50), 0);
    assert_int_equal(mmio_register(&stub_domain, 0x1fff, 1, &ops, NULL), -EEXIST);
    assert_int_equal(mmio_register(&stub_domain, 0x800, 0x801, &ops, NULL), -EEXIST);
    assert_int_equal(mmio_register(&stub_domain, 0x2000, 0x10, &ops, NULL), 0);
    assert_int_equal(mmio_register(&stub_domain, ~0ULL, 0x10, &ops, NULL), -EINVAL);
    assert_int_equal(mmio_read(&stub_vcpu, 0x1010, 4), 0x60);
    assert_int_equal(mmio_read(&stub_vcpu, 0x1ffe, 4), 0xffffffff); /* sticks out */
    mmio_write(&stub_vcpu, 0x1010, 2, 0x12345678);
    assert_int_equal(last_write, 0x5678);
    assert_int_equal(port_register(&stub_domain, 0x3f0, 9, &ports, NULL), -EEXIST);
    assert_int_equal(port_register(&stub_domain, 0xfff8, 9, &ports, NULL), -EINVAL);
    for (u16 p = 0x1000; port_register(&stub_domain, p, 1, &ports, NULL) == 0; p++)
        assert_true(p < 0x1100);
    assert_int_equal(port_register(&stub_domain, 0x2000, 1, &ports, NULL), -ENOSPC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(uart, setup, teardown),
        cmocka_unit_test_setup_teardown(end, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(claims, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
