// sources: src/cpu/virt.c tests/unit/stub_panic.c
/*
 * The seam between virt.h and a processor vendor: with a vendor that exists nowhere, everything
 * that virt.c promises holds. Registers are read once, events combine as the SDM says, instructions
 * are skipped, windows asked for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "domain.h"
#include "errno.h"
#include "lapic.h"
#include "log.h"
#include "paging.h"
#include "virt_ops.h"
#include "x86.h"

/* The invented processor: its registers are an array, and it counts what is asked of it. */
struct invented {
    struct virt_vcpu common;
    u64 hardware[VREG_COUNT];
    unsigned reads[VREG_COUNT];
    struct segment segment[SEG_TR + 1];
    enum virt_blocking blocking;
    unsigned completed, single_steps, runs, loads, puts;
};
static struct invented one;
static bool here;
static unsigned inits, policies;
static struct domain domain;
static struct vcpu vcpu;

static bool present(void)
{
    return here;
}
static bool absent(void)
{
    return false;
}
static void init(void)
{
    inits++;
}
static bool has_rdtscp(void)
{
    return false;
}
static bool has_invpcid(void)
{
    return false;
}
static struct virt_vcpu *create(struct vcpu *v)
{
    (void)v;
    return &one.common;
}
static void destroy(struct vcpu *v)
{
    (void)v;
}
static void load(struct vcpu *v)
{
    (void)v;
    one.loads++;
}
static void put(struct vcpu *v)
{
    (void)v;
    one.puts++;
}
/* "Runs": puts what is dirty into the processor, then a CPUID exits. */
static void run(struct vcpu *v, u64 until, struct exit *e)
{
    struct virt_vcpu *x = v->virt;

    (void)until;
    for (unsigned r = 0; r < VREG_COUNT; r++)
        if (x->dirty >> r & 1)
            one.hardware[r] = x->reg[r];
    x->has_event = false;
    x->dirty = 0;
    x->valid = 0;
    e->reason = EXIT_CPUID;
    e->insn_len = 2;
    one.runs++;
}
static u64 read_reg(struct vcpu *v, enum virt_reg r)
{
    (void)v;
    one.reads[r]++;
    return one.hardware[r];
}
static void get_segment(struct vcpu *v, enum seg s, struct segment *out)
{
    (void)v;
    *out = one.segment[s];
}
static void set_segment(struct vcpu *v, enum seg s, const struct segment *in)
{
    (void)v;
    one.segment[s] = *in;
}
static unsigned cpl(struct vcpu *v)
{
    (void)v;
    return 3;
}
static enum virt_blocking blocking(struct vcpu *v)
{
    (void)v;
    return one.blocking;
}
static void completed(struct vcpu *v, bool single_step)
{
    (void)v;
    one.completed++;
    one.single_steps += single_step;
}
static void report(struct vcpu *v, const struct exit *e)
{
    (void)v;
    (void)e;
}

static const struct virt_ops nobody = {.name = "nobody", .present = absent};
static const struct virt_ops invented_ops = {
    .name = "invented",
    .present = present,
    .init = init,
    .has_rdtscp = has_rdtscp,
    .has_invpcid = has_invpcid,
    .create = create,
    .destroy = destroy,
    .load = load,
    .put = put,
    .run = run,
    .read_reg = read_reg,
    .get_segment = get_segment,
    .set_segment = set_segment,
    .cpl = cpl,
    .blocking = blocking,
    .completed = completed,
    .report = report,
};
const struct virt_ops *const virt_vendors[] = {&nobody, &invented_ops, NULL};

/* What virt.c calls. */
void cpu_policy_init(void);
void cpu_policy_init(void)
{
    policies++;
}
void paging_vcpu_destroy(struct vcpu *v)
{
    (void)v;
}
void lapic_destroy(struct vcpu *v)
{
    (void)v;
}
void cpu_fault_during_df(struct vcpu *v, u8 vector)
{
    (void)vector;
    v->domain->doomed = true;
    v->domain->end = END_CRASH;
}
static unsigned by_hand;
static void run_otherwise(struct vcpu *v, u64 until, struct exit *e)
{
    (void)v;
    (void)until;
    e->reason = EXIT_PREEMPTION;
    by_hand++;
}
static jmp_buf refused;
void refuse(const char *format, ...)
{
    (void)format;
    longjmp(refused, 1);
}

static int setup(void **state)
{
    (void)state;
    memset(&one, 0, sizeof(one));
    memset(&vcpu, 0, sizeof(vcpu));
    memset(&domain, 0, sizeof(domain));
    here = true;
    vcpu.domain = &domain;
    virt_init();
    assert_int_equal(virt_vcpu_init(&vcpu), 0);
    return 0;
}

