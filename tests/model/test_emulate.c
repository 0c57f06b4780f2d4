// sources: src/cpu/emulate/decode.c src/cpu/emulate/decode_special.c src/cpu/emulate/opcodes.c
// sources: src/cpu/emulate/emulate.c src/cpu/emulate/access.c src/cpu/emulate/alu.c
// sources: src/cpu/emulate/exec_short.c src/cpu/emulate/exec_data.c
// sources: src/cpu/emulate/exec_string.c src/cpu/emulate/exec_system.c
// sources: tests/model/unicorn_oracle.c tests/model/unicorn_generate.c
// libs: -lunicorn
/*
 * The emulator against Unicorn: random instructions from random states, in 16-, 32- and 64-bit
 * code; registers, defined flags, RIP and memory must come out the same, or both must fault.
 * EMULATE_CASES=n sets how many cases there are in all.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "emulate.h"
#include "unicorn_generate.h"

enum { STATES = 4, DEFAULT_CASES = 240000 };

#define RFLAGS_ARITHMETIC (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

/* Counted by operation, for the table. */
static struct {
    unsigned cases, faults;
} counted[OP_COUNT];

/* The emulator's world: a copy of the data. */
struct world {
    u8 data[DATA_SIZE];
    const u8 *code; /* the instruction */
    u64 place;      /* its linear address */
    unsigned size;  /* enum code_size */
};

static enum emulate_result at_data(struct emulate_ctx *ctx, u64 la, unsigned len, bool write,
                                   u8 **at)
{
    struct world *w = ctx->opaque;

    if (la < DATA_BASE || la + len > DATA_BASE + DATA_SIZE || la + len < la)
        return emulate_page_fault(ctx, la, write ? PF_W : 0);
    *at = w->data + (la - DATA_BASE);
    return EMULATE_OK;
}

static enum emulate_result fetch(struct emulate_ctx *ctx, u64 la, u8 *to, unsigned len)
{
    struct world *w = ctx->opaque;

    assert_true(la >= w->place && la + len <= w->place + INSN_BUFFER);
    memcpy(to, w->code + (la - w->place), len);
    return EMULATE_OK;
}

static enum emulate_result read(struct emulate_ctx *ctx, u64 la, u64 *value, unsigned len,
                                enum emulate_access why)
{
    enum emulate_result result;
    u8 *at;

    result = at_data(ctx, la, len, why == EMULATE_RMW, &at);
    if (result != EMULATE_OK)
        return result;
    *value = 0;
    memcpy(value, at, len);
    return EMULATE_OK;
}

static enum emulate_result write(struct emulate_ctx *ctx, u64 la, u64 value, unsigned len)
{
    enum emulate_result result;
    u8 *at;

    assert_true(len == 8 || value >> (8 * len) == 0);
    result = at_data(ctx, la, len, true, &at);
    if (result == EMULATE_OK)
        memcpy(at, &value, len);
    return result;
}

static enum emulate_result cmpxchg(struct emulate_ctx *ctx, u64 la, u64 *old, const u64 *new_value,
                                   unsigned len)
{
    enum emulate_result result;
    u64 found[2] = {0};
    u8 *at;

    result = at_data(ctx, la, len, true, &at);
    if (result != EMULATE_OK)
        return result;
    memcpy(found, at, len);
    if (memcmp(found, old, len) == 0)
        memcpy(at, new_value, len);
    memcpy(old, found, len > 8 ? 16 : 8);
    return EMULATE_OK;
}

static enum emulate_result segment(struct emulate_ctx *ctx, enum seg seg, struct segment *out)
{
    enum { DATA_RW = 0x93, CODE_RX = 0x9b, BIG = 1 << 10 };
    struct world *w = ctx->opaque;

    *out = (struct segment){
        .base = machine_segment_base(w->size, seg),
        .limit = w->size == CODE_16 ? 0xffff : 0xffffffff,
        .attr = (seg == SEG_CS ? CODE_RX : DATA_RW) | (w->size == CODE_16 ? 0 : BIG),
    };
    if (seg == SEG_CS && w->size == CODE_16)
        out->base = w->place;
    return EMULATE_OK;
}

static enum emulate_result read_cr(struct emulate_ctx *ctx, unsigned cr, u64 *value)
{
    struct world *w = ctx->opaque;

    (void)cr;
    *value = w->size == CODE_16 ? 0 : CR0_PE;
    return EMULATE_OK;
}

