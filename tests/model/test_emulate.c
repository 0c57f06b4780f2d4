// sources: src/cpu/emulate/*.c
// sources: tests/model/unicorn_oracle.c tests/model/unicorn_generate.c
// sources: tests/model/unicorn_forms.c
// libs: -lunicorn
/*
 * The emulator against Unicorn: random instructions from random states, in 16-, 32- and 64-bit
 * code; registers, defined flags, RIP and memory must come out the same, or both must fault.
 * EMULATE_CASES=n sets how many cases there are in all, EMULATE_SEED=n begins elsewhere.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "emulate.h"
#include "unicorn_generate.h"

enum { STATES = 4, DEFAULT_CASES = 1000000 };

#define RFLAGS_ARITHMETIC (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

/* The emulator's world: a copy of the data. */
struct world {
    u8 data[DATA_SIZE];
    const u8 *code;       /* the instruction */
    u64 place;            /* its linear address */
    unsigned size;        /* enum code_size */
    u64 xmm[16][2];       /* vector registers */
    u8 tables[PAGE_SIZE]; /* a copy of the GDT's page */
    struct segment seg[8];
};

static enum emulate_result at_data(struct emulate_ctx *ctx, u64 la, unsigned len, bool write,
                                   u8 **at)
{
    struct world *w = ctx->opaque;

    *at = NULL;
    if (la >= DATA_BASE && la <= DATA_BASE + DATA_SIZE - len)
        *at = w->data + (la - DATA_BASE);
    if (la >= TABLES_BASE && la <= TABLES_BASE + PAGE_SIZE - len)
        *at = w->tables + (la - TABLES_BASE);
    return *at ? EMULATE_OK : emulate_page_fault(ctx, la, write ? PF_W : 0);
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

/* Segment registers as each case begins. */
static void begin_segments(struct world *w)
{
    enum { DATA_RW = 0x93, CODE_RX = 0x9b, BIG = 1 << 10 };

    for (unsigned seg = SEG_ES; seg <= SEG_GS; seg++) {
        struct segment *s = &w->seg[seg];

        *s = (struct segment){
            .base = machine_segment_base(w->size, seg),
            .limit = w->size == CODE_16 ? 0xffff : 0xffffffff,
            .attr = (seg == SEG_CS ? CODE_RX : DATA_RW) | (w->size == CODE_16 ? 0 : BIG),
        };
        if (seg == SEG_CS && w->size == CODE_16)
            s->base = w->place;
        if (w->size == CODE_16)
            s->selector = s->base >> 4;
        else if (seg == SEG_SS)
            s->selector = FLAT_STACK;
    }
    w->seg[SEG_LDTR] = w->seg[SEG_TR] = (struct segment){.attr = SEG_ATTR_UNUSABLE};
}

static enum emulate_result segment(struct emulate_ctx *ctx, enum seg seg, struct segment *out)
{
    struct world *w = ctx->opaque;

    *out = w->seg[seg];
    return EMULATE_OK;
}

static enum emulate_result write_segment(struct emulate_ctx *ctx, enum seg seg,
                                         const struct segment *in)
{
    struct world *w = ctx->opaque;

    w->seg[seg] = *in;
    return EMULATE_OK;
}

static enum emulate_result read_table(struct emulate_ctx *ctx, enum emulate_table table, u64 *base,
                                      u16 *limit)
{
    (void)ctx;
    assert_int_equal(table, EMULATE_GDTR);
    *base = TABLES_BASE;
    *limit = GDT_ENTRIES * sizeof(u64) - 1;
    return EMULATE_OK;
}

static enum emulate_result system_read(struct emulate_ctx *ctx, u64 la, u64 *value, unsigned len)
{
    struct world *w = ctx->opaque;

    assert_in_range(la, TABLES_BASE, TABLES_BASE + PAGE_SIZE - len);
    *value = 0;
    memcpy(value, w->tables + (la - TABLES_BASE), len);
    return EMULATE_OK;
}

static enum emulate_result system_write(struct emulate_ctx *ctx, u64 la, u64 value, unsigned len)
{
    struct world *w = ctx->opaque;

    assert_in_range(la, TABLES_BASE, TABLES_BASE + PAGE_SIZE - len);
    memcpy(w->tables + (la - TABLES_BASE), &value, len);
    return EMULATE_OK;
}

static enum emulate_result read_msr(struct emulate_ctx *ctx, u32 msr, u64 *value)
{
    struct world *w = ctx->opaque;

    assert_int_equal(msr, MSR_EFER);
    *value = w->size == CODE_64 ? EFER_LMA : 0;
    return EMULATE_OK;
}

static enum emulate_result read_cr(struct emulate_ctx *ctx, unsigned cr, u64 *value)
{
    struct world *w = ctx->opaque;

    *value = w->size == CODE_16 ? 0 : CR0_PE;
    if (cr == 4)
        *value = CR4_OSFXSR;
    return EMULATE_OK;
}

static enum emulate_result read_vector(struct emulate_ctx *ctx, unsigned reg, u64 value[4])
{
    struct world *w = ctx->opaque;

    memset(value, 0, 4 * sizeof(u64));
    memcpy(value, w->xmm[reg], sizeof(w->xmm[reg]));
    return EMULATE_OK;
}

static enum emulate_result write_vector(struct emulate_ctx *ctx, unsigned reg, const u64 value[4])
{
    struct world *w = ctx->opaque;

    memcpy(w->xmm[reg], value, sizeof(w->xmm[reg]));
    return EMULATE_OK;
}

static const struct emulate_ops ops = {
    .fetch = fetch,
    .read = read,
    .write = write,
    .cmpxchg = cmpxchg,
    .segment = segment,
    .write_segment = write_segment,
    .read_table = read_table,
    .system_read = system_read,
    .system_write = system_write,
    .read_msr = read_msr,
    .read_cr = read_cr,
    .read_vector = read_vector,
    .write_vector = write_vector,
};

static u64 *reg_of(struct regs *regs, unsigned n)
{
    u64 *const all[] = {&regs->rax, &regs->rcx, &regs->rdx, &regs->rbx, &regs->rsp, &regs->rbp,
                        &regs->rsi, &regs->rdi, &regs->r8,  &regs->r9,  &regs->r10, &regs->r11,
                        &regs->r12, &regs->r13, &regs->r14, &regs->r15};

    return all[n];
}

/* Does it depend on CPL? Unicorn's is 0. */
static bool sees_privilege(unsigned operation)
{
    return operation == OP_POPF || is_about_segments(operation);
}

/* Runs the emulator on a state, REP to its end. */
static enum emulate_result emulate_state(struct world *w, unsigned operation,
                                         struct machine_state *state, u8 *vector)
{
    struct emulate_ctx ctx;
    struct regs regs = {.rip = state->rip, .rflags = state->rflags};
    bool kernel = sees_privilege(operation) || random_below(2); /* CPL 0 may take the short way */
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
    case OP_IMUL2 ... OP_IMUL:
        return RFLAGS_SF | RFLAGS_ZF | RFLAGS_AF | RFLAGS_PF;
    case OP_DIV ... OP_IDIV:
        return RFLAGS_ARITHMETIC;
    case OP_BSF ... OP_BSR:
        return RFLAGS_ARITHMETIC & ~RFLAGS_ZF;
    case OP_TZCNT ... OP_LZCNT:
        return RFLAGS_OF | RFLAGS_SF | RFLAGS_AF | RFLAGS_PF;
    case OP_DAA ... OP_DAS:
        return RFLAGS_OF;
    case OP_AAA ... OP_AAS:
        return RFLAGS_OF | RFLAGS_SF | RFLAGS_ZF | RFLAGS_PF;
    case OP_AAM ... OP_AAD:
        return RFLAGS_OF | RFLAGS_AF | RFLAGS_CF;
    case OP_SHLD ... OP_SHRD:
        count = (i->opcode & 1 ? before->gpr[REG_RCX] : i->imm) & (bits == 64 ? 63 : 31);
        return count == 0 ? 0 : RFLAGS_AF | (count == 1 ? 0 : RFLAGS_OF);
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

/* One case: how it began and what came of it. */
struct compared {
    struct machine_state before, ours, theirs;
    enum emulate_result result;  /* ours */
    enum oracle_result expected; /* theirs */
    u8 vector;                   /* of our fault */
};

static u8 *oracle_data, *oracle_tables; /* the other side's memory */
static unsigned differences[OP_COUNT];  /* by operation */

static void print_difference(const struct world *w, const struct insn *i, const struct compared *c)
{
    enum { SHOWN = 3 };

    if (differences[i->operation]++ >= SHOWN)
        return;
    printf("%u-bit %s:", 8 * w->size, operation_name(i->operation));
    for (unsigned n = 0; n < i->length; n++)
        printf(" %02x", w->code[n]);
    printf("  at %#llx: result %d (vector %u), unicorn %d (vector %d)\n",
           (unsigned long long)w->place, c->result, c->vector, c->expected, oracle_vector());
    for (unsigned seg = SEG_ES; seg <= SEG_GS; seg++)
        if (c->ours.selector[seg] != c->theirs.selector[seg])
            printf("  segment %u: ours %#x, unicorn %#x\n", seg, c->ours.selector[seg],
                   c->theirs.selector[seg]);
    for (unsigned n = 0; n < 16; n++)
        if (c->ours.gpr[n] != c->theirs.gpr[n])
            printf("  reg %u: before %#llx, ours %#llx, unicorn %#llx\n", n,
                   (unsigned long long)c->before.gpr[n], (unsigned long long)c->ours.gpr[n],
                   (unsigned long long)c->theirs.gpr[n]);
    for (unsigned n = 0; n < 16; n++)
        printf("  %llx", (unsigned long long)c->before.gpr[n]);
    printf("\n  rip: ours %#llx, unicorn %#llx", (unsigned long long)c->ours.rip,
           (unsigned long long)c->theirs.rip);
    printf("\n  rflags: before %#llx, ours %#llx, unicorn %#llx\n",
           (unsigned long long)c->before.rflags, (unsigned long long)c->ours.rflags,
           (unsigned long long)c->theirs.rflags);
}

/* Unicorn's faults by memory that is not there have no vector; and in two places it raises another
 * than the manual says: for a stack segment that is absent (RET, IRET), and for absent code behind
 * a gate (JMP). */
static bool same_fault(const struct insn *i, int ours, int theirs)
{
    if (ours == VEC_SS && theirs == VEC_NP)
        return i->operation == OP_RET_FAR || i->operation == OP_IRET;
    if (ours == VEC_NP && theirs == VEC_GP)
        return i->operation == OP_JMP_FAR;
    return theirs < 0 || ours == theirs;
}

static bool same_state(const struct insn *i, const struct compared *c)
{
    u64 flags = ~(undefined_flags(i, &c->before) | RFLAGS_IF);

    return c->result == EMULATE_OK &&
           memcmp(c->ours.gpr, c->theirs.gpr, sizeof(c->ours.gpr)) == 0 &&
           memcmp(c->ours.xmm, c->theirs.xmm, sizeof(c->ours.xmm)) == 0 &&
           memcmp(c->ours.selector, c->theirs.selector, sizeof(c->ours.selector)) == 0 &&
           c->ours.rip == c->theirs.rip && ((c->ours.rflags ^ c->theirs.rflags) & flags) == 0;
}

static bool same_data(const struct world *w)
{
    if (memcmp(w->data, oracle_data, DATA_SIZE) == 0)
        return true;
    for (unsigned n = 0; n < DATA_SIZE; n++)
        if (w->data[n] != oracle_data[n])
            printf("  memory %#x: ours %#x, unicorn %#x\n", DATA_BASE + n, w->data[n],
                   oracle_data[n]);
    return false;
}

/* Both sides run it and should agree. False: they agree on a fault. */
static bool run_case(struct world *w, const struct insn *i, unsigned slot,
                     const struct machine_state *before)
{
    struct compared c = {.before = *before, .ours = *before, .theirs = *before};
    bool good, segments = is_about_segments(i->operation);

    c.expected =
        oracle_run(slot, i->length,
                   (is_branch(i->operation) ? RUN_BRANCH : 0) |
                       (is_vector(i->operation) ? RUN_VECTOR : 0) | (segments ? RUN_SEGMENT : 0),
                   &c.theirs);
    begin_segments(w);
    if (i->operation >= OP_BSF && i->operation <= OP_BSR && i->operand_size == 4 &&
        (c.theirs.rflags & RFLAGS_ZF)) /* Unicorn clears its upper half, though it is not written */
        c.theirs.gpr[i->reg] = before->gpr[i->reg];
    memcpy(w->xmm, before->xmm, sizeof(w->xmm));
    c.ours.rip = w->size == CODE_16 ? 0 : w->place;
    c.result = emulate_state(w, i->operation, &c.ours, &c.vector);
    memcpy(c.ours.xmm, w->xmm, sizeof(w->xmm));
    if (((i->operation == OP_CMPXCHG8B && i->operand_size == 8) || i->operation == OP_MOVAPS) &&
        c.result == EMULATE_FAULT && c.vector == VEC_GP)
        c.expected = ORACLE_FAULT; /* not aligned: Unicorn lets it pass */
    for (unsigned seg = SEG_ES; segments && seg <= SEG_GS; seg++)
        c.ours.selector[seg] = w->seg[seg].selector;
    if (c.expected == ORACLE_OK)
        good =
            same_state(i, &c) && same_data(w) && memcmp(w->tables, oracle_tables, PAGE_SIZE) == 0;
    else
        good = c.result == EMULATE_FAULT && same_fault(i, c.vector, oracle_vector());
    if (!good)
        print_difference(w, i, &c);
    if (!good || c.expected != ORACLE_OK) /* of a fault they may leave different traces */
    {
        memcpy(oracle_data, w->data, DATA_SIZE);
        memcpy(oracle_tables, w->tables, PAGE_SIZE);
    }
    return c.expected == ORACLE_OK;
}

/* The data at both sides. */
static void poke(struct world *w, const struct generated *g)
{
    for (unsigned n = 0; n < g->pokes; n++) {
        const struct poke *p = &g->poke[n];
        u64 at = p->at - DATA_BASE;

        if (at <= DATA_SIZE - sizeof(u64)) {
            memcpy(w->data + at, &p->value, p->size);
            memcpy(oracle_data + at, &p->value, p->size);
        }
    }
}

/* One instruction of a form, from several states. */
static void run_form(struct world *w, struct form *form, unsigned slot)
{
    struct machine_state before[STATES];
    struct generated g;
    struct insn i;
    u64 place = CODE_BASE + slot * CODE_SLOT;

    w->place = place;
    w->code = g.bytes;
    generate_bytes(&g, form, &i);
    generate_state(&g, &i, w->size, w->size == CODE_16 ? 0 : place, &before[0]);
    oracle_place(slot, g.bytes, i.length);
    for (unsigned n = 0; n < STATES; n++) {
        struct generated aimed = g;

        aimed.disp_size = 0; /* it stays as it is */
        if (n > 0)
            generate_state(&aimed, &i, w->size, w->size == CODE_16 ? 0 : place, &before[n]);
        poke(w, &aimed);
        form->cases++;
        form->faults += !run_case(w, &i, slot, &before[n]);
    }
}

/* Every form `rounds` times; an engine that is full is replaced. */
static void run_forms(enum code_size size, unsigned rounds)
{
    static struct world w;
    unsigned count, slot = CODE_SLOTS;
    struct form *forms = all_forms(size, &count);

    w.size = size;
    for (unsigned n = 0; n < rounds * count; n++) {
        if (slot == CODE_SLOTS) {
            if (n > 0)
                oracle_close();
            oracle_open(size, &oracle_data, &oracle_tables);
            generate_gdt(oracle_tables, size);
            memcpy(w.tables, oracle_tables, PAGE_SIZE);
            for (unsigned b = 0; b < DATA_SIZE; b++)
                w.data[b] = oracle_data[b] = random_u64() >> 56;
            slot = 0;
        }
        run_form(&w, &forms[n % count], slot++);
    }
    oracle_close();
}

static void against_unicorn(enum code_size size)
{
    const char *wanted = getenv("EMULATE_CASES"), *seed = getenv("EMULATE_SEED");
    unsigned count, wrong = 0, cases = wanted ? strtoul(wanted, NULL, 0) : DEFAULT_CASES;

    all_forms(size, &count);
    random_seed((seed ? strtoull(seed, NULL, 0) : 1) * 64 + size);
    run_forms(size, 1 + cases / (3 * STATES * count));
    for (unsigned op = 0; op < OP_COUNT; op++) {
        wrong += differences[op];
        differences[op] = 0;
    }
    assert_int_equal(wrong, 0);
}

static void code_64(void **state)
{
    (void)state;
    against_unicorn(CODE_64);
}

static void code_32(void **state)
{
    (void)state;
    against_unicorn(CODE_32);
}

static void code_16(void **state)
{
    (void)state;
    against_unicorn(CODE_16);
}

static void every_form_was_there(void **state)
{
    (void)state;
    assert_int_equal(print_forms(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(code_64),
        cmocka_unit_test(code_32),
        cmocka_unit_test(code_16),
        cmocka_unit_test(every_form_was_there),
    };
    setvbuf(stdout, NULL, _IOLBF, 0); /* Unicorn may abort */
    return cmocka_run_group_tests_name("emulate", tests, NULL, NULL);
}
