/*
 * What is in the processor itself, not in the VMCS, while a vcpu is loaded: the MSRs that the
 * hypervisor does not use, CR2, x87 to AVX state. Debug registers follow lazily (run.c).
 */
#include "fpu.h"
#include "insn.h"
#include "vmx.h"
#include "x86.h"

static const u32 switched[SWITCH_COUNT] = {
    [SWITCH_STAR] = MSR_STAR,     [SWITCH_LSTAR] = MSR_LSTAR,     [SWITCH_CSTAR] = MSR_CSTAR,
    [SWITCH_SFMASK] = MSR_SFMASK, [SWITCH_TSC_AUX] = MSR_TSC_AUX,
};

static unsigned switched_count(void)
{
    return vmx_cap.proc2 & PROC2_RDTSCP ? SWITCH_COUNT : SWITCH_TSC_AUX;
}

void vmx_load(struct vcpu *v)
{
    struct vmx_vcpu *x = vmx_of(v);

    vmx_make_current(v);
    for (unsigned i = 0; i < switched_count(); i++)
        wrmsr(switched[i], x->switched[i]);
    wrmsr(MSR_KERNEL_GS_BASE, x->kernel_gs_base);
    write_cr2(x->cr2);
    x->common.dirty |= DIRTY_DEBUG;
    fpu_load(v);
}

void vmx_put(struct vcpu *v)
{
    struct vmx_vcpu *x = vmx_of(v);

    vmx_slice_off();
    for (unsigned i = 0; i < switched_count(); i++)
        x->switched[i] = rdmsr(switched[i]);
    x->kernel_gs_base = rdmsr(MSR_KERNEL_GS_BASE);
    x->cr2 = read_cr2();
    fpu_save(v);
}
