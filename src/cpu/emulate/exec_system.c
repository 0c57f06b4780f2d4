/*
 * Handlers of privileged and sensitive instructions: who may execute them is checked here, what
 * they do is the hooks' business.
 */
#include "executor.h"

enum emulate_result require_cpl0(struct emulate_ctx *ctx)
{
    return ctx->cpl == 0 ? EMULATE_OK : emulate_raise(ctx, VEC_GP, 0);
}

enum emulate_result require_cr4(struct emulate_ctx *ctx, u64 bit, bool forbids)
{
    bool set;

    if (ctx->cpl == 0)
        return EMULATE_OK;
    TRY(cr_bit(ctx, 4, bit, &set));
    return set == forbids ? emulate_raise(ctx, VEC_GP, 0) : EMULATE_OK;
}

static enum emulate_result require_osxsave(struct emulate_ctx *ctx)
{
    bool set;

    TRY(cr_bit(ctx, 4, CR4_OSXSAVE, &set));
    return set ? EMULATE_OK : emulate_raise(ctx, VEC_UD, 0);
}

static u64 edx_eax(const struct emulate_ctx *ctx)
{
    return (u64)(u32)ctx->regs->rdx << 32 | (u32)ctx->regs->rax;
}

static void set_edx_eax(struct emulate_ctx *ctx, u64 value)
{
    ctx->regs->rax = (u32)value;
    ctx->regs->rdx = value >> 32;
}

static unsigned port_size(const struct insn *i)
{
    return MIN(i->operand_size, 4);
}

static u16 port_number(const struct emulate_ctx *ctx)
{
    return ctx->insn.src == OPERAND_DX ? ctx->regs->rdx & 0xffff : ctx->insn.imm & 0xff;
}

enum emulate_result exec_in(struct emulate_ctx *ctx)
{
    unsigned size = port_size(&ctx->insn);
    u16 port = port_number(ctx);
    u64 value;

    TRY(check_port(ctx, port, size));
    TRY(HOOK(ctx, io_in, port, size, &value));
    write_reg(ctx, REG_RAX, size, value);
    return EMULATE_OK;
}

enum emulate_result exec_out(struct emulate_ctx *ctx)
{
    unsigned size = port_size(&ctx->insn);
    u16 port = port_number(ctx);

    TRY(check_port(ctx, port, size));
    return HOOK(ctx, io_out, port, size, read_reg(ctx, REG_RAX, size));
}

enum emulate_result exec_mov_cr(struct emulate_ctx *ctx)
{
    const struct insn *i = &ctx->insn;
    u64 value;

    TRY(require_cpl0(ctx));
    if (i->operation == OP_MOV_TO_CR)
        return HOOK(ctx, write_cr, i->reg, read_reg(ctx, i->rm, i->operand_size));
    TRY(HOOK(ctx, read_cr, i->reg, &value));
    write_reg(ctx, i->rm, i->operand_size, value);
    return EMULATE_OK;
}

/* "Debug Registers DR4 and DR5": other names of DR6 and DR7, or #UD if CR4.DE is 1. */
enum emulate_result exec_mov_dr(struct emulate_ctx *ctx)
{
    const struct insn *i = &ctx->insn;
    unsigned dr = i->reg;
    bool de;
    u64 value;

    if (dr == 4 || dr == 5) {
        TRY(cr_bit(ctx, 4, CR4_DE, &de));
        if (de)
            return emulate_raise(ctx, VEC_UD, 0);
        dr += 2;
    }
    TRY(require_cpl0(ctx));
    if (i->operation == OP_MOV_TO_DR)
        return HOOK(ctx, write_dr, dr, read_reg(ctx, i->rm, i->operand_size));
    TRY(HOOK(ctx, read_dr, dr, &value));
    write_reg(ctx, i->rm, i->operand_size, value);
    return EMULATE_OK;
}

enum emulate_result exec_clts(struct emulate_ctx *ctx)
{
    u64 cr0;

    TRY(require_cpl0(ctx));
    TRY(HOOK(ctx, read_cr, 0, &cr0));
    return HOOK(ctx, write_cr, 0, cr0 & ~CR0_TS);
}

