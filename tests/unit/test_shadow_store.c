// sources: src/cpu/emulate/*.c
// sources: src/cpu/table_store.c
/*
 * The quick way for stores to page tables (src/cpu/table_store.c) against the executor: whatever it
 * takes on comes out the same, registers, flags, RIP and memory; whatever it does not leaves no
 * trace. Instructions are random, of the forms that it knows and of others near them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "../../src/cpu/cpu.h"
#include "domain.h"
#include "emulate.h"
#include "paging.h"

enum { CASES = 400000, CODE_OFFSET = 0x100, TAKEN_MINIMUM = 1000 };
#define TABLE 0x7f0012345000ULL
#define CODE  0x401000ULL

static struct domain domain;
static struct virt_vcpu virt;
static struct vcpu vcpu = {.domain = &domain, .virt = &virt};
static _Alignas(16) u64 table[PT_ENTRIES];
static u8 code[PAGE_SIZE];
static u64 code_rip, plain_flags;
static unsigned stored;
static void *stored_at;

const u8 cpu_gpr_offset[16] = {
    offsetof(struct regs, rax), offsetof(struct regs, rcx), offsetof(struct regs, rdx),
    offsetof(struct regs, rbx), offsetof(struct regs, rsp), offsetof(struct regs, rbp),
    offsetof(struct regs, rsi), offsetof(struct regs, rdi), offsetof(struct regs, r8),
    offsetof(struct regs, r9),  offsetof(struct regs, r10), offsetof(struct regs, r11),
    offsetof(struct regs, r12), offsetof(struct regs, r13), offsetof(struct regs, r14),
    offsetof(struct regs, r15),
};

bool cpu_exchange(void *p, unsigned size, u64 *old, u64 value)
{
    u64 now = *(u64 *)p;
    bool same = now == *old;

    assert_int_equal(size, sizeof(u64));
    if (same)
        *(u64 *)p = value;
    *old = now;
    return same;
}

u64 virt_get(struct vcpu *v, enum virt_reg r)
{
    return r == VREG_RSP ? v->regs.rsp : v->virt->reg[r];
}

void virt_set(struct vcpu *v, enum virt_reg r, u64 value)
{
    if (r == VREG_RSP)
        v->regs.rsp = value;
    else if (r == VREG_RFLAGS)
        v->regs.rflags = value;
    else
        fail();
}

const u8 *paging_code(struct vcpu *v, u64 gva)
{
    assert_ptr_equal(v, &vcpu);
    assert_int_equal(gva, code_rip);
    return code + (gva & PAGE_OFFSET_MASK);
}

void paging_table_stored(struct domain *d, void *entry)
{
    assert_ptr_equal(d, &domain);
    stored++;
    stored_at = entry;
}

static u64 plain_64bit(struct vcpu *v)
{
    (void)v;
    return plain_flags;
}
static const struct virt_ops ops = {.plain_64bit = plain_64bit};
const struct virt_ops *virt_ops = &ops;

/* The executor's world: the table, and nothing else. */
static enum emulate_result at(struct emulate_ctx *ctx, u64 la, unsigned len, u8 **out)
{
    if (la < TABLE || la + len > TABLE + PAGE_SIZE)
        return emulate_page_fault(ctx, la, PF_W);
    *out = (u8 *)table + (la - TABLE);
    return EMULATE_OK;
}

static enum emulate_result fetch(struct emulate_ctx *ctx, u64 la, u8 *to, unsigned len)
{
    (void)ctx;
    memcpy(to, code + (la & PAGE_OFFSET_MASK), len);
    return EMULATE_OK;
}

static enum emulate_result read(struct emulate_ctx *ctx, u64 la, u64 *value, unsigned len,
                                enum emulate_access why)
{
    u8 *p;
    enum emulate_result result = at(ctx, la, len, &p);

    (void)why;
    *value = 0;
    if (result == EMULATE_OK)
        memcpy(value, p, len);
    return result;
}

