/*
 * Privileged instructions of a guest's kernel, which trap from ring 3 and are carried out as far as
 * the Xen ABI has them. Whether the guest may is judged by its virtual privilege: 0 in its kernel,
 * 3 in user mode.
 *
 * Invariant: nothing is written to a control register, an MSR or a debug register that has not
 * been checked here or by the function called.
 */
#include "errno.h"
#include "fpu.h"
#include "guest_access.h"
#include "insn.h"
#include "layout.h"
#include "log.h"
#include "port.h"
#include "hypercall.h"
#include "pv_emulate.h"
#include "sched.h"
#include "tlb.h"

/* Setting any other bit is #GP ("Control Registers"). */
#define CR4_DEFINED                                                                                \
    (CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE | CR4_PCE |      \
     CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_UMIP | CR4_FSGSBASE | CR4_PCIDE | CR4_OSXSAVE | CR4_SMEP |  \
     CR4_SMAP | CR4_PKE)

static struct vcpu *vcpu_of(struct emulate_ctx *ctx)
{
    return ctx->opaque;
}

enum emulate_result pv_emulate_fetch(struct emulate_ctx *ctx, struct vcpu *v, u64 la, u8 *to,
                                     unsigned len)
{
    enum { LAST_WORD = INSN_MAX - sizeof(u64) };
    struct access_fault f;

    /* The usual case: a whole instruction's bytes, as two words that overlap. */
    if (likely(len == INSN_MAX && pv_range_ok(la, len)) && likely(!pv_get_words(to, la, 1)) &&
        likely(!pv_get_words(to + LAST_WORD, la + LAST_WORD, 1)))
        return EMULATE_OK;
    if (guest_fetch(v, to, la, len, &f) == len)
        return EMULATE_OK;
    return emulate_page_fault(ctx, f.gva, f.error | PF_I);
}

static enum emulate_result hook_fetch(struct emulate_ctx *ctx, u64 la, u8 *to, unsigned len)
{
    return pv_emulate_fetch(ctx, vcpu_of(ctx), la, to, len);
}

static enum emulate_result hook_read_cr(struct emulate_ctx *ctx, unsigned cr, u64 *value)
{
    const struct virt_vcpu *x = vcpu_of(ctx)->virt;

    switch (cr) {
    case 0:
        *value = (read_cr0() & ~CR0_TS) | (x->ts ? CR0_TS : 0);
        return EMULATE_OK;
    case 2:
        *value = x->info->arch.cr2;
        return EMULATE_OK;
    case 3:
        *value = x->kernel_root;
        return EMULATE_OK;
    case 4:
        *value = read_cr4() & ~(CR4_SMEP | CR4_UMIP);
        return EMULATE_OK;
    default:
        return EMULATE_UNHANDLEABLE;
    }
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

static enum emulate_result hook_write_cr3(struct emulate_ctx *ctx, u64 value)
{
    struct vcpu *v = vcpu_of(ctx);
    int error = value & ~PTE_ADDR ? -EINVAL : pv_new_kernel_root(v, value >> PAGE_SHIFT);

    if (error != -ERESTART)
        return error ? emulate_raise(ctx, VEC_GP, 0) : EMULATE_OK;
    v->kicked = 1; /* time is up: the same instruction once more */
    return EMULATE_RETRY;
}

static enum emulate_result hook_write_cr(struct emulate_ctx *ctx, unsigned cr, u64 value)
{
    struct vcpu *v = vcpu_of(ctx);

