/*
 * The stubs that the handlers of exits reach in the grader's host part.
 */
#include "grade_trap.h"

#include "grade.h"

#include "event.h"
#include "fpu.h"
#include "frame.h"
#include "host_trap.h"
#include "panic.h"
#include "paging.h"
#include "sched.h"
#include "timer.h"
#include "trivisor_op.h"

#include "../../src/cpu/cpu.h"

#include <stdlib.h>
#include <string.h>

struct world w;
const struct virt_ops *virt_ops;
u64 tsc_khz = 50000;

static bool no(void)
{
    return false;
}

void world_init(void)
{
    static const struct virt_ops invented = {
        .name = "invented", .has_rdtscp = no, .has_invpcid = no};

    memset(&w, 0, sizeof(w));
    virt_ops = &invented;
    w.vcpu.domain = &w.domain;
    w.vcpu.virt = &w.virt;
    for (unsigned i = 0; i < sizeof(struct regs) / sizeof(u64); i++)
        ((u64 *)&w.vcpu.regs)[i] = random_u64() | 1ULL << 40; /* never only 32 bits */
    w.virt.valid = ~0u;
    w.virt.reg[VREG_RIP] = AT;
    w.virt.reg[VREG_RFLAGS] = 0x202;
}

void world_exit(struct exit *e)
{
    e->insn_len = LENGTH;
    virt_handle_exit(&w.vcpu, e);
}

void expect_done(const char *where)
{
    GRADE_EQUAL("RIP behind the instruction", w.virt.reg[VREG_RIP], AT + LENGTH, where);
    GRADE_EQUAL("faults injected", w.injected, 0, where);
}

void expect_not_done(const char *where)
{
    GRADE_EQUAL("RIP still at the instruction", w.virt.reg[VREG_RIP], AT, where);
}

u64 virt_get(struct vcpu *v, enum virt_reg r)
{
    return v->virt->reg[r];
}

void virt_set(struct vcpu *v, enum virt_reg r, u64 value)
{
    v->virt->reg[r] = value;
}

void virt_skip(struct vcpu *v, unsigned len)
{
    v->virt->reg[VREG_RIP] += len;
}

void virt_inject(struct vcpu *v, const struct virt_event *ev)
{
    (void)v;
    w.injected++;
    w.vector = ev->vector;
    w.error = ev->error;
}

void virt_inject_fault(struct vcpu *v, u8 vector, u32 error)
{
    virt_inject(v, &(struct virt_event){.vector = vector, .error = error});
}

void virt_inject_page_fault(struct vcpu *v, u64 gva, u32 error)
{
    (void)gva;
    virt_inject_fault(v, VEC_PF, error);
}

void cpu_emulate(struct vcpu *v, const struct exit *e)
{
    (void)v;
    (void)e;
    w.emulated++;
}

void sched_block(struct vcpu *v)
{
    w.blocked++;
    w.blocked_at = v->virt->reg[VREG_RIP];
}

bool event_pending(struct vcpu *v)
{
    (void)v;
    return w.pending;
}

void domain_end(struct domain *d, enum end_reason reason, u64 code, const char *detail, ...)
{
    (void)d;
    (void)code;
    (void)detail;
    w.ended++;
    w.reason = reason;
}

bool cpu_rdmsr(struct vcpu *v, u32 msr, u64 *value)
{
    (void)v;
    w.accesses++;
    if (msr != w.msr)
        return false;
    *value = w.msr_value;
    return true;
}

bool cpu_wrmsr(struct vcpu *v, u32 msr, u64 value)
{
    (void)v;
    w.accesses++;
    if (msr != w.msr || value >> 63)
        return false;
    w.msr_value = value;
    return true;
}

u64 fpu_features(void)
{
    return 7;
}

u64 fpu_xcr0(const struct vcpu *v)
{
    (void)v;
    return w.xcr0;
}

unsigned virt_cpl(struct vcpu *v)
{
    (void)v;
    return 0;
}

/* What no test of this lab leads to: reaching it is a fault of the test. */
#define NEVER(type, name, ...)                                                                     \
    type name(__VA_ARGS__)                                                                         \
    {                                                                                              \
        grade_error("%s was called", #name);                                                       \
    }
#define UNUSED __attribute__((unused))
NEVER(void, cpu_exit_cr, struct vcpu *v UNUSED, struct exit *e UNUSED)
NEVER(void, cpu_exit_dr, struct vcpu *v UNUSED, struct exit *e UNUSED)
NEVER(void, cpu_exit_task_switch, struct vcpu *v UNUSED, struct exit *e UNUSED)
NEVER(void, cpu_exit_xsetbv, struct vcpu *v UNUSED, struct exit *e UNUSED)
NEVER(u64, cpu_gpr, struct vcpu *v UNUSED, unsigned number UNUSED)
NEVER(void, cpu_kill, struct vcpu *v UNUSED, const struct exit *e UNUSED, const char *why UNUSED)
NEVER(void, cpu_trap, struct vcpu *v UNUSED, u64 why UNUSED)
NEVER(bool, cpu_store_to_table, struct vcpu *v UNUSED, const struct exit *e UNUSED,
      void *entry UNUSED)
NEVER(bool, cpu_mmio_quickly, struct vcpu *v UNUSED, const struct exit *e UNUSED)
NEVER(void, cpu_triple_fault, struct vcpu *v UNUSED, const struct exit *e UNUSED)
NEVER(void, host_interrupt, u8 vector UNUSED)
NEVER(enum paging_result, paging_fault, struct vcpu *v UNUSED, const struct exit *e UNUSED,
      struct paging_fault *out UNUSED)
NEVER(void, paging_invalidate, struct vcpu *v UNUSED, u64 gva UNUSED)
NEVER(u64, paging_toggle, struct vcpu *v UNUSED, bool wp UNUSED, bool pge UNUSED)
NEVER(bool, paging_table_given_up, struct domain *d UNUSED, void *entry UNUSED)
NEVER(s64, trivisor_op, struct vcpu *v UNUSED, u64 command UNUSED, u64 argument UNUSED,
      enum ledger_counter own UNUSED)
NEVER(void, virt_report, struct vcpu *v UNUSED, const struct exit *e UNUSED)
