/*
 * What the files of the executor's hooks share (instruction.c, instruction_system.c).
 */
#ifndef INSTRUCTION_H
#define INSTRUCTION_H

#include "emulate.h"

/* One emulation: the executor's context and what the exit has told already. */
struct instruction {
    struct vcpu *vcpu;
    bool known;     /* the exit gave a translation */
    bool writable;  /* and it was of a write */
    u64 known_page; /* of this linear page */
    u64 known_gpa;  /* to this guest-physical page */
};

/* instruction_system.c: hooks of emulate.h for what is neither ordinary memory nor a port. */
enum emulate_result hook_segment(struct emulate_ctx *ctx, enum seg seg, struct segment *out);
enum emulate_result hook_write_segment(struct emulate_ctx *ctx, enum seg seg,
                                       const struct segment *in);
enum emulate_result hook_system_read(struct emulate_ctx *ctx, u64 la, u64 *value, unsigned len);
enum emulate_result hook_system_write(struct emulate_ctx *ctx, u64 la, u64 value, unsigned len);
enum emulate_result hook_read_table(struct emulate_ctx *ctx, enum emulate_table table, u64 *base,
                                    u16 *limit);
enum emulate_result hook_read_cr(struct emulate_ctx *ctx, unsigned cr, u64 *value);
enum emulate_result hook_read_msr(struct emulate_ctx *ctx, u32 msr, u64 *value);
enum emulate_result hook_xgetbv(struct emulate_ctx *ctx, u32 index, u64 *value);
enum emulate_result hook_x87(struct emulate_ctx *ctx, enum operation op, u16 *value);
enum emulate_result hook_read_vector(struct emulate_ctx *ctx, unsigned reg, u64 value[4]);
enum emulate_result hook_write_vector(struct emulate_ctx *ctx, unsigned reg, const u64 value[4]);

#endif
