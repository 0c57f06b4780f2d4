/*
 * x87, SSE and further extended state, and the debug registers: they belong to a vcpu and are
 * switched with it.
 */
#ifndef FPU_H
#define FPU_H

#include "types.h"

struct vcpu;

/* At boot: FXSAVE, or XSAVE where there is one; which components guests may use. */
void fpu_init(void);
/* XCR0 bits that a guest may set; 0 if there is no XSAVE. */
u64 fpu_features(void);
/* Bytes of the state area (a multiple of 64). */
u32 fpu_area_bytes(void);
/* Makes v->fpu, in the state that reset leaves. 0 or -ENOMEM. */
int fpu_vcpu_init(struct vcpu *v);
void fpu_vcpu_destroy(struct vcpu *v);
/* Back to what reset leaves (a new life). */
void fpu_vcpu_reset(struct vcpu *v);
/* Put v's state, its XCR0 included, into the processor; take it out. CR0.TS must be clear. */
void fpu_load(struct vcpu *v);
void fpu_save(struct vcpu *v);
/* A vector register of v, whose state is in the processor: 32 bytes, the lowest word first. Without
 * AVX the upper two words are 0, and are not written. reg: 0 to 15. */
void fpu_read_vector(struct vcpu *v, unsigned reg, u64 value[4]);
void fpu_write_vector(struct vcpu *v, unsigned reg, const u64 value[4]);
/* FNINIT for v; and its control or status word. As above. */
void fpu_x87_init(struct vcpu *v);
u16 fpu_x87_word(struct vcpu *v, bool status);
/* The guest's XCR0. fpu_set_xcr0: -EINVAL for a value that XSETBV refuses (SDM, "XSETBV"). */
u64 fpu_xcr0(const struct vcpu *v);
int fpu_set_xcr0(struct vcpu *v, u64 xcr0);

#endif
