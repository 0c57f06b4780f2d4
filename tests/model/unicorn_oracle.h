/*
 * Unicorn as the model of an x86 processor: one instruction from a given state. And the machine
 * that both it and the emulator under test see: flat code, two pages of data, nothing else.
 */
#ifndef UNICORN_ORACLE_H
#define UNICORN_ORACLE_H

#include "decode.h"

enum machine {
    DATA_BASE = 0x14000,   /* linear address of the data */
    DATA_SIZE = 2 * 4096,  /* nothing lies around it */
    TABLES_BASE = 0x60000, /* a page with the GDT; in 16-bit code, real mode, it is not looked at */
    GDT_ENTRIES = 32,
    GDT_FIXED = 3,       /* so many do not change: null, SS as every case begins with it */
    FLAT_STACK = 2 << 3, /* its selector */
    CODE_BASE = 0x80000, /* instructions, one in a slot */
    CODE_SLOT = 32,
    CODE_SLOTS = 8192,
};

/* The state an instruction starts from and leaves. */
struct machine_state {
    u64 gpr[16]; /* in encoding order */
    u64 rip;     /* offset in CS */
    u64 rflags;
    u64 xmm[16][2];  /* only if asked for */
    u16 selector[6]; /* the same, by enum seg; as a result only */
};

enum oracle_result { ORACLE_OK, ORACLE_FAULT, ORACLE_UD };

/* Opens an engine for this code size; its data is at *data, its GDT at *tables. Code slots are all
 * unused. */
void oracle_open(enum code_size size, u8 **data, u8 **tables);
void oracle_close(void);
/* Base of a segment register in this machine. */
u64 machine_segment_base(enum code_size size, enum seg seg);
/* Puts an instruction in a slot; the linear address it got. */
u64 oracle_place(unsigned slot, const u8 *bytes, unsigned len);
/* What else an instruction is about. */
enum run_flags {
    RUN_BRANCH = 1 << 0,  /* it may go elsewhere */
    RUN_VECTOR = 1 << 1,  /* state->xmm */
    RUN_SEGMENT = 1 << 2, /* state->selector */
};
/* Executes the instruction of len bytes in the slot, REP to its end. */
enum oracle_result oracle_run(unsigned slot, unsigned len, unsigned flags,
                              struct machine_state *state);
/* The vector of the last ORACLE_FAULT, or -1: memory that is not there. */
int oracle_vector(void);

#endif
