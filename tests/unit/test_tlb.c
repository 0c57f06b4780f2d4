// sources: src/core/tlb.c
/*
 * The bookkeeping of stale translations: what leaves the set by which flush, and what happens if a
 * frame changes hands too early.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "log.h"
#include "tlb.h"

enum { STALE_SET = 512 }; /* as tlb.c has it */

static const mfn_t root_a = {0x100}, root_b = {0x200}, frame = {0x300}, other = {0x301};
static unsigned hw_page, hw_root, hw_all;
static jmp_buf panicked;

void tlb_hw_flush_page(mfn_t root, u64 gva)
{
    (void)root;
    (void)gva;
    hw_page++;
}
void tlb_hw_flush_root(mfn_t root)
{
    (void)root;
    hw_root++;
}
void tlb_hw_flush_all(void)
{
    hw_all++;
}

void panic(const char *format, ...)
{
    (void)format;
    longjmp(panicked, 1);
}

/* Whether the assertion lets the frame go. */
static bool is_gone(mfn_t f)
{
    if (setjmp(panicked))
        return false;
    tlb_assert_gone(f);
    return true;
}

static int empty(void **state)
{
    (void)state;
    tlb_flush_all();
    hw_page = hw_root = hw_all = 0;
    return 0;
}

static void nothing_is_stale(void **state)
{
    (void)state;
    assert_true(is_gone(frame));
}

static void page_flush(void **state)
{
    (void)state;
    tlb_note_stale(root_a, 0x5000, frame);
    assert_false(is_gone(frame));
    assert_true(is_gone(other));
    tlb_flush_page(root_a, 0x6000); /* another page */
    assert_false(is_gone(frame));
    tlb_flush_page(root_b, 0x5000); /* another root */
    assert_false(is_gone(frame));
    tlb_flush_page(root_a, 0x5fff); /* anywhere in the page */
    assert_true(is_gone(frame));
    assert_int_equal(hw_page, 3);
}

static void root_flush(void **state)
{
    (void)state;
    tlb_note_stale(root_a, 0x5000, frame);
    tlb_note_stale(root_a, TLB_ANY_GVA, other);
    tlb_flush_root(root_b);
    assert_false(is_gone(frame));
    tlb_flush_root(root_a);
    assert_true(is_gone(frame));
    assert_true(is_gone(other));
    assert_int_equal(hw_root, 2);
}

/* Where the address, or the root, is not known, only the wider flush will do. */
static void unknown_places(void **state)
{
    (void)state;
    tlb_note_stale(root_a, TLB_ANY_GVA, frame);
    tlb_flush_page(root_a, 0x5000);
    assert_false(is_gone(frame));
    tlb_flush_root(root_a);
    assert_true(is_gone(frame));
    tlb_note_stale(TLB_ANY_ROOT, 0x5000, frame);
    tlb_flush_root(root_a);
    tlb_flush_page(root_a, 0x5000);
    assert_false(is_gone(frame));
    tlb_flush_all();
    assert_true(is_gone(frame));
}

/* Each of two translations to the frame has to go. */
static void two_translations(void **state)
{
    (void)state;
    tlb_note_stale(root_a, 0x5000, frame);
    tlb_note_stale(root_b, 0x7000, frame);
    tlb_flush_page(root_a, 0x5000);
    assert_false(is_gone(frame));
    tlb_flush_page(root_b, 0x7000);
    assert_true(is_gone(frame));
}

/* A full set is no excuse to forget: everything is flushed. */
static void full_set(void **state)
{
    (void)state;
    for (unsigned i = 0; i < STALE_SET; i++)
        tlb_note_stale(root_a, (u64)i << PAGE_SHIFT, frame);
    assert_int_equal(hw_all, 0);
    tlb_note_stale(root_a, 0, other);
    assert_int_equal(hw_all, 1);
    assert_true(is_gone(frame));
    assert_false(is_gone(other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_is_stale, empty),
        cmocka_unit_test_setup(page_flush, empty),
        cmocka_unit_test_setup(root_flush, empty),
        cmocka_unit_test_setup(unknown_places, empty),
        cmocka_unit_test_setup(two_translations, empty),
        cmocka_unit_test_setup(full_set, empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
