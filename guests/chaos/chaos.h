/* The parts of the guest `chaos`. */
#ifndef CHAOS_H
#define CHAOS_H

#include "kit/types.h"

enum chaos_sizes { CODE_BYTES = 256, SCRATCH_BYTES = 4 * 4096 };
enum chaos_registers { REGISTERS = 16, RCX = 1, RSP = 4 };
/* Selectors of chaos.asm's GDT. */
enum chaos_selectors { SELECTOR_TSS = 0x30 };

/* With what the code begins: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15. */
struct start {
    u64 reg[REGISTERS]; /* in the order of their numbers */
    u64 rflags;         /* IF is set in most */
    u64 rip;            /* its first byte */
};

/* chaos.asm: runs code until anything interrupts it; returns the vector. */
unsigned chaos_run(const struct start *start);
/* Loads the guest's own GDT and IDT; chaos_tr loads TR, which is possible once. */
void chaos_tables(void);
void chaos_tr(void);
/* Brings the machine down. */
void chaos_triple_fault(void) __attribute__((noreturn));

/* main.c: numbers that follow from the seed (SplitMix64). */
u64 chaos_next(void);
/* code.c: fills CODE_BYTES with instructions, half of them none at all; and how they begin. */
void chaos_make(u8 *code, struct start *start);
/* Memory that the code may have: its stack and data. */
extern u8 chaos_scratch[SCRATCH_BYTES];

#endif
