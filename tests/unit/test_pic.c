// sources: src/io/pic.c src/io/io_space.c src/core/timer.c tests/unit/stub_devices.c
/*
 * The two 8259s: initialization, priorities, edges and levels, every command, the cascade; and any
 * access in any order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../src/io/io_space.h"
#include "../../src/io/pic.h"
#include "../../src/io/wiring.h"
#include "devices.h"
#include "port.h"
#include "stub_devices.h"

static bool intr;
static unsigned unmasked;

void wire_intr(struct domain *d, bool high)
{
    (void)d;
    assert_int_not_equal(intr, high); /* only changes are told */
    intr = high;
}
void wire_unmasked(struct domain *d)
{
    (void)d;
    unmasked++;
}

static struct pic *pic;

static void out(u16 port, u8 value)
{
    port_write(&stub_domain, port, 1, value);
}
static u8 in(u16 port)
{
    return (u8)port_read(&stub_domain, port, 1);
}
/* As Linux does it: vectors 0x30 and 0x38, everything unmasked. */
static void initialize(u8 icw1, u8 icw4)
{
    out(0x20, icw1);
    out(0x21, 0x30);
    out(0x21, 0x04);
    out(0x21, icw4);
    out(0xa0, icw1);
    out(0xa1, 0x38);
    out(0xa1, 0x02);
    out(0xa1, icw4);
}
static void line(unsigned n, bool high)
{
    pic_set_line(pic, n, high);
}
static void pulse(unsigned n)
{
    line(n, false);
    line(n, true);
}

static int setup(void **state)
{
    (void)state;
    stub_begin();
    intr = false;
    unmasked = 0;
    assert_int_equal(io_space_init(&stub_domain), 0);
    assert_int_equal(pic_attach(&stub_domain), 0);
    pic = stub_domain.io->pic;
    initialize(0x11, 0x01);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    io_space_destroy(&stub_domain);
    assert_int_equal(stub_domain.overhead_bytes, 0);
    return 0;
}

static void masks(void **state)
{
    (void)state;
    assert_true(unmasked > 0);
    out(0x21, 0xfb);
    assert_int_equal(in(0x21), 0xfb);
    pulse(1);
    assert_false(intr);
    assert_int_equal(in(0x20), 0x02); /* IRR remembers */
    unmasked = 0;
    out(0x21, 0xf9);
    assert_int_equal(unmasked, 1);
    assert_true(intr);
    assert_int_equal(pic_acknowledge(pic), 0x31);
    assert_false(intr);
    out(0x20, 0x0b);
    assert_int_equal(in(0x20), 0x02); /* ISR */
    out(0x20, 0x0a);
    assert_int_equal(in(0x20), 0x00);
    out(0x20, 0x20);
    out(0x20, 0x0b);
    assert_int_equal(in(0x20), 0x00);
}

static void priorities(void **state)
{
    (void)state;
    pulse(5);
    pulse(3);
    assert_int_equal(pic_acknowledge(pic), 0x33);
    assert_false(intr); /* 5 waits */
    pulse(1);
    assert_true(intr); /* 1 does not */
    assert_int_equal(pic_acknowledge(pic), 0x31);
    out(0x20, 0x20);
    assert_false(intr);
    out(0x20, 0x20);
    assert_int_equal(pic_acknowledge(pic), 0x35);
    out(0x20, 0x65); /* specific end */
    out(0x20, 0xc4); /* 4 is lowest: 5 is highest */
    pulse(0);
    pulse(5);
    assert_int_equal(pic_acknowledge(pic), 0x35);
    out(0x20, 0xa0); /* its end rotates: 5 is lowest */
    pulse(5);
    assert_int_equal(pic_acknowledge(pic), 0x30);
    out(0x20, 0xe0); /* specific, rotating: 0 is lowest */
    assert_int_equal(pic_acknowledge(pic), 0x35);
}

static void special_mask(void **state)
{
    (void)state;
    pulse(1);
    assert_int_equal(pic_acknowledge(pic), 0x31);
    pulse(4);
    assert_false(intr);
    out(0x21, 0x02); /* masks itself, as a handler in special mask mode does */
    out(0x20, 0x68);
    assert_true(intr);
    assert_int_equal(pic_acknowledge(pic), 0x34);
    out(0x20, 0x20); /* an unspecific end leaves the masked one alone */
    out(0x20, 0x0b);
    assert_int_equal(in(0x20), 0x02);
    out(0x20, 0x48);
    pulse(5);
    assert_false(intr);
}

static void edges_and_levels(void **state)
{
    (void)state;
    pulse(6);
    assert_int_equal(pic_acknowledge(pic), 0x36);
    out(0x20, 0x20);
    assert_false(intr); /* still high: no edge */
    line(6, false);
    line(6, true);
    assert_true(intr);
    line(6, false); /* gone before it was acknowledged */
    assert_false(intr);
    out(0x4d0, 0xff);
    assert_int_equal(in(0x4d0), 0xf8); /* timer, keyboard, cascade stay edges */
    out(0x4d1, 0xff);
    assert_int_equal(in(0x4d1), 0xde);
    line(6, true);
    assert_int_equal(pic_acknowledge(pic), 0x36);
    out(0x20, 0x20);
    assert_true(intr); /* a level stays until the device is content */
    line(6, false);
    assert_false(intr);
    assert_int_equal(pic_acknowledge(pic), 0x37); /* spurious */
    out(0x20, 0x0b);
    assert_int_equal(in(0x20), 0x00); /* and nothing is in service */
}

