// sources: src/core/command_line.c src/core/format.c
/*
 * Command lines: a domain's configuration, and options of the hypervisor's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "boot_steps.h"
#include "config.h"
#include "errno.h"

static struct domain_config c;
static char why[200];

static void defaults(void **state)
{
    (void)state;
    assert_int_equal(config_parse("", &c, why, sizeof(why)), 0);
    assert_int_equal(c.mem_bytes, 32 << 20);
    assert_int_equal(c.vcpus, 1);
    assert_int_equal(c.start_at, 0);
    assert_int_equal(c.life_ms, 0);
    assert_false(c.eager || c.small_pages || c.restart);
    assert_string_equal(c.args, "");
}

static void everything(void **state)
{
    (void)state;
    assert_int_equal(
        config_parse("/boot/x.elf name=walk mem=192M vcpus=1 weight=512 populate=eager "
                     "pages=4k on_crash=restart shadow=256 with=compute start_at=0x9f000 "
                     "life_ms=3600000 -- seed=4 name=no",
                     &c, why, sizeof(why)),
        0);
    assert_string_equal(c.name, "walk");
    assert_string_equal(c.with, "compute");
    assert_string_equal(c.args, "seed=4 name=no");
    assert_int_equal(c.mem_bytes, 192 << 20);
    assert_int_equal(c.weight, 512);
    assert_int_equal(c.shadow_bytes, 256 << 10);
    assert_int_equal(c.start_at, 0x9f000);
    assert_int_equal(c.life_ms, 3600000);
    assert_true(c.eager && c.small_pages && c.restart);
}

/* A page that a start-up message can name: vectors 1 to 0xff. */
static void start_at(void **state)
{
    static const char *const bad[] = {"start_at=",         "start_at=0",
                                      "start_at=0x0",      "start_at=0x",
                                      "start_at=0x8g00",   "start_at=0x8001",
                                      "start_at=8000",     "start_at=0X8000",
                                      "start_at=0x100000", "start_at=1M",
                                      "start_at=1f000",    "start_at=-4096",
                                      "start_at=0x8000h",  "start_at=0x10000000000001000"};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
        if (config_parse(bad[i], &c, why, sizeof(why)) != -EINVAL)
            fail_msg("accepted: %s", bad[i]);
    assert_int_equal(config_parse("start_at=0x1000", &c, why, sizeof(why)), 0);
    assert_int_equal(c.start_at, 0x1000);
    assert_int_equal(config_parse("start_at=0xff000", &c, why, sizeof(why)), 0);
    assert_int_equal(c.start_at, 0xff000);
    assert_int_equal(config_parse("start_at=32K", &c, why, sizeof(why)), 0);
    assert_int_equal(c.start_at, 0x8000);
}

static void bad_words(void **state)
{
    static const char *const bad[] = {
        "mem=",
        "mem=0",
        "mem=12",
        "mem=4097",
        "mem=0xg",
        "mem=99999999999999999999",
        "mem=-1M",
        "mem=1T",
        "mem=18446744073709551615G",
        "vcpus=0",
        "vcpus=2",
        "weight=0",
        "weight=70000",
        "shadow=0",
        "shadow=99999999999",
        "populate=maybe",
        "pages=1g",
        "on_crash=",
        "name=a/b",
        "name=abcdefghijklmnopqrstuvwxyz",
        "colour=red",
        "name="
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        why[0] = 0;
        if (config_parse(bad[i], &c, why, sizeof(why)) != -EINVAL || !why[0])
            fail_msg("accepted: %s", bad[i]);
    }
}

static void options(void **state)
{
    char v[8];

    (void)state;
    assert_true(command_line_option("a=1 domains=serial b=2", "domains", v, sizeof(v)));
    assert_string_equal(v, "serial");
    assert_false(command_line_option("xdomains=1 domains", "domains", v, sizeof(v)));
    assert_false(command_line_option("a=1 -- domains=x", "domains", v, sizeof(v)));
    assert_true(command_line_option("k=0123456789", "k", v, sizeof(v)));
    assert_string_equal(v, "0123456");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),  cmocka_unit_test(everything), cmocka_unit_test(start_at),
        cmocka_unit_test(bad_words), cmocka_unit_test(options),
    };
    return cmocka_run_group_tests_name("command_line", tests, NULL, NULL);
}
