// sources: src/cpu/image/image.c src/cpu/image/image_pvh.c src/cpu/image/image_multiboot.c
// sources: src/cpu/image/image_bzimage.c src/cpu/image/start.c src/core/elf_image.c
// sources: src/core/format.c
/*
 * Linux bzImages: where they are loaded, what the zero page says, and each way of being bad.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../src/cpu/image/image.h"
#include "../../src/cpu/image/start.h"
#include "errno.h"

enum {
    REAL = 5 * 512, /* setup_sects 4 */
    CODE_BYTES = 4096,
    FILE_BYTES = REAL + CODE_BYTES,
    PREFERRED = 0x1000000,
    INIT_SIZE = 0x400000,
    MEM = 64 << 20,
    AT = 0x1000,
};
/* Documentation/arch/x86/boot.rst, offsets in the file. */
enum fields {
    SETUP_SECTS = 0x1f1,
    SYSSIZE = 0x1f4,
    BOOT_FLAG = 0x1fe,
    JUMP = 0x201,
    MAGIC = 0x202,
    VERSION = 0x206,
    LOADER = 0x210,
    LOADFLAGS = 0x211,
    CODE32 = 0x214,
    RAMDISK = 0x218,
    RAMDISK_SIZE = 0x21c,
    CMDLINE = 0x228,
    INITRD_MAX = 0x22c,
    ALIGNMENT = 0x230,
    RELOCATABLE = 0x234,
    CMDLINE_SIZE = 0x238,
    PREF_ADDRESS = 0x258,
    INIT = 0x260,
    AFTER = 0x268,
};

static u8 *file; /* exactly FILE_BYTES long, so that reading past it is seen */
static u8 block[START_BYTES];
static char why[200];

static void put(unsigned at, u64 value, unsigned bytes)
{
    memcpy(file + at, &value, bytes);
}

