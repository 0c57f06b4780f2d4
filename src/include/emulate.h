/*
 * Executing one trapped instruction in software: memory accesses that reach a device or a
 * write-protected page table, and privileged instructions. No privileged instruction here, no
 * globals: all that the instruction can see of the world goes through struct emulate_ops.
 *
 * What holds after emulate_insn:
 * - EMULATE_OK: the instruction is done, RIP behind it, RF clear; or it is a REP string
 * instruction, some iterations are done, RIP stays and EMULATE_REP_MORE is noted. The caller ends
 * an interrupt shadow that was there before, begins one that is noted, and delivers a #DB that is
 * noted.
 * - EMULATE_FAULT: ctx->fault is to be injected: an exception, or outside real mode what INT, INT3,
 *   INTO and INT1 ask for. Registers are as before, except what earlier iterations of a REP have
 *   moved.
 * - EMULATE_RETRY, EMULATE_UNHANDLEABLE: nothing has changed, with the same exception.
 * Memory may have been read but is written only by an instruction that completes (PUSH, MOV, ...)
 * or by an iteration that does.
 *
 * Privilege is judged by ctx->cpl and ctx->iopl, which under paravirtualization are the guest's
 * virtual ones; whether memory may be touched is the hooks' business.
 */
#ifndef EMULATE_H
#define EMULATE_H

#include "types.h"
#include "decode.h"
#include "vcpu.h"
#include "virt.h"
#include "x86.h"

enum emulate_result {
    EMULATE_OK,
    EMULATE_FAULT, /* ctx->fault */
    EMULATE_RETRY, /* something changed meanwhile, or must come first: enter the guest again */
    EMULATE_UNHANDLEABLE, /* not an instruction, or not an access, that we can do */
};

/* Why memory is read. */
enum emulate_access {
    EMULATE_READ,
    EMULATE_RMW, /* a write to the same place follows: faults are those of a write */
};

/* ctx->notes */
enum emulate_notes {
    EMULATE_SINGLE_STEP = 1 << 0,   /* TF was set: #DB with DR6.BS is due, as a trap */
    EMULATE_STI_SHADOW = 1 << 1,    /* interrupts are held off for one instruction */
    EMULATE_MOV_SS_SHADOW = 1 << 2, /* interrupts and #DB are */
    EMULATE_REP_MORE = 1 << 3,      /* more iterations to come; RIP is still at the instruction */
    EMULATE_JUMPED = 1 << 4,        /* RIP is a branch's target */
    EMULATE_NEW_TASK = 1 << 5,      /* emulate_switch_task: registers are the new task's */
    EMULATE_TASK_TRAP = 1 << 6,     /* its TSS has the T bit: #DB with DR6.BT is due */
    EMULATE_BREAKPOINT = 1 << 7,    /* set by hooks only: one was met, #DB is due */
};

/* Descriptor-table registers of LGDT, LIDT, SGDT, SIDT. */
enum emulate_table { EMULATE_GDTR, EMULATE_IDTR };

/* What leads to another task. */
enum emulate_task {
    EMULATE_TASK_CALL,
    EMULATE_TASK_IRET,
    EMULATE_TASK_JMP,
    EMULATE_TASK_GATE, /* an interrupt or exception, through the IDT */
};

struct emulate_ctx;

/*
 * The hooks. Each returns EMULATE_OK, or EMULATE_FAULT after emulate_raise or emulate_page_fault,
 * or RETRY or UNHANDLEABLE. A NULL hook means UNHANDLEABLE. They are called before the instruction
 * changes any register; privilege, register numbers and operand sizes have been checked already,
 * values have not.
 */
