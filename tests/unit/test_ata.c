// sources: src/io/ata.c src/io/io_space.c src/core/timer.c
// sources: tests/unit/stub_devices.c tests/unit/stub_irq.c
/*
 * The ATA disk: identification, sectors read and written by both addressings, interrupts, errors;
 * and any access in any order, with guards around the image.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "boot.h"
#include "devices.h"
#include "port.h"
#include "stub_devices.h"
#include "stub_irq.h"

enum { DATA = 0x1f0, ERROR, COUNT, LOW, MID, HIGH, DEVICE, COMMAND, CONTROL = 0x3f6 };
enum { READY = 0x50, DRQ = 0x58, FAILED = 0x51, SECTORS = 3000, GUARD = 512, GUARD_BYTE = 0x5a };

static u8 memory[GUARD + SECTORS * 512 + GUARD];
static u8 *const image = memory + GUARD;
u8 *host_machine_memory = memory;
static struct module module;

static void out(u16 port, u8 value)
{
    port_write(&stub_domain, port, 1, value);
}
static u8 in(u16 port)
{
    return (u8)port_read(&stub_domain, port, 1);
}
static void command(u8 what, u32 lba, u8 count)
{
    out(DEVICE, (u8)(0xe0 | lba >> 24));
    out(COUNT, count);
    out(LOW, (u8)lba);
    out(MID, (u8)(lba >> 8));
    out(HIGH, (u8)(lba >> 16));
    out(COMMAND, what);
}
static void read_words(u16 *to)
{
    for (unsigned i = 0; i < 256; i++)
        to[i] = (u16)port_read(&stub_domain, DATA, 2);
}

static int setup(void **state)
{
    (void)state;
    stub_begin();
    stub_irq_begin();
    memset(memory, GUARD_BYTE, sizeof(memory));
    for (u32 i = 0; i < SECTORS * 512; i++)
        image[i] = (u8)(i / 512 + i);
    module.start = va_to_mpa(image).v;
    module.end = module.start + SECTORS * 512 + 100; /* no whole sector at its end */
    stub_domain.disk = &module;
    assert_int_equal(io_space_init(&stub_domain), 0);
    assert_int_equal(ata_attach(&stub_domain), 0);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    io_space_destroy(&stub_domain);
    assert_int_equal(stub_domain.overhead_bytes, 0);
    for (unsigned i = 0; i < GUARD; i++) {
        assert_int_equal(memory[i], GUARD_BYTE);
        assert_int_equal(image[SECTORS * 512 + i], GUARD_BYTE);
    }
    return 0;
}

static void identify(void **state)
{
    u16 id[256];

    (void)state;
    assert_int_equal(in(COMMAND), READY);
    command(0xec, 0, 0);
    assert_true(stub_line[IRQ_ATA]);
    assert_int_equal(in(CONTROL), DRQ); /* the alternate status leaves the interrupt alone */
    assert_true(stub_line[IRQ_ATA]);
    assert_int_equal(in(COMMAND), DRQ);
    assert_false(stub_line[IRQ_ATA]);
    read_words(id);
    assert_int_equal(in(COMMAND), READY);
    assert_int_equal(id[60] | id[61] << 16, SECTORS);
    assert_int_equal(id[49] & 0x200, 0x200);
    assert_int_equal(id[27], 'T' << 8 | 'r');
    assert_int_equal(id[1] * id[3] * id[6], 2 * 16 * 63);
}

static void reads(void **state)
{
    u16 words[256];

    (void)state;
    command(0x20, 1234, 2);
    assert_int_equal(in(COMMAND), DRQ);
    read_words(words);
    assert_memory_equal(words, image + 1234 * 512, 512);
    assert_true(stub_line[IRQ_ATA]); /* the next sector */
    assert_int_equal(in(COMMAND), DRQ);
    for (unsigned i = 0; i < 128; i++) {
        u32 value = port_read(&stub_domain, DATA, 4);
        assert_memory_equal(&value, image + 1235 * 512 + 4 * i, 4);
    }
    assert_int_equal(in(COMMAND), READY);
    assert_false(stub_line[IRQ_ATA]);
    assert_int_equal(port_read(&stub_domain, DATA, 2), 0); /* nothing is there */
    out(DEVICE, 0xa2);                                     /* cylinder 1, head 2, sector 3 */
    out(COUNT, 1);
    out(LOW, 3);
    out(MID, 1);
    out(HIGH, 0);
    out(COMMAND, 0x21);
    read_words(words);
    assert_memory_equal(words, image + ((16 + 2) * 63 + 2) * 512, 512);
    command(0x20, 100, 0); /* 256 sectors */
    for (unsigned i = 0; i < 256; i++) {
        assert_int_equal(in(COMMAND), DRQ);
        read_words(words);
    }
    assert_int_equal(in(COMMAND), READY);
}

