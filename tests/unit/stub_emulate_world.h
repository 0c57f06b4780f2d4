/*
 * A machine for the executor's tests: data, code, segments and control registers in a variable, and
 * hooks that note what they are asked.
 */
#ifndef STUB_EMULATE_WORLD_H
#define STUB_EMULATE_WORLD_H

#include "emulate.h"

enum { DATA = 0x10000, DATA_SIZE = 0x2000, CODE = 0x400000, CODE_SIZE = 0x2000 };

/* What the hooks show. */
struct emulate_world {
    _Alignas(16) u8 data[DATA_SIZE];
    u8 code[CODE_SIZE];      /* linear CODE .. */
    bool code_page_2;        /* the second page of code is there */
    u64 readonly_from;       /* data from here on cannot be written */
    u64 cr0, cr4;            /* what read_cr says */
    struct segment seg[6];   /* outside 64-bit code; base of FS and GS in it */
    unsigned lost_exchanges; /* so many cmpxchg find another value */
    char log[512];           /* what other hooks were asked */
    unsigned fail_one_in;    /* fuzzing: a hook fails now and then */
};
extern struct emulate_world w;

extern const struct emulate_ops world_ops;
extern const struct emulate_ops world_fetch_only; /* no other hook is there */
/* A pseudo-random number; world_seed begins a sequence. */
void world_seed(u64 value);
u32 random_u32(void);

#endif
