/*
 * A store of the guest's kernel to one of its level-1 tables, which it has mapped read-only: with
 * VMASST_TYPE_writable_pagetables it is carried out as an mmu_update of that entry. Source:
 * xen/xen.h, "Commands to HYPERVISOR_vm_assist".
 *
 * Invariants
 *  - Nothing is written but by table_set_entry, so the rules of page_type.c hold.
 *  - An instruction writes 1, 2, 4 or 8 aligned bytes of the page that faulted, or it is the
 * guest's own fault.
 *  - A store through a linear table (table.c) is the guest's own fault, too, as under Xen.
 *  - One processor: between the look at an entry and its change nobody else changes it.
 */
#include "emulate.h"
#include "guest_access.h"
#include "layout.h"
#include "ledger.h"
#include "pv.h"
#include "pv_emulate.h"
#include "segment.h"
#include "table.h"

/* A store that is carried out. */
struct store {
    struct vcpu *vcpu;   /* whose */
    u64 page;            /* the address that faulted, without its offset */
    struct frame *table; /* what it maps */
};

/* The entry that la lies in, or NULL: not this table's, not aligned. */
static u64 *entry_at(const struct store *s, u64 la, unsigned len)
{
    if ((la & ~PAGE_OFFSET_MASK) != s->page || la & (len - 1) || len > sizeof(u64))
        return NULL;
    return (u64 *)mfn_to_va(frame_mfn(s->table)) + (la & PAGE_OFFSET_MASK) / sizeof(u64);
}

static enum emulate_result hook_fetch(struct emulate_ctx *ctx, u64 la, u8 *to, unsigned len)
{
    const struct store *s = ctx->opaque;

    return pv_emulate_fetch(ctx, s->vcpu, la, to, len);
}

static enum emulate_result hook_read(struct emulate_ctx *ctx, u64 la, u64 *value, unsigned len,
                                     enum emulate_access why)
{
    const struct store *s = ctx->opaque;
    struct access_fault f;

    if (why == EMULATE_RMW && !entry_at(s, la, len))
        return EMULATE_UNHANDLEABLE;
    *value = 0;
    if (guest_read(s->vcpu, value, la, len, &f) == len)
        return EMULATE_OK;
    return emulate_page_fault(ctx, f.gva, f.error);
}

static enum emulate_result hook_write(struct emulate_ctx *ctx, u64 la, u64 value, unsigned len)
{
    const struct store *s = ctx->opaque;
    u64 *p = entry_at(s, la, len), entry;

    if (!p)
        return EMULATE_UNHANDLEABLE;
    entry = *p;
    __builtin_memcpy((u8 *)&entry + la % sizeof(u64), &value, len);
    if (entry & PTE_P && !page_of(s->vcpu->domain, (entry & PTE_ADDR) >> PAGE_SHIFT))
        return EMULATE_UNHANDLEABLE; /* even if it keeps a frame that was granted, as under Xen */
    return table_set_entry(s->vcpu->domain, s->table, p, entry, false) ? EMULATE_UNHANDLEABLE
                                                                       : EMULATE_OK;
}

static enum emulate_result hook_cmpxchg(struct emulate_ctx *ctx, u64 la, u64 *old,
                                        const u64 *new_value, unsigned len)
{
    const struct store *s = ctx->opaque;
    u64 *p = entry_at(s, la, len), now = 0;
    enum emulate_result result = EMULATE_OK;

    if (!p)
        return EMULATE_UNHANDLEABLE;
    __builtin_memcpy(&now, (u8 *)p + la % sizeof(u64), len);
    if (now == *old)
        result = hook_write(ctx, la, *new_value, len);
    *old = now;
    return result;
}

static const struct emulate_ops hooks = {
    .fetch = hook_fetch,
    .read = hook_read,
    .write = hook_write,
    .cmpxchg = hook_cmpxchg,
    .segment = pv_emulate_segment,
};

bool pv_write_table(struct vcpu *v, u64 gva)
{
    struct store s = {.vcpu = v, .page = gva & ~PAGE_OFFSET_MASK};
    struct emulate_ctx ctx;
    struct frame *above;
    const u64 *l1;

    if (!pv_code_is_64bit(v, v->regs.cs))
        return false;
    l1 = table_find_l1(v->domain, v->virt->kernel_root, gva, &above);
    if (!l1 || !(*l1 & PTE_P))
        return false;
    s.table = &frame_table[(*l1 & PTE_ADDR) >> PAGE_SHIFT];
    if (s.table->owner != v->domain->id || s.table->type != FT_L1 ||
        !(s.table->flags & FRAME_VALIDATED))
        return false;
    emulate_init(&ctx, &v->regs, &hooks, &s, CODE_64, 0);
    ctx.rep_limit = 1;
    if (emulate_insn(&ctx) != EMULATE_OK)
        return false;
    ledger_count(&v->domain->ledger, LC_EMULATED_INSN);
    pv_emulate_done(v, &ctx);
    return true;
}
