/*
 * What the files of the executor share: registers by number, addresses, operands, and the handlers
 * of operations. A handler does the whole instruction but for RIP and RF, and changes registers
 * only when nothing can fail any more.
 */
#ifndef EXECUTOR_H
#define EXECUTOR_H

#include "alu.h"
#include "emulate.h"

#define SLOT(name) (offsetof(struct regs, name) / sizeof(u64))

/* Where register n is in struct regs, by u64s. */
static inline u64 *gpr(const struct emulate_ctx *ctx, unsigned n)
{
    static const u8 slot[16] = {SLOT(rax), SLOT(rcx), SLOT(rdx), SLOT(rbx), SLOT(rsp), SLOT(rbp),
                                SLOT(rsi), SLOT(rdi), SLOT(r8),  SLOT(r9),  SLOT(r10), SLOT(r11),
                                SLOT(r12), SLOT(r13), SLOT(r14), SLOT(r15)};

    // cppcheck-suppress arrayIndexOutOfBounds // it does not see that AH is not passed on
    return (u64 *)ctx->regs + slot[n];
}

/* The value of a register (enum insn_reg), zero-extended from size bytes. */
static inline u64 read_reg(const struct emulate_ctx *ctx, unsigned n, unsigned size)
{
    if (unlikely(n >= REG_AH))
        return *gpr(ctx, n - REG_AH) >> 8 & 0xff;
    return *gpr(ctx, n) & alu_mask(size);
}

/* Writes size bytes; a write of four clears the upper half. */
static inline void write_reg(struct emulate_ctx *ctx, unsigned n, unsigned size, u64 value)
{
    u64 *reg;

    if (unlikely(n >= REG_AH)) {
        reg = gpr(ctx, n - REG_AH);
        *reg = (*reg & ~0xff00ULL) | (value & 0xff) << 8;
        return;
    }
    reg = gpr(ctx, n);
    if (size >= 4)
        *reg = value & alu_mask(size);
    else
        *reg = (*reg & ~alu_mask(size)) | (value & alu_mask(size));
}

/* The offset of the memory operand in its segment ("Specifying an Offset"). */
static inline u64 effective_address(const struct emulate_ctx *ctx, const struct insn *i)
{
    u64 offset = i->disp;

    if (i->base < REG_AH)
        offset += *gpr(ctx, i->base);
    else if (i->base == REG_RIP)
        offset += ctx->regs->rip + i->length;
    if (i->index < REG_AH)
        offset += *gpr(ctx, i->index) << i->scale;
    return offset & alu_mask(i->address_size);
}

/* access.c: segment, limit, canonical and alignment checks outside the common case. */
enum emulate_result linear_address_checked(struct emulate_ctx *ctx, enum seg seg, u64 offset,
                                           unsigned len, bool write, u64 *la);

/* seg:offset to a linear address at which len bytes may be accessed; #GP, #SS or #AC otherwise. */
static inline enum emulate_result linear_address(struct emulate_ctx *ctx, enum seg seg, u64 offset,
                                                 unsigned len, bool write, u64 *la)
{
    *la = offset;
    if (likely(ctx->code_size == CODE_64 && seg < SEG_FS && ctx->cpl == 0 && canonical(offset) &&
               canonical(offset + len - 1)))
        return EMULATE_OK;
    return linear_address_checked(ctx, seg, offset, len, write, la);
}

/* The memory operand's linear address. */
static inline enum emulate_result operand_address(struct emulate_ctx *ctx, unsigned len, bool write,
                                                  u64 *la)
{
    return linear_address(ctx, ctx->insn.segment, effective_address(ctx, &ctx->insn), len, write,
                          la);
}

/* seg:offset without any check (INVLPG). */
enum emulate_result linear_address_unchecked(struct emulate_ctx *ctx, enum seg seg, u64 offset,
                                             u64 *la);

/* A hook that is not there is an instruction that is not there. */
#define HOOK(ctx, name, ...)                                                                       \
    ((ctx)->ops->name ? (ctx)->ops->name((ctx), __VA_ARGS__) : EMULATE_UNHANDLEABLE)
#define HOOK0(ctx, name) ((ctx)->ops->name ? (ctx)->ops->name((ctx)) : EMULATE_UNHANDLEABLE)
/* Leaves the handler unless the expression is EMULATE_OK. */
#define TRY(expression)                                                                            \
    do {                                                                                           \
        enum emulate_result try_result = (expression);                                             \
        if (unlikely(try_result != EMULATE_OK))                                                    \
            return try_result;                                                                     \
    } while (0)

/* The source operand's value, zero-extended from i->src_size (an immediate: sign-extended). */
enum emulate_result load_source(struct emulate_ctx *ctx, u64 *value);
/* Writes the destination operand, i->operand_size bytes. */
enum emulate_result store_destination(struct emulate_ctx *ctx, u64 value);
/* Reads a register or memory destination without meaning to write it. */
enum emulate_result load_destination(struct emulate_ctx *ctx, u64 *value);

/* Reads CR0 or CR4 through the hook. */
static inline enum emulate_result cr_bit(struct emulate_ctx *ctx, unsigned cr, u64 bit, bool *set)
{
    u64 value = 0;

    TRY(HOOK(ctx, read_cr, cr, &value));
    *set = value & bit;
    return EMULATE_OK;
}

/* True if the port may be reached: else a fault. */
enum emulate_result check_port(struct emulate_ctx *ctx, u16 port, unsigned len);

/* exec_stack.c: a stack while an instruction works on it. RSP changes only when it is committed. */
struct stack {
    struct segment ss; /* outside 64-bit code: its segment */
    u64 sp;            /* of width bytes */
    u8 width;          /* of the stack pointer: 8, 4 or 2 */
    bool system;       /* accessed as a supervisor: the stack of an inner privilege level */
    u16 error;         /* error code of its #SS */
};

