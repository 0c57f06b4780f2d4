// sources: src/core/frame.c src/core/heap.c tests/unit/stub_panic.c
// sources: tests/unit/stub_tlb.c tests/unit/stub_machine.c
/*
 * The frame allocator: what it hands out is cleared, aligned, never handed out twice, and all of it
 * comes back together.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "domain.h"
#include "frame.h"
#include "frame_setup.h"
#include "layout.h"
#include "stub_machine.h"

enum { FRAMES = 4096, HOLE_START = 700, HOLE_END = 800 };
enum { USABLE = FRAMES - 1 - (HOLE_END - HOLE_START) };

u8 *host_machine_memory;
static void *table;

static int setup(void **state)
{
    (void)state;
    host_machine_memory = aligned_alloc(PAGE_SIZE, (size_t)FRAMES * PAGE_SIZE);
    memset(host_machine_memory, 0xa5, (size_t)FRAMES * PAGE_SIZE);
    table = malloc(frame_table_bytes(FRAMES));
    frame_table_init(table, FRAMES);
    frame_table_add_ram(0, HOLE_START);
    frame_table_add_ram(HOLE_END, FRAMES);
    frame_table_release(0, HOLE_START);
    frame_table_release(HOLE_END, FRAMES);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unsigned bad = frame_check();
    free(host_machine_memory);
    free(table);
    assert_int_equal(bad, 0);
    return 0;
}

static bool is_clear(const struct frame *f, unsigned order)
{
    const u8 *p = mfn_to_va(frame_mfn(f));

    for (size_t i = 0; i < (size_t)PAGE_SIZE << order; i++)
        if (p[i])
            return false;
    return true;
}

static void every_frame_once(void **state)
{
    static struct frame *got[FRAMES];
    static bool seen[FRAMES];
    u32 n = 0;

    (void)state;
    memset(seen, 0, sizeof(seen));
    assert_int_equal(frame_free_count(), USABLE);
    while ((got[n] = frame_alloc(7))) {
        u64 m = frame_mfn(got[n]).v;
        assert_true(m > 0 && m < FRAMES && !(m >= HOLE_START && m < HOLE_END));
        assert_false(seen[m]);
        seen[m] = true;
        assert_int_equal(got[n]->owner, 7);
        assert_int_equal(got[n]->refs, 1);
        assert_true(is_clear(got[n], 0));
        memset(mfn_to_va(frame_mfn(got[n])), 0xff, PAGE_SIZE);
        n++;
    }
    assert_int_equal(n, USABLE);
    assert_int_equal(frame_free_count(), 0);
    while (n)
        frame_put(got[--n]);
    assert_int_equal(frame_free_count(), USABLE);
}

static void blocks_merge_again(void **state)
{
    struct frame *f[8];

    every_frame_once(state);
    for (unsigned i = 0; i < 6; i++) {
        f[i] = frame_alloc_order(DOMID_HYPERVISOR, 9);
        assert_non_null(f[i]);
        assert_int_equal(frame_mfn(f[i]).v % 512, 0);
        assert_true(is_clear(f[i], 9));
    }
    assert_null(frame_alloc_order(DOMID_HYPERVISOR, 9));
    for (unsigned i = 0; i < 6; i++)
        for (unsigned k = 0; k < 512; k++)
            frame_put(f[i] + k);
    assert_int_equal(frame_free_count(), USABLE);
}

static void used_frames_are_cleared_for_the_next(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        struct frame *f = frame_alloc((u16)(i % 5));
        assert_true(is_clear(f, 0));
        memset(mfn_to_va(frame_mfn(f)), (int)i | 1, PAGE_SIZE);
        frame_put(f);
    }
}

static void scrub_counts_what_it_cleared(void **state)
{
    (void)state;
    u64 done = frame_scrub(100);
    assert_true(done >= 100);
    assert_int_equal(frame_free_count(), USABLE);
    while (frame_scrub(1024))
        ;
    assert_int_equal(frame_scrub(1), 0);
    struct frame *f = frame_alloc(1);
    assert_true(is_clear(f, 0));
    frame_put(f);
}

/* Those below a limit, each once, cleared or not, and then none. */
static void below_a_limit(void **state)
{
    enum { LIMIT = 64, BEFORE = 32 };
    static struct frame *got[LIMIT];
    unsigned n = 0;

    (void)state;
    frame_scrub(BEFORE);
    while ((got[n] = frame_alloc_order_below(7, 0, LIMIT))) {
        assert_in_range(frame_mfn(got[n]).v, 1, LIMIT - 1);
        assert_true(is_clear(got[n], 0));
        memset(mfn_to_va(frame_mfn(got[n])), 0xff, PAGE_SIZE);
        n++;
    }
    assert_int_equal(n, LIMIT - 1);
    assert_null(frame_alloc_order_below(7, 6, LIMIT + LIMIT - 1));
    while (n)
        frame_put(got[--n]);
    assert_int_equal(frame_free_count(), USABLE);
}