static int setup(void **state)
{
    (void)state;
    file = calloc(1, FILE_BYTES);
    put(SETUP_SECTS, 4, 1);
    put(SYSSIZE, CODE_BYTES / 16, 4);
    put(BOOT_FLAG, 0xaa55, 2);
    put(JUMP, AFTER - MAGIC, 1);
    memcpy(file + MAGIC, "HdrS", 4);
    put(VERSION, 0x20f, 2);
    put(LOADFLAGS, 0x81, 1);
    put(CODE32, 0x100000, 4);
    put(INITRD_MAX, 0x7fffffff, 4);
    put(ALIGNMENT, 0x200000, 4);
    put(RELOCATABLE, 1, 1);
    put(CMDLINE_SIZE, 100, 4);
    put(PREF_ADDRESS, PREFERRED, 8);
    put(INIT, INIT_SIZE, 4);
    put(AFTER - 1, 0x5a, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(file);
    return 0;
}

static int parse(struct image *image)
{
    why[0] = 0;
    return image_parse(file, FILE_BYTES, image, why, sizeof(why));
}

static void good(void **state)
{
    struct image image;

    (void)state;
    assert_int_equal(parse(&image), 0);
    assert_string_equal(image.format->name, "Linux bzImage");
    assert_int_equal(image.parts, 1);
    assert_ptr_equal(image.part[0].bytes, file + REAL);
    assert_int_equal(image.part[0].filesz, CODE_BYTES);
    assert_int_equal(image.start, PREFERRED);
    assert_int_equal(image.entry, PREFERRED);
    assert_int_equal(image.end, PREFERRED + INIT_SIZE);
    assert_int_equal(image.modules_end, 0x80000000);
    assert_int_equal(image_fits(&image, PREFERRED + INIT_SIZE, why, sizeof(why)), 0);
    assert_int_equal(image_fits(&image, PREFERRED + INIT_SIZE - 4096, why, sizeof(why)), -ENOMEM);
    assert_non_null(strstr(why, "to unpack itself"));
}

static void placing(void **state)
{
    struct image image;

    (void)state;
    put(PREF_ADDRESS, PREFERRED + 1, 8); /* aligned up */
    assert_int_equal(parse(&image), 0);
    assert_int_equal(image.start, PREFERRED + 0x200000);
    put(PREF_ADDRESS, 0, 8); /* never below 1 MiB */
    assert_int_equal(parse(&image), 0);
    assert_int_equal(image.start, 0x200000);
    put(CODE32, 0x100200, 4); /* the entry moves with the image */
    assert_int_equal(parse(&image), 0);
    assert_int_equal(image.entry, 0x200200);
    put(PREF_ADDRESS, PREFERRED, 8);
    put(RELOCATABLE, 0, 1); /* at 1 MiB; what it needs to run is where it prefers to */
    assert_int_equal(parse(&image), 0);
    assert_int_equal(image.start, 0x100000);
    assert_int_equal(image.entry, 0x100200);
    assert_int_equal(image.end, PREFERRED + INIT_SIZE);
    put(INIT, 0, 4);
    put(PREF_ADDRESS, 0, 8);
    assert_int_equal(parse(&image), 0);
    assert_int_equal(image.end, 0x100000 + CODE_BYTES);
    put(SYSSIZE, CODE_BYTES / 16 + 1, 4); /* rounded up, and the file is not padded */
    assert_int_equal(image_parse(file, FILE_BYTES, &image, why, sizeof(why)), -ENOEXEC);
    put(SYSSIZE, CODE_BYTES / 16, 4);
    assert_int_equal(image_parse(file, FILE_BYTES - 15, &image, why, sizeof(why)), 0);
    put(SETUP_SECTS, 0, 1); /* means 4 */
    assert_int_equal(parse(&image), 0);
    assert_ptr_equal(image.part[0].bytes, file + REAL);
}

static void rules(void **state)
{
    static const struct {
        unsigned field, bytes;
        u64 value;
        const char *word;
    } bad[] = {
        {VERSION, 2, 0x209, "boot protocol is 2.09"},
        {LOADFLAGS, 1, 0, "zImage"},
        {JUMP, 1, 0x263 - MAGIC, "setup header ends at 0x263"},
        {JUMP, 1, 0x291 - MAGIC, "setup header ends at 0x291"},
        {SETUP_SECTS, 1, 12, "truncated"},
        {SETUP_SECTS, 1, 255, "truncated"},
        {SYSSIZE, 4, CODE_BYTES / 16 + 1, "truncated"},
        {SYSSIZE, 4, 0xffffffff, "truncated"},
        {ALIGNMENT, 4, 0, "no power of two"},
        {ALIGNMENT, 4, 0x300000, "no power of two"},
        {ALIGNMENT, 4, 0x80000000, "no power of two"},
        {PREF_ADDRESS, 8, 1ULL << 32, "above 4 GiB"},
        {PREF_ADDRESS, 8, 0xfffff000, "outside of its image"},
        {CODE32, 4, 0xfffff, "code32_start 0xfffff, outside of its image"},
        {CODE32, 4, 0x100000 + CODE_BYTES, "outside of its image"},
        {CODE32, 4, 0xffffffff, "outside of its image"},
        {MAGIC, 1, 'X', "not an ELF file"},
        {BOOT_FLAG, 1, 0, "not an ELF file"},
    };
    struct image image;

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        u64 before = 0;

        memcpy(&before, file + bad[i].field, bad[i].bytes);
        put(bad[i].field, bad[i].value, bad[i].bytes);
        assert_int_equal(parse(&image), -ENOEXEC);
        if (!strstr(why, bad[i].word))
            fail_msg("expected `%s` in: %s", bad[i].word, why);
        put(bad[i].field, before, bad[i].bytes);
        assert_int_equal(parse(&image), 0);
    }
}

