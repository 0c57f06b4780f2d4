/*
 * The executor's hooks for what an instruction needs besides memory and ports: segments and the
 * tables that describe them, control registers to judge by, vector registers. What an instruction
 * does to the processor's mode (MOV to CR, WRMSR, LGDT ...) exits on its own and is not done here.
 */
#include "cpu.h"
#include "cpuid_policy.h"
#include "domain.h"
#include "fpu.h"
#include "guest_access.h"
#include "instruction.h"
#include "paging.h"
#include "virt_ops.h"
#include "walk.h"

#include <string.h>

static struct vcpu *vcpu_of(const struct emulate_ctx *ctx)
{
    return ((const struct instruction *)ctx->opaque)->vcpu;
}

enum emulate_result hook_segment(struct emulate_ctx *ctx, enum seg seg, struct segment *out)
{
    virt_get_segment(vcpu_of(ctx), seg, out);
    return EMULATE_OK;
}

enum emulate_result hook_write_segment(struct emulate_ctx *ctx, enum seg seg,
                                       const struct segment *in)
{
    virt_set_segment(vcpu_of(ctx), seg, in);
    return EMULATE_OK;
}

/* One part of an access, within a page. Tables in a device's memory are not done. */
static enum emulate_result system_part(struct emulate_ctx *ctx, u64 la, void *data, unsigned len,
                                       bool write)
{
    struct vcpu *v = vcpu_of(ctx);
    struct access_fault f;
    u64 gpa;
    char *p = cpu_reach(v, la, WALK_IMPLICIT | (write ? WALK_WRITE : WALK_READ), &gpa, &f);

    if (!p)
        return f.mmio ? EMULATE_UNHANDLEABLE : emulate_page_fault(ctx, la, f.error);
    memcpy(write ? p : data, write ? data : p, len);
    if (write)
        paging_guest_written(v->domain, gpa, len);
    return EMULATE_OK;
}

static enum emulate_result system_access(struct emulate_ctx *ctx, u64 la, void *data, unsigned len,
                                         bool write)
{
    unsigned part = (unsigned)MIN(len, PAGE_SIZE - (la & PAGE_OFFSET_MASK));
    enum emulate_result result = system_part(ctx, la, data, part, write);

    if (result == EMULATE_OK && part != len)
        result = system_part(ctx, la + part, (char *)data + part, len - part, write);
    if (result == EMULATE_OK)
        cpu_watch(ctx->opaque, write ? ACCESS_WRITE : ACCESS_READ, la, len);
    return result;
}

enum emulate_result hook_system_read(struct emulate_ctx *ctx, u64 la, u64 *value, unsigned len)
{
    *value = 0;
    return system_access(ctx, la, value, len, false);
}

enum emulate_result hook_system_write(struct emulate_ctx *ctx, u64 la, u64 value, unsigned len)
{
    return system_access(ctx, la, &value, len, true);
}

enum emulate_result hook_read_table(struct emulate_ctx *ctx, enum emulate_table table, u64 *base,
                                    u16 *limit)
{
    virt_ops->get_table(vcpu_of(ctx), table == EMULATE_IDTR, base, limit);
    return EMULATE_OK;
}

enum emulate_result hook_write_table(struct emulate_ctx *ctx, enum emulate_table table, u64 base,
                                     u16 limit)
{
    virt_ops->set_table(vcpu_of(ctx), table == EMULATE_IDTR, base, limit);
    return EMULATE_OK;
}

enum emulate_result hook_read_cr(struct emulate_ctx *ctx, unsigned cr, u64 *value)
{
    *value = cpu_read_cr(vcpu_of(ctx), cr);
    return EMULATE_OK;
}

enum emulate_result hook_write_cr(struct emulate_ctx *ctx, unsigned cr, u64 value)
{
    return cpu_write_cr(vcpu_of(ctx), cr, value) ? EMULATE_OK : emulate_raise(ctx, VEC_GP, 0);
}

/* With DR7.GD any access is a fault, which clears it. */
static bool guarded(struct emulate_ctx *ctx)
{
    struct vcpu *v = vcpu_of(ctx);

    if (!(v->dr7 & DR7_GD))
        return false;
    v->dr6 |= DR6_BD;
    v->dr7 &= ~DR7_GD;
    virt_mark(v, DIRTY_DEBUG);
    return true;
}

enum emulate_result hook_read_dr(struct emulate_ctx *ctx, unsigned dr, u64 *value)
{
    if (guarded(ctx))
        return emulate_raise(ctx, VEC_DB, 0);
    *value = cpu_read_dr(vcpu_of(ctx), dr);
    return EMULATE_OK;
}

