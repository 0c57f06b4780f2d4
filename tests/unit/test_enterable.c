// sources: src/cpu/vmx/enterable.c src/cpu/vmx/check/entry_check.c
// sources: src/cpu/vmx/check/entry_check_segments.c src/cpu/vmx/field_names.c src/core/format.c
/*
 * What may be entered is what the manual's checks of a VM entry say, for random segments.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../src/cpu/vmx/check/checks.h"
#include "../../src/cpu/vmx/enterable.h"
#include "../../src/cpu/vmx/vmx.h"
#include "domain.h"

enum { CASES = 400000, SEGMENTS = SEG_TR + 1 };

struct vmx_capability vmx_cap;
static struct segment segment[SEGMENTS];
static u64 reg[VREG_COUNT];
static struct domain domain;
static struct virt_vcpu virt;
static struct vcpu vcpu = {.domain = &domain, .virt = &virt};

/* The registers, as the files under test ask for them. */
u64 virt_get(struct vcpu *v, enum virt_reg r)
{
    (void)v;
    return reg[r];
}
void vmx_get_segment(struct vcpu *v, enum seg s, struct segment *out)
{
    (void)v;
    *out = segment[s];
}

/* The checks' view of the same segments; sections of the checks that are not asked for. */
static u64 read_field(void *context, u32 field)
{
    unsigned s = (field - VMCS_GUEST_ES_SELECTOR) / FIELD_STEP;

    (void)context;
    if (field >= VMCS_GUEST_ES_SELECTOR && field <= VMCS_GUEST_TR_SELECTOR)
        return segment[s].selector;
    s = (field - VMCS_GUEST_ES_RIGHTS) / FIELD_STEP;
    if (field >= VMCS_GUEST_ES_RIGHTS && field <= VMCS_GUEST_TR_RIGHTS)
        return (segment[s].attr & 0xff) | (segment[s].attr & 0x1f00) << 4;
    s = (field - VMCS_GUEST_ES_LIMIT) / FIELD_STEP;
    if (field >= VMCS_GUEST_ES_LIMIT && field <= VMCS_GUEST_TR_LIMIT)
        return segment[s].limit;
    if (field == VMCS_GUEST_CR0)
        return reg[VREG_CR0];
    return 0;
}
static void broken(void *context, enum entry_rule rule, u32 field, const char *sentence)
{
    (void)context;
    (void)rule;
    (void)field;
    (void)sentence;
}
void check_controls(struct entry_check *c)
{
    (void)c;
}
void check_injection(struct entry_check *c)
{
    (void)c;
}
void check_host(struct entry_check *c)
{
    (void)c;
}
void check_guest_registers(struct entry_check *c)
{
    (void)c;
}
void check_rip_and_flags(struct entry_check *c)
{
    (void)c;
}
void check_guest_other(struct entry_check *c)
{
    (void)c;
}

/* One that an instruction could leave, right or wrong. */
static struct segment any_segment(unsigned s)
{
    const u16 rpl = rand() & 3, dpl = rand() % 3 ? rpl : rand() & 3;
    struct segment g = {.selector = (u16)((rand() & 0xfff8) | rpl), .limit = 0xffff};

    g.attr = (u16)(dpl << SEG_ATTR_DPL_SHIFT | (rand() % 8 ? SEG_ATTR_P : 0) | (rand() & 0xf));
    if (s == SEG_LDTR || s == SEG_TR)
        g.attr = (g.attr & ~0xf) | (s == SEG_LDTR ? 2 : rand() % 3 ? 11 : rand() & 0xf);
    else
        g.attr |= SEG_ATTR_S | (rand() % 4 ? 1 : 0) | (rand() % 2 && s != SEG_CS ? 2 : 0) |
                  (s == SEG_CS && rand() % 4 ? 8 : 0);
    if (s == SEG_SS && rand() % 4)
        g.attr &= ~8;
    if (s != SEG_CS && rand() % 8 == 0)
        g.attr = SEG_ATTR_UNUSABLE | (g.attr & 3 << SEG_ATTR_DPL_SHIFT);
    if (s == SEG_LDTR)
        g = (struct segment){.attr = SEG_ATTR_UNUSABLE};
    return g;
}

static void as_the_checks_say(void **state)
{
    struct entry_check c = {.read = read_field, .broken = broken};
    unsigned good = 0;

    (void)state;
    srand(1);
    reg[VREG_CR0] = CR0_PE;
    for (unsigned n = 0; n < CASES; n++) {
        u16 rpl = rand() & 3;

        for (unsigned s = 0; s < SEGMENTS; s++)
            segment[s] = any_segment(s);
        if (rand() % 4) { /* CS and SS of one level, or nothing would ever be right */
            segment[SEG_CS].selector = segment[SEG_SS].selector = rpl;
            segment[SEG_CS].attr =
                (segment[SEG_CS].attr & ~(3 << SEG_ATTR_DPL_SHIFT)) | rpl << SEG_ATTR_DPL_SHIFT;
            segment[SEG_SS].attr =
                (segment[SEG_SS].attr & ~(3 << SEG_ATTR_DPL_SHIFT)) | rpl << SEG_ATTR_DPL_SHIFT;
        }
        segment[SEG_TR].selector &= ~3;
        c.failed = 0;
        check_guest_segments(&c);
        good += c.failed == 0;
        assert_int_equal(vmx_segments_enterable(segment), c.failed == 0);
    }
    assert_in_range(good, CASES / 100, CASES / 2);
}

static void real_mode_only_with_unrestricted_guest(void **state)
{
    (void)state;
    reg[VREG_CR0] = 0;
    vmx_cap.ept = false;
    assert_false(vmx_enterable(&vcpu));
    vmx_cap.ept = true;
    assert_true(vmx_enterable(&vcpu));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_the_checks_say),
        cmocka_unit_test(real_mode_only_with_unrestricted_guest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