static void cascade(void **state)
{
    (void)state;
    line(2, true); /* nobody's */
    assert_false(intr);
    pulse(12);
    assert_int_equal(in(0x20) & 4, 4);
    assert_int_equal(pic_acknowledge(pic), 0x3c);
    assert_false(intr);
    pulse(8); /* higher in the slave, but the master's IR2 is in service */
    assert_false(intr);
    out(0x20, 0x20);
    assert_true(intr);
    assert_int_equal(pic_acknowledge(pic), 0x38);
    out(0xa0, 0x20);
    out(0xa0, 0x20);
    out(0x20, 0x20);
    initialize(0x11, 0x11); /* special fully nested mode lets it through */
    pulse(12);
    assert_int_equal(pic_acknowledge(pic), 0x3c);
    pulse(8);
    assert_true(intr);
    assert_int_equal(pic_acknowledge(pic), 0x38);
    out(0x21, 0x04);
    assert_false(intr);
}

/* The slave's request goes away between the master's acknowledgement and its own. */
static void spurious_slave(void **state)
{
    (void)state;
    out(0x20, 0x0c); /* poll the master: IR2 is in service then */
    pulse(9);
    assert_int_equal(in(0x20), 0x82);
    line(9, false);
    assert_int_equal(pic_acknowledge(pic), 0x37);
}

static void polling(void **state)
{
    (void)state;
    out(0x20, 0x0c);
    assert_int_equal(in(0x20), 0x00);
    pulse(4);
    out(0x20, 0x0c);
    assert_int_equal(in(0x20), 0x84);
    assert_false(intr);
    out(0x20, 0x0b);
    assert_int_equal(in(0x20), 0x10);
}

static void automatic_end(void **state)
{
    (void)state;
    initialize(0x11, 0x03);
    pulse(3);
    assert_int_equal(pic_acknowledge(pic), 0x33);
    pulse(4);
    assert_int_equal(pic_acknowledge(pic), 0x34);
    out(0x20, 0x80); /* and rotates */
    pulse(3);
    assert_int_equal(pic_acknowledge(pic), 0x33);
    pulse(3);
    pulse(5);
    assert_int_equal(pic_acknowledge(pic), 0x35);
    out(0x20, 0x00);
}

static void initialization_forms(void **state)
{
    (void)state;
    pulse(3);
    out(0x20, 0x12);    /* single, no ICW4 */
    assert_false(intr); /* the edge must come again */
    out(0x21, 0x47);
    out(0x21, 0xf0); /* already the mask */
    assert_int_equal(in(0x21), 0xf0);
    pulse(3);
    assert_int_equal(pic_acknowledge(pic), 0x43);
    out(0x20, 0x19); /* all level-triggered */
    line(0, true);
    out(0x21, 0x40);
    out(0x21, 0x04);
    out(0x21, 0x01);
    assert_int_equal(pic_acknowledge(pic), 0x40);
    out(0x20, 0x20);
    assert_true(intr);
    line(0, false);
    line(3, false);
    assert_false(intr);
}

static void wide_accesses(void **state)
{
    (void)state;
    port_write(&stub_domain, 0x20, 2, 0xa50a); /* OCW3, then the mask */
    assert_int_equal(in(0x21), 0xa5);
    assert_int_equal(port_read(&stub_domain, 0x20, 2), 0xa500);
    assert_int_equal(port_read(&stub_domain, 0x20, 4), 0xffffffff); /* sticks out */
}

static void anything(void **state)
{
    static const u16 ports[] = {0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1};

    (void)state;
    for (unsigned i = 0; i < 300000; i++) {
        u32 r = stub_random();
        u16 port = ports[(r >> 8) % ARRAY_SIZE(ports)];
        switch (r % 4) {
        case 0:
            port_write(&stub_domain, port, 1u << (r >> 16) % 3, stub_random());
            break;
        case 1:
            (void)port_read(&stub_domain, port, 1u << (r >> 16) % 3);
            break;
        case 2:
            line((r >> 16) % 16, r >> 24 & 1);
            break;
        default:
            (void)pic_acknowledge(pic);
            break;
        }
        assert_true(pic->chip[0].lowest < 8 && pic->chip[1].lowest < 8);
        assert_int_equal(pic->chip[0].base & 7, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(masks, setup, teardown),
        cmocka_unit_test_setup_teardown(priorities, setup, teardown),
        cmocka_unit_test_setup_teardown(special_mask, setup, teardown),
        cmocka_unit_test_setup_teardown(edges_and_levels, setup, teardown),
        cmocka_unit_test_setup_teardown(cascade, setup, teardown),
        cmocka_unit_test_setup_teardown(spurious_slave, setup, teardown),
        cmocka_unit_test_setup_teardown(polling, setup, teardown),
        cmocka_unit_test_setup_teardown(automatic_end, setup, teardown),
        cmocka_unit_test_setup_teardown(initialization_forms, setup, teardown),
        cmocka_unit_test_setup_teardown(wide_accesses, setup, teardown),
        cmocka_unit_test_setup_teardown(anything, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
