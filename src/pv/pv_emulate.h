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
/* After EMULATE_OK: the #DB of a single step, if one is due. */
void pv_emulate_done(struct vcpu *v, const struct emulate_ctx *ctx);
/* msr_pv.c: false: #GP(0). */
bool pv_read_msr(const struct vcpu *v, u32 msr, u64 *value);
bool pv_write_msr(struct vcpu *v, u32 msr, u64 value);

#endif