static void references_keep_a_frame(void **state)
{
    (void)state;
    struct frame *f = frame_alloc(3);
    assert_true(frame_get(f));
    frame_put(f);
    assert_int_equal(f->owner, 3);
    frame_put(f);
    assert_int_equal(f->owner, DOMID_NONE);
    f = frame_alloc(3);
    f->refs = ~0u;
    assert_false(frame_get(f));
    f->refs = 1;
    frame_put(f);
}

static void no_record_outside_ram(void **state)
{
    (void)state;
    assert_null(frame_of(mfn_of(FRAMES)));
    assert_null(frame_of(mfn_of(~0ULL)));
    assert_null(frame_of(mfn_of(HOLE_START)));
    assert_null(frame_of(mfn_of(HOLE_END - 1)));
    assert_non_null(frame_of(mfn_of(HOLE_END)));
}

static void random_blocks(void **state)
{
    struct {
        struct frame *f;
        unsigned order;
    } held[64] = {{0}};
    u32 seed = 12345;

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        seed = seed * 1664525 + 1013904223;
        unsigned k = seed >> 26;
        if (held[k].f) {
            for (unsigned n = 0; n < 1u << held[k].order; n++)
                frame_put(held[k].f + n);
            held[k].f = NULL;
        } else {
            held[k].order = (seed >> 10) % 6;
            held[k].f = frame_alloc_order((u16)k, held[k].order);
            if (held[k].f)
                assert_int_equal(frame_mfn(held[k].f).v & ((1u << held[k].order) - 1), 0);
        }
        if (i % 7 == 0)
            frame_scrub(seed % 50);
    }
    for (unsigned k = 0; k < 64; k++)
        for (unsigned n = 0; held[k].f && n < 1u << held[k].order; n++)
            frame_put(held[k].f + n);
    assert_int_equal(frame_free_count(), USABLE);
    blocks_merge_again(state);
}

static void check_sees_what_is_wrong(void **state)
{
    (void)state;
    struct frame *f = frame_alloc(3);
    assert_int_equal(frame_check(), 0);
    domains_that_exist = ~8ULL;
    assert_int_equal(frame_check(), 1);
    domains_that_exist = ~0ULL;
    f->refs = 0;
    assert_int_equal(frame_check(), 1);
    f->refs = 1;
    f->owner = DOMID_NONE;
    assert_int_equal(frame_check(), 1);
    f->owner = 3;
    frame_put(f);
}

static void heap_objects_are_apart(void **state)
{
    static const size_t size[] = {1, 16, 17, 100, 512, 2048, 2049, 4096};
    struct domain *d = calloc(1, sizeof(*d));
    u8 *p[ARRAY_SIZE(size)][4];

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(size); i++)
        for (unsigned k = 0; k < 4; k++) {
            p[i][k] = hv_alloc(d, size[i]);
            for (size_t n = 0; n < size[i]; n++)
                assert_int_equal(p[i][k][n], 0);
            memset(p[i][k], (int)(i * 4 + k + 1), size[i]);
        }
    for (unsigned i = 0; i < ARRAY_SIZE(size); i++)
        for (unsigned k = 0; k < 4; k++) {
            for (size_t n = 0; n < size[i]; n++)
                assert_int_equal(p[i][k][n], i * 4 + k + 1);
            hv_free(d, p[i][k], size[i]);
        }
    assert_int_equal(d->overhead_bytes, 0);
    free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_frame_once, setup, teardown),
        cmocka_unit_test_setup_teardown(blocks_merge_again, setup, teardown),
        cmocka_unit_test_setup_teardown(used_frames_are_cleared_for_the_next, setup, teardown),
        cmocka_unit_test_setup_teardown(scrub_counts_what_it_cleared, setup, teardown),
        cmocka_unit_test_setup_teardown(below_a_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(references_keep_a_frame, setup, teardown),
        cmocka_unit_test_setup_teardown(no_record_outside_ram, setup, teardown),
        cmocka_unit_test_setup_teardown(random_blocks, setup, teardown),
        cmocka_unit_test_setup_teardown(check_sees_what_is_wrong, setup, teardown),
        cmocka_unit_test_setup_teardown(heap_objects_are_apart, setup, teardown),
    };
    return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
