/*
 * Privileged instructions of a guest's kernel, which trap from ring 3 and are carried out as far as
 * the Xen ABI has them. Whether the guest may is judged by its virtual privilege: 0 in its kernel,
 * 3 in user mode. As under Xen HLT, INVLPG, INVD and LMSW are none of them: there are calls for
 * those.
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
    if (likely(len == INSN_MAX && pv_read_plain(la)) && likely(!pv_get_words(to, la, 1)) &&
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

static enum emulate_result hook_read_dr(struct emulate_ctx *ctx, unsigned dr, u64 *value)
{
    *value = (u64)pv_debug_register(vcpu_of(ctx), dr);
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

static void watch_port(struct emulate_ctx *ctx, u16 port, unsigned len)
{
    u8 met = pv_breakpoints_on_port(vcpu_of(ctx), port, len);

    if (!met)
        return;
    vcpu_of(ctx)->dr6 |= met;
    ctx->notes |= EMULATE_BREAKPOINT;
}

static enum emulate_result hook_io_in(struct emulate_ctx *ctx, u16 port, unsigned len, u64 *value)
{
    if (!pv_port_allowed(vcpu_of(ctx), port, len))
        return emulate_raise(ctx, VEC_GP, 0);
    watch_port(ctx, port, len);
    *value = port_read(vcpu_of(ctx)->domain, port, len);
    return EMULATE_OK;
}

static enum emulate_result hook_io_out(struct emulate_ctx *ctx, u16 port, unsigned len, u64 value)
{
    if (!pv_port_allowed(vcpu_of(ctx), port, len))
        return emulate_raise(ctx, VEC_GP, 0);
    watch_port(ctx, port, len);
    port_write(vcpu_of(ctx)->domain, port, len, (u32)value);
    return EMULATE_OK;
}

/* Only INS and OUTS have memory here. */
static bool is_string(const struct emulate_ctx *ctx)
{
    return ctx->insn.operation == OP_INS || ctx->insn.operation == OP_OUTS;
}

/* INS reads first what it will overwrite: written back at once, it is known that it can be. */
static enum emulate_result hook_read(struct emulate_ctx *ctx, u64 la, u64 *value, unsigned len,
                                     enum emulate_access why)
{
    struct access_fault f;

    if (!is_string(ctx))
        return EMULATE_UNHANDLEABLE;
    *value = 0;
    if (guest_read(vcpu_of(ctx), value, la, len, &f) != len ||
        (why == EMULATE_RMW && guest_write(vcpu_of(ctx), la, value, len, &f) != len))
        return emulate_page_fault(ctx, f.gva, f.error);
    return EMULATE_OK;
}

static enum emulate_result hook_write(struct emulate_ctx *ctx, u64 la, u64 value, unsigned len)
{
    struct access_fault f;

    if (guest_write(vcpu_of(ctx), la, &value, len, &f) != len)
        return emulate_page_fault(ctx, f.gva, f.error);
    return EMULATE_OK;
}

enum emulate_result pv_emulate_segment(struct emulate_ctx *ctx, enum seg seg, struct segment *out)
{
    (void)ctx;
    *out = (struct segment){.base = rdmsr(seg == SEG_FS ? MSR_FS_BASE : MSR_GS_BASE)};
    return EMULATE_OK;
}

static enum emulate_result hook_rdtsc(struct emulate_ctx *ctx, u64 *value)
{
    (void)ctx;
    *value = rdtsc();
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

/* No memory of a guest's is uncached, so there is nothing to write back; and nothing to lose. */
static enum emulate_result hook_wbinvd(struct emulate_ctx *ctx, bool write_back)
{
    return write_back ? EMULATE_OK : emulate_raise(ctx, VEC_GP, 0);
}

/* As under Xen: a guest's IF is its event mask, which CLI and STI do not reach. */
static enum emulate_result hook_set_if(struct emulate_ctx *ctx, bool enable)
{
    (void)enable;
    return pv_level_suffices(vcpu_of(ctx)) ? EMULATE_OK : emulate_raise(ctx, VEC_GP, 0);
}

static const struct emulate_ops hooks = {
    .fetch = hook_fetch,
    .read = hook_read,
    .write = hook_write,
    .segment = pv_emulate_segment,
    .read_cr = pv_emulate_read_cr,
    .write_cr = pv_emulate_write_cr,
    .read_dr = hook_read_dr,
    .write_dr = hook_write_dr,
    .read_msr = hook_read_msr,
    .write_msr = hook_write_msr,
    .io_allowed = hook_io_allowed,
    .io_in = hook_io_in,
    .io_out = hook_io_out,
    .cpuid = hook_cpuid,
    .rdtsc = hook_rdtsc,
    .xsetbv = hook_xsetbv,
    .wbinvd = hook_wbinvd,
    .set_if = hook_set_if,
};

void pv_emulate_done(struct vcpu *v, const struct emulate_ctx *ctx)
{
    if (likely(!(ctx->notes & (EMULATE_SINGLE_STEP | EMULATE_BREAKPOINT))))
        return;
    if (ctx->notes & EMULATE_SINGLE_STEP)
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
    ctx.iopl = v->virt->iopl;
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
