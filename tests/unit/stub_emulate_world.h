/*
 * A machine for the executor's tests: data, code, segments and control registers in a variable, and
 * hooks that note what they are asked.
 */
#ifndef STUB_EMULATE_WORLD_H
#define STUB_EMULATE_WORLD_H

#include "emulate.h"

enum {
    DATA = 0x10000,
    DATA_SIZE = 0x2000,
    CODE = 0x400000,
    CODE_SIZE = 0x2000,
    TABLES = 0x7000, /* the supervisor's */
    TABLES_SIZE = 0x1000,
};

/* What the hooks show. */
struct emulate_world {
    _Alignas(16) u8 data[DATA_SIZE];
    u8 code[CODE_SIZE];      /* linear CODE .. */
    bool code_page_2;        /* the second page of code is there */
    u64 readonly_from;       /* data from here on cannot be written */
    u64 cr0, cr4;            /* what read_cr says */
    u8 tables[TABLES_SIZE];  /* GDT, interrupt table, TSS */
    u64 gdt, idt;            /* their bases; the limit is 7f */
    u64 msr;                 /* what every MSR holds */
    u64 vectors[16][4];      /* the vector registers */
    bool quiet_msr;          /* reading one is not noted */
    struct segment seg[8];   /* by enum seg */
    unsigned loads;          /* so many segment registers were loaded */
    unsigned lost_exchanges; /* so many cmpxchg find another value */
    char log[512];           /* what other hooks were asked */
    unsigned fail_one_in;    /* fuzzing: a hook fails now and then */
};
extern struct emulate_world w;

extern const struct emulate_ops world_ops;
extern const struct emulate_ops world_fetch_only; /* no other hook is there */

/* The processor. */
extern struct regs regs;
extern struct emulate_ctx ctx; /* of the last run */
/* Everything back to where a test begins (cmocka's set-up). */
int setup(void **state);
/* Puts the bytes written in hex at a linear address of code; how many they are. */
unsigned put_code(u64 at, const char *hex);
/* Executes hex at regs.rip. Whatever does not succeed must leave the registers as they were. */
enum emulate_result run_with(const struct emulate_ops *with, const char *hex, enum code_size size,
                             unsigned cpl);
/* The same with world_ops, in 64-bit code at CPL 0. */
enum emulate_result run(const char *hex);
/* It faults with this vector, and no hook has been asked to do anything. */
void must_fault(const char *hex, enum code_size size, unsigned cpl, unsigned vector);
/* A pseudo-random number; world_seed begins a sequence. */
void world_seed(u64 value);
u32 random_u32(void);

#endif
