// sources: src/cpu/mtrr.c
/*
 * The memory-type range registers: what is there, what can be written, and that the state at the
 * start is one that a kernel accepts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "mtrr.h"

enum { CAP = 0xfe, BASE0 = 0x200, MASK0 = 0x201, FIX64K = 0x250, FIX4K = 0x268, DEF = 0x2ff };
enum { WIDTH = 40 };

static struct mtrr m;

static u64 read(u32 msr)
{
    u64 value = 0x5a5a;

    assert_true(mtrr_read(&m, msr, &value));
    return value;
}

static bool write(u32 msr, u64 value)
{
    u64 before = read(msr);
    bool done = mtrr_write(&m, msr, value, WIDTH);

    assert_int_equal(read(msr), done ? value : before);
    return done;
}

static void which_there_are(void **state)
{
    u64 value;
    unsigned n = 0;

    (void)state;
    mtrr_init(&m, WIDTH);
    for (u32 msr = 0; msr < 0x1000; msr++)
        n += mtrr_read(&m, msr, &value);
    assert_int_equal(n, 1 + 16 + 11 + 1);
    assert_false(mtrr_read(&m, 0xc0000200, &value));
    assert_int_equal(read(CAP), 0x508);
    assert_false(mtrr_write(&m, CAP, 0x508, WIDTH));
    assert_false(mtrr_write(&m, 0x210, 0, WIDTH));
}

/* What a kernel checks: masks whose ones are contiguous, bases that are multiples. */
static void at_the_start(void **state)
{
    unsigned used = 0;

    (void)state;
    mtrr_init(&m, WIDTH);
    assert_int_equal(read(DEF), 0xc06);
    for (u32 msr = BASE0; msr < BASE0 + 16; msr += 2) {
        u64 base = read(msr), mask = read(msr + 1);
        assert_true(mtrr_write(&m, msr, base, WIDTH) && mtrr_write(&m, msr + 1, mask, WIDTH));
        if (!(mask & 0x800))
            continue;
        u64 size = ~(mask & ~0xfffULL) + 1;
        size &= (1ULL << WIDTH) - 1;
        assert_int_equal(size & (size - 1), 0);
        assert_int_equal(base & (size - 1), 0);
        used++;
    }
    assert_int_equal(used, 2);
    assert_int_equal(read(FIX64K), 0x0606060606060606ULL);
    assert_int_equal(read(0x259), 0);
}

static void what_is_refused(void **state)
{
    (void)state;
    mtrr_init(&m, WIDTH);
    for (u64 type = 0; type < 256; type++) {
        bool good = type == 0 || type == 1 || type == 4 || type == 5 || type == 6;
        assert_int_equal(write(DEF, 0x800 | type), good);
        assert_int_equal(write(BASE0 + 4, 0x1000 | type), good);
        assert_int_equal(write(FIX4K + 7, type << 56 | type), good);
        assert_int_equal(write(FIX64K, type << 24), good);
    }
    for (unsigned bit = 8; bit < 64; bit++) {
        u64 value = 1ULL << bit;
        assert_int_equal(write(DEF, value), bit == 10 || bit == 11);
        assert_int_equal(write(BASE0 + 2, value), bit >= 12 && bit < WIDTH);
        assert_int_equal(write(MASK0 + 2, value), bit >= 11 && bit < WIDTH);
    }
    for (unsigned bit = 0; bit < 8; bit++)
        assert_false(write(MASK0, 1ULL << bit | 0x800));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(which_there_are),
        cmocka_unit_test(at_the_start),
        cmocka_unit_test(what_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
