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

void cpu_cpuid(struct vcpu *v)
{
    struct regs *r = &v->regs;
    struct cpuid_vcpu now = {.apic_id = v->id};
    u32 out[CPUID_REGISTERS];

    now.osxsave = virt_get(v, VREG_CR4) & CR4_OSXSAVE;
    now.xcr0 = fpu_xcr0(v);
    cpuid_policy((u32)r->rax, (u32)r->rcx, &now, out);
    r->rax = out[CPUID_EAX];
    r->rbx = out[CPUID_EBX];
    r->rcx = out[CPUID_ECX];
    r->rdx = out[CPUID_EDX];
}