static void vendor_is_found(void **state)
{
    (void)state;
    assert_string_equal(virt_vendor(), "invented");
    assert_true(inits > 0 && policies == inits);
    here = false;
    if (setjmp(refused) == 0) {
        virt_init();
        fail_msg("a machine without any vendor was accepted");
    }
}

static void registers_are_read_once_and_written_at_entry(void **state)
{
    struct exit e;

    (void)state;
    one.hardware[VREG_RSP] = 0x1234;
    assert_int_equal(virt_get(&vcpu, VREG_RSP), 0x1234);
    assert_int_equal(virt_get(&vcpu, VREG_RSP), 0x1234);
    assert_int_equal(one.reads[VREG_RSP], 1);
    virt_set(&vcpu, VREG_CR3, 0x5000);
    assert_int_equal(virt_get(&vcpu, VREG_CR3), 0x5000);
    assert_int_equal(one.reads[VREG_CR3], 0);
    assert_int_equal(one.hardware[VREG_CR3], 0);
    virt_vcpu_load(&vcpu);
    assert_true(vcpu.virt->live);
    virt_vcpu_run(&vcpu, 0, &e);
    assert_int_equal(one.hardware[VREG_CR3], 0x5000);
    one.hardware[VREG_RSP] = 0x4321;
    assert_int_equal(virt_get(&vcpu, VREG_RSP), 0x4321);
    virt_vcpu_put(&vcpu);
    assert_false(vcpu.virt->live);
    assert_int_equal(one.loads + one.puts + one.runs, 3);
    vcpu.virt->run = run_otherwise; /* and what the vendor cannot run is run otherwise */
    virt_vcpu_run(&vcpu, 0, &e);
    assert_int_equal(one.runs, 1);
    assert_int_equal(by_hand, 1);
}

static void skipping(void **state)
{
    const struct segment code64 = {.attr = SEG_ATTR_L}, code32 = {.attr = SEG_ATTR_DB};

    (void)state;
    one.hardware[VREG_RIP] = 0xfffffffe;
    one.hardware[VREG_EFER] = EFER_LMA;
    virt_set_segment(&vcpu, SEG_CS, &code64);
    virt_skip(&vcpu, 3);
    assert_int_equal(virt_get(&vcpu, VREG_RIP), 0x100000001);
    virt_set(&vcpu, VREG_RIP, 0xfffffffe);
    virt_set_segment(&vcpu, SEG_CS, &code32);
    virt_set(&vcpu, VREG_RFLAGS, RFLAGS_RF | RFLAGS_TF | RFLAGS_FIXED);
    virt_skip(&vcpu, 3);
    assert_int_equal(virt_get(&vcpu, VREG_RIP), 1);
    assert_int_equal(virt_get(&vcpu, VREG_RFLAGS), RFLAGS_TF | RFLAGS_FIXED);
    assert_int_equal(one.completed, 2);
    assert_int_equal(one.single_steps, 1);
}

/* Injects b while a is being delivered; what is then due. */
static const struct virt_event *combine(u8 a, u8 b)
{
    vcpu.virt->has_event = false;
    domain.doomed = false;
    virt_inject_fault(&vcpu, a, 0);
    virt_inject_fault(&vcpu, b, 0);
    return &vcpu.virt->event;
}

/* "Conditions for Generating a Double Fault", row by row. */
static void exceptions_combine(void **state)
{
    static const u8 contributory[] = {VEC_DE, VEC_TS, VEC_NP, VEC_SS, VEC_GP};
    static const u8 benign[] = {VEC_DB, VEC_BP, VEC_UD, VEC_NM, VEC_MF, VEC_AC, VEC_XM};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(contributory); i++) {
        for (unsigned k = 0; k < ARRAY_SIZE(contributory); k++)
            assert_int_equal(combine(contributory[i], contributory[k])->vector, VEC_DF);
        assert_int_equal(combine(contributory[i], VEC_PF)->vector, VEC_PF);
        assert_int_equal(combine(VEC_PF, contributory[i])->vector, VEC_DF);
        combine(VEC_DF, contributory[i]);
        assert_true(domain.doomed && domain.end == END_CRASH);
    }
    assert_int_equal(combine(VEC_PF, VEC_PF)->vector, VEC_DF);
    assert_true(vcpu.virt->event.has_error && vcpu.virt->event.error == 0);
    combine(VEC_DF, VEC_PF);
    assert_true(domain.doomed);
    for (unsigned i = 0; i < ARRAY_SIZE(benign); i++) {
        assert_int_equal(combine(benign[i], VEC_GP)->vector, VEC_GP);
        assert_int_equal(combine(VEC_GP, benign[i])->vector, benign[i]);
        assert_false(domain.doomed);
    }
}