/* PE can be set, not cleared. */
enum emulate_result exec_lmsw(struct emulate_ctx *ctx)
{
    const u64 writable = CR0_MP | CR0_EM | CR0_TS;
    u64 cr0, msw;

    TRY(require_cpl0(ctx));
    TRY(load_source(ctx, &msw));
    TRY(HOOK(ctx, read_cr, 0, &cr0));
    return HOOK(ctx, write_cr, 0, (cr0 & ~writable) | (msw & (writable | CR0_PE)));
}

enum emulate_result exec_smsw(struct emulate_ctx *ctx)
{
    u64 cr0;

    TRY(require_cr4(ctx, CR4_UMIP, true));
    TRY(HOOK(ctx, read_cr, 0, &cr0));
    return store_destination(ctx, cr0);
}

enum { TABLE_BASE = 2 }; /* offset of the base in LGDT's operand, behind the limit */

static unsigned table_base_size(const struct emulate_ctx *ctx)
{
    return ctx->code_size == CODE_64 ? 8 : 4;
}

/* LGDT, LIDT. With 16-bit operands the base has 24 bits. */
enum emulate_result exec_load_table(struct emulate_ctx *ctx)
{
    const struct insn *i = &ctx->insn;
    unsigned size = table_base_size(ctx);
    u64 la, limit, base;

    TRY(require_cpl0(ctx));
    TRY(operand_address(ctx, TABLE_BASE + size, false, &la));
    TRY(HOOK(ctx, read, la, &limit, TABLE_BASE, EMULATE_READ));
    TRY(HOOK(ctx, read, la + TABLE_BASE, &base, size, EMULATE_READ));
    if (size == 4 && i->operand_size == 2)
        base &= 0xffffff;
    if (!canonical(base))
        return emulate_raise(ctx, VEC_GP, 0);
    return HOOK(ctx, write_table, i->operation == OP_LGDT ? EMULATE_GDTR : EMULATE_IDTR, base,
                limit);
}

/* SGDT, SIDT */
enum emulate_result exec_store_table(struct emulate_ctx *ctx)
{
    unsigned size = table_base_size(ctx);
    u16 limit;
    u64 la, base;

    TRY(require_cr4(ctx, CR4_UMIP, true));
    TRY(HOOK(ctx, read_table, ctx->insn.operation == OP_SGDT ? EMULATE_GDTR : EMULATE_IDTR, &base,
             &limit));
    TRY(operand_address(ctx, TABLE_BASE + size, true, &la));
    TRY(HOOK(ctx, write, la, limit, TABLE_BASE));
    return HOOK(ctx, write, la + TABLE_BASE, base & alu_mask(size), size);
}

enum emulate_result exec_rdmsr(struct emulate_ctx *ctx)
{
    u64 value;

    TRY(require_cpl0(ctx));
    TRY(HOOK(ctx, read_msr, ctx->regs->rcx, &value));
    set_edx_eax(ctx, value);
    return EMULATE_OK;
}

enum emulate_result exec_wrmsr(struct emulate_ctx *ctx)
{
    TRY(require_cpl0(ctx));
    return HOOK(ctx, write_msr, ctx->regs->rcx, edx_eax(ctx));
}

/* RDTSC, RDTSCP */
enum emulate_result exec_rdtsc(struct emulate_ctx *ctx)
{
    u64 tsc, aux = 0;

    TRY(require_cr4(ctx, CR4_TSD, true));
    if (ctx->insn.operation == OP_RDTSCP)
        TRY(HOOK(ctx, read_msr, MSR_TSC_AUX, &aux));
    TRY(HOOK(ctx, rdtsc, &tsc));
    set_edx_eax(ctx, tsc);
    if (ctx->insn.operation == OP_RDTSCP)
        ctx->regs->rcx = (u32)aux;
    return EMULATE_OK;
}

enum emulate_result exec_rdpmc(struct emulate_ctx *ctx)
{
    u64 value;

    TRY(require_cr4(ctx, CR4_PCE, false));
    TRY(HOOK(ctx, rdpmc, ctx->regs->rcx, &value));
    set_edx_eax(ctx, value);
    return EMULATE_OK;
}

enum emulate_result exec_cpuid(struct emulate_ctx *ctx)
{
    u32 out[4];