static enum emulate_result write(struct emulate_ctx *ctx, u64 la, u64 value, unsigned len)
{
    u8 *p;
    enum emulate_result result = at(ctx, la, len, &p);

    if (result == EMULATE_OK)
        memcpy(p, &value, len);
    return result;
}

static enum emulate_result cmpxchg(struct emulate_ctx *ctx, u64 la, u64 *old, const u64 *new_value,
                                   unsigned len)
{
    u8 *p;
    enum emulate_result result = at(ctx, la, len, &p);

    if (result != EMULATE_OK)
        return result;
    if (memcmp(p, old, len) == 0)
        memcpy(p, new_value, len);
    else
        memcpy(old, p, len);
    return EMULATE_OK;
}

static const struct emulate_ops executor = {
    .fetch = fetch, .read = read, .write = write, .cmpxchg = cmpxchg};

static u64 state = 1;
static u32 rnd(void)
{
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (u32)(state >> 32);
}
static u64 rnd64(void)
{
    return (u64)rnd() << 32 | rnd();
}

/* Bytes of an instruction, most of them of a form that is known. */
static void make_instruction(u8 *p)
{
    static const u8 opcodes[] = {0x89, 0xc7, 0x87, 0x21, 0x09, 0x81, 0x83, 0x88, 0x8b, 0x31, 0x01};
    static const u8 two_bytes[] = {0xb1, 0xba, 0xb3, 0xab, 0xc1};

    for (unsigned i = 0; i < INSN_MAX + 1; i++)
        p[i] = (u8)rnd();
    if (rnd() % 3 == 0)
        *p++ = rnd() % 4 ? 0xf0 : 0x66;
    *p++ = rnd() % 8 ? 0x48 | rnd() % 8 : (u8)rnd();
    if (rnd() % 3)
        *p++ = opcodes[rnd() % sizeof(opcodes)];
    else {
        *p++ = 0x0f;
        *p++ = two_bytes[rnd() % sizeof(two_bytes)];
    }
    if (p[-1] == 0xc7 && rnd() % 4)
        *p &= (u8)~0x38;
    else if (rnd() % 4 == 0)
        *p = (u8)((*p & ~0x38) | (rnd() % 2 ? 4 : 1) << 3); /* the operations of the groups */
    else if (rnd() % 3 == 0)
        *p = (u8)((*p & ~0x38) | (rnd() % 2 ? 5 : 6) << 3);
}

/* Registers so that the operand is at gva. */
static void aim(struct regs *r, const struct insn *insn, u64 gva)
{
    u64 *const base = (u64 *)((char *)r + cpu_gpr_offset[insn->base & 15]);
    u64 index = 0;

    if (!insn->memory || insn->base > REG_R15)
        return;
    if (insn->index <= REG_R15)
        index = *(u64 *)((char *)r + cpu_gpr_offset[insn->index]) << insn->scale;
    *base = gva - index - (u64)insn->disp;
}

struct outcome {
    struct regs regs;
    u64 table[PT_ENTRIES];
};

static unsigned taken[0x200];