static const struct emulate_ops ops = {
    .fetch = fetch,
    .read = read,
    .write = write,
    .cmpxchg = cmpxchg,
    .segment = segment,
    .read_cr = read_cr,
};

static u64 *reg_of(struct regs *regs, unsigned n)
{
    u64 *const all[] = {&regs->rax, &regs->rcx, &regs->rdx, &regs->rbx, &regs->rsp, &regs->rbp,
                        &regs->rsi, &regs->rdi, &regs->r8,  &regs->r9,  &regs->r10, &regs->r11,
                        &regs->r12, &regs->r13, &regs->r14, &regs->r15};

    return all[n];
}

/* Runs the emulator on a state, REP to its end. */
static enum emulate_result emulate_state(struct world *w, struct machine_state *state, u8 *vector)
{
    struct emulate_ctx ctx;
    struct regs regs = {.rip = state->rip, .rflags = state->rflags};
    bool kernel = random_below(2); /* CPL 0 may take the short way */
    enum emulate_result result;

    for (unsigned n = 0; n < 16; n++)
        *reg_of(&regs, n) = state->gpr[n];
    do {
        emulate_init(&ctx, &regs, &ops, w, w->size, kernel ? 0 : 3);
        ctx.rep_limit = 1 + random_below(6);
        result = emulate_insn(&ctx);
    } while (result == EMULATE_OK && (ctx.notes & EMULATE_REP_MORE));
    for (unsigned n = 0; n < 16; n++)
        state->gpr[n] = *reg_of(&regs, n);
    *vector = ctx.fault.vector;
    state->rip = regs.rip;
    state->rflags = regs.rflags;
    return result;
}

/* The flags that the manual leaves undefined after this instruction. */
static u64 undefined_flags(const struct insn *i, const struct machine_state *before)
{
    unsigned count = 1, bits = 8 * i->operand_size;

    switch (i->operation) {
    case OP_OR:
    case OP_AND:
    case OP_XOR:
    case OP_TEST:
        return RFLAGS_AF;
    case OP_NEG: /* Unicorn 2.0.1 takes a locked NEG's flags from the old value */
        return i->prefixes & PREFIX_LOCK ? RFLAGS_ARITHMETIC : 0;
    case OP_BT ... OP_BTC:
        return RFLAGS_OF | RFLAGS_SF | RFLAGS_AF | RFLAGS_PF;
    case OP_ROL ... OP_SAR:
        if (i->src == OPERAND_IMM)
            count = i->imm;
        else if (i->src == OPERAND_CL)
            count = before->gpr[REG_RCX];
        count &= bits == 64 ? 63 : 31;
        if (count == 0)
            return 0;
        return (count == 1 ? 0 : RFLAGS_OF) | (i->operation >= OP_SHL ? RFLAGS_AF : 0) |
               (i->operation >= OP_SHL && i->operation <= OP_SHR && count >= bits ? RFLAGS_CF : 0);
    }
    return 0;
}

static void print_difference(const struct generated *g, const struct insn *i,
                             const struct machine_state *before, const struct machine_state *ours,
                             const struct machine_state *theirs)
{
    printf("%s:", operation_name(i->operation));
    for (unsigned n = 0; n < i->length; n++)
        printf(" %02x", g->bytes[n]);
    printf("\n");
    for (unsigned n = 0; n < 16; n++)
        if (ours->gpr[n] != theirs->gpr[n])
            printf("  reg %u: before %#llx, ours %#llx, unicorn %#llx\n", n,
                   (unsigned long long)before->gpr[n], (unsigned long long)ours->gpr[n],
                   (unsigned long long)theirs->gpr[n]);
    for (unsigned n = 0; n < 16; n++)
        printf("  %llx", (unsigned long long)before->gpr[n]);
    printf("\n  rflags: before %#llx, ours %#llx, unicorn %#llx\n",
           (unsigned long long)before->rflags, (unsigned long long)ours->rflags,
           (unsigned long long)theirs->rflags);
}