    TRY(HOOK(ctx, cpuid, ctx->regs->rax, ctx->regs->rcx, out));
    ctx->regs->rax = out[0];
    ctx->regs->rbx = out[1];
    ctx->regs->rcx = out[2];
    ctx->regs->rdx = out[3];
    return EMULATE_OK;
}

enum emulate_result exec_xgetbv(struct emulate_ctx *ctx)
{
    u64 value;

    TRY(require_osxsave(ctx));
    TRY(HOOK(ctx, xgetbv, ctx->regs->rcx, &value));
    set_edx_eax(ctx, value);
    return EMULATE_OK;
}

enum emulate_result exec_xsetbv(struct emulate_ctx *ctx)
{
    TRY(require_osxsave(ctx));
    TRY(require_cpl0(ctx));
    return HOOK(ctx, xsetbv, ctx->regs->rcx, edx_eax(ctx));
}

/* A non-canonical address is no fault; there is nothing to invalidate then. */
enum emulate_result exec_invlpg(struct emulate_ctx *ctx)
{
    u64 la;

    TRY(require_cpl0(ctx));
    TRY(linear_address_unchecked(ctx, ctx->insn.segment, effective_address(ctx, &ctx->insn), &la));
    if (!canonical(la))
        return EMULATE_OK;
    return HOOK(ctx, invlpg, la);
}

/* "INVPCID-Invalidate Process-Context Identifier" */
enum emulate_result exec_invpcid(struct emulate_ctx *ctx)
{
    enum { DESCRIPTOR = 16, ADDRESS = 8 };
    unsigned size = ctx->code_size == CODE_64 ? 8 : 4;
    u64 type = read_reg(ctx, ctx->insn.reg, size), la, pcid, address;
    bool pcide;

    TRY(require_cpl0(ctx));
    TRY(operand_address(ctx, DESCRIPTOR, false, &la));
    TRY(HOOK(ctx, read, la, &pcid, 8, EMULATE_READ));
    TRY(HOOK(ctx, read, la + ADDRESS, &address, 8, EMULATE_READ));
    TRY(cr_bit(ctx, 4, CR4_PCIDE, &pcide));
    if (type > INVPCID_EVERYTHING_BUT_GLOBAL || pcid & ~CR3_PCID ||
        (type <= INVPCID_CONTEXT && pcid && !pcide) ||
        (type == INVPCID_ADDRESS && !canonical(address)))
        return emulate_raise(ctx, VEC_GP, 0);
    return HOOK(ctx, invpcid, type, pcid, address);
}

/* INVD, WBINVD */
enum emulate_result exec_wbinvd(struct emulate_ctx *ctx)
{
    TRY(require_cpl0(ctx));
    return HOOK(ctx, wbinvd, ctx->insn.operation == OP_WBINVD);
}

enum emulate_result exec_hlt(struct emulate_ctx *ctx)
{
    TRY(require_cpl0(ctx));
    return HOOK0(ctx, hlt);
}

/* CLI, STI; without the virtual interrupt flag of CR4.VME and PVI. */
enum emulate_result exec_interrupt_flag(struct emulate_ctx *ctx)
{
    bool enable = ctx->insn.operation == OP_STI;
    bool was = ctx->regs->rflags & RFLAGS_IF;

    if (ctx->cpl > ctx->iopl)
        return emulate_raise(ctx, VEC_GP, 0);
    if (ctx->ops->set_if)
        TRY(ctx->ops->set_if(ctx, enable));
    else if (enable)
        ctx->regs->rflags |= RFLAGS_IF;
    else
        ctx->regs->rflags &= ~RFLAGS_IF;
    if (enable && !was)
        ctx->notes |= EMULATE_STI_SHADOW;
    return EMULATE_OK;
}

enum emulate_result exec_swapgs(struct emulate_ctx *ctx)
{
    if (ctx->code_size != CODE_64)
        return emulate_raise(ctx, VEC_UD, 0);
    TRY(require_cpl0(ctx));
    return HOOK0(ctx, swapgs);
}

enum emulate_result exec_vmcall(struct emulate_ctx *ctx)
{
    return HOOK0(ctx, vmcall);
}