static void one_case(void)
{
    unsigned index = rnd() % PT_ENTRIES;
    u64 gva = TABLE + 8 * index, before[PT_ENTRIES];
    struct exit e = {.reason = EXIT_PAGE_FAULT, .gva = gva, .error = PF_P | PF_W};
    u8 *const bytes = code + CODE_OFFSET;
    static struct outcome want;
    struct emulate_ctx ctx;
    struct insn insn;
    struct regs start = {0};

    make_instruction(bytes);
    for (unsigned i = 0; i < offsetof(struct regs, vector) / 8; i++)
        ((u64 *)&start)[i] = rnd64();
    start.rsp = rnd64();
    start.rip = code_rip = CODE + CODE_OFFSET;
    start.rflags = RFLAGS_FIXED | (rnd64() & (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF |
                                              RFLAGS_SF | RFLAGS_OF | RFLAGS_RF));
    table[index] = rnd64();
    if (rnd() % 2)
        start.rax = table[index]; /* CMPXCHG succeeds */
    if (decode(bytes, INSN_MAX, CODE_64, &insn) > 0 ||
        decode(bytes + 1, INSN_MAX - 1, CODE_64, &insn) >
            0) /* without a LOCK that is not allowed */
        aim(&start, &insn, rnd() % 16 ? gva : gva + 8);
    memcpy(before, table, sizeof(before));

    /* The executor */
    want.regs = start;
    emulate_init(&ctx, &want.regs, &executor, NULL, CODE_64, 0);
    enum emulate_result result = emulate_insn(&ctx);
    memcpy(want.table, table, sizeof(want.table));
    memcpy(table, before, sizeof(before));

    /* The quick way */
    vcpu.regs = start;
    virt = (struct virt_vcpu){.valid = 1u << VREG_RIP, .reg[VREG_RIP] = start.rip};
    plain_flags = rnd() % 16 ? start.rflags : 0;
    stored = 0;
    if (!cpu_store_to_table(&vcpu, &e, &table[index])) {
        assert_int_equal(stored, 0);
        assert_memory_equal(&vcpu.regs, &start, sizeof(start));
        assert_memory_equal(table, before, sizeof(before));
        assert_int_equal(virt.dirty, 0);
        return;
    }
    assert_int_not_equal(plain_flags, 0);
    assert_int_equal(result, EMULATE_OK);
    assert_int_equal(stored, 1);
    assert_ptr_equal(stored_at, &table[index]);
    assert_int_equal(virt.dirty, 1u << VREG_RIP);
    assert_int_equal(virt.reg[VREG_RIP], want.regs.rip);
    vcpu.regs.rip = want.regs.rip;
    assert_memory_equal(&vcpu.regs, &want.regs, sizeof(want.regs));
    assert_memory_equal(table, want.table, sizeof(table));
    taken[insn.opcode | (insn.map == MAP_0F) << 8]++;
}

static void equals_the_executor(void **unused)
{
    static const u16 known[] = {0x89, 0xc7, 0x87, 0x21, 0x09, 0x81, 0x83, 0x1b1, 0x1ba};
    u64 all = 0;

    (void)unused;
    for (unsigned i = 0; i < CASES; i++)
        one_case();
    for (unsigned i = 0; i < ARRAY_SIZE(taken); i++)
        all += taken[i];
    for (unsigned i = 0; i < ARRAY_SIZE(known); i++) {
        printf("opcode %3x: %u\n", known[i], taken[known[i]]);
        assert_true(taken[known[i]] >= TAKEN_MINIMUM);
        all -= taken[known[i]];
    }
    assert_int_equal(all, 0);
}

/* At the end of a page of code, and on what is not 8 aligned bytes, nothing is done. */
static void left_alone(void **unused)
{
    static const u8 mov[] = {0x48, 0x89, 0x08}; /* mov %rcx, (%rax) */
    struct exit e = {.reason = EXIT_PAGE_FAULT, .gva = TABLE + 16, .error = PF_P | PF_W};

    (void)unused;
    plain_flags = RFLAGS_FIXED;
    for (unsigned offset = PAGE_SIZE - 18; offset <= PAGE_SIZE - sizeof(mov); offset++) {
        memcpy(code + offset, mov, sizeof(mov));
        vcpu.regs = (struct regs){.rax = TABLE + 16, .rcx = offset};
        virt.reg[VREG_RIP] = code_rip = CODE + offset;
        assert_int_equal(cpu_store_to_table(&vcpu, &e, &table[2]), offset <= PAGE_SIZE - INSN_MAX);
    }
    memcpy(code, mov, sizeof(mov));
    virt.reg[VREG_RIP] = code_rip = CODE;
    vcpu.regs.rax = e.gva = TABLE + 12;
    assert_false(cpu_store_to_table(&vcpu, &e, (char *)table + 12));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_executor),
        cmocka_unit_test(left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