static struct start day(const char *line)
{
    memset(block, 0, sizeof(block));
    return (struct start){.at = AT,
                          .mem_bytes = MEM,
                          .cmdline = line,
                          .rsdp = 0xe0000,
                          .block = block,
                          .modules = 1,
                          .module = {{0x3f00000, 0x1234, ""}}};
}

static u32 word(u32 at)
{
    u32 value;

    memcpy(&value, block + at, sizeof(value));
    return value;
}

static void zero_page(void **state)
{
    struct start start = day("console=ttyS0");
    struct image image;

    (void)state;
    assert_int_equal(parse(&image), 0);
    start_common(&start);
    assert_int_equal(image.format->start(&image, &start, why, sizeof(why)), 0);
    assert_int_equal(start.esi, AT);
    assert_int_equal(start.ebx, 0);
    assert_memory_equal(block + MAGIC, "HdrS", 4);
    assert_int_equal(block[AFTER - 1], 0x5a); /* the last byte of the header */
    assert_int_equal(block[LOADER], 0xff);
    assert_int_equal(block[LOADFLAGS], 1); /* no heap */
    assert_int_equal(word(CODE32), PREFERRED);
    assert_int_equal(word(RAMDISK), 0x3f00000);
    assert_int_equal(word(RAMDISK_SIZE), 0x1234);
    assert_string_equal(block + word(CMDLINE) - AT, "console=ttyS0");
    assert_int_equal(block[0x1e8], 4);
    assert_int_equal(word(0x2d0 + 2 * 20), 0x100000);
    assert_int_equal(word(0x2d0 + 2 * 20 + 8), MEM - 0x100000);
    assert_int_equal(word(0x2d0 + 2 * 20 + 16), 1);
    assert_int_equal(word(0x1e0), (MEM - 0x100000) >> 10);
    assert_int_equal(word(0x70), 0xe0000);
    assert_int_equal(word(0x1ec), 0);
    start.modules = 0;
    assert_int_equal(image.format->start(&image, &start, why, sizeof(why)), 0);
    assert_int_equal(word(RAMDISK), 0);
    assert_int_equal(word(RAMDISK_SIZE), 0);
}

static void command_line(void **state)
{
    struct image image;
    char line[102] = "";
    struct start start = day(line);

    (void)state;
    memset(line, 'x', sizeof(line));
    line[101] = 0;
    assert_int_equal(parse(&image), 0);
    assert_int_equal(image.format->start(&image, &start, why, sizeof(why)), -EINVAL);
    assert_non_null(strstr(why, "more than the 100 bytes"));
    line[100] = 0;
    assert_int_equal(image.format->start(&image, &start, why, sizeof(why)), 0);
}

static void every_byte_wrong(void **state)
{
    static const u8 value[] = {0, 1, 0x7f, 0x80, 0xff};
    struct start start = day("line");
    struct image image;

    (void)state;
    for (size_t at = SETUP_SECTS; at < AFTER; at++)
        for (size_t k = 0; k < sizeof(value); k++) {
            u8 old = file[at];
            file[at] = value[k];
            if (parse(&image) == 0) {
                assert_true(image.part[0].bytes >= file &&
                            image.part[0].bytes + image.part[0].filesz <= file + FILE_BYTES);
                assert_true(image_contains(&image, image.entry));
                assert_true(image.start >= 0x100000 && image.end > image.start);
                image.format->start(&image, &start, why, sizeof(why));
            }
            file[at] = old;
        }
}

static void every_length(void **state)
{
    (void)state;
    for (size_t n = 0; n < FILE_BYTES - 15; n++) {
        u8 *copy = malloc(n ? n : 1);
        struct image image;
        memcpy(copy, file, n);
        assert_int_equal(image_parse(copy, n, &image, why, sizeof(why)), -ENOEXEC);
        free(copy);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(good),         TEST(placing),          TEST(rules),        TEST(zero_page),
        TEST(command_line), TEST(every_byte_wrong), TEST(every_length),
    };
    return cmocka_run_group_tests_name("image_bzimage", tests, NULL, NULL);
}
