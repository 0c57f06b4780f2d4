/*
 * Control registers as a guest's kernel sees them. Source: SDM, "Control Registers"; what Xen shows
 * its PV guests.
 *
 * Invariants
 *  - Of the processor's own registers only CR0.TS and CR4.TSD follow the guest, and both are the
 *    hypervisor's again while no vcpu is loaded.
 *  - Any other bit is the machine's, or a word of the guest's that only this file and the debug
 *    registers look at.
 */
#include "errno.h"
#include "hypercall.h"
#include "insn.h"
#include "pv_emulate.h"
#include "sched.h"
#include "x86.h"

/* The guest's to set: user mode without RDTSC; breakpoints on ports, and no DR4 and DR5; XSETBV. */
#define PV_CR4_OWN (CR4_TSD | CR4_DE | CR4_OSXSAVE)
/* Of the machine's, what it may see. */
#define PV_CR4_SEEN (CR4_PAE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT)

void pv_load_control(const struct vcpu *v)
{
    write_cr0(v->virt->ts ? read_cr0() | CR0_TS : read_cr0() & ~CR0_TS);
    if (unlikely(v->virt->cr4 & CR4_TSD))
        write_cr4(read_cr4() | CR4_TSD);
}

void pv_unload_control(void)
{
    u64 cr4 = read_cr4();

    write_cr0(read_cr0() & ~CR0_TS);
    if (unlikely(cr4 & CR4_TSD))
        write_cr4(cr4 & ~CR4_TSD);
}

void pv_set_ts(struct vcpu *v, bool ts)
{
    v->virt->ts = ts;
    write_cr0(ts ? read_cr0() | CR0_TS : read_cr0() & ~CR0_TS);
}

static s64 do_fpu_taskswitch(u32 set)
{
    pv_set_ts(pv_current(), set);
    return 0;
}
HYPERCALL(__HYPERVISOR_fpu_taskswitch, do_fpu_taskswitch, LC_HC_FPU_TASKSWITCH);

enum emulate_result pv_emulate_read_cr(struct emulate_ctx *ctx, unsigned cr, u64 *value)
{
    const struct virt_vcpu *x = ((const struct vcpu *)ctx->opaque)->virt;

    if (likely(!cr)) {
        *value = (read_cr0() & ~CR0_TS) | (x->ts ? CR0_TS : 0);
        return EMULATE_OK;
    }
    switch (cr) {
    case 2:
        *value = x->info->arch.cr2;
        return EMULATE_OK;
    case 3:
        *value = x->kernel_root;
        return EMULATE_OK;
    case 4:
        *value = (read_cr4() & PV_CR4_SEEN) | x->cr4;
        return EMULATE_OK;
    default:
        return EMULATE_UNHANDLEABLE;
    }
}

static enum emulate_result new_cr3(struct emulate_ctx *ctx, struct vcpu *v, u64 value)
{
    int error = value & ~PTE_ADDR ? -EINVAL : pv_new_kernel_root(v, value >> PAGE_SHIFT);

    if (error != -ERESTART)
        return error ? emulate_raise(ctx, VEC_GP, 0) : EMULATE_OK;
    v->kicked = 1; /* time is up: the same instruction once more */
    return EMULATE_RETRY;
}

/* As under Xen none is refused: what is not the guest's to change stays as it is. */
static void write_own_cr4(struct virt_vcpu *x, u64 value)
{
    u64 now = read_cr4(), wanted = (now & ~CR4_TSD) | (value & CR4_TSD);

    x->cr4 = value & PV_CR4_OWN;
    if (wanted != now)
        write_cr4(wanted);
}

enum emulate_result pv_emulate_write_cr(struct emulate_ctx *ctx, unsigned cr, u64 value)
{
    struct vcpu *v = ctx->opaque;

    switch (cr) {
    case 0: /* only TS can be changed */
        if ((value ^ read_cr0()) & ~CR0_TS || ctx->insn.operation == OP_LMSW)
            return emulate_raise(ctx, VEC_GP, 0);
        pv_set_ts(v, value & CR0_TS);
        return EMULATE_OK;
    case 2:
        v->virt->info->arch.cr2 = value;
        return EMULATE_OK;
    case 3:
        return new_cr3(ctx, v, value);
    case 4:
        write_own_cr4(v->virt, value);
        return EMULATE_OK;
    default:
        return EMULATE_UNHANDLEABLE;
    }
}
