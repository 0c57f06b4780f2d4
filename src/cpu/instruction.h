/*
 * What the files of the executor's hooks share (instruction.c, instruction_system.c).
 */
#ifndef INSTRUCTION_H
#define INSTRUCTION_H

#include "cpu.h"
#include "emulate.h"
#include "vcpu.h"

/* One emulation: the executor's context and what the exit has told already. */
struct instruction {
    struct vcpu *vcpu;
    bool known;     /* the exit gave a translation */
    bool writable;  /* and it was of a write */
    u64 known_page; /* of this linear page */
    u64 known_gpa;  /* to this guest-physical page */
    bool by_hand;   /* whatever comes next is executed, not what has exited */
    u8 exit;        /* out, by_hand: enum exit_reason: an exit's handler is to do it. 0: none */
    u64 rip, rflags, rsp; /* as they were before */
    u64 met;              /* bits of DR6: breakpoints that its accesses have met */
};

/* Notes the breakpoints that an access meets. */
static inline void cpu_watch(struct instruction *i, enum cpu_access how, u64 at, unsigned len)
{
    if (unlikely(i->vcpu->dr7 & DR7_ENABLES))
        i->met |= cpu_breakpoints_met(i->vcpu, how, at, len);
}

/* instruction.c: fills ctx and the vcpu's general registers for an emulation. */
void cpu_begin_emulation(struct instruction *i, struct emulate_ctx *ctx);
/* What the executor changed of the registers that are not in struct regs' general part. */
void cpu_end_emulation(const struct instruction *i);
/* Executes the instruction at RIP: completes it, or injects its fault; what cannot be emulated is
 * left. */
enum emulate_result cpu_execute(struct instruction *i, struct emulate_ctx *ctx);
/* An instruction that cannot be emulated is one that the guest does not have: #UD, and a line with
 * its bytes. A guest gets no more than a few lines. */
void cpu_refuse_instruction(struct vcpu *v, const struct emulate_ctx *ctx);

/* instruction_system.c: hooks of emulate.h for what is neither ordinary memory nor a port. */
enum emulate_result hook_segment(struct emulate_ctx *ctx, enum seg seg, struct segment *out);
enum emulate_result hook_write_segment(struct emulate_ctx *ctx, enum seg seg,
                                       const struct segment *in);
enum emulate_result hook_system_read(struct emulate_ctx *ctx, u64 la, u64 *value, unsigned len);
enum emulate_result hook_system_write(struct emulate_ctx *ctx, u64 la, u64 value, unsigned len);
enum emulate_result hook_read_table(struct emulate_ctx *ctx, enum emulate_table table, u64 *base,
                                    u16 *limit);
enum emulate_result hook_read_cr(struct emulate_ctx *ctx, unsigned cr, u64 *value);
/* task_switch.c: the hook; and what follows when a switch has been made, the caller having ended
 * the emulation: as after an instruction, then the fault with which the new task begins, or #DB for
 * its trap bit and the breakpoints, as bits of DR6, that the switch has met. */
void cpu_task_arrived(struct vcpu *v, const struct emulate_ctx *ctx, bool faulted, u64 met);
enum emulate_result hook_task_switch(struct emulate_ctx *ctx, u16 selector, enum emulate_task why);
enum emulate_result hook_write_table(struct emulate_ctx *ctx, enum emulate_table table, u64 base,
                                     u16 limit);
enum emulate_result hook_write_cr(struct emulate_ctx *ctx, unsigned cr, u64 value);
enum emulate_result hook_read_dr(struct emulate_ctx *ctx, unsigned dr, u64 *value);
enum emulate_result hook_write_dr(struct emulate_ctx *ctx, unsigned dr, u64 value);
enum emulate_result hook_write_msr(struct emulate_ctx *ctx, u32 msr, u64 value);
enum emulate_result hook_cpuid(struct emulate_ctx *ctx, u32 leaf, u32 subleaf, u32 out[4]);
enum emulate_result hook_rdtsc(struct emulate_ctx *ctx, u64 *value);
enum emulate_result hook_invlpg(struct emulate_ctx *ctx, u64 la);
enum emulate_result hook_invpcid(struct emulate_ctx *ctx, u64 type, u64 pcid, u64 la);
enum emulate_result hook_xsetbv(struct emulate_ctx *ctx, u32 index, u64 value);
enum emulate_result hook_wbinvd(struct emulate_ctx *ctx, bool write_back);
enum emulate_result hook_vmcall(struct emulate_ctx *ctx);
enum emulate_result hook_hlt(struct emulate_ctx *ctx);
enum emulate_result hook_read_msr(struct emulate_ctx *ctx, u32 msr, u64 *value);
enum emulate_result hook_xgetbv(struct emulate_ctx *ctx, u32 index, u64 *value);
enum emulate_result hook_x87(struct emulate_ctx *ctx, enum operation op, u16 *value);
enum emulate_result hook_read_vector(struct emulate_ctx *ctx, unsigned reg, u64 value[4]);
enum emulate_result hook_write_vector(struct emulate_ctx *ctx, unsigned reg, const u64 value[4]);

#endif
