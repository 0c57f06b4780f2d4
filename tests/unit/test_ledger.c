// sources: src/core/ledger.c src/core/format.c tests/unit/stub_heap.c
/*
 * The ledger: regions gain exactly what happened inside them, names are the JSON's; and the
 * formatter.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "errno.h"
#include "ledger.h"
#include "log.h"

static struct ledger l;

static void regions(void **state)
{
    (void)state;
    ledger_reset(&l, NULL);
    ledger_add(&l, LC_EXIT_CPUID, 100);
    assert_int_equal(ledger_mark_begin(&l, NULL, 5, LC_EXIT_VMCALL), 0);
    ledger_add(&l, LC_EXIT_VMCALL, 0); /* the mark's own exit, charged afterwards */
    ledger_add(&l, LC_EXIT_CPUID, 7);
    ledger_add(&l, LC_EXIT_CPUID, 8);
    ledger_count(&l, LC_EMULATED_INSN);
    assert_int_equal(ledger_mark_end(&l, 5), 0);
    ledger_add(&l, LC_EXIT_VMCALL, 0);
    const struct ledger_gain *g = l.region[5].gained;
    assert_int_equal(g[LC_EXIT_CPUID].n, 2);
    assert_int_equal(g[LC_EXIT_CPUID].ticks, 15);
    assert_int_equal(g[LC_EMULATED_INSN].n, 1);
    assert_int_equal(g[LC_EXIT_VMCALL].n, 0);
    assert_int_equal(l.region[5].opened, 1);
    assert_int_equal(ledger_hypervisor_ticks(&l), 115);
    /* opened again: it adds up */
    assert_int_equal(ledger_mark_begin(&l, NULL, 5, LC_EXIT_VMCALL), 0);
    ledger_add(&l, LC_EXIT_VMCALL, 0);
    ledger_add(&l, LC_EXIT_CPUID, 1);
    assert_int_equal(ledger_mark_end(&l, 5), 0);
    assert_int_equal(g[LC_EXIT_CPUID].n, 3);
    ledger_reset(&l, NULL);
    assert_int_equal(l.cell[LC_EXIT_CPUID].n, 0);
}

static void wrong_marks(void **state)
{
    (void)state;
    ledger_reset(&l, NULL);
    assert_int_equal(ledger_mark_begin(&l, NULL, 64, LC_EXIT_VMCALL), -EINVAL);
    assert_int_equal(ledger_mark_begin(&l, NULL, ~0ULL, LC_EXIT_VMCALL), -EINVAL);
    assert_int_equal(ledger_mark_end(&l, 0), -EINVAL);
    assert_int_equal(ledger_mark_begin(&l, NULL, 63, LC_EXIT_VMCALL), 0);
    assert_int_equal(ledger_mark_begin(&l, NULL, 1, LC_EXIT_VMCALL), -EINVAL);
    assert_int_equal(ledger_mark_end(&l, 62), -EINVAL);
    assert_int_equal(ledger_mark_end(&l, ~0ULL), -EINVAL);
    assert_int_equal(ledger_mark_end(&l, 63), 0);
    ledger_reset(&l, NULL);
}

static void formats(void **state)
{
    char t[64];

    (void)state;
    format_text(t, sizeof(t), "%d|%5d|%-5d|%05d|%u", -7, 42, 42, -42, 4000000000u);
    assert_string_equal(t, "-7|   42|42   |00-42|4000000000");
    format_text(t, sizeof(t), "%lx|%016lx|%s|%.2s|%c|%%", 0xdeadbeefUL, 0x1fUL, "ab", "xyz", 'q');
    assert_string_equal(t, "deadbeef|000000000000001f|ab|xy|q|%");
    assert_int_equal(format_text(t, 4, "%s", "abcdef"), 6);
    assert_string_equal(t, "abc");
    format_text(t, sizeof(t), "%ld", (s64)(1ULL << 63));
    assert_string_equal(t, "-9223372036854775808");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regions),
        cmocka_unit_test(wrong_marks),
        cmocka_unit_test(formats),
    };
    return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
