/* The parts of the guest `chaos`. */
#ifndef CHAOS_H
#define CHAOS_H

#include "kit/types.h"

enum chaos_sizes { CODE_BYTES = 256, SCRATCH_BYTES = 4 * 4096 };
enum chaos_registers { REGISTERS = 16, RCX = 1, RSP = 4, REAL_REGISTERS = 8, REAL_ECX = 6 };
/* Selectors of chaos.asm's GDT. */
enum chaos_selectors { SELECTOR_TSS = 0x30 };

/* With what the code begins: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15. */
struct start {
    u64 reg[REGISTERS]; /* in the order of their numbers */
    u64 rflags;         /* IF is set in most */
    u64 rip;            /* its first byte */
};

/* With what code in real mode begins. */
struct real_start {
    u32 reg[REAL_REGISTERS]; /* as POPAD takes them: edi, esi, ebp, esp (not taken), ebx, ... */
    u16 segment[4];          /* es, fs, gs, ds */
    u32 eflags;              /* IF is clear in most */
    u16 sp, ss;              /* in memory that nothing else needs */
    u16 ip, cs;              /* its first byte */
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
/* real.c: runs code made of random numbers in real mode, below 1 MiB, until anything interrupts it.
 * The 8254 is stopped. */
void chaos_real(void);
/* code.c: for it, code of 16 bits. */
void chaos_make_16bit(u8 *code);
/* A number at some edge, or any. */
u64 chaos_value(void);
/* Memory that the code may have: its stack and data. */
extern u8 chaos_scratch[SCRATCH_BYTES];

#endif