enum emulate_result hook_write_dr(struct emulate_ctx *ctx, unsigned dr, u64 value)
{
    if (guarded(ctx))
        return emulate_raise(ctx, VEC_DB, 0);
    return cpu_write_dr(vcpu_of(ctx), dr, value) ? EMULATE_OK : emulate_raise(ctx, VEC_GP, 0);
}

enum emulate_result hook_write_msr(struct emulate_ctx *ctx, u32 msr, u64 value)
{
    return cpu_wrmsr(vcpu_of(ctx), msr, value) ? EMULATE_OK : emulate_raise(ctx, VEC_GP, 0);
}

enum emulate_result hook_rdtsc(struct emulate_ctx *ctx, u64 *value)
{
    return hook_read_msr(ctx, MSR_TSC, value);
}

enum emulate_result hook_invlpg(struct emulate_ctx *ctx, u64 la)
{
    paging_invalidate(vcpu_of(ctx), la);
    return EMULATE_OK;
}

/* Of a PCID that is not the current one nothing is remembered: each load of CR3 has flushed it. */
enum emulate_result hook_invpcid(struct emulate_ctx *ctx, u64 type, u64 pcid, u64 la)
{
    struct vcpu *v = vcpu_of(ctx);
    u64 current = virt_get(v, VREG_CR4) & CR4_PCIDE ? virt_get(v, VREG_CR3) & CR3_PCID : 0;

    if (!cpuid_policy_invpcid())
        return EMULATE_UNHANDLEABLE;
    if (type == INVPCID_ADDRESS && pcid == current)
        paging_invalidate(v, la);
    else if (type > INVPCID_CONTEXT || (type == INVPCID_CONTEXT && pcid == current))
        paging_forget(v);
    return EMULATE_OK;
}

/* What exits on its own has a handler: it does the whole instruction, as if the processor had
 * exited. */
static enum emulate_result as_exit(struct emulate_ctx *ctx, enum exit_reason reason)
{
    struct instruction *i = ctx->opaque;

    if (!i->by_hand)
        return EMULATE_UNHANDLEABLE;
    i->exit = reason;
    return EMULATE_RETRY;
}

enum emulate_result hook_cpuid(struct emulate_ctx *ctx, u32 leaf, u32 subleaf, u32 out[4])
{
    (void)leaf;
    (void)subleaf;
    (void)out;
    return as_exit(ctx, EXIT_CPUID);
}

enum emulate_result hook_xsetbv(struct emulate_ctx *ctx, u32 index, u64 value)
{
    (void)index;
    (void)value;
    return as_exit(ctx, EXIT_XSETBV);
}

enum emulate_result hook_wbinvd(struct emulate_ctx *ctx, bool write_back)
{
    (void)write_back;
    return as_exit(ctx, EXIT_WBINVD);
}

enum emulate_result hook_hlt(struct emulate_ctx *ctx)
{
    return as_exit(ctx, EXIT_HLT);
}

enum emulate_result hook_vmcall(struct emulate_ctx *ctx)
{
    return as_exit(ctx, EXIT_HYPERCALL);
}

enum emulate_result hook_read_msr(struct emulate_ctx *ctx, u32 msr, u64 *value)
{
    return cpu_rdmsr(vcpu_of(ctx), msr, value) ? EMULATE_OK : emulate_raise(ctx, VEC_GP, 0);
}

enum emulate_result hook_xgetbv(struct emulate_ctx *ctx, u32 index, u64 *value)
{
    if (index)
        return emulate_raise(ctx, VEC_GP, 0);
    *value = fpu_xcr0(vcpu_of(ctx));
    return EMULATE_OK;
}

enum emulate_result hook_x87(struct emulate_ctx *ctx, enum operation op, u16 *value)
{
    if (op == OP_FNINIT)
        fpu_x87_init(vcpu_of(ctx));
    else
        *value = fpu_x87_word(vcpu_of(ctx), op == OP_FNSTSW);
    return EMULATE_OK;
}

enum emulate_result hook_read_vector(struct emulate_ctx *ctx, unsigned reg, u64 value[4])
{
    fpu_read_vector(vcpu_of(ctx), reg, value);
    return EMULATE_OK;
}

enum emulate_result hook_write_vector(struct emulate_ctx *ctx, unsigned reg, const u64 value[4])
{
    fpu_write_vector(vcpu_of(ctx), reg, value);
    return EMULATE_OK;
}