static void writes(void **state)
{
    (void)state;
    command(0x30, 77, 2);
    assert_false(stub_line[IRQ_ATA]);
    assert_int_equal(in(COMMAND), DRQ);
    for (unsigned i = 0; i < 256; i++) {
        assert_int_equal(image[77 * 512], 77); /* a sector is written whole */
        port_write(&stub_domain, DATA, 2, 0xbbaa);
    }
    assert_int_equal(image[77 * 512], 0xaa);
    assert_int_equal(image[77 * 512 + 511], 0xbb);
    assert_true(stub_line[IRQ_ATA]);
    for (unsigned i = 0; i < 512; i++)
        out(DATA, 0xcc);
    assert_int_equal(image[78 * 512 + 5], 0xcc);
    assert_int_equal(in(COMMAND), READY);
    assert_int_equal(image[79 * 512], 79);
}

static void errors(void **state)
{
    u16 words[256];

    (void)state;
    command(0x20, SECTORS, 1);
    assert_int_equal(in(COMMAND), FAILED);
    assert_int_equal(in(ERROR), 0x10);
    command(0x20, SECTORS - 1, 2);
    assert_int_equal(in(COMMAND), DRQ);
    read_words(words);
    assert_int_equal(in(COMMAND), FAILED);
    command(0x30, 0xfffffff, 1);
    assert_int_equal(in(COMMAND), FAILED);
    command(0xc8, 0, 1); /* DMA */
    assert_int_equal(in(ERROR), 0x04);
    command(0x40, SECTORS - 2, 3);
    assert_int_equal(in(COMMAND), FAILED);
    command(0x40, SECTORS - 2, 2);
    assert_int_equal(in(COMMAND), READY);
    out(DEVICE, 0xf0); /* nobody */
    assert_int_equal(in(COMMAND), 0);
    out(COMMAND, 0xec);
    assert_int_equal(in(COMMAND), 0);
    out(DEVICE, 0xe0);
    command(0x20, 0, 1);
    out(CONTROL, 6); /* reset while data waits, interrupts off */
    out(CONTROL, 2);
    assert_int_equal(in(COMMAND), READY);
    assert_int_equal(in(ERROR), 1);
    assert_int_equal(in(MID) | in(HIGH), 0);
    command(0xe7, 0, 0);
    assert_false(stub_line[IRQ_ATA]);
}

static void no_disk(void **state)
{
    (void)state;
    io_space_destroy(&stub_domain);
    stub_domain.disk = NULL;
    assert_int_equal(io_space_init(&stub_domain), 0);
    assert_int_equal(ata_attach(&stub_domain), 0);
    assert_int_equal(in(COMMAND), 0xff);
}

static void anything(void **state)
{
    static const u8 commands[] = {0x20, 0x30, 0x40, 0xec, 0x90};

    (void)state;
    for (unsigned i = 0; i < 400000; i++) {
        u32 r = stub_random();
        u16 port = (u16)(r & 0x100 ? DATA + (r >> 9) % 8 : r & 0x200 ? DATA : CONTROL);
        if (r % 64 == 0)
            command(commands[(r >> 12) % sizeof(commands)], stub_random() % (SECTORS + 20),
                    (u8)(r >> 20 & 3));
        else if (r & 1)
            port_write(&stub_domain, port, 1u << (r >> 16) % 3, stub_random());
        else
            (void)port_read(&stub_domain, port, 1u << (r >> 16) % 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(identify, setup, teardown),
        cmocka_unit_test_setup_teardown(reads, setup, teardown),
        cmocka_unit_test_setup_teardown(writes, setup, teardown),
        cmocka_unit_test_setup_teardown(errors, setup, teardown),
        cmocka_unit_test_setup_teardown(no_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(anything, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