struct emulate_ops {
    /* Memory, by linear address; an access may cross a page, and is then done whole or not at all.
     * len of data is 1, 2, 4 or 8; the value is zero-extended. */
    /* 1 to 15 bytes of code, not across a page. */
    enum emulate_result (*fetch)(struct emulate_ctx *ctx, u64 la, u8 *to, unsigned len);
    enum emulate_result (*read)(struct emulate_ctx *ctx, u64 la, u64 *value, unsigned len,
                                enum emulate_access why);
    enum emulate_result (*write)(struct emulate_ctx *ctx, u64 la, u64 value, unsigned len);
    /* Atomically: if the len bytes (16: two words) at la equal old, stores new_value. old receives
     * what was there. A fault is a write's, whether they are equal or not. At a device: a read,
     * then a write. */
    enum emulate_result (*cmpxchg)(struct emulate_ctx *ctx, u64 la, u64 *old, const u64 *new_value,
                                   unsigned len);
    /* A segment register, LDTR or TR, with what it hides. For an address in 64-bit code asked for
     * FS and GS only. */
    enum emulate_result (*segment)(struct emulate_ctx *ctx, enum seg seg, struct segment *out);
    /* Loads one; all has been checked, and it must not fail. The level of CS is the new CPL. */
    enum emulate_result (*write_segment)(struct emulate_ctx *ctx, enum seg seg,
                                         const struct segment *in);
    /* What the processor itself reads and writes as a supervisor, whatever CPL is: descriptors, the
     * TSS, the real-mode interrupt table, the stack of an inner level. len: 1, 2, 4 or 8. */
    enum emulate_result (*system_read)(struct emulate_ctx *ctx, u64 la, u64 *value, unsigned len);
    enum emulate_result (*system_write)(struct emulate_ctx *ctx, u64 la, u64 value, unsigned len);
    /* Another task: by a TSS or task gate (selector), or back by its link. It does everything, RIP
     * included, and returns EMULATE_RETRY, or a fault. */
    enum emulate_result (*task_switch)(struct emulate_ctx *ctx, u16 selector,
                                       enum emulate_task why);

    /* Control and debug registers; CR0, 2, 3, 4, 8 and DR0-3, 6, 7 only. CLTS, LMSW and SMSW are
     * made of these too. DR7.GD is the hook's business. */
    enum emulate_result (*read_cr)(struct emulate_ctx *ctx, unsigned cr, u64 *value);
    enum emulate_result (*write_cr)(struct emulate_ctx *ctx, unsigned cr, u64 value);
    enum emulate_result (*read_dr)(struct emulate_ctx *ctx, unsigned dr, u64 *value);
    enum emulate_result (*write_dr)(struct emulate_ctx *ctx, unsigned dr, u64 value);
    enum emulate_result (*read_msr)(struct emulate_ctx *ctx, u32 msr, u64 *value);
    enum emulate_result (*write_msr)(struct emulate_ctx *ctx, u32 msr, u64 value);

    /* Ports; len is 1, 2 or 4. io_allowed is asked (the TSS's bitmap) only if CPL > IOPL. */
    enum emulate_result (*io_allowed)(struct emulate_ctx *ctx, u16 port, unsigned len);
    enum emulate_result (*io_in)(struct emulate_ctx *ctx, u16 port, unsigned len, u64 *value);
    enum emulate_result (*io_out)(struct emulate_ctx *ctx, u16 port, unsigned len, u64 value);

    /* The register's 32 bytes, the lowest word first; where there is no AVX the upper two words are
     * 0, and are ignored. */
    enum emulate_result (*read_vector)(struct emulate_ctx *ctx, unsigned reg, u64 value[4]);
    enum emulate_result (*write_vector)(struct emulate_ctx *ctx, unsigned reg, const u64 value[4]);
    /* FNINIT; FNSTSW and FNSTCW: the word. */
    enum emulate_result (*x87)(struct emulate_ctx *ctx, enum operation op, u16 *value);

    /* out: EAX, EBX, ECX, EDX. */
    enum emulate_result (*cpuid)(struct emulate_ctx *ctx, u32 leaf, u32 subleaf, u32 out[4]);
    enum emulate_result (*rdtsc)(struct emulate_ctx *ctx, u64 *value);
    enum emulate_result (*rdpmc)(struct emulate_ctx *ctx, u32 counter, u64 *value);
    enum emulate_result (*xgetbv)(struct emulate_ctx *ctx, u32 index, u64 *value);
    enum emulate_result (*xsetbv)(struct emulate_ctx *ctx, u32 index, u64 value);
    enum emulate_result (*invlpg)(struct emulate_ctx *ctx, u64 la);
    enum emulate_result (*invpcid)(struct emulate_ctx *ctx, u64 type, u64 pcid, u64 la);
    enum emulate_result (*wbinvd)(struct emulate_ctx *ctx, bool write_back); /* INVD: false */
    enum emulate_result (*hlt)(struct emulate_ctx *ctx);
    enum emulate_result (*vmcall)(struct emulate_ctx *ctx);
    enum emulate_result (*swapgs)(struct emulate_ctx *ctx);
    /* CLI and STI, if IF is not simply ctx->regs->rflags's: NULL means that it is. */
    enum emulate_result (*set_if)(struct emulate_ctx *ctx, bool enable);
    enum emulate_result (*read_table)(struct emulate_ctx *ctx, enum emulate_table table, u64 *base,
                                      u16 *limit);
    enum emulate_result (*write_table)(struct emulate_ctx *ctx, enum emulate_table table, u64 base,
                                       u16 limit);
};

