/*
 * What the two users of the emulator in src/pv/ share: privileged instructions (privileged.c) and
 * stores to page tables (table_write.c).
 */
#ifndef PV_EMULATE_H
#define PV_EMULATE_H

#include "emulate.h"
#include "pv.h"

/* The fetch hook: the instruction's bytes, through the guest's tables. */
enum emulate_result pv_emulate_fetch(struct emulate_ctx *ctx, struct vcpu *v, u64 la, u8 *to,
                                     unsigned len);
/* The segment hook: of FS and GS the base, which is all that matters in 64-bit code. */
enum emulate_result pv_emulate_segment(struct emulate_ctx *ctx, enum seg seg, struct segment *out);
/* After EMULATE_OK: the #DB of a single step, or of breakpoints on ports, if one is due. */
void pv_emulate_done(struct vcpu *v, const struct emulate_ctx *ctx);
/* control_registers.c: the hooks for MOV to and from CR. */
enum emulate_result pv_emulate_read_cr(struct emulate_ctx *ctx, unsigned cr, u64 *value);
enum emulate_result pv_emulate_write_cr(struct emulate_ctx *ctx, unsigned cr, u64 value);
/* debug_registers.c: the breakpoints, as bits of DR6, that an access to ports meets. */
u8 pv_breakpoints_on_port(const struct vcpu *v, u16 port, unsigned len);
/* physdev_op.c: what runs may use all ports by its level, and CLI and STI. */
bool pv_level_suffices(const struct vcpu *v);
/* msr_pv.c: false: #GP(0). */
bool pv_read_msr(const struct vcpu *v, u32 msr, u64 *value);
bool pv_write_msr(struct vcpu *v, u32 msr, u64 value);

#endif
