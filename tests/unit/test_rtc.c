// sources: src/io/rtc.c src/io/rtc_time.c src/io/io_space.c src/core/timer.c
// sources: tests/unit/stub_devices.c tests/unit/stub_irq.c
/*
 * The clock chip: the calendar against the C library's, setting it, its three interrupts, update in
 * progress, memory sizes; and any access in any order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>
#include <cmocka.h>

#include "../../src/io/io_space.h"
#include "../../src/io/rtc.h"
#include "../../src/io/rtc_time.h"
#include "devices.h"
#include "port.h"
#include "stub_devices.h"
#include "stub_irq.h"
#include "timer.h"
#include "wall_clock.h"

enum {
    SECOND = 0,
    SECOND_ALARM = 1,
    MINUTE = 2,
    MINUTE_ALARM = 3,
    HOUR = 4,
    HOUR_ALARM = 5,
    WEEKDAY = 6,
    DAY = 7,
    MONTH = 8,
    YEAR = 9,
    A = 10,
    B = 11,
    C = 12,
    D = 13,
    CENTURY = 0x32
};
enum { SET = 0x80, PIE = 0x40, AIE = 0x20, UIE = 0x10, BINARY = 4, H24 = 2 };
enum { START = 946684799 }; /* 1999-12-31 23:59:59, a Friday */

u64 wall_clock(u64 now)
{
    (void)now;
    return START;
}

static u8 get(u8 index)
{
    port_write(&stub_domain, 0x70, 1, index);
    return (u8)port_read(&stub_domain, 0x71, 1);
}
static void put(u8 index, u8 value)
{
    port_write(&stub_domain, 0x70, 1, index);
    port_write(&stub_domain, 0x71, 1, value);
}

static int setup(void **state)
{
    (void)state;
    stub_begin();
    stub_irq_begin();
    stub_domain.config.mem_bytes = 128 << 20;
    assert_int_equal(io_space_init(&stub_domain), 0);
    assert_int_equal(rtc_attach(&stub_domain), 0);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    io_space_destroy(&stub_domain);
    assert_true(timer_next() == ~0ULL);
    return 0;
}

static void calendars(void **state)
{
    struct calendar c;
    struct tm tm;

    (void)state;
    for (u64 t = 0; t < 250000000000; t += 7919 * 1009) {
        time_t wanted = (time_t)t;
        calendar_of(t, &c);
        gmtime_r(&wanted, &tm);
        assert_int_equal(c.second, tm.tm_sec);
        assert_int_equal(c.minute, tm.tm_min);
        assert_int_equal(c.hour, tm.tm_hour);
        assert_int_equal(c.day, tm.tm_mday);
        assert_int_equal(c.month, tm.tm_mon + 1);
        assert_int_equal(c.year, tm.tm_year + 1900);
        assert_int_equal(c.weekday, tm.tm_wday + 1);
        assert_int_equal(seconds_of(&c), t);
    }
    for (u64 day = 0; day < 150000; day++) { /* every day of four centuries */
        calendar_of(day * 86400, &c);
        assert_int_equal(seconds_of(&c), day * 86400);
    }
}

static void tells_the_time(void **state)
{
    (void)state;
    assert_int_equal(get(A), 0x26);
    assert_int_equal(get(B), H24);
    assert_int_equal(get(D), 0x80);
    assert_int_equal(get(SECOND), 0x59);
    assert_int_equal(get(MINUTE), 0x59);
    assert_int_equal(get(HOUR), 0x23);
    assert_int_equal(get(WEEKDAY), 6);
    assert_int_equal(get(DAY), 0x31);
    assert_int_equal(get(MONTH), 0x12);
    assert_int_equal(get(YEAR), 0x99);
    assert_int_equal(get(CENTURY), 0x19);
    stub_pass_us(999900); /* 100 us before the next second */
    assert_int_equal(get(A), 0xa6);
    assert_int_equal(get(SECOND), 0x59);
    stub_pass_us(200);
    assert_int_equal(get(A), 0x26);
    assert_int_equal(get(SECOND), 0);
    assert_int_equal(get(YEAR), 0);
    assert_int_equal(get(CENTURY), 0x20);
    stub_pass_us(3600000000ULL * 13);
    put(B, BINARY); /* twelve hours */
    assert_int_equal(get(HOUR), 0x81);
    assert_int_equal(port_read(&stub_domain, 0x70, 1), 0xff);
}

static void is_set(void **state)
{
    (void)state;
    put(B, SET | BINARY | H24);
    put(SECOND, 10);
    put(MINUTE, 20);
    put(HOUR, 15);
    put(DAY, 30);
    put(MONTH, 2);
    put(YEAR, 24);
    put(CENTURY, 0x20);
    stub_pass_us(5000000);
    assert_int_equal(get(SECOND), 10); /* stands still */
    put(DAY, 29);
    put(B, BINARY | H24);
    stub_pass_us(2000000);
    assert_in_range(get(SECOND), 11, 12);
    assert_int_equal(get(MINUTE), 20);
    assert_int_equal(get(HOUR), 15);
    assert_int_equal(get(DAY), 29);
    assert_int_equal(get(MONTH), 2);
    put(MINUTE, 59); /* also without stopping it */
    assert_int_equal(get(MINUTE), 59);
    assert_int_equal(get(DAY), 29);
}

