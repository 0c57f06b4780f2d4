// sources: src/io/acpi.c src/io/acpi_pm.c src/io/pci.c src/io/io_space.c src/core/timer.c
// sources: tests/unit/stub_devices.c tests/unit/stub_irq.c
/*
 * The ACPI tables as a guest reads them, from the RSDP on; the fixed hardware that they tell of;
 * PCI configuration space and the reset port; and any access in any order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "acpi.h"
#include "devices.h"
#include "port.h"
#include "stub_devices.h"
#include "stub_irq.h"
#include "timer.h"

static u8 tables[ACPI_BYTES];
static u32 used;

static u64 get(u32 gpa, unsigned bytes)
{
    u64 value = 0;

    assert_in_range(gpa, ACPI_AT, ACPI_AT + used - bytes);
    memcpy(&value, &tables[gpa - ACPI_AT], bytes);
    return value;
}
static u8 sum(u32 gpa, u32 bytes)
{
    u8 total = 0;

    for (u32 i = 0; i < bytes; i++)
        total += (u8)get(gpa + i, 1);
    return total;
}
static void assert_table(u32 gpa, const char *signature)
{
    assert_memory_equal(&tables[gpa - ACPI_AT], signature, 4);
    assert_int_equal(sum(gpa, (u32)get(gpa + 4, 4)), 0);
}

/* "Package Length Encoding" */
static u32 package_length(u32 *at)
{
    u32 lead = (u32)get(*at, 1), more = lead >> 6, length = more ? lead & 0xf : lead & 0x3f;

    for (u32 i = 0; i < more; i++)
        length |= (u32)get(*at + 1 + i, 1) << (4 + 8 * i);
    *at += 1 + more;
    return length;
}

/* The few terms that the program has; each must end where its package does. */
static u32 term(u32 at)
{
    u32 op = (u32)get(at, 1), start, end;

    switch (op) {
    case 0x00: /* zero */
        return at + 1;
    case 0x0a: /* byte */
        return at + 2;
    case 0x0c: /* double word */
        return at + 5;
    case 0x08: /* name */
        return term(at + 5);
    case 0x11: /* buffer: its size, the bytes */
        start = at + 1;
        at = start;
        end = start + package_length(&at);
        assert_int_equal(get(at, 1), 0x0a);
        assert_int_equal(at + 2 + get(at + 1, 1), end);
        return end;
    case 0x12: /* package: a count, elements */
        start = at + 1;
        at = start;
        end = start + package_length(&at);
        for (at++; at < end;)
            at = term(at);
        assert_int_equal(at, end);
        return end;
    default: /* scope, device */
        assert_true(op == 0x10 || (op == 0x5b && get(at + 1, 1) == 0x82));
        start = at + (op == 0x10 ? 1 : 2);
        at = start;
        end = start + package_length(&at);
        at += get(at, 1) == '\\' ? 5 : 4;
        while (at < end)
            at = term(at);
        assert_int_equal(at, end);
        return end;
    }
}

static void table_chain(void **state)
{
    (void)state;
    memset(tables, 0x55, sizeof(tables));
    used = acpi_build(tables, ACPI_AT, 2);
    assert_in_range(used, 500, ACPI_BYTES);
    assert_memory_equal(tables, "RSD PTR ", 8);
    assert_int_equal(sum(ACPI_AT, 20), 0);
    assert_int_equal(sum(ACPI_AT, 36), 0);
    u32 rsdt = (u32)get(ACPI_AT + 16, 4), xsdt = (u32)get(ACPI_AT + 24, 8);
    assert_table(rsdt, "RSDT");
    assert_table(xsdt, "XSDT");
    u32 fadt = (u32)get(xsdt + 36, 8), madt = (u32)get(xsdt + 44, 8);
    assert_int_equal(get(rsdt + 36, 4), fadt);
    assert_int_equal(get(rsdt + 40, 4), madt);
    assert_table(fadt, "FACP");
    u32 facs = (u32)get(fadt + 36, 4), dsdt = (u32)get(fadt + 40, 4);
    assert_int_equal(get(fadt + 140, 8), dsdt);
    assert_int_equal(facs % 64, 0);
    assert_int_equal(get(facs + 4, 4), 64);
    assert_int_equal(get(fadt + 76, 4), 0x608);
    assert_int_equal(get(fadt + 120, 8), 0xcf9);
    assert_int_equal(get(fadt + 128, 1), 6);
    assert_table(dsdt, "DSDT");
    u32 at = dsdt + 36, end = dsdt + (u32)get(dsdt + 4, 4);
    while (at < end)
        at = term(at);
    assert_int_equal(at, end);
}