/* One emulation. The caller fills the first part, best by emulate_init. */
struct emulate_ctx {
    struct regs *regs; /* general registers, rip, rflags: read, and changed at the end */
    const struct emulate_ops *ops; /* the world */
    void *opaque;                  /* the caller's; the hooks' usual way to their vcpu */
    u8 code_size;                  /* enum code_size, of CS */
    u8 cpl;                        /* current privilege level; 3 in virtual-8086 mode */
    u8 iopl;                       /* I/O privilege level */
    bool system_only; /* UNHANDLEABLE but for IN, OUT, INS, OUTS and what OPERATIONS has
                         from MOV_FROM_CR on */
    u8 fetched;       /* bytes of the instruction already in .bytes; 0: fetch them */
    u16 rep_limit;    /* most iterations of a REP at once; 0 counts as 1 */

    u8 notes;                /* out: enum emulate_notes */
    struct virt_event fault; /* out, with EMULATE_FAULT */
    struct insn insn;        /* out: the instruction, if it was decoded; of a plain MOV only
                                its length, operation and operand_size */
    u8 bytes[INSN_BUFFER];   /* its bytes */
};

static inline void emulate_init(struct emulate_ctx *ctx, struct regs *regs,
                                const struct emulate_ops *ops, void *opaque,
                                enum code_size code_size, unsigned cpl)
{
    ctx->regs = regs;
    ctx->ops = ops;
    ctx->opaque = opaque;
    ctx->code_size = code_size;
    ctx->cpl = cpl;
    ctx->iopl = (regs->rflags & RFLAGS_IOPL) / (RFLAGS_IOPL & -RFLAGS_IOPL);
    ctx->system_only = false;
    ctx->fetched = 0;
    ctx->rep_limit = 256;
}

/* Executes the instruction at regs->rip. */
enum emulate_result emulate_insn(struct emulate_ctx *ctx);

/*
 * Real mode: what the processor does for an interrupt or exception with this vector, return_to
 * being the offset that is pushed. ctx as for emulate_insn. EMULATE_OK, or EMULATE_FAULT if the
 * table is too short or the stack faults.
 */
enum emulate_result emulate_real_interrupt(struct emulate_ctx *ctx, u8 vector, u64 return_to);
/*
 * The same in protected and long mode, through the event's gate: with its error code, if it has
 * one; CR2 is the caller's business. Through a task gate as emulate_switch_task, EMULATE_NEW_TASK
 * noted. EMULATE_UNHANDLEABLE: in virtual-8086 mode.
 */
enum emulate_result emulate_protected_interrupt(struct emulate_ctx *ctx,
                                                const struct virt_event *ev, u64 return_to);

/*
 * Another task, in 32-bit or 16-bit protected mode. selector: of its TSS, for CALL and JMP also of
 * a task gate, for IRET ignored. return_to: the old task's next instruction. error: the error code
 * that the new one finds on its stack, or NULL. ctx as for emulate_insn. DR7's local enables are
 * the caller's business. With EMULATE_FAULT the fault is the new task's if EMULATE_NEW_TASK is
 * noted, and then regs have changed.
 */
enum emulate_result emulate_switch_task(struct emulate_ctx *ctx, u16 selector,
                                        enum emulate_task why, u64 return_to, const u32 *error);

/* For hooks: the fault to report. The error code is dropped for vectors that have none. */
static inline enum emulate_result emulate_raise(struct emulate_ctx *ctx, u8 vector, u32 error)
{
    ctx->fault = (struct virt_event){
        .type = VIRT_EXCEPTION,
        .vector = vector,
        .has_error = VECTORS_WITH_ERROR_CODE >> vector & 1,
        .error = error,
    };
    return EMULATE_FAULT;
}

static inline enum emulate_result emulate_page_fault(struct emulate_ctx *ctx, u64 cr2, u32 error)
{
    emulate_raise(ctx, VEC_PF, error);
    ctx->fault.cr2 = cr2;
    return EMULATE_FAULT;
}

#endif
