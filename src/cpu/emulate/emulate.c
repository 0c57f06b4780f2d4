/*
 * Emulating one instruction: fetch, decode, the handler of its operation, retirement.
 */
#include "executor.h"

static handler *const handlers[OP_COUNT] = {
    [OP_MOV] = exec_mov,
    [OP_ADD... OP_SAR] = exec_alu,
    [OP_BT... OP_BTC] = exec_bit,
    [OP_XCHG] = exec_xchg,
    [OP_XADD] = exec_xadd,
    [OP_CMPXCHG] = exec_cmpxchg,
    [OP_CMPXCHG8B] = exec_cmpxchg8b,
    [OP_MOVZX... OP_MOVSX] = exec_extend,
    [OP_MOVBE] = exec_movbe,
    [OP_LEA] = exec_lea,
    [OP_SETCC] = exec_setcc,
    [OP_CMOVCC] = exec_cmovcc,
    [OP_IMUL2... OP_IMUL3] = exec_multiply_reg,
    [OP_MUL... OP_IMUL] = exec_multiply,
    [OP_DIV... OP_IDIV] = exec_divide,
    [OP_SHLD... OP_SHRD] = exec_double_shift,
    [OP_BSF... OP_POPCNT] = exec_bit_scan,
    [OP_BSWAP] = exec_bswap,
    [OP_CBW] = exec_cbw,
    [OP_CWD] = exec_cwd,
    [OP_XLAT] = exec_xlat,
    [OP_LAHF... OP_STD] = exec_flags,
    [OP_DAA... OP_AAD] = exec_decimal,
    [OP_SALC] = exec_salc,
    [OP_MOVUPS... OP_MOVD] = exec_vector,
    [OP_FNINIT... OP_FNSTCW] = exec_x87,
    [OP_NOP] = exec_nop,
    [OP_PUSH] = exec_push,
    [OP_POP] = exec_pop,
    [OP_PUSHF] = exec_pushf,
    [OP_POPF] = exec_popf,
    [OP_PUSHA] = exec_pusha,
    [OP_POPA] = exec_popa,
    [OP_ENTER] = exec_enter,
    [OP_LEAVE] = exec_leave,
    [OP_JMP] = exec_jmp,
    [OP_CALL] = exec_call,
    [OP_RET] = exec_ret,
    [OP_JCC] = exec_jcc,
    [OP_LOOP] = exec_loop,
    [OP_JCXZ] = exec_jcxz,
    [OP_JMP_FAR... OP_CALL_FAR] = exec_far,
    [OP_RET_FAR] = exec_ret_far,
    [OP_INT... OP_INT1] = exec_int,
    [OP_BOUND] = exec_bound,
    [OP_IRET] = exec_iret,
    [OP_PUSH_SEG] = exec_push_segment,
    [OP_POP_SEG] = exec_pop_segment,
    [OP_LOAD_FAR] = exec_load_far,
    [OP_LAR... OP_VERW] = exec_ask_segment,
    [OP_ARPL] = exec_arpl,
    [OP_MOVS... OP_OUTS] = exec_string,
    [OP_IN] = exec_in,
    [OP_OUT] = exec_out,
    [OP_MOV_FROM_SEG... OP_MOV_TO_SEG] = exec_mov_segment,
    [OP_MOV_FROM_CR... OP_MOV_TO_CR] = exec_mov_cr,
    [OP_MOV_FROM_DR... OP_MOV_TO_DR] = exec_mov_dr,
    [OP_CLTS] = exec_clts,
    [OP_LMSW] = exec_lmsw,
    [OP_SMSW] = exec_smsw,
    [OP_LGDT... OP_LIDT] = exec_load_table,
    [OP_SGDT... OP_SIDT] = exec_store_table,
    [OP_LLDT... OP_LTR] = exec_load_selector,
    [OP_SLDT... OP_STR] = exec_store_selector,
    [OP_RDMSR] = exec_rdmsr,
    [OP_WRMSR] = exec_wrmsr,
    [OP_RDTSC... OP_RDTSCP] = exec_rdtsc,
    [OP_RDPMC] = exec_rdpmc,
    [OP_CPUID... OP_CPUID_FORCED] = exec_cpuid,
    [OP_XGETBV] = exec_xgetbv,
    [OP_XSETBV] = exec_xsetbv,
    [OP_INVLPG] = exec_invlpg,
    [OP_INVPCID] = exec_invpcid,
    [OP_INVD... OP_WBINVD] = exec_wbinvd,
    [OP_HLT] = exec_hlt,
    [OP_CLI... OP_STI] = exec_interrupt_flag,
    [OP_SWAPGS] = exec_swapgs,
    [OP_VMCALL] = exec_vmcall,
};

/* Where the instruction is, and how many bytes from RIP + done on may be fetched at once: to the
 * end of the page, within CS. */
