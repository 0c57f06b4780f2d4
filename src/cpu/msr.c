/*
 * The MSRs that exit: what a guest reads and writes there. Which those are is said in msr_policy.h;
 * those that are not there do not exist for a guest: #GP(0).
 */
#include "cpu.h"
#include "cpuid_policy.h"
#include "extable.h"
#include "lapic.h"
#include "msr_policy.h"
#include "sched.h"
#include "virt_ops.h"
#include "x86.h"

enum misc_enable_bits {
    MISC_FAST_STRINGS = 1 << 0,
    MISC_NO_BRANCH_TRACE = 1 << 11,
    MISC_NO_PRECISE_SAMPLING = 1 << 12,
};
#define PAT_RESERVED_BITS 0xf8f8f8f8f8f8f8f8ULL

struct msr_policy {
    u32 msr;                                  /* its number */
    u64 (*read)(struct vcpu *v);              /* NULL: reads as 0 */
    bool (*write)(struct vcpu *v, u64 value); /* NULL: writes are ignored; false: #GP(0) */
};

/* The guest's TSC is the machine's and an offset, which the processor adds: it is not trapped. */
static u64 read_tsc(struct vcpu *v)
{
    return sched_now() + v->virt->tsc_offset;
}

/* What is waited for in the guest's time comes at another moment of the machine's. */
static void set_offset(struct vcpu *v, u64 offset)
{
    u64 deadline = lapic_deadline(v->lapic);

    if (deadline)
        lapic_set_deadline(v->lapic, deadline + v->virt->tsc_offset - offset);
    v->virt->tsc_offset = offset;
    virt_mark(v, DIRTY_TSC);
}

static u64 read_tsc_adjust(struct vcpu *v)
{
    return v->virt->tsc_adjust;
}

/* "IA32_TSC_ADJUST MSR": a write to either moves the other by as much. */
static bool write_tsc_adjust(struct vcpu *v, u64 value)
{
    set_offset(v, v->virt->tsc_offset + value - v->virt->tsc_adjust);
    v->virt->tsc_adjust = value;
    return true;
}

static bool write_tsc(struct vcpu *v, u64 value)
{
    return write_tsc_adjust(v, v->virt->tsc_adjust + value - read_tsc(v));
}

static u64 read_apic_base(struct vcpu *v)
{
    return lapic_base(v->lapic);
}

static bool write_apic_base(struct vcpu *v, u64 value)
{
    return lapic_set_base(v->lapic, value);
}

static u64 read_deadline(struct vcpu *v)
{
    u64 deadline = lapic_deadline(v->lapic);

    return deadline ? deadline + v->virt->tsc_offset : 0;
}

/* 0 disarms; another value must not become it. */
static bool write_deadline(struct vcpu *v, u64 value)
{
    u64 deadline = value - v->virt->tsc_offset;

    lapic_set_deadline(v->lapic, value && !deadline ? 1 : value ? deadline : 0);
    return true;
}

static bool refuse(struct vcpu *v, u64 value)
{
    (void)v;
    (void)value;
    return false;
}

static u64 read_misc_enable(struct vcpu *v)
{
    u64 machine = 0;

    (void)v;
    if (safe_rdmsr(MSR_MISC_ENABLE, &machine))
        machine = 0;
    return (machine & MISC_FAST_STRINGS) | MISC_NO_BRANCH_TRACE | MISC_NO_PRECISE_SAMPLING;
}

static u64 read_pat(struct vcpu *v)
{
    return v->virt->pat;
}

/* "Page Attribute Table (PAT)": eight types of 0, 1, 4, 5, 6 or 7. */
static bool write_pat(struct vcpu *v, u64 value)
{
    if (value & PAT_RESERVED_BITS)
        return false;
    for (unsigned i = 0; i < 64; i += 8) {
        u64 type = value >> i & 7;
        if (type == 2 || type == 3)
            return false;
    }
    v->virt->pat = value;
    return true;
}

static u64 read_efer(struct vcpu *v)
{
    return virt_get(v, VREG_EFER);
}

static const struct msr_policy policy[] = {
#define EMULATE(number, name, read, write) {number, read, write},
#define CONSTANT(number, name)             {number, NULL, NULL},
    MSR_POLICY(MSR_NOT, EMULATE, CONSTANT, MSR_NOT, MSR_NOT)
#undef EMULATE
#undef CONSTANT
};

/* What was asked for last, by the low bits of the number: an entry of policy[], or NULL. */
enum { RECENT = 16 };
static const struct msr_policy *recent[RECENT];

static const struct msr_policy *__attribute__((noinline)) find_and_remember(u32 msr)
{
    for (unsigned i = 0; i < ARRAY_SIZE(policy); i++)
        if (policy[i].msr == msr)
            return recent[msr % RECENT] = &policy[i];
    return NULL;
}

static inline const struct msr_policy *find(u32 msr)
{
    const struct msr_policy *p = recent[msr % RECENT];

    return likely(p && p->msr == msr) ? p : find_and_remember(msr);
}

/* The local APIC has rules of its own for these. */
static bool is_x2apic(u32 msr)
{
    return msr - LAPIC_MSR_FIRST < LAPIC_MSRS;
}

bool cpu_rdmsr(struct vcpu *v, u32 msr, u64 *value)
{
    const struct msr_policy *p;

    if (is_x2apic(msr))
        return lapic_rdmsr(v->lapic, msr, value);
    p = find(msr);
    if (!p)
        return mtrr_read(&v->virt->mtrr, msr, value);
    *value = p->read ? p->read(v) : 0;
    return true;
}

bool cpu_wrmsr(struct vcpu *v, u32 msr, u64 value)
{
    const struct msr_policy *p;

    if (is_x2apic(msr))
        return lapic_wrmsr(v->lapic, msr, value);
    p = find(msr);
    if (!p)
        return mtrr_write(&v->virt->mtrr, msr, value, cpuid_policy_maxphyaddr());
    return !p->write || p->write(v, value);
}
