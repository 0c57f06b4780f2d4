/*
 * CPUID: the policy's answer in the guest's registers.
 */
#include "cpu.h"
#include "cpuid_policy.h"
#include "fpu.h"
#include "insn.h"
#include "timer.h"
#include "virt_ops.h"
#include "x86.h"

static void host_cpuid(u32 leaf, u32 subleaf, u32 out[CPUID_REGISTERS])
{
    struct cpuid_regs r = cpuid(leaf, subleaf);

    out[CPUID_EAX] = r.eax;
    out[CPUID_EBX] = r.ebx;
    out[CPUID_ECX] = r.ecx;
    out[CPUID_EDX] = r.edx;
}

void cpu_policy_init(void)
{
    cpuid_policy_init(host_cpuid, fpu_features(), virt_ops->has_rdtscp(), (u32)tsc_khz);
}

static void answer(struct regs *r, const u32 out[CPUID_REGISTERS])
{
    r->rax = out[CPUID_EAX];
    r->rbx = out[CPUID_EBX];
    r->rcx = out[CPUID_ECX];
    r->rdx = out[CPUID_EDX];
}

/* A leaf that depends on the vcpu or on the subleaf. */
static void __attribute__((noinline)) answer_varying(struct vcpu *v, struct exit *e)
{
    struct regs *r = &v->regs;
    struct cpuid_vcpu now = {
        .apic_id = v->id, .osxsave = virt_get(v, VREG_CR4) & CR4_OSXSAVE, .xcr0 = fpu_xcr0(v)};
    u32 out[CPUID_REGISTERS];

    cpuid_policy((u32)r->rax, (u32)r->rcx, &now, out);
    answer(r, out);
    cpu_skip(v, e);
}

void cpu_exit_cpuid(struct vcpu *v, struct exit *e)
{
    const u32 *constant = cpuid_policy_constant((u32)v->regs.rax);

    if (unlikely(!constant)) {
        answer_varying(v, e);
        return;
    }
    answer(&v->regs, constant);
    cpu_skip(v, e);
}
