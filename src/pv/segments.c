/*
 * Segment registers and the bases of FS and GS: the guest's stay in the processor while the
 * hypervisor runs, and are switched with the vcpu. Source: SDM, "Segment Loading Instructions in
 * IA-32e Mode"; xen/arch-x86/xen-x86_64.h, SEGBASE_*.
 *
 * Invariant: IA32_GS_BASE holds the base of the mode that runs, IA32_KERNEL_GS_BASE that of the
 * other.
 */
#include "errno.h"
#include "extable.h"
#include "insn.h"
#include "hypercall.h"
#include "segment.h"
#include "sched.h"
#include "x86.h"

/* false: it cannot be loaded, and is the null one now. */
static bool load(struct vcpu *v, u64 (*load_it)(u16 selector), u16 selector)
{
    u64 fault;

    do
        fault = load_it(selector);
    while (fault && pv_ldt_missing(v, fault));
    if (fault)
        load_it(0);
    return !fault;
}

/* Of one that cannot be loaded any more the guest's kernel hears by its failsafe callback. */
static void reload(struct vcpu *v, u64 (*load_it)(u16 selector), u16 selector)
{
    if (!load(v, load_it, selector))
        v->virt->segments_lost = v->virt->failsafe.address != 0;
}

void pv_load_segments(struct vcpu *v)
{
    struct virt_vcpu *x = v->virt;

    reload(v, safe_load_ds, x->ds);
    reload(v, safe_load_es, x->es);
    reload(v, safe_load_fs, x->fs);
    reload(v, safe_load_gs, x->gs);
    wrmsr(MSR_FS_BASE, x->fs_base);
    wrmsr(MSR_GS_BASE, x->kernel_mode ? x->gs_kernel : x->gs_user);
    wrmsr(MSR_KERNEL_GS_BASE, x->kernel_mode ? x->gs_user : x->gs_kernel);
}

void pv_save_segments(struct vcpu *v)
{
    struct virt_vcpu *x = v->virt;
    u64 active = rdmsr(MSR_GS_BASE), other = rdmsr(MSR_KERNEL_GS_BASE);

    x->ds = read_ds();
    x->es = read_es();
    x->fs = read_fs();
    x->gs = read_gs();
    x->fs_base = rdmsr(MSR_FS_BASE);
    x->gs_kernel = x->kernel_mode ? active : other;
    x->gs_user = x->kernel_mode ? other : active;
}

/* Called by the guest's kernel: the active GS base is the kernel's. */
static s64 do_set_segment_base(u32 which, u64 base)
{
    u16 selector;

    if (which != SEGBASE_GS_USER_SEL && !canonical(base))
        return -EINVAL;
    switch (which) {
    case SEGBASE_FS:
        wrmsr(MSR_FS_BASE, base);
        return 0;
    case SEGBASE_GS_USER:
        wrmsr(MSR_KERNEL_GS_BASE, base);
        return 0;
    case SEGBASE_GS_KERNEL:
        wrmsr(MSR_GS_BASE, base);
        return 0;
    case SEGBASE_GS_USER_SEL:
        selector = (u16)base;
        if (selector > SELECTOR_RPL) /* null stays null */
            selector |= SELECTOR_RPL;
        /* The load changes the base of the active GS: between two exchanges it is the user's. */
        swapgs();
        load(pv_current(), safe_load_gs, selector);
        swapgs();
        return 0;
    default:
        return -EINVAL;
    }
}
HYPERCALL(__HYPERVISOR_set_segment_base, do_set_segment_base, LC_HC_SET_SEGMENT_BASE);