static void interrupt_table(void **state)
{
    unsigned seen[5] = {0};

    (void)state;
    used = acpi_build(tables, ACPI_AT, 2);
    u32 madt = (u32)get((u32)get(ACPI_AT + 24, 8) + 44, 8), end = madt + (u32)get(madt + 4, 4);
    assert_table(madt, "APIC");
    assert_int_equal(get(madt + 36, 4), 0xfee00000);
    for (u32 at = madt + 44; at < end; at += (u32)get(at + 1, 1)) {
        assert_true(get(at, 1) < ARRAY_SIZE(seen) && get(at + 1, 1) > 0);
        seen[get(at, 1)]++;
        if (get(at, 1) == 1)
            assert_int_equal(get(at + 4, 4), 0xfec00000);
        if (get(at, 1) == 2 && get(at + 3, 1) == 0)
            assert_int_equal(get(at + 4, 4), 2);
    }
    assert_int_equal(seen[0], 2);
    assert_int_equal(seen[1], 1);
    assert_int_equal(seen[2], 2);
    assert_int_equal(seen[4], 1);
}

static int setup(void **state)
{
    (void)state;
    stub_begin();
    stub_irq_begin();
    assert_int_equal(io_space_init(&stub_domain), 0);
    assert_int_equal(pci_attach(&stub_domain), 0);
    assert_int_equal(acpi_pm_attach(&stub_domain), 0);
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
static void out(u16 port, unsigned size, u32 value)
{
    port_write(&stub_domain, port, size, value);
}
static u32 in(u16 port, unsigned size)
{
    return port_read(&stub_domain, port, size);
}

static void power(void **state)
{
    (void)state;
    assert_int_equal(in(0x604, 2), 1); /* in ACPI mode */
    out(0x604, 2, 5 << 10);
    assert_int_equal(stub_end_reason, END_NONE);
    out(0x604, 2, 3 << 10 | 1 << 13); /* another sleep */
    assert_int_equal(stub_end_reason, END_NONE);
    out(0x604, 2, 5 << 10 | 1 << 13);
    assert_int_equal(stub_end_reason, END_POWEROFF);
    assert_int_equal(stub_ended_with, 0);
}

static void pm_timer(void **state)
{
    u32 start = in(0x608, 4);

    (void)state;
    stub_pass_us(1000000);
    assert_in_range(in(0x608, 4) - start, 3579543, 3579547);
    assert_int_equal(in(0x600, 2), 0);
    out(0x602, 2, 1);
    stub_pass_us(601000000); /* its top bit changes after ten minutes */
    assert_true(stub_line[IRQ_ACPI]);
    assert_int_equal(in(0x600, 2), 1);
    out(0x600, 2, 1);
    assert_false(stub_line[IRQ_ACPI]);
    assert_int_equal(in(0x606, 2), 0xffff);
}

static void configuration(void **state)
{
    (void)state;
    out(0xcf8, 4, 0x80000000);
    assert_int_equal(in(0xcf8, 4), 0x80000000);
    assert_int_equal(in(0xcfc, 4), 0x12378086);
    assert_int_equal(in(0xcfe, 2), 0x1237);
    out(0xcfc, 4, 0);
    assert_int_equal(in(0xcfc, 2), 0x8086);
    out(0xcf8, 4, 0x80000008);
    assert_int_equal(in(0xcfc, 4), 0x06000002);
    out(0xcf8, 4, 0x80000059);
    out(0xcfd, 1, 0x33);
    assert_int_equal(in(0xcfd, 1), 0x33);
    out(0xcf8, 4, 0x80000800); /* device 1 */
    assert_int_equal(in(0xcfc, 4), 0xffffffff);
    out(0xcf8, 4, 0x80010000); /* bus 1 */
    assert_int_equal(in(0xcfc, 2), 0xffff);
    out(0xcf8, 4, 0); /* not enabled */
    assert_int_equal(in(0xcfc, 4), 0xffffffff);
    out(0xcf8, 2, 0x1234); /* narrow: not the address */
    assert_int_equal(in(0xcf8, 4), 0);
    assert_int_equal(stub_end_reason, END_NONE);
}

static void reset(void **state)
{
    (void)state;
    out(0xcf9, 1, 2);
    assert_int_equal(stub_end_reason, END_NONE);
    assert_int_equal(in(0xcf9, 1), 2);
    out(0xcf9, 1, 6);
    assert_int_equal(stub_end_reason, END_REBOOT);
}

static void anything(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 200000; i++) {
        u32 r = stub_random();
        u16 port = (u16)((r & 2 ? 0xcf8 : 0x600) + (r >> 8) % 12);
        if (r & 1)
            out(port, 1u << (r >> 16) % 3, stub_random());
        else
            (void)in(port, 1u << (r >> 16) % 3);
        stub_pass(r >> 28 ? r >> 24 : (u64)stub_random() * 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_chain),
        cmocka_unit_test(interrupt_table),
        cmocka_unit_test_setup_teardown(power, setup, teardown),
        cmocka_unit_test_setup_teardown(pm_timer, setup, teardown),
        cmocka_unit_test_setup_teardown(configuration, setup, teardown),
        cmocka_unit_test_setup_teardown(reset, setup, teardown),
        cmocka_unit_test_setup_teardown(anything, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
