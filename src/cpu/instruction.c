/*
 * Emulating the one instruction that exited because of the memory it touches, or because it is INS
 * or OUTS: the executor's hooks for a fully virtualized vcpu.
 *
 * RAM is reached through guest_access.h's translation, everything else through mmio.h. An access
 * that lies in two pages is made in two parts, after both have been translated.
 */
#include "cpu.h"
#include "domain.h"
#include "guest_access.h"
#include "instruction.h"
#include "ledger.h"
#include "log.h"
#include "mmio.h"
#include "paging.h"
#include "physmap.h"
#include "port.h"
#include "virt_ops.h"
#include "walk.h"

#include <string.h>

/* Where an access goes: RAM at p, or a device at gpa. */
struct place {
    char *p; /* NULL: a device's */
    u64 gpa; /* guest-physical */
};

/* Translates la for an access of len bytes that does not cross a page. */
static enum emulate_result find(struct emulate_ctx *ctx, u64 la, unsigned access, struct place *out)
{
    const struct instruction *i = ctx->opaque;
    struct access_fault f;

    if (i->known && (la & ~PAGE_OFFSET_MASK) == i->known_page &&
        (i->writable || !(access & WALK_WRITE))) {
        char *page = cpu_guest_page(i->vcpu->domain, i->known_gpa);
        out->gpa = i->known_gpa | (la & PAGE_OFFSET_MASK);
        out->p = page ? page + (la & PAGE_OFFSET_MASK) : NULL;
        return EMULATE_OK;
    }
    if (ctx->code_size == CODE_64 && !canonical(la))
        return emulate_raise(ctx, VEC_GP, 0);
    out->p = cpu_reach(i->vcpu, la, access, &out->gpa, &f);
    if (!out->p && !f.mmio)
        return emulate_page_fault(ctx, la, f.error);
    return EMULATE_OK;
}

/* Bytes of an access that lie in its first page. */
static unsigned first_part(u64 la, unsigned len)
{
    return (unsigned)MIN(len, PAGE_SIZE - (la & PAGE_OFFSET_MASK));
}

/* Both pages of an access, the second only if it reaches it. */
static enum emulate_result find_both(struct emulate_ctx *ctx, u64 la, unsigned len, unsigned access,
                                     struct place out[2])
{
    unsigned part = first_part(la, len);
    enum emulate_result result = find(ctx, la, access, &out[0]);

    if (result || part == len)
        return result;
    return find(ctx, la + part, access, &out[1]);
}

/* The largest size that a device's access may have, of len bytes. */
static unsigned mmio_piece(unsigned len)
{
    return len >= 8 ? 8 : len >= 4 ? 4 : len >= 2 ? 2 : 1;
}

/* Reads len bytes that lie in one page, to `to`. */
static void read_part(struct vcpu *v, const struct place *at, char *to, unsigned len)
{
    if (at->p) {
        memcpy(to, at->p, len);
        return;
    }
    for (unsigned done = 0, piece; done < len; done += piece) {
        piece = mmio_piece(len - done);
        u64 value = mmio_read(v, at->gpa + done, piece);
        memcpy(to + done, &value, piece);
    }
}

static void write_part(struct vcpu *v, const struct place *at, const char *from, unsigned len)
{
    if (at->p) {
        memcpy(at->p, from, len);
        paging_guest_written(v->domain, at->gpa, len);
        return;
    }
    for (unsigned done = 0, piece; done < len; done += piece) {
        u64 value = 0;
        piece = mmio_piece(len - done);
        memcpy(&value, from + done, piece);
        mmio_write(v, at->gpa + done, piece, value);
    }
}

static enum emulate_result hook_fetch(struct emulate_ctx *ctx, u64 la, u8 *to, unsigned len)
{
    struct place at;
    enum emulate_result result = find(ctx, la, WALK_FETCH, &at);

    if (result)
        return result;
    if (!at.p)
        return EMULATE_UNHANDLEABLE;
    memcpy(to, at.p, len);
    return EMULATE_OK;
}

static enum emulate_result hook_read(struct emulate_ctx *ctx, u64 la, u64 *value, unsigned len,
                                     enum emulate_access why)
{
    struct instruction *i = ctx->opaque;
    unsigned part = first_part(la, len);
    struct place at[2];
    enum emulate_result result =
        find_both(ctx, la, len, why == EMULATE_RMW ? WALK_WRITE : WALK_READ, at);

    if (result)
        return result;
    cpu_watch(i, ACCESS_READ, la, len);
    *value = 0;
    read_part(i->vcpu, &at[0], (char *)value, part);
    if (part < len)
        read_part(i->vcpu, &at[1], (char *)value + part, len - part);
    return EMULATE_OK;
}

static enum emulate_result hook_write(struct emulate_ctx *ctx, u64 la, u64 value, unsigned len)
{
    struct instruction *i = ctx->opaque;
    unsigned part = first_part(la, len);
    struct place at[2];
    enum emulate_result result = find_both(ctx, la, len, WALK_WRITE, at);