static void run_case(struct world *w, const struct generated *g, const struct insn *i,
                     unsigned slot, const struct machine_state *before, u8 *oracle_data)
{
    struct machine_state ours = *before, theirs = *before;
    enum oracle_result expected = oracle_run(slot, i->length, &theirs);
    enum emulate_result result;
    u64 flags = ~(undefined_flags(i, before) | RFLAGS_IF);
    bool same;
    u8 vector;

    ours.rip = w->size == CODE_16 ? 0 : w->place;
    theirs.rip = ours.rip + i->length;
    result = emulate_state(w, &ours, &vector);
    counted[i->operation].cases++;
    if (i->operation == OP_CMPXCHG8B && i->operand_size == 8 && result == EMULATE_FAULT &&
        vector == VEC_GP)
        expected = ORACLE_FAULT; /* not aligned: Unicorn lets it pass */
    if (expected != ORACLE_OK) {
        counted[i->operation].faults++;
        same = result == EMULATE_FAULT;
        if (!same) {
            printf("slot %u result %d, unicorn %d\n", slot, result, expected);
            print_difference(g, i, before, &ours, &theirs);
        }
        assert_true(same);
        memcpy(oracle_data, w->data, DATA_SIZE);
        return;
    }
    same = result == EMULATE_OK && memcmp(ours.gpr, theirs.gpr, sizeof(ours.gpr)) == 0 &&
           ours.rip == theirs.rip && ((ours.rflags ^ theirs.rflags) & flags) == 0;
    if (!same) {
        printf("slot %u result %d, unicorn %d\n", slot, result, expected);
        print_difference(g, i, before, &ours, &theirs);
    } else if (memcmp(w->data, oracle_data, DATA_SIZE) != 0) {
        print_difference(g, i, before, &ours, &theirs);
        for (unsigned n = 0; n < DATA_SIZE; n++)
            if (w->data[n] != oracle_data[n])
                printf("  memory %#x: ours %#x, unicorn %#x\n", DATA_BASE + n, w->data[n],
                       oracle_data[n]);
        same = false;
    }
    assert_true(same);
}

/* Fills the slots of one engine with instructions, and runs each from several states. */
static unsigned run_engine(enum code_size size, unsigned cases)
{
    static struct world w;
    unsigned done = 0;
    u8 *oracle_data;

    oracle_open(size, &oracle_data);
    for (unsigned n = 0; n < DATA_SIZE; n++)
        w.data[n] = oracle_data[n] = random_u64() >> 56;
    w.size = size;
    for (unsigned slot = 0; slot < CODE_SLOTS && done < cases; slot++) {
        struct machine_state before[STATES];
        struct generated g;
        struct insn i;

        do
            generate_bytes(&g, size);
        while (decode(g.bytes, INSN_MAX, size, &i) < 0 || i.operation == OP_UNKNOWN);
        w.place = CODE_BASE + slot * CODE_SLOT;
        w.code = g.bytes;
        generate_state(&g, &i, size, size == CODE_16 ? 0 : w.place, &before[0]);
        decode(g.bytes, INSN_MAX, size, &i);
        oracle_place(slot, g.bytes, INSN_BUFFER);
        for (unsigned n = 0; n < STATES; n++, done++) {
            if (n > 0) {
                struct generated aimed = g;

                generate_state(&aimed, &i, size, w.place, &before[n]);
            }
            run_case(&w, &g, &i, slot, &before[n], oracle_data);
        }
    }
    oracle_close();
    return done;
}

static void against_unicorn(enum code_size size, u64 seed)
{
    const char *wanted = getenv("EMULATE_CASES");
    unsigned cases = (wanted ? strtoul(wanted, NULL, 0) : DEFAULT_CASES) / 3;

    random_seed(seed);
    for (unsigned done = 0; done < cases;)
        done += run_engine(size, cases - done);
}

static void code_64(void **state)
{
    (void)state;
    against_unicorn(CODE_64, 64);
}

static void code_32(void **state)
{
    (void)state;
    against_unicorn(CODE_32, 32);
}

static void code_16(void **state)
{
    (void)state;
    against_unicorn(CODE_16, 16);
}

static int print_table(void **state)
{
    unsigned cases = 0, faults = 0;

    (void)state;
    printf("%-12s %9s %9s\n", "operation", "cases", "faults");
    for (unsigned op = 0; op < OP_COUNT; op++) {
        if (counted[op].cases == 0)
            continue;
        printf("%-12s %9u %9u\n", operation_name(op), counted[op].cases, counted[op].faults);
        cases += counted[op].cases;
        faults += counted[op].faults;
    }
    printf("%-12s %9u %9u\n", "all", cases, faults);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(code_64),
        cmocka_unit_test(code_32),
        cmocka_unit_test(code_16),
    };
    return cmocka_run_group_tests_name("emulate", tests, NULL, print_table);
}
