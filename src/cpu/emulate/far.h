/*
 * What far transfers and interrupt returns share: levels of privilege and their stacks.
 */
#ifndef FAR_H
#define FAR_H

#include "segments.h"

/* exec_far.c: CS and RIP become the target's. */
enum emulate_result enter_code(struct emulate_ctx *ctx, const struct far_target *target);
/* The target of a transfer in real and virtual-8086 mode. */
enum emulate_result real_target(struct emulate_ctx *ctx, enum processor_mode mode, u16 selector,
                                u64 offset, struct far_target *target);

/* levels.c: checks CS of a return to the level that its RPL says. */
enum emulate_result return_target(struct emulate_ctx *ctx, u16 selector, u64 offset,
                                  struct far_target *target);
/* Pops SS:RSP of the target's level, loads it, takes `release` bytes off it, takes segments away
 * that the outer level may not have, and goes there. s: what is left of this level's stack. */
enum emulate_result return_outwards(struct emulate_ctx *ctx, struct stack *s,
                                    const struct far_target *target, u64 release);
/* The stack that the TSS has for an inner level. */
enum emulate_result inner_stack(struct emulate_ctx *ctx, unsigned cpl, bool in_64,
                                struct stack *out);

#endif
