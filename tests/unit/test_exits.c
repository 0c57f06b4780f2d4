// sources: src/cpu/vmx/exit.c src/cpu/vmx/names.c
/*
 * Every exit reason of the manual has an answer, a name, and a counter in the ledger; and the table
 * that says so (vmx/exit_answers.inc) is the one that the dispatch is made of.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../src/cpu/vmx/vmx.h"
#include "ledger.h"

enum { LAST_REASON = VMX_EXIT_REASONS_KNOWN - 1 };
enum what { HANDLED = 1, UNDEFINED, ENTRY, NEVER };

/* What exit.c calls while it decodes, which nothing here does. */
u8 vmx_unchecked;
void vmwrite_failed(u64 field, u64 value)
{
    (void)field;
    (void)value;
    abort();
}
void vmx_unblock_nmi(void)
{
}
void vmx_slice_expired(void)
{
}
void vmx_report_failed_entry(struct vcpu *v, u32 raw)
{
    (void)v;
    (void)raw;
}

static const struct {
    const char *name, *how;
    enum what what;
} answers[LAST_REASON + 2] = {
#define EXIT_ANSWER(number, name, what, how) [number] = {name, how, what},
#include "../../src/cpu/vmx/exit_answers.inc"
#undef EXIT_ANSWER
};

static void every_reason_has_an_answer(void **state)
{
    static const u8 expected[] = {
        [UNDEFINED] = EXIT_UNSUPPORTED, [ENTRY] = EXIT_FAILED_ENTRY, [NEVER] = EXIT_UNEXPECTED};

    (void)state;
    for (u32 reason = 0; reason <= LAST_REASON; reason++) {
        u32 kind = vmx_exit_kinds[reason];
        u8 to = (u8)kind, counter = (u8)(kind >> KIND_COUNTER_SHIFT);

        assert_non_null(answers[reason].name);
        assert_true(strlen(answers[reason].how) > 3);
        assert_string_equal(vmx_exit_name(reason), answers[reason].name);
        assert_int_not_equal(answers[reason].what, 0);
        assert_in_range(counter, LC_EXIT_EXCEPTION, LC_EXIT_OTHER);
        if (answers[reason].what == HANDLED)
            assert_true(to != EXIT_UNSUPPORTED && to != EXIT_UNEXPECTED && to < EXIT_REASONS);
        else
            assert_int_equal(to, expected[answers[reason].what]);
    }
    assert_null(answers[LAST_REASON + 1].name);
    assert_string_equal(vmx_exit_name(LAST_REASON + 1), "reserved");
    for (u32 reason = LAST_REASON + 1; reason < VMX_EXIT_REASONS; reason++)
        assert_int_equal((u8)vmx_exit_kinds[reason], EXIT_UNEXPECTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reason_has_an_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
