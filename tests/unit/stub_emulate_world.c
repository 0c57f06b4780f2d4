/*
 * The machine: see stub_emulate_world.h.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "stub_emulate_world.h"

struct emulate_world w;

static u64 seed;

void world_seed(u64 value)
{
    seed = value;
}

u32 random_u32(void)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return seed >> 32;
}

static enum emulate_result random_failure(struct emulate_ctx *ctx)
{
    if (!w.fail_one_in || random_u32() % w.fail_one_in)
        return EMULATE_OK;
    switch (random_u32() % 3) {
    case 0:
        return emulate_raise(ctx, VEC_GP, 0);
    case 1:
        return EMULATE_RETRY;
    default:
        return EMULATE_UNHANDLEABLE;
    }
}

static enum emulate_result note(struct emulate_ctx *ctx, const char *format, ...)
{
    size_t used = strlen(w.log);
    va_list args;

    va_start(args, format);
    vsnprintf(w.log + used, sizeof(w.log) - used, format, args);
    va_end(args);
    return random_failure(ctx);
}

static enum emulate_result fetch(struct emulate_ctx *ctx, u64 la, u8 *to, unsigned len)
{
    assert_in_range(len, 1, INSN_MAX);
    assert_true(la / PAGE_SIZE == (la + len - 1) / PAGE_SIZE);
    if (la < CODE || la + len > CODE + CODE_SIZE || (la >= CODE + PAGE_SIZE && !w.code_page_2))
        return emulate_page_fault(ctx, la, PF_I);
    memcpy(to, w.code + (la - CODE), len);
    return random_failure(ctx);
}

static enum emulate_result at_data(struct emulate_ctx *ctx, u64 la, unsigned len, bool write,
                                   u8 **at)
{
    if (w.fail_one_in) { /* fuzzing: everything is there */
        *at = w.data + la % (DATA_SIZE - 16);
        return random_failure(ctx);
    }
    if (la < DATA || la + len > DATA + DATA_SIZE)
        return emulate_page_fault(ctx, la, write ? PF_W : 0);
    if (write && la + len > w.readonly_from)
        return emulate_page_fault(ctx, la, PF_W | PF_P);
    *at = w.data + (la - DATA);
    return EMULATE_OK;
}

static enum emulate_result mem_read(struct emulate_ctx *ctx, u64 la, u64 *value, unsigned len,
                                    enum emulate_access why)
{
    enum emulate_result result;
    u8 *at;

    assert_true(len == 1 || len == 2 || len == 4 || len == 8);
    result = at_data(ctx, la, len, why == EMULATE_RMW, &at);
    *value = 0;
    if (result == EMULATE_OK)
        memcpy(value, at, len);
    return result;
}

static enum emulate_result mem_write(struct emulate_ctx *ctx, u64 la, u64 value, unsigned len)
{
    enum emulate_result result;
    u8 *at;

    assert_true(len == 8 || value >> (8 * len) == 0);
    result = at_data(ctx, la, len, true, &at);
    if (result == EMULATE_OK)
        memcpy(at, &value, len);
    return result;
}

static enum emulate_result mem_cmpxchg(struct emulate_ctx *ctx, u64 la, u64 *old,
                                       const u64 *new_value, unsigned len)
{
    enum emulate_result result;
    u8 *at;

    result = at_data(ctx, la, len, true, &at);
    if (result != EMULATE_OK)
        return result;
    if (w.lost_exchanges) {
        w.lost_exchanges--;
        at[0]++;
    }
    if (memcmp(at, old, len) == 0)
        memcpy(at, new_value, len);
    else
        memcpy(old, at, len);
    return EMULATE_OK;
}

static enum emulate_result get_segment(struct emulate_ctx *ctx, enum seg seg, struct segment *out)
{
    assert_in_range(seg, SEG_ES, SEG_TR);
    *out = w.seg[seg];
    return random_failure(ctx);
}

static enum emulate_result read_cr(struct emulate_ctx *ctx, unsigned cr, u64 *value)
{
    *value = cr == 0 ? w.cr0 : cr == 4 ? w.cr4 : 0xc000 + cr;
    return random_failure(ctx);
}

