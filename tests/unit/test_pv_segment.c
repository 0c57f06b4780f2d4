// sources: src/pv/segment.c src/pv/time_scale.c
/*
 * What descriptors a guest may have, and the scale of its clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "errno.h"

#include "../../src/pv/segment.h"
#include "../../src/pv/time_scale.h"

static void code_and_data_become_level_3(void **state)
{
    (void)state;
    static const struct {
        u64 given, made;
    } cases[] = {
        {0, 0},
        {0x00cff3000000ffffULL, 0x00cff3000000ffffULL}, /* data, 3 */
        {0x00cf93000000ffffULL, 0x00cff3000000ffffULL}, /* data, 0 */
        {0x00af9b000000ffffULL, 0x00affb000000ffffULL}, /* 64-bit code, 0 */
        {0x00afbb000000ffffULL, 0x00affb000000ffffULL}, /* 1 */
        {0x00af1b000000ffffULL, 0x00af1b000000ffffULL}, /* not present */
        {0x00000e0000080000ULL, 0x00000e0000080000ULL}, /* a gate that is not present */
        {0x0000800000000000ULL, 0x0000800000000000ULL}, /* of type 0: nothing */
        {0x0000e00000000000ULL, 0x0000e00000000000ULL},
        {0x0000ec00e0331234ULL, 0x00008c00e0331234ULL}, /* call gates: nobody's */
        {0x00008c0000081234ULL, 0x00008c00000b1234ULL},
        {0x0000cc00fffc1234ULL, 0x00008c00ffff1234ULL}, /* into the LDT */
    };

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        u64 d = cases[i].given;
        assert_true(segment_descriptor_adjust(&d));
        assert_true(d == cases[i].made);
    }
}

/* Present system segments and gates of every type and level but the two that are harmless; a call
 * gate to the hypervisor's code, and one with bits that are to be 0. */
static void system_descriptors_are_refused(void **state)
{
    (void)state;
    u64 page[PT_ENTRIES];

    assert_false(segment_descriptor_adjust(&(u64){0x0000ec00e0081234ULL}));
    assert_false(segment_descriptor_adjust(&(u64){0x0000ec01e0331234ULL}));
    for (u64 type = 0; type < 16; type++)
        for (u64 dpl = 0; dpl < 4; dpl++) {
            if (type == 0 || type == 12)
                continue;
            u64 d = 1ULL << 47 | dpl << 45 | type << 40 | 0xffff;
            assert_false(segment_descriptor_adjust(&(u64){d}));
            memset(page, 0, sizeof(page));
            page[PT_ENTRIES - 1] = d;
            assert_int_equal(segment_page_adjust(page), -EINVAL);
        }
    memset(page, 0, sizeof(page));
    page[7] = 0x00cf93000000ffffULL;
    assert_int_equal(segment_page_adjust(page), 0);
    assert_true(page[7] == 0x00cff3000000ffffULL);
}

static u64 nanoseconds(struct time_scale s, u64 ticks)
{
    ticks = s.shift < 0 ? ticks >> -s.shift : ticks << s.shift;
    return (u64)((unsigned __int128)ticks * s.mul >> 32);
}

static void scale_is_exact_enough(void **state)
{
    (void)state;
    static const u64 khz[] = {1000, 50000, 999999, 1000000, 1000001, 2600000, 5240000};

    for (unsigned i = 0; i < ARRAY_SIZE(khz); i++) {
        struct time_scale s = time_scale_of(khz[i]);
        u64 second = nanoseconds(s, khz[i] * 1000);
        assert_in_range(second, 1000000000 - 20, 1000000000 + 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(code_and_data_become_level_3),
        cmocka_unit_test(system_descriptors_are_refused),
        cmocka_unit_test(scale_is_exact_enough),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
