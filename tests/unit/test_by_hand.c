// sources: src/cpu/by_hand.c src/cpu/breakpoints.c src/cpu/start_up.c src/cpu/vmx/enterable.c
/*
 * Running by hand: how a vcpu starts; and the loop delivers, steps, and stops when it should.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "../../src/cpu/cpu.h"
#include "../../src/cpu/cpuid_policy.h"
#include "../../src/cpu/instruction.h"
#include "../../src/cpu/vmx/enterable.h"
#include "../../src/cpu/vmx/vmx.h"
#include "domain.h"
#include "log.h"

enum { SEGMENTS = SEG_TR + 1 };

struct vmx_capability vmx_cap;
struct cpuid_tables cpuid_tables;
const struct virt_ops *virt_ops;
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

/* A vcpu that has been started: real mode, at the vector's page, run by hand or not. */
static struct {
    u64 reg[VREG_COUNT];
    unsigned tables, flushes, roots, apics;
} started;
void virt_set(struct vcpu *v, enum virt_reg r, u64 value)
{
    (void)v;
    started.reg[r] = reg[r] = value;
}
void virt_get_segment(struct vcpu *v, enum seg s, struct segment *out)
{
    (void)v;
    *out = segment[s];
}
void virt_set_segment(struct vcpu *v, enum seg s, const struct segment *in)
{
    (void)v;
    segment[s] = *in;
}
void paging_flush(struct vcpu *v)
{
    (void)v;
    started.flushes++;
}
enum paging_result paging_load_root(struct vcpu *v, struct paging_fault *out)
{
    (void)v;
    (void)out;
    started.roots++;
    return PAGING_FIXED;
}
void lapic_reset(struct lapic *l)
{
    started.apics += l == vcpu.lapic;
}
static void set_table(struct vcpu *v, bool idt, u64 base, u16 limit)
{
    (void)v;
    (void)idt;
    started.tables += base == 0 && limit == 0xffff;
}
static void completed(struct vcpu *v, bool single_step)
{
    (void)v;
    assert_false(single_step);
}
static void block_nmi(struct vcpu *v, bool block)
{
    (void)v;
    assert_false(block);
}

static void start_up(void **state)
{
    static const struct virt_ops vmx_like = {.set_table = set_table,
                                             .completed = completed,
                                             .block_nmi = block_nmi,
                                             .enterable = vmx_enterable};

    struct paging_fault f = {0};

    (void)state;
    virt_ops = &vmx_like;
    vmx_cap.ept = false;
    memset(started.reg, 0xff, sizeof(started.reg));
    vcpu.regs.rax = 1;
    cpuid_tables.basic[LEAF_FEATURES][CPUID_EAX] = 0x50654;
    assert_int_equal(cpu_start_up(&vcpu, 0x9a, &f), PAGING_FIXED);
    assert_int_equal(segment[SEG_CS].selector, 0x9a00);
    assert_int_equal(segment[SEG_CS].base, 0x9a000);
    assert_int_equal(segment[SEG_CS].limit, 0xffff);
    assert_int_equal(segment[SEG_DS].base, 0);
    assert_int_equal(started.reg[VREG_RIP], 0);
    assert_int_equal(started.reg[VREG_CR0], 0x60000010);
    assert_int_equal(started.reg[VREG_RFLAGS], 2);
    assert_int_equal(started.reg[VREG_EFER], 0);
    assert_int_equal(vcpu.regs.rax, 0);
    assert_int_equal(vcpu.regs.rdx, 0x50654); /* the processor's signature */
    assert_int_equal(vcpu.dr7, 0x400);
    assert_int_equal(started.tables, 2);
    assert_true(started.flushes == 1 && started.roots == 1 && started.apics == 1);
    assert_true(virt.by_hand);
    reg[VREG_CR0] = CR0_PE; /* nothing but PE is in its way */
    assert_true(vmx_enterable(&vcpu));
    vmx_cap.ept = true;
    cpu_look_at_state(&vcpu);
    assert_false(virt.by_hand);
}