static enum emulate_result fetch_range(struct emulate_ctx *ctx, unsigned done, u64 *la,
                                       unsigned *len)
{
    u64 ip = ctx->regs->rip + done;
    struct segment cs;

    *len = INSN_MAX - done;
    *la = ip;
    if (ctx->code_size == CODE_64) {
        if (!canonical(ip))
            return emulate_raise(ctx, VEC_GP, 0);
    } else {
        TRY(HOOK(ctx, segment, SEG_CS, &cs));
        if (ip > cs.limit)
            return emulate_raise(ctx, VEC_GP, 0);
        *len = MIN(*len, cs.limit - ip + 1);
        *la = (u32)(cs.base + ip);
    }
    *len = MIN(*len, PAGE_SIZE - (*la & PAGE_OFFSET_MASK));
    return EMULATE_OK;
}

/* Fetches what can be had without going beyond a page. */
static enum emulate_result fetch_more(struct emulate_ctx *ctx)
{
    unsigned len;
    u64 la;

    TRY(fetch_range(ctx, ctx->fetched, &la, &len));
    TRY(HOOK(ctx, fetch, la, ctx->bytes + ctx->fetched, len));
    ctx->fetched += len;
    return EMULATE_OK;
}

/* Fetches the beginning. */
static inline enum emulate_result fetch_first(struct emulate_ctx *ctx)
{
    u64 ip = ctx->regs->rip;

    if (unlikely(ctx->code_size != CODE_64 || !canonical(ip) ||
                 (ip & PAGE_OFFSET_MASK) > PAGE_SIZE - INSN_MAX))
        return fetch_more(ctx);
    TRY(HOOK(ctx, fetch, ip, ctx->bytes, INSN_MAX));
    ctx->fetched = INSN_MAX;
    return EMULATE_OK;
}

/* UD2 at the end of what can be fetched: what would make it a forced emulation is not there. */
static bool is_ud2(const struct emulate_ctx *ctx)
{
    return ctx->fetched >= 2 && ctx->bytes[0] == 0x0f && ctx->bytes[1] == 0x0b;
}

static enum emulate_result fetch_and_decode(struct emulate_ctx *ctx)
{
    enum emulate_result more;

    for (;;) {
        int length = decode_padded(ctx->bytes, ctx->fetched, ctx->code_size, &ctx->insn);

        if (likely(length > 0))
            return EMULATE_OK;
        switch (length) {
        case DECODE_TRUNCATED:
            more = fetch_more(ctx);
            if (more == EMULATE_FAULT && is_ud2(ctx))
                return emulate_raise(ctx, VEC_UD, 0);
            TRY(more);
            break;
        case DECODE_TOO_LONG:
            return emulate_raise(ctx, VEC_GP, 0);
        default:
            return emulate_raise(ctx, VEC_UD, 0);
        }
    }
}

/* See emulate_ctx.system_only. */
static bool is_system(enum operation op)
{
    return op >= OP_MOV_FROM_CR || (op >= OP_INS && op <= OP_OUT);
}

/* With TF: a step is due, but not behind a load of SS, and not at an interrupt's handler. */
static bool steps(const struct emulate_ctx *ctx)
{
    enum operation op = ctx->insn.operation;

    return !(ctx->notes & EMULATE_MOV_SS_SHADOW) &&
           !(op >= OP_INT && op <= OP_INT1 && (ctx->notes & EMULATE_JUMPED));
}

/* RIP goes on, RF is cleared, and a single step is due if TF was set before. Between iterations of
 * a REP RF is set, as in what a processor pushes there: no breakpoint on the instruction is met
 * again.
 */
static inline void retire(struct emulate_ctx *ctx, u64 rflags_before)
{
    struct regs *regs = ctx->regs;

    if (likely(!(ctx->notes & (EMULATE_REP_MORE | EMULATE_JUMPED)))) {
        regs->rip += ctx->insn.length;
        if (ctx->code_size != CODE_64)
            regs->rip = (u32)regs->rip;
    }
    if (unlikely(ctx->notes & EMULATE_REP_MORE))
        regs->rflags |= RFLAGS_RF;
    else if (likely(ctx->insn.operation != OP_IRET)) /* which loads it */
        regs->rflags &= ~RFLAGS_RF;
    if (unlikely(rflags_before & RFLAGS_TF) && steps(ctx))
        ctx->notes |= EMULATE_SINGLE_STEP;
}

enum emulate_result emulate_insn(struct emulate_ctx *ctx)
{
    u64 rflags_before = ctx->regs->rflags;
    enum emulate_result result;
    handler *execute;

    ctx->notes = 0;
    if (ctx->fetched == 0)
        TRY(fetch_first(ctx));
    if (looks_short(ctx->bytes) && ctx->code_size == CODE_64 && ctx->cpl == 0 &&
        !ctx->system_only) {
        result = short_mov(ctx);
        if (likely(result == EMULATE_OK))
            retire(ctx, rflags_before);
        if (likely(result != SHORT_NOT))
            return result;
    }
    TRY(fetch_and_decode(ctx));
    execute = handlers[ctx->insn.operation];
    if (unlikely(!execute || (ctx->system_only && !is_system(ctx->insn.operation))))
        return EMULATE_UNHANDLEABLE;
    TRY(execute(ctx));
    retire(ctx, rflags_before);
    return EMULATE_OK;
}
