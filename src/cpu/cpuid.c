/*
 * CPUID: the policy's answer in the guest's registers.
 */
#include "cpu.h"
#include "cpuid_bits.h"
#include "cpuid_policy.h"
#include "fpu.h"
#include "insn.h"
#include "lapic.h"
#include "timer.h"
#include "virt_ops.h"
#include "x86.h"

/* The machine's answer, less INVPCID where it is #UD in a guest. */
static void host_cpuid(u32 leaf, u32 subleaf, u32 out[CPUID_REGISTERS])
{
    struct cpuid_regs r = cpuid(leaf, subleaf);

    out[CPUID_EAX] = r.eax;
    out[CPUID_EBX] = r.ebx;
    out[CPUID_ECX] = r.ecx;
    out[CPUID_EDX] = r.edx;
    if (leaf == LEAF_EXTENDED_FEATURES && !virt_ops->has_invpcid())
        out[CPUID_EBX] &= ~(u32)F7B_INVPCID;
}

void cpu_policy_init(void)
{
    cpuid_policy_init(host_cpuid, fpu_features(), virt_ops->has_rdtscp(), (u32)tsc_khz);
}

/* Completes CPUID with the answer `out` in EAX, EBX, ECX and EDX. In 64-bit mode it clears the
 * upper halves of RAX, RBX, RCX and RDX. "CPUID-CPU Identification". */
static inline void answer(struct vcpu *v, const struct exit *e, const u32 out[CPUID_REGISTERS])
{
    /* lab trap.3 */
    v->regs.rax = out[CPUID_EAX];
    v->regs.rbx = out[CPUID_EBX];
    v->regs.rcx = out[CPUID_ECX];
    v->regs.rdx = out[CPUID_EDX];
    cpu_skip(v, e);
    /* lab end trap.3 */
}

/* The local APIC is a model: x2APIC and TSC deadline are there whatever the processor has, until
 * the guest switches it off (lapic.h). */
static void answer_for_apic(const struct lapic *l, u32 out[CPUID_REGISTERS])
{
    out[CPUID_ECX] |= F1C_X2APIC | F1C_TSC_DEADLINE;
    if (l->mode == LAPIC_DISABLED)
        out[CPUID_EDX] &= ~(u32)F1D_APIC;
}

/*
 * A leaf that depends on the vcpu or on the subleaf. The leaf is asked for in EAX, the subleaf in
 * ECX (the upper halves do not count); cpuid_policy (cpuid_policy.h) has the answer, and wants to
 * know of the vcpu: its number (v->id), which is its local APIC's, whether its CR4 has CR4_OSXSAVE
 * (virt_get), and its XCR0 (fpu_xcr0).
 */
static void __attribute__((noinline)) answer_varying(struct vcpu *v, struct exit *e)
{
    u32 out[CPUID_REGISTERS], leaf = (u32)v->regs.rax;

    /* lab trap.3 */
    struct cpuid_vcpu now = {
        .apic_id = v->id, .osxsave = virt_get(v, VREG_CR4) & CR4_OSXSAVE, .xcr0 = fpu_xcr0(v)};

    cpuid_policy((u32)v->regs.rax, (u32)v->regs.rcx, &now, out);
    /* lab end trap.3 */
    if (leaf == LEAF_FEATURES && v->lapic)
        answer_for_apic(v->lapic, out);
    answer(v, e, out);
}

/*
 * Tour 29: trap and emulate, in four lines. CPUID always exits. The answer is put into the guest's
 * registers, the instruction is skipped, the guest goes on. It is the pattern of every trapped
 * instruction; what differs is the answer. cpuid_policy.c decides it: a feature that is not named
 * there is hidden.
 */
void cpu_exit_cpuid(struct vcpu *v, struct exit *e)
{
    u32 leaf = (u32)v->regs.rax;
    const u32 *constant = cpuid_policy_constant(leaf);

    e->error = leaf; /* for the trace: the answer overwrites it */
    if (unlikely(!constant))
        answer_varying(v, e);
    else
        answer(v, e, constant);
}