/* The loop's world: what an instruction does is what the test says. */
static struct {
    unsigned executed, delivered, gates, injected, killed;
    unsigned real_for;   /* instructions before the vcpu can be entered */
    unsigned refuse_at;  /* that one cannot be emulated */
    unsigned halt_at;    /* that one is HLT */
    unsigned window_at;  /* from that one on an interrupt could be delivered */
    bool handler_faults; /* delivering an event faults */
    u64 meets;           /* breakpoints that delivering one meets, as bits of DR6 */
    enum virt_blocking blocking;
    u64 trap;       /* what the last #DB was for */
    unsigned ended; /* shadows that have been ended */
    unsigned tasks; /* switched to */
    u64 now;
} w;

static bool enterable(struct vcpu *v)
{
    (void)v;
    return w.executed >= w.real_for;
}
static enum virt_blocking blocking(struct vcpu *v)
{
    (void)v;
    return w.blocking;
}
static void shadow_ends(struct vcpu *v, bool single_step)
{
    (void)v;
    assert_false(single_step);
    w.ended++;
}
static const struct virt_ops ops = {
    .enterable = enterable, .blocking = blocking, .completed = shadow_ends};
void cpu_trap(struct vcpu *v, u64 why)
{
    w.trap = why;
    virt_inject_fault(v, VEC_DB, 0);
}

enum emulate_result cpu_execute(struct instruction *i, struct emulate_ctx *ctx)
{
    assert_true(i->by_hand);
    ctx->insn.length = 1;
    w.executed++;
    reg[VREG_RFLAGS] &= ~(u64)RFLAGS_RF;
    reg[VREG_RIP]++;
    if (w.executed == w.halt_at) {
        i->exit = EXIT_HLT;
        return EMULATE_RETRY;
    }
    return w.executed == w.refuse_at ? EMULATE_UNHANDLEABLE : EMULATE_OK;
}
void cpu_refuse_instruction(struct vcpu *v, const struct emulate_ctx *ctx)
{
    (void)ctx;
    virt_inject_fault(v, VEC_UD, 0);
}
void cpu_begin_emulation(struct instruction *i, struct emulate_ctx *ctx)
{
    memset(ctx, 0, sizeof(*ctx));
    ctx->regs = &i->vcpu->regs;
    i->met = w.meets;
}
void cpu_end_emulation(const struct instruction *i)
{
    (void)i;
}
enum emulate_result emulate_real_interrupt(struct emulate_ctx *ctx, u8 vector, u64 return_to)
{
    assert_int_equal(return_to, ctx->regs->rip + (vector == 0x60 ? 2 : 0));
    w.delivered++;
    reg[VREG_RIP] = 0;
    return w.handler_faults ? emulate_raise(ctx, VEC_GP, 0) : EMULATE_OK;
}
enum emulate_result emulate_protected_interrupt(struct emulate_ctx *ctx,
                                                const struct virt_event *ev, u64 return_to)
{
    assert_int_equal(return_to, ctx->regs->rip);
    w.gates++;
    if (ev->vector >= 0x22) { /* a task's, which begins with a fault or does not */
        ctx->notes = EMULATE_NEW_TASK;
        return ev->vector == 0x23 ? emulate_raise(ctx, VEC_TS, 0x10) : EMULATE_OK;
    }
    return ev->vector == 0x21 ? EMULATE_UNHANDLEABLE : EMULATE_OK;
}
void cpu_task_arrived(struct vcpu *v, const struct emulate_ctx *ctx, bool faulted, u64 met)
{
    assert_false(v->virt->has_event);
    assert_int_equal(met, w.meets);
    w.tasks++;
    if (faulted)
        virt_inject(v, &ctx->fault);
}
void virt_inject(struct vcpu *v, const struct virt_event *ev)
{
    w.injected++;
    if (v->virt->has_event && v->virt->event.vector == VEC_DF) {
        domain.doomed = true;
        return;
    }
    if (v->virt->has_event && v->virt->event.vector == VEC_GP)
        v->virt->event.vector = VEC_DF;
    else
        v->virt->event = *ev;
    v->virt->has_event = true;
}
void virt_inject_fault(struct vcpu *v, u8 vector, u32 error)
{
    virt_inject(v, &(struct virt_event){.type = VIRT_EXCEPTION, .vector = vector, .error = error});
}
bool virt_can_inject(struct vcpu *v, enum virt_event_type type)
{
    (void)v;
    (void)type;
    return w.window_at && w.executed >= w.window_at;
}
void cpu_kill(struct vcpu *v, const struct exit *e, const char *why)
{
    (void)e;
    (void)why;
    w.killed++;
    v->domain->doomed = true;
}
void domain_end(struct domain *d, enum end_reason reason, u64 code, const char *format, ...)
{
    (void)reason;
    (void)code;
    (void)format;
    d->doomed = true;
}
u64 sched_now(void)
{
    return w.now++;
}