/* SS:RSP as it is. */
enum emulate_result stack_open(struct emulate_ctx *ctx, struct stack *s);
enum emulate_result stack_pop(struct emulate_ctx *ctx, struct stack *s, u64 *value, unsigned size);
/* Pushes values[0], then the others, of size bytes each; all or none. */
enum emulate_result stack_push(struct emulate_ctx *ctx, struct stack *s, const u64 *values,
                               unsigned count, unsigned size);
/* Could count values of size bytes be pushed? */
enum emulate_result stack_try(struct emulate_ctx *ctx, const struct stack *s, unsigned count,
                              unsigned size);
/* Takes bytes off without looking at them. */
void stack_release(struct stack *s, u64 bytes);
void stack_commit(struct emulate_ctx *ctx, const struct stack *s);
/* access.c: the linear address of len bytes of the stack. */
enum emulate_result stack_address(struct emulate_ctx *ctx, const struct stack *s, u64 offset,
                                  unsigned len, bool write, u64 *la);

/* exec_system.c: #GP(0) unless CPL is 0; */
enum emulate_result require_cpl0(struct emulate_ctx *ctx);
/* outside CPL 0 a bit of CR4 decides: #GP(0) if it is as `forbids` says. */
enum emulate_result require_cr4(struct emulate_ctx *ctx, u64 bit, bool forbids);
/* exec_segment.c: the far pointer that is the memory operand. */
enum emulate_result load_far_pointer(struct emulate_ctx *ctx, u64 *offset, u16 *selector);

/* exec_branch.c: #GP(0) if a near branch's target does not lie in CS. */
enum emulate_result check_target(struct emulate_ctx *ctx, u64 target);
/* RIP becomes the target. */
void jump_to(struct emulate_ctx *ctx, u64 target);
/* The offset of the instruction behind this one. */
u64 next_rip(const struct emulate_ctx *ctx);
/* exec_stack.c: the flags that POPF and IRET may load with operands of size bytes. */
u64 loadable_flags(const struct emulate_ctx *ctx, unsigned size);
/* #GP(0) in virtual-8086 mode with IOPL below 3. */
enum emulate_result require_v86_iopl(struct emulate_ctx *ctx);

/* "Code- and Data-Segment Descriptor Types": bits of a segment's type. */
enum segment_type {
    TYPE_ACCESSED = 1 << 0,
    TYPE_WRITABLE = 1 << 1,    /* data: writable; code: readable */
    TYPE_EXPAND_DOWN = 1 << 2, /* data */
    TYPE_CONFORMING = 1 << 2,  /* code */
    TYPE_CODE = 1 << 3,
};

/*
 * exec_short.c: decodes and executes at once what page-table and device accesses mostly are; see
 * there. For bytes that look_short, CPL 0 in 64-bit code. SHORT_NOT: it is not that simple, nothing
 * has happened; else what a handler returns.
 */
enum emulate_result short_mov(struct emulate_ctx *ctx);
#define SHORT_NOT ((enum emulate_result)0xff)
enum short_opcodes { MOV_STORE = 0x89, MOV_LOAD = 0x8b, MOV_STORE_IMM = 0xc7 };

static inline bool is_rex(u8 byte)
{
    return (byte & 0xf0) == 0x40;
}

static inline bool looks_short(const u8 *bytes)
{
    const u8 *p = bytes + is_rex(*bytes);

    return ((*p & ~(MOV_STORE ^ MOV_LOAD)) == (MOV_STORE & MOV_LOAD) || *p == MOV_STORE_IMM) &&
           p[1] < 0xc0; /* ModRM: not a register */
}

/* Handlers, by file. Those that serve several operations look at ctx->insn.operation. */
typedef enum emulate_result handler(struct emulate_ctx *ctx);
/* exec_data.c */
handler exec_mov, exec_alu, exec_bit, exec_xchg, exec_xadd, exec_cmpxchg, exec_cmpxchg8b;
handler exec_extend, exec_movbe, exec_lea, exec_setcc, exec_cmovcc, exec_nop;
/* exec_arith.c */
handler exec_multiply, exec_multiply_reg, exec_divide, exec_double_shift, exec_bit_scan, exec_bswap;
handler exec_cbw, exec_cwd, exec_xlat, exec_decimal, exec_salc, exec_flags;
/* exec_stack.c */
handler exec_push, exec_pop, exec_pushf, exec_popf, exec_pusha, exec_popa, exec_enter, exec_leave;
/* exec_branch.c */
handler exec_jmp, exec_call, exec_ret, exec_jcc, exec_loop, exec_jcxz;
/* exec_segment.c */
handler exec_mov_segment, exec_push_segment, exec_pop_segment, exec_load_far, exec_load_selector;
handler exec_store_selector, exec_ask_segment, exec_arpl;
/* exec_far.c, exec_interrupt.c */
handler exec_far, exec_ret_far, exec_int, exec_bound, exec_iret;
/* exec_vector.c */
handler exec_vector, exec_x87;
/* exec_string.c; these move RIP themselves, or note EMULATE_REP_MORE */
handler exec_string;
/* exec_system.c */
handler exec_in, exec_out, exec_mov_cr, exec_mov_dr, exec_clts, exec_lmsw;
handler exec_smsw, exec_load_table, exec_store_table;
handler exec_rdmsr, exec_wrmsr, exec_rdtsc, exec_rdpmc, exec_cpuid, exec_xgetbv, exec_xsetbv;
handler exec_invlpg, exec_invpcid, exec_wbinvd, exec_hlt, exec_interrupt_flag, exec_swapgs;
handler exec_vmcall;

#endif