    if (result)
        return result;
    cpu_watch(i, ACCESS_WRITE, la, len);
    write_part(i->vcpu, &at[0], (const char *)&value, part);
    if (part < len)
        write_part(i->vcpu, &at[1], (const char *)&value + part, len - part);
    return EMULATE_OK;
}

/* Across two pages, or of 16 bytes, it is not one access. A domain has one vcpu: none can tell. */
static enum emulate_result cmpxchg_in_two(struct emulate_ctx *ctx, u64 la, u64 *old,
                                          const u64 *new_value, unsigned len)
{
    enum { WORD = sizeof(u64) };
    unsigned words = len > WORD ? len / WORD : 1;
    u64 found[2] = {0};
    enum emulate_result result = EMULATE_OK;
    bool equal = true;

    for (unsigned n = 0; n < words && !result; n++) {
        result = hook_read(ctx, la + n * WORD, &found[n], MIN(len, WORD), EMULATE_RMW);
        equal &= found[n] == old[n];
    }
    for (unsigned n = 0; n < words && equal && !result; n++)
        result = hook_write(ctx, la + n * WORD, new_value[n], MIN(len, WORD));
    for (unsigned n = 0; n < words && !result; n++)
        old[n] = found[n];
    return result;
}

static enum emulate_result hook_cmpxchg(struct emulate_ctx *ctx, u64 la, u64 *old,
                                        const u64 *new_value, unsigned len)
{
    struct instruction *i = ctx->opaque;
    struct place at;
    u64 expected = old[0];

    if (len > sizeof(u64) || first_part(la, len) < len)
        return cmpxchg_in_two(ctx, la, old, new_value, len);
    enum emulate_result result = find(ctx, la, WALK_WRITE, &at);
    if (result)
        return result;
    cpu_watch(i, ACCESS_WRITE, la, len);
    if (!at.p) {
        old[0] = mmio_read(i->vcpu, at.gpa, len);
        if (old[0] == expected)
            mmio_write(i->vcpu, at.gpa, len, new_value[0]);
        return EMULATE_OK;
    }
    if (cpu_exchange(at.p, len, old, new_value[0]))
        paging_guest_written(i->vcpu->domain, at.gpa, len);
    return EMULATE_OK;
}

/* The processor has looked at the TSS's bitmap before the exit. */
static enum emulate_result hook_io_allowed(struct emulate_ctx *ctx, u16 port, unsigned len)
{
    (void)ctx;
    (void)port;
    (void)len;
    return EMULATE_OK;
}

static enum emulate_result hook_io_in(struct emulate_ctx *ctx, u16 port, unsigned len, u64 *value)
{
    struct instruction *i = ctx->opaque;

    cpu_watch(i, ACCESS_PORT, port, len);
    *value = port_read(i->vcpu->domain, port, len);
    return EMULATE_OK;
}

static enum emulate_result hook_io_out(struct emulate_ctx *ctx, u16 port, unsigned len, u64 value)
{
    struct instruction *i = ctx->opaque;

    cpu_watch(i, ACCESS_PORT, port, len);
    port_write(i->vcpu->domain, port, len, (u32)value);
    return EMULATE_OK;
}

static const struct emulate_ops hooks = {
    .fetch = hook_fetch,
    .read = hook_read,
    .write = hook_write,
    .cmpxchg = hook_cmpxchg,
    .segment = hook_segment,
    .write_segment = hook_write_segment,
    .system_read = hook_system_read,
    .system_write = hook_system_write,
    .task_switch = hook_task_switch,
    .read_table = hook_read_table,
    .write_table = hook_write_table,
    .read_cr = hook_read_cr,
    .write_cr = hook_write_cr,
    .read_dr = hook_read_dr,
    .write_dr = hook_write_dr,
    .read_msr = hook_read_msr,
    .write_msr = hook_write_msr,
    .xgetbv = hook_xgetbv,
    .xsetbv = hook_xsetbv,
    .cpuid = hook_cpuid,
    .rdtsc = hook_rdtsc,
    .invlpg = hook_invlpg,
    .invpcid = hook_invpcid,
    .wbinvd = hook_wbinvd,
    .hlt = hook_hlt,
    .vmcall = hook_vmcall,
    .x87 = hook_x87,
    .read_vector = hook_read_vector,
    .write_vector = hook_write_vector,
    .io_allowed = hook_io_allowed,
    .io_in = hook_io_in,
    .io_out = hook_io_out,
};

static enum code_size code_size(struct vcpu *v)
{
    struct segment cs;

    virt_get_segment(v, SEG_CS, &cs);
    if (cs.attr & SEG_ATTR_L && virt_get(v, VREG_EFER) & EFER_LMA)
        return CODE_64;
    return cs.attr & SEG_ATTR_DB ? CODE_32 : CODE_16;
}