static struct exit run(u64 until)
{
    struct exit e;

    cpu_run_by_hand(&vcpu, until, &e);
    return e;
}

static int setup(void **state)
{
    (void)state;
    memset(&w, 0, sizeof(w));
    memset(&virt, 0, sizeof(virt));
    domain.doomed = false;
    vcpu.dr7 = DR7_RESET;
    reg[VREG_RIP] = reg[VREG_RFLAGS] = 0;
    virt.by_hand = true;
    virt_ops = &ops;
    reg[VREG_CR0] = 0;
    w.real_for = 1000;
    return 0;
}

static void until_it_can_be_entered(void **state)
{
    (void)state;
    w.real_for = 20;
    struct exit e = run(1000);
    assert_int_equal(w.executed, 20);
    assert_false(virt.by_hand);
    assert_int_equal(e.reason, EXIT_PREEMPTION);
    assert_int_equal(e.counter, LC_EXIT_BY_HAND);
}

static void until_the_time_is_up(void **state)
{
    (void)state;
    run(50);
    assert_true(virt.by_hand);
    assert_in_range(w.executed, 10, 50);
    run(0); /* it still goes forward, an instruction at a time */
    assert_in_range(w.executed, 11, 51);
}

static void until_an_exit_of_its_own(void **state)
{
    (void)state;
    w.halt_at = 7;
    struct exit e = run(1000);
    assert_int_equal(w.executed, 7);
    assert_int_equal(e.reason, EXIT_HLT);
    assert_int_equal(e.insn_len, 1);
    assert_true(virt.shadow); /* or HLT behind STI would never end the shadow */
}

static void until_the_window_opens(void **state)
{
    (void)state;
    virt.window_wanted = true;
    w.window_at = 12;
    run(1000);
    assert_int_equal(w.executed, 12);
    assert_false(virt.window_wanted);
    assert_true(virt.dirty & DIRTY_WINDOW);
}

static void events_go_first(void **state)
{
    (void)state;
    virt.has_event = true;
    virt.event = (struct virt_event){.type = VIRT_SOFT_INT, .vector = 0x60, .insn_len = 2};
    w.real_for = 3;
    run(1000);
    assert_int_equal(w.delivered, 1);
    assert_int_equal(w.executed, 3);
    assert_false(virt.has_event);
}

/* In protected mode through a gate; what cannot go there ends the domain. */
static void events_go_through_gates(void **state)
{
    (void)state;
    reg[VREG_CR0] = CR0_PE;
    virt.has_event = true;
    virt.event = (struct virt_event){.type = VIRT_EXCEPTION, .vector = VEC_GP, .has_error = true};
    w.real_for = 3;
    run(1000);
    assert_true(w.gates == 1 && w.delivered == 0 && w.executed == 3 && w.killed == 0);
    assert_false(virt.has_event);
    virt.by_hand = virt.has_event = true;
    virt.event = (struct virt_event){.type = VIRT_INTERRUPT, .vector = 0x21};
    run(1000);
    assert_int_equal(w.killed, 1);
}