static void page_fault_sets_cr2_unless_it_doubles(void **state)
{
    (void)state;
    virt_inject_page_fault(&vcpu, 0x7000, PF_W);
    assert_int_equal(virt_get(&vcpu, VREG_CR2), 0x7000);
    assert_int_equal(vcpu.virt->event.error, PF_W);
    virt_inject_page_fault(&vcpu, 0x8000, PF_W);
    assert_int_equal(virt_get(&vcpu, VREG_CR2), 0x7000);
    assert_int_equal(vcpu.virt->event.vector, VEC_DF);
}

static void error_codes_only_where_they_belong(void **state)
{
    (void)state;
    for (u8 vector = 0; vector < VEC_FIRST_EXTERNAL; vector++) {
        vcpu.virt->has_event = false;
        virt_inject_fault(&vcpu, vector, 0x18);
        bool has = vector == VEC_DF || (vector >= VEC_TS && vector <= VEC_PF) || vector == VEC_AC ||
                   vector == VEC_CP;
        assert_int_equal(vcpu.virt->event.has_error, has);
    }
}

static void interrupts_wait_for_their_moment(void **state)
{
    (void)state;
    virt_set(&vcpu, VREG_RFLAGS, RFLAGS_FIXED);
    assert_false(virt_can_inject(&vcpu, VIRT_INTERRUPT));
    virt_set(&vcpu, VREG_RFLAGS, RFLAGS_FIXED | RFLAGS_IF);
    assert_true(virt_can_inject(&vcpu, VIRT_INTERRUPT));
    one.blocking = BLOCKING_INTERRUPTS;
    assert_false(virt_can_inject(&vcpu, VIRT_INTERRUPT));
    assert_true(virt_can_inject(&vcpu, VIRT_EXCEPTION));
    one.blocking = BLOCKING_NONE;
    virt_inject_fault(&vcpu, VEC_GP, 0);
    assert_false(virt_can_inject(&vcpu, VIRT_INTERRUPT));
    vcpu.virt->dirty = 0;
    virt_request_window(&vcpu);
    assert_true(vcpu.virt->window_wanted && vcpu.virt->dirty & DIRTY_WINDOW);
}

static void nmis_wait_for_theirs(void **state)
{
    (void)state;
    virt_set(&vcpu, VREG_RFLAGS, RFLAGS_FIXED);
    assert_true(virt_can_inject(&vcpu, VIRT_NMI)); /* whatever IF is */
    one.blocking = BLOCKING_NMI;
    assert_false(virt_can_inject(&vcpu, VIRT_NMI));
    vcpu.virt->dirty = 0;
    virt_request_nmi_window(&vcpu);
    assert_true(vcpu.virt->nmi_window_wanted && vcpu.virt->dirty & DIRTY_WINDOW);
    assert_false(vcpu.virt->window_wanted);
    virt_set(&vcpu, VREG_RFLAGS, RFLAGS_FIXED | RFLAGS_IF);
    assert_true(virt_can_inject(&vcpu, VIRT_INTERRUPT)); /* an NMI's handler may have these */
    one.blocking = BLOCKING_INTERRUPTS;
    assert_false(virt_can_inject(&vcpu, VIRT_NMI));
    virt_request_nmi_window(&vcpu); /* the shadow's end is an interrupt's window */
    assert_true(vcpu.virt->window_wanted);
    one.blocking = BLOCKING_NONE;
    virt_inject(&vcpu, &(struct virt_event){.type = VIRT_NMI, .vector = VEC_NMI});
    assert_false(virt_can_inject(&vcpu, VIRT_NMI));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(vendor_is_found, setup),
        cmocka_unit_test_setup(registers_are_read_once_and_written_at_entry, setup),
        cmocka_unit_test_setup(skipping, setup),
        cmocka_unit_test_setup(exceptions_combine, setup),
        cmocka_unit_test_setup(page_fault_sets_cr2_unless_it_doubles, setup),
        cmocka_unit_test_setup(error_codes_only_where_they_belong, setup),
        cmocka_unit_test_setup(interrupts_wait_for_their_moment, setup),
        cmocka_unit_test_setup(nmis_wait_for_theirs, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