void cpu_begin_emulation(struct instruction *i, struct emulate_ctx *ctx)
{
    struct vcpu *v = i->vcpu;

    i->rip = v->regs.rip = virt_get(v, VREG_RIP);
    i->rflags = v->regs.rflags = virt_get(v, VREG_RFLAGS);
    i->rsp = v->regs.rsp = virt_get(v, VREG_RSP);
    emulate_init(ctx, &v->regs, &hooks, i, code_size(v), virt_cpl(v));
}

void cpu_end_emulation(const struct instruction *i)
{
    struct vcpu *v = i->vcpu;

    if (v->regs.rip != i->rip)
        virt_set(v, VREG_RIP, v->regs.rip);
    if (v->regs.rflags != i->rflags)
        virt_set(v, VREG_RFLAGS, v->regs.rflags);
    if (v->regs.rsp != i->rsp)
        virt_set(v, VREG_RSP, v->regs.rsp);
}

void cpu_refuse_instruction(struct vcpu *v, const struct emulate_ctx *ctx)
{
    enum { LINES = 8, DIGITS = 3 };
    char bytes[INSN_MAX * DIGITS + 1] = "";
    struct ledger *ledger = &v->domain->ledger;

    ledger_count(ledger, LC_REFUSED_INSN);
    if (ledger->cell[LC_REFUSED_INSN].n <= LINES) {
        for (unsigned n = 0; n < ctx->fetched && n < INSN_MAX; n++)
            format_text(bytes + DIGITS * n, DIGITS + 1, " %02x", ctx->bytes[n]);
        log_line("domain %u: #UD at %lx for what is not emulated:%s", v->domain->id, v->regs.rip,
                 bytes);
    }
    virt_inject_fault(v, VEC_UD, 0);
}

/* An instruction has been completed that has met breakpoints: #DB, but behind a load of SS only
 * after the next one ("Masking Exceptions and Interrupts When Switching Stacks"). */
static void met_breakpoints(struct vcpu *v, u64 met, unsigned notes)
{
    u64 held = v->virt->held;

    v->virt->held = 0;
    cpu_completed(v, false);
    if (notes & EMULATE_MOV_SS_SHADOW && v->virt->by_hand)
        v->virt->held = met | held;
    else
        cpu_trap(v, met | held | (notes & EMULATE_SINGLE_STEP ? DR6_BS : 0));
}

enum emulate_result cpu_execute(struct instruction *i, struct emulate_ctx *ctx)
{
    struct vcpu *v = i->vcpu;
    enum emulate_result result;

    cpu_begin_emulation(i, ctx);
    ledger_count(&v->domain->ledger, LC_EMULATED_INSN);
    if (unlikely(v->dr7 & DR7_ENABLES))
        ctx->rep_limit = 1; /* a breakpoint is a trap behind the iteration that meets it */
    result = emulate_insn(ctx);
    if (result == EMULATE_OK) {
        bool step = ctx->notes & EMULATE_SINGLE_STEP;
        cpu_end_emulation(i);
        if (likely(!i->met))
            cpu_completed(v, step);
        else
            met_breakpoints(v, i->met, ctx->notes);
        if (unlikely(ctx->insn.operation == OP_IRET && i->by_hand))
            virt_ops->block_nmi(v, false);
        if (unlikely(ctx->notes & (EMULATE_STI_SHADOW | EMULATE_MOV_SS_SHADOW)))
            virt_ops->begin_shadow(v, ctx->notes & EMULATE_MOV_SS_SHADOW);
    } else if (result == EMULATE_FAULT) {
        cpu_end_emulation(i);
        virt_inject(v, &ctx->fault);
    }
    return result;
}

/*
 * Tour 30: an instruction done by hand. Some exits say where the guest touched memory, but not what
 * it wanted there. Then the instruction's bytes are fetched, decoded and executed in software, its
 * accesses going through `hooks` to RAM or to a device. The executor is in src/cpu/emulate/ and
 * contains no privileged instruction: a test runs it beside another emulator, on random
 * instructions, and compares.
 */
void cpu_emulate(struct vcpu *v, const struct exit *e)
{
    struct instruction i = {.vcpu = v};
    struct emulate_ctx ctx;

    if (e->reason == EXIT_IO && cpu_string_io(v, e))
        return;
    if (e->reason == EXIT_PAGE_FAULT || (e->reason == EXIT_STAGE2 && e->gva_valid)) {
        i.known = (e->reason == EXIT_PAGE_FAULT || !e->on_table_walk) && !v->domain->execute_only;
        i.writable = e->error & PF_W;
        i.known_page = e->gva & ~PAGE_OFFSET_MASK;
        i.known_gpa = e->gpa & ~PAGE_OFFSET_MASK;
    }
    if (cpu_execute(&i, &ctx) != EMULATE_UNHANDLEABLE)
        return;
    if (!i.known || !i.writable || !paging_stop_shadowing(v, e->gva, e->gpa))
        cpu_refuse_instruction(v, &ctx);
}