static void periodic(void **state)
{
    (void)state;
    put(B, H24 | PIE); /* 1024 Hz */
    stub_pass_us(900);
    assert_false(stub_line[IRQ_RTC]);
    stub_pass_us(100);
    assert_true(stub_line[IRQ_RTC]);
    stub_pass_us(100000); /* the line stays: late ones are one */
    assert_int_equal(stub_edges[IRQ_RTC], 1);
    assert_int_equal(get(C), 0xc0);
    assert_false(stub_line[IRQ_RTC]);
    for (unsigned i = 0; i < 100; i++) {
        stub_pass_us(1000);
        (void)get(C);
    }
    assert_in_range(stub_edges[IRQ_RTC], 99, 103);
    put(A, 0x20); /* no rate */
    (void)get(C);
    stub_pass_us(100000);
    assert_int_equal(get(C), 0);
    put(A, 0x23); /* 8192 Hz, the fastest */
    stub_pass_us(123);
    assert_true(stub_line[IRQ_RTC]);
    put(B, H24); /* not enabled: a flag, no line */
    assert_false(stub_line[IRQ_RTC]);
    stub_pass_us(1000);
    assert_int_equal(get(C) & 0xc0, 0x40);
    assert_true(timer_next() == ~0ULL);
}

static void update(void **state)
{
    (void)state;
    put(B, H24 | UIE);
    stub_pass_us(990000);
    assert_false(stub_line[IRQ_RTC]);
    stub_pass_us(20000);
    assert_true(stub_line[IRQ_RTC]);
    assert_int_equal(get(SECOND), 0);
    assert_int_equal(get(C) & 0x90, 0x90);
    put(B, H24 | UIE | SET); /* SET takes it away */
    assert_int_equal(get(B), H24 | SET);
    stub_pass_us(3000000);
    assert_int_equal(get(C) & 0xb0, 0);
}

static void alarm(void **state)
{
    (void)state;
    put(SECOND_ALARM, 0x05);
    put(MINUTE_ALARM, 0x01);
    put(HOUR_ALARM, 0x00);
    put(B, H24 | AIE);
    stub_pass_us(65900000);
    assert_false(stub_line[IRQ_RTC]);
    stub_pass_us(200000);
    assert_true(stub_line[IRQ_RTC]);
    assert_int_equal(get(SECOND), 0x05);
    assert_int_equal(get(C) & 0xa0, 0xa0);
    stub_pass_us(86000000000ULL);
    assert_false(stub_line[IRQ_RTC]);
    stub_pass_us(400100000);
    assert_true(stub_line[IRQ_RTC]); /* the next day */
    put(HOUR_ALARM, 0xff);
    put(MINUTE_ALARM, 0xc0);
    (void)get(C);
    stub_pass_us(60100000); /* each minute */
    assert_int_equal(get(C) & 0xa0, 0xa0);
    put(SECOND_ALARM, 0x7f); /* never */
    stub_pass_us(86400000000ULL);
    assert_int_equal(get(C) & 0xa0, 0);
}

static void memory(void **state)
{
    (void)state;
    assert_int_equal(get(0x15) | get(0x16) << 8, 640);
    assert_int_equal(get(0x17) | get(0x18) << 8, 0xfc00);
    assert_int_equal(get(0x34) | get(0x35) << 8, 112 * 16);
    put(0x7f, 0x5a);
    assert_int_equal(get(0xff), 0x5a); /* bit 7 masks the NMI */
}

static void anything(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 200000; i++) {
        u32 r = stub_random();
        if (r & 1)
            put((u8)(r >> 8) & (r & 2 ? 0xf : 0xff), (u8)stub_random());
        else if (r & 2)
            (void)get((u8)(r >> 8) & 0xf);
        else
            port_write(&stub_domain, 0x70, 2, stub_random());
        stub_pass(r >> 28 ? r >> 20 : (u64)stub_random() * 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calendars),
        cmocka_unit_test_setup_teardown(tells_the_time, setup, teardown),
        cmocka_unit_test_setup_teardown(is_set, setup, teardown),
        cmocka_unit_test_setup_teardown(periodic, setup, teardown),
        cmocka_unit_test_setup_teardown(update, setup, teardown),
        cmocka_unit_test_setup_teardown(alarm, setup, teardown),
        cmocka_unit_test_setup_teardown(memory, setup, teardown),
        cmocka_unit_test_setup_teardown(anything, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