/* Before the instruction, once each time, not with RF, and not behind a load of SS. */
static void breakpoints_on_code(void **state)
{
    (void)state;
    segment[SEG_CS] = (struct segment){.base = 0xfffff000, .limit = 0xffff, .attr = 0x9b};
    vcpu.dr[2] = 5; /* the linear address wraps around at 4 GiB */
    vcpu.dr7 |= 2 << 4;
    reg[VREG_RIP] = 0x1003;
    w.real_for = 2;
    run(1000);
    assert_true(w.trap == 0 && w.executed == 2);
    virt.by_hand = true;
    w.real_for = 4;
    w.window_at = 2;
    virt.window_wanted = true; /* to see it before its event is delivered */
    run(1000);
    assert_int_equal(w.trap, 4);
    assert_true(w.executed == 2 && virt.has_event && virt.event.vector == VEC_DB);
    virt.has_event = false;
    reg[VREG_RFLAGS] = RFLAGS_RF;
    run(1000);
    assert_true(w.executed == 4 && w.delivered == 0);
    reg[VREG_RIP] = 0x1005;
    w.blocking = BLOCKING_INTERRUPTS | BLOCKING_DEBUG;
    virt.by_hand = true;
    w.real_for = 5;
    run(1000);
    assert_true(w.executed == 5 && w.delivered == 0);
    reg[VREG_RIP] = 0x1005;
    w.blocking = BLOCKING_INTERRUPTS; /* behind STI */
    virt.by_hand = true;
    w.real_for = 6;
    run(1000);
    assert_true(w.executed == 6 && w.delivered == 1);
}

/* What a load of SS has met: for one more instruction by hand, then with an INT's own, or lost. */
static void breakpoints_held_back(void **state)
{
    static const u8 types[] = {VIRT_SOFT_INT, VIRT_EXCEPTION};

    for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
        setup(state);
        virt.held = 2;
        w.real_for = 0;
        cpu_look_at_state(&vcpu);
        assert_true(virt.by_hand);
        w.meets = 1;
        virt.has_event = true;
        virt.event =
            (struct virt_event){.type = types[i], .vector = i ? VEC_UD : 0x60, .insn_len = 2};
        run(0);
        assert_int_equal(w.trap, types[i] == VIRT_SOFT_INT ? 3 : 1);
        assert_true(w.ended == 1 && virt.held == 0 && virt.event.vector == VEC_DB);
        assert_false(virt.by_hand);
    }
}

/* The event is delivered, whether or not the new task begins with a fault. */
static void events_switch_tasks(void **state)
{
    (void)state;
    reg[VREG_CR0] = CR0_PE;
    w.meets = 8;
    virt.has_event = true;
    virt.event = (struct virt_event){.type = VIRT_INTERRUPT, .vector = 0x22};
    run(0);
    assert_true(w.tasks == 1 && w.killed == 0 && !virt.has_event);
    virt.has_event = true;
    virt.event = (struct virt_event){.type = VIRT_EXCEPTION, .vector = 0x23};
    run(0);
    assert_true(w.tasks == 2 && w.killed == 0 && virt.has_event);
    assert_int_equal(virt.event.vector, VEC_TS);
}

static void what_cannot_be_emulated_is_undefined(void **state)
{
    (void)state;
    w.refuse_at = 2;
    w.real_for = 4;
    run(1000);
    assert_int_equal(virt.event.vector, VEC_UD);
    assert_int_equal(w.delivered, 1);
}

static void faults_while_delivering_end(void **state)
{
    (void)state;
    w.handler_faults = true;
    virt.has_event = true;
    virt.event = (struct virt_event){.type = VIRT_INTERRUPT, .vector = 0x20};
    run(1000);
    assert_int_equal(w.delivered, 3); /* the interrupt, #GP, #DF */
    assert_true(domain.doomed);
    assert_int_equal(w.executed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_up),
        cmocka_unit_test_setup(until_it_can_be_entered, setup),
        cmocka_unit_test_setup(until_the_time_is_up, setup),
        cmocka_unit_test_setup(until_an_exit_of_its_own, setup),
        cmocka_unit_test_setup(until_the_window_opens, setup),
        cmocka_unit_test_setup(events_go_first, setup),
        cmocka_unit_test_setup(events_go_through_gates, setup),
        cmocka_unit_test_setup(events_switch_tasks, setup),
        cmocka_unit_test_setup(breakpoints_on_code, setup),
        cmocka_unit_test_setup(breakpoints_held_back, setup),
        cmocka_unit_test_setup(what_cannot_be_emulated_is_undefined, setup),
        cmocka_unit_test_setup(faults_while_delivering_end, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
