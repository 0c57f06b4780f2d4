/*
 * Random instructions and states for the differential test, aimed so that most memory operands fall
 * into the machine's data.
 */
#ifndef UNICORN_GENERATE_H
#define UNICORN_GENERATE_H

#include "unicorn_oracle.h"

/* A pseudo-random number; the seed decides the whole run. */
void random_seed(u64 seed);
u64 random_u64(void);
static inline unsigned random_below(unsigned n)
{
    return (random_u64() >> 33) % n;
}

struct generated {
    u8 bytes[INSN_BUFFER]; /* the instruction, then noise */
    unsigned at;           /* where its displacement is, if it has one */
    unsigned disp_size;    /* its size, or 0 */
};

/* Random bytes that begin like one of the instructions that the executor knows. */
void generate_bytes(struct generated *g, enum code_size size);
/* Random registers for it; an address without registers is patched in g->bytes and *insn. Call for
 * each new state. place: linear address of the instruction. */
void generate_state(struct generated *g, struct insn *insn, enum code_size size, u64 place,
                    struct machine_state *state);

#endif
