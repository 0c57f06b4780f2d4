/*
 * Random instructions and states for the differential test, aimed so that most memory operands fall
 * into the machine's data.
 */
#ifndef UNICORN_GENERATE_H
#define UNICORN_GENERATE_H

#include "unicorn_forms.h"
#include "unicorn_oracle.h"

/* A pseudo-random number; the seed decides the whole run. */
void random_seed(u64 seed);
u64 random_u64(void);
static inline unsigned random_below(unsigned n)
{
    return (random_u64() >> 33) % n;
}

/* A value that the data must hold. */
struct poke {
    u64 at;        /* its linear address */
    u64 value;     /* the value */
    unsigned size; /* its bytes */
};

struct generated {
    u8 bytes[INSN_BUFFER]; /* the instruction, then noise */
    unsigned at;           /* where its displacement is, if it has one */
    unsigned disp_size;    /* its size, or 0 */
    struct poke poke[5];   /* the first `pokes` are in use */
    unsigned pokes;        /* how many */
};

/* Does it go elsewhere? */
bool is_branch(unsigned operation);
/* Fills a GDT: segments of all types, mostly present, and call gates. (Unicorn asks in long mode
 * about those types, too, which that does not have.) */
void generate_gdt(u8 *gdt, enum code_size size);
/* A random instruction of this form, decoded. */
void generate_bytes(struct generated *g, const struct form *form, struct insn *insn);
/* Random registers for it; an address without registers is patched in g->bytes and *insn. What
 * g->poke says must be stored before it is run. Call for each new state. place: linear address of
 * the instruction. */
void generate_state(struct generated *g, struct insn *insn, enum code_size size, u64 place,
                    struct machine_state *state);

#endif