    switch (cr) {
    case 0: /* only TS can be changed */
        if ((value ^ read_cr0()) & ~CR0_TS)
            return emulate_raise(ctx, VEC_GP, 0);
        pv_set_ts(v, value & CR0_TS);
        return EMULATE_OK;
    case 2:
        v->virt->info->arch.cr2 = value;
        return EMULATE_OK;
    case 3:
        return hook_write_cr3(ctx, value);
    case 4: /* as under Xen: bits that are not the guest's to change stay */
        return value & ~CR4_DEFINED ? emulate_raise(ctx, VEC_GP, 0) : EMULATE_OK;
    default:
        return EMULATE_UNHANDLEABLE;
    }
}

static enum emulate_result hook_read_dr(struct emulate_ctx *ctx, unsigned dr, u64 *value)
{
    *value = pv_debug_register(vcpu_of(ctx), dr);
    return EMULATE_OK;
}

static enum emulate_result hook_write_dr(struct emulate_ctx *ctx, unsigned dr, u64 value)
{
    return pv_set_debug_register(vcpu_of(ctx), dr, value) ? emulate_raise(ctx, VEC_GP, 0)
                                                          : EMULATE_OK;
}

static enum emulate_result hook_read_msr(struct emulate_ctx *ctx, u32 msr, u64 *value)
{
    return pv_read_msr(vcpu_of(ctx), msr, value) ? EMULATE_OK : emulate_raise(ctx, VEC_GP, 0);
}

static enum emulate_result hook_write_msr(struct emulate_ctx *ctx, u32 msr, u64 value)
{
    return pv_write_msr(vcpu_of(ctx), msr, value) ? EMULATE_OK : emulate_raise(ctx, VEC_GP, 0);
}

static enum emulate_result hook_io_allowed(struct emulate_ctx *ctx, u16 port, unsigned len)
{
    return pv_port_allowed(vcpu_of(ctx), port, len) ? EMULATE_OK : emulate_raise(ctx, VEC_GP, 0);
}

static enum emulate_result hook_io_in(struct emulate_ctx *ctx, u16 port, unsigned len, u64 *value)
{
    if (!pv_port_allowed(vcpu_of(ctx), port, len))
        return emulate_raise(ctx, VEC_GP, 0);
    *value = port_read(vcpu_of(ctx)->domain, port, len);
    return EMULATE_OK;
}

static enum emulate_result hook_io_out(struct emulate_ctx *ctx, u16 port, unsigned len, u64 value)
{
    if (!pv_port_allowed(vcpu_of(ctx), port, len))
        return emulate_raise(ctx, VEC_GP, 0);
    port_write(vcpu_of(ctx)->domain, port, len, (u32)value);
    return EMULATE_OK;
}

static enum emulate_result hook_cpuid(struct emulate_ctx *ctx, u32 leaf, u32 subleaf, u32 out[4])
{
    (void)ctx;
    pv_cpuid(leaf, subleaf, out);
    return EMULATE_OK;
}

static enum emulate_result hook_xsetbv(struct emulate_ctx *ctx, u32 index, u64 value)
{
    if (index || fpu_set_xcr0(vcpu_of(ctx), value))
        return emulate_raise(ctx, VEC_GP, 0);
    return EMULATE_OK;
}

static enum emulate_result hook_invlpg(struct emulate_ctx *ctx, u64 la)
{
    if (!pv_range_ok(la, 1)) /* as under Xen */
        return emulate_raise(ctx, VEC_GP, 0);
    tlb_flush_page(mfn_of(pv_active_root() >> PAGE_SHIFT), la);
    return EMULATE_OK;
}

/* No memory of a guest's is uncached, so there is nothing to write back; and nothing to lose. */
static enum emulate_result hook_wbinvd(struct emulate_ctx *ctx, bool write_back)
{
    return write_back ? EMULATE_OK : emulate_raise(ctx, VEC_GP, 0);
}

static enum emulate_result hook_hlt(struct emulate_ctx *ctx)
{
    pv_block(vcpu_of(ctx));
    return EMULATE_OK;
}

/* As under Xen: a guest's IF is its event mask, which CLI and STI do not reach. */
static enum emulate_result hook_set_if(struct emulate_ctx *ctx, bool enable)
{
    const struct virt_vcpu *x = vcpu_of(ctx)->virt;

    (void)enable;
    return x->iopl >= (x->kernel_mode ? 1 : 3) ? EMULATE_OK : emulate_raise(ctx, VEC_GP, 0);
}

static const struct emulate_ops hooks = {
    .fetch = hook_fetch,
    .read_cr = hook_read_cr,
    .write_cr = hook_write_cr,
    .read_dr = hook_read_dr,
    .write_dr = hook_write_dr,
    .read_msr = hook_read_msr,
    .write_msr = hook_write_msr,
    .io_allowed = hook_io_allowed,
    .io_in = hook_io_in,
    .io_out = hook_io_out,
    .cpuid = hook_cpuid,
    .xsetbv = hook_xsetbv,
    .invlpg = hook_invlpg,
    .wbinvd = hook_wbinvd,
    .hlt = hook_hlt,
    .set_if = hook_set_if,
};

void pv_emulate_done(struct vcpu *v, const struct emulate_ctx *ctx)
{
    if (likely(!(ctx->notes & EMULATE_SINGLE_STEP)))
        return;
    v->dr6 |= DR6_BS;
    pv_bounce_trap(v, VEC_DB, 0);
}

bool pv_emulate(struct vcpu *v)
{
    struct emulate_ctx ctx;

    if (!pv_code_is_64bit(v, v->regs.cs))
        return false;
    emulate_init(&ctx, &v->regs, &hooks, v, CODE_64, v->virt->kernel_mode ? 0 : 3);
    ctx.system_only = true;
    switch (emulate_insn(&ctx)) {
    case EMULATE_OK:
        ledger_count(&v->domain->ledger, LC_EMULATED_INSN);
        pv_emulate_done(v, &ctx);
        return true;
    case EMULATE_FAULT:
        if (ctx.fault.vector == VEC_PF)
            pv_bounce_page_fault(v, ctx.fault.cr2, ctx.fault.error);
        else
            pv_bounce_trap(v, ctx.fault.vector, ctx.fault.error);
        return true;
    case EMULATE_RETRY:
        return true;
    default:
        return false;
    }
}