#define NOTE2(name, a, b)                                                                          \
    static enum emulate_result name(struct emulate_ctx *ctx, a x, b y)                             \
    {                                                                                              \
        return note(ctx, #name " %llx %llx;", (unsigned long long)x, (unsigned long long)y);       \
    }
#define READ2(name, a, answer)                                                                     \
    static enum emulate_result name(struct emulate_ctx *ctx, a x, u64 *value)                      \
    {                                                                                              \
        *value = answer;                                                                           \
        return note(ctx, #name " %llx;", (unsigned long long)x);                                   \
    }
#define NOTE0(name)                                                                                \
    static enum emulate_result name(struct emulate_ctx *ctx)                                       \
    {                                                                                              \
        return note(ctx, #name ";");                                                               \
    }
NOTE2(write_cr, unsigned, u64)
READ2(read_dr, unsigned, 0xd00 + x)
NOTE2(write_dr, unsigned, u64)
NOTE2(write_msr, u32, u64)
NOTE2(io_allowed, u16, unsigned)
READ2(rdpmc, u32, 0x5)
READ2(xgetbv, u32, 0x7)
NOTE2(xsetbv, u32, u64)
NOTE0(hlt)
NOTE0(vmcall)
NOTE0(swapgs)

static enum emulate_result read_msr(struct emulate_ctx *ctx, u32 msr, u64 *value)
{
    *value = w.msr;
    return w.quiet_msr ? random_failure(ctx) : note(ctx, "read_msr %x;", msr);
}

static enum emulate_result io_in(struct emulate_ctx *ctx, u16 port, unsigned len, u64 *value)
{
    *value = 0xa1a2a3a4;
    return note(ctx, "in %x %u;", port, len);
}

static enum emulate_result io_out(struct emulate_ctx *ctx, u16 port, unsigned len, u64 value)
{
    return note(ctx, "out %x %u %llx;", port, len, (unsigned long long)value);
}

static enum emulate_result cpuid(struct emulate_ctx *ctx, u32 leaf, u32 subleaf, u32 out[4])
{
    for (unsigned n = 0; n < 4; n++)
        out[n] = 0xf0000000 + n;
    return note(ctx, "cpuid %x %x;", leaf, subleaf);
}

static enum emulate_result rdtsc(struct emulate_ctx *ctx, u64 *value)
{
    *value = 0x3333333344444444;
    return random_failure(ctx);
}

static enum emulate_result invlpg(struct emulate_ctx *ctx, u64 la)
{
    return note(ctx, "invlpg %llx;", (unsigned long long)la);
}

static enum emulate_result invpcid(struct emulate_ctx *ctx, u64 type, u64 pcid, u64 la)
{
    return note(ctx, "invpcid %llx %llx %llx;", (unsigned long long)type, (unsigned long long)pcid,
                (unsigned long long)la);
}

static enum emulate_result wbinvd(struct emulate_ctx *ctx, bool write_back)
{
    return note(ctx, "wbinvd %u;", write_back);
}

static enum emulate_result read_table(struct emulate_ctx *ctx, enum emulate_table table, u64 *base,
                                      u16 *limit)
{
    *base = table == EMULATE_GDTR ? w.gdt : w.idt;
    *limit = 0x7f;
    return random_failure(ctx);
}

static enum emulate_result write_table(struct emulate_ctx *ctx, enum emulate_table table, u64 base,
                                       u16 limit)
{
    return note(ctx, "table %u %llx %x;", table, (unsigned long long)base, limit);
}

static enum emulate_result write_segment(struct emulate_ctx *ctx, enum seg seg,
                                         const struct segment *in)
{
    (void)ctx;
    assert_in_range(seg, SEG_ES, SEG_TR);
    w.seg[seg] = *in;
    w.loads++;
    return EMULATE_OK;
}

/* The supervisor's memory: a page of tables, and all that data is. */
static enum emulate_result at_system(struct emulate_ctx *ctx, u64 la, unsigned len, u8 **at)
{
    if (w.fail_one_in) {
        *at = w.tables + la % (TABLES_SIZE - 16);
        return random_failure(ctx);
    }
    if (la < TABLES || la + len > TABLES + TABLES_SIZE)
        return at_data(ctx, la, len, true, at);
    *at = w.tables + (la - TABLES);
    return EMULATE_OK;
}

static enum emulate_result system_read(struct emulate_ctx *ctx, u64 la, u64 *value, unsigned len)
{
    enum emulate_result result;
    u8 *at;

    assert_true(len == 1 || len == 2 || len == 4 || len == 8);
    result = at_system(ctx, la, len, &at);
    *value = 0;
    if (result == EMULATE_OK)
        memcpy(value, at, len);
    return result;
}

static enum emulate_result system_write(struct emulate_ctx *ctx, u64 la, u64 value, unsigned len)
{
    enum emulate_result result;
    u8 *at;

    assert_true(len == 8 || value >> (8 * len) == 0);
    result = at_system(ctx, la, len, &at);
    if (result == EMULATE_OK)
        memcpy(at, &value, len);
    return result;
}

static enum emulate_result x87(struct emulate_ctx *ctx, enum operation op, u16 *value)
{
    *value = op == OP_FNSTCW ? 0x37f : 0x3800;
    return op == OP_FNINIT ? note(ctx, "fninit;") : random_failure(ctx);
}

static enum emulate_result read_vector(struct emulate_ctx *ctx, unsigned reg, u64 value[4])
{
    assert_true(reg < ARRAY_SIZE(w.vectors));
    memcpy(value, w.vectors[reg], sizeof(w.vectors[reg]));
    return random_failure(ctx);
}

static enum emulate_result write_vector(struct emulate_ctx *ctx, unsigned reg, const u64 value[4])
{
    assert_true(reg < ARRAY_SIZE(w.vectors));
    memcpy(w.vectors[reg], value, sizeof(w.vectors[reg]));
    return random_failure(ctx);
}

static enum emulate_result task_switch(struct emulate_ctx *ctx, u16 selector, enum emulate_task why)
{
    enum emulate_result result = note(ctx, "task %x %u;", selector, why);

    return result == EMULATE_OK ? EMULATE_RETRY : result;
}

const struct emulate_ops world_ops = {
    .fetch = fetch,
    .read = mem_read,
    .write = mem_write,
    .cmpxchg = mem_cmpxchg,
    .segment = get_segment,
    .read_cr = read_cr,
    .write_cr = write_cr,
    .read_dr = read_dr,
    .write_dr = write_dr,
    .read_msr = read_msr,
    .write_msr = write_msr,
    .io_allowed = io_allowed,
    .io_in = io_in,
    .io_out = io_out,
    .cpuid = cpuid,
    .rdtsc = rdtsc,
    .rdpmc = rdpmc,
    .xgetbv = xgetbv,
    .xsetbv = xsetbv,
    .invlpg = invlpg,
    .invpcid = invpcid,
    .wbinvd = wbinvd,
    .hlt = hlt,
    .vmcall = vmcall,
    .swapgs = swapgs,
    .read_table = read_table,
    .write_table = write_table,
    .write_segment = write_segment,
    .system_read = system_read,
    .system_write = system_write,
    .task_switch = task_switch,
    .x87 = x87,
    .read_vector = read_vector,
    .write_vector = write_vector,
};

const struct emulate_ops world_fetch_only = {.fetch = fetch};

struct regs regs;
struct emulate_ctx ctx;

int setup(void **state)
{
    (void)state;
    memset(&w, 0, sizeof(w));
    w.code_page_2 = true;
    w.readonly_from = ~0ULL;
    w.cr0 = CR0_PE;
    w.msr = 0x1111111122222222;
    for (unsigned n = 0; n < 6; n++)
        w.seg[n] = (struct segment){
            .limit = 0xffffffff, .attr = n == SEG_CS ? 0x49b : 0x493, .selector = 0x10 + n};
    w.seg[SEG_LDTR] = (struct segment){.attr = 0x1000};
    w.seg[SEG_TR] =
        (struct segment){.base = TABLES + 0x800, .limit = 0x67, .attr = 0x8b, .selector = 0x17};
    w.gdt = TABLES;
    w.idt = TABLES + 0x400;
    memset(&regs, 0, sizeof(regs));
    regs.rip = CODE;
    regs.rflags = RFLAGS_FIXED;
    regs.rax = 0x1122334455667788;
    regs.rbx = 0x0b;
    regs.rcx = 0xc0000080;
    regs.rdx = 0x99000003f8;
    regs.rsi = DATA + 0x100;
    regs.rdi = DATA;
    regs.rsp = DATA + 0x800;
    return 0;
}

unsigned put_code(u64 at, const char *hex)
{
    unsigned n = 0, value;
    int used;

    for (; sscanf(hex, "%2x%n", &value, &used) == 1; hex += used)
        w.code[at - CODE + n++] = value;
    return n;
}

enum emulate_result run_with(const struct emulate_ops *with, const char *hex, enum code_size size,
                             unsigned cpl)
{
    struct regs before = regs;
    unsigned len = put_code(regs.rip, hex);
    enum emulate_result result;

    w.log[0] = 0;
    emulate_init(&ctx, &regs, with, NULL, size, cpl);
    result = emulate_insn(&ctx);
    if (result == EMULATE_OK && !(ctx.notes & (EMULATE_REP_MORE | EMULATE_JUMPED)))
        assert_int_equal(regs.rip, before.rip + len);
    if (result != EMULATE_OK && !(ctx.insn.prefixes & (PREFIX_REP | PREFIX_REPNE)))
        assert_memory_equal(&regs, &before, sizeof(regs));
    return result;
}

enum emulate_result run(const char *hex)
{
    return run_with(&world_ops, hex, CODE_64, 0);
}

void must_fault(const char *hex, enum code_size size, unsigned cpl, unsigned vector)
{
    if (run_with(&world_ops, hex, size, cpl) != EMULATE_FAULT)
        fail_msg("%s: no fault", hex);
    if (ctx.fault.vector != vector)
        fail_msg("%s: vector %u", hex, ctx.fault.vector);
    assert_int_equal(ctx.fault.has_error, vector >= 10 && vector != 16);
    assert_int_equal(w.log[0], 0);
}
