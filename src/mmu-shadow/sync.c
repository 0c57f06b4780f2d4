/*
 * A guest table has been written to: its shadows are brought up to date, the written entries and no
 * others.
 *
 * A table that the guest has given up is found out by its writes: a few in a row, or one by an
 * instruction that is not meant for a single entry, to a shadow that no running root leads to, drop
 * it, and the rest of them no longer trap.
 */
#include "domain.h"
#include "paging.h"
#include "rights.h"
#include "shadow.h"
#include "tlb.h"
#include "trace.h"

enum { FIRST_DOUBT = 4, LATER_DOUBTS = 32 };

/* Some vcpu's root leads to s, or it cannot be told quickly. */
static bool in_use(const struct domain *d, const struct shadow *s)
{
    const struct shadow_pool *pool = &d->physmap->pool;
    u32 known = !!s->parent[0] + !!s->parent[1];

    if (s->refs > known || shadow_runs(d, s))
        return true;
    for (unsigned i = 0; i < ARRAY_SIZE(s->parent); i++)
        if (s->parent[i] && in_use(d, &pool->shadow[s->parent[i] >> SHADOW_INDEX_BITS]))
            return true;
    return false;
}

/* What the leaf becomes; 0 if the guest's entry maps nothing, or has to be walked first. */
static inline u64 leaf_after(const struct physmap *p, const struct shadow *s, u64 entry)
{
    u32 mfn;

    if ((entry & (PTE_P | PTE_A | s->rsvd)) != (PTE_P | PTE_A))
        return 0;
    mfn = physmap_mfn(p, (entry & PTE_ADDR) >> PAGE_SHIFT);
    return mfn ? leaf_value(p, s->role, entry, &frame_table[mfn], false) : 0;
}

/* A written leaf is filled ahead of its first use: with A set, nobody sees the difference. */
static inline void sync_leaf(struct domain *d, struct shadow *s, unsigned index, u64 entry)
{
    struct physmap *p = d->physmap;
    u64 value = leaf_after(p, s, entry);

    if (s->table[index] == value)
        return;
    if (unlikely(p->dirty_log) && value & PTE_W)
        frame_table[(value & PTE_ADDR) >> PAGE_SHIFT].flags |= FRAME_DIRTY;
    shadow_set_leaf(d, s, index, value);
    ledger_count(&d->ledger, LC_SHADOW_WRITE_ENTRY);
    TRACE(d, SHADOW_WRITE_ENTRY, s->gfn, index, entry);
}

/* An entry that names the same table as before keeps its child; any other is filled when used. */
static void __attribute__((noinline))
sync_table_entry(struct domain *d, struct shadow *s, unsigned index, u64 entry)
{
    struct shadow_pool *pool = &d->physmap->pool;
    const u64 rsvd = s->rsvd | PTE_PS;
    u64 old = s->table[index];

    if (!old)
        return;
    struct shadow *child = &pool->shadow[shadow_child(old)];
    struct shadow_link l = link_table(s->role, index, entry);
    if ((entry & (PTE_P | PTE_A | rsvd)) != (PTE_P | PTE_A) || l.gfn != child->gfn ||
        l.role != child->role) {
        child = NULL;
        l.rights = 0;
    } else if (old == (va_to_mpa(child->table).v | PTE_P | l.rights)) {
        return;
    }
    shadow_set_child(d, s, index, child, l.rights);
    /* An INVLPG that follows may name any address below, and reaches one page only. */
    tlb_flush_all();
    ledger_count(&d->ledger, LC_SHADOW_WRITE_ENTRY);
    TRACE(d, SHADOW_WRITE_ENTRY, s->gfn, index, entry);
}

static inline void sync_entry(struct domain *d, struct shadow *s, unsigned index, u64 entry)
{
    if (likely(shadow_level(s) == 1))
        sync_leaf(d, s, index, entry);
    else
        sync_table_entry(d, s, index, entry);
}

/* The two entries of 4 bytes in the word-th 8 bytes of the table, if they are in this part of it:
 * two entries of level 1, or four of level 2. */
static void __attribute__((noinline)) sync_short(struct domain *d, struct shadow *s, unsigned word)
{
    unsigned count = shadow_level(s) == 1 ? 2 : 4;
    unsigned first = word * count, part = s->role >> ROLE_PART_SHIFT & 3;

    for (unsigned i = first; i < first + count && first / PT_ENTRIES == part; i++)
        sync_entry(d, s, i % PT_ENTRIES, shadow_guest_entry(s, i % PT_ENTRIES));
}

/* Of a table that an address space begins with: without parents while another one is loaded. */
static inline bool may_be_root(const struct shadow *s)
{
    return shadow_level(s) == (s->role & (ROLE_32BIT | ROLE_PAE) ? 2 : WALK_MAX_LEVEL);
}

/* To be asked after a write. */
static inline bool given_up(const struct domain *d, struct shadow *s)
{
    bool ask = ++s->writes == FIRST_DOUBT || s->writes % LATER_DOUBTS == 0 ||
               (!s->refs && !may_be_root(s));

    return unlikely(ask) && !in_use(d, s);
}

static void __attribute__((noinline)) give_up(struct domain *d, struct shadow *s)
{
    ledger_count(&d->ledger, LC_SHADOW_DROP_TABLE);
    TRACE(d, SHADOW_DROP_TABLE, s->gfn, s->role);
    shadow_drop(d, s);
    tlb_flush_all();
}

/*
 * Tour 48: the shadow follows. The guest's entry has changed, and the entries of its shadows follow
 * at once, these and no others. So no shadow is ever behind, and INVLPG has nothing left to do but
 * flush. `given_up` is the other half: a page that was a table and now takes many writes is
 * probably data again, and its shadow is dropped so that the writes stop trapping.
 */

/* One entry of 8 bytes of the table in f. */
static inline void entry_written(struct domain *d, const struct frame *f, unsigned index)
{
    struct shadow *shadow = d->physmap->pool.shadow;
    u16 next;

    for (u16 slot = (u16)f->extra; slot; slot = next) {
        struct shadow *s = &shadow[slot];
        next = s->frame_next;
        if (unlikely(s->role & ROLE_32BIT))
            sync_short(d, s, index);
        else
            sync_entry(d, s, index, __atomic_load_n(&s->guest[index], __ATOMIC_RELAXED));
        if (given_up(d, s))
            give_up(d, s);
    }
}

static void __attribute__((noinline))
entries_written(struct domain *d, const struct frame *f, u64 first, u64 last)
{
    for (u64 index = first; index <= last; index++)
        entry_written(d, f, (unsigned)index);
}

void paging_guest_written(struct domain *d, u64 gpa, unsigned len)
{
    struct physmap *p = d->physmap;
    struct frame *f = &frame_table[physmap_mfn(p, gpa >> PAGE_SHIFT)];
    u64 offset = gpa & PAGE_OFFSET_MASK, part = MIN(len, PAGE_SIZE - offset);

    if (unlikely(!len))
        return;
    if (unlikely(p->dirty_log))
        f->flags |= FRAME_DIRTY;
    if (unlikely(f->flags & FRAME_SHADOWED))
        entries_written(d, f, offset / sizeof(u64), (offset + part - 1) / sizeof(u64));
    if (unlikely(part < len))
        paging_guest_written(d, gpa + part, (unsigned)(len - part));
}

void paging_table_stored(struct domain *d, void *entry)
{
    struct frame *f = &frame_table[va_to_mfn(entry).v];

    if (unlikely(d->physmap->dirty_log))
        f->flags |= FRAME_DIRTY;
    entry_written(d, f, (u64)entry % PAGE_SIZE / sizeof(u64));
}

bool paging_table_given_up(struct domain *d, void *entry)
{
    struct frame *f = &frame_table[va_to_mfn(entry).v];
    struct shadow *shadow = d->physmap->pool.shadow;
    u16 next;

    for (u16 slot = (u16)f->extra; slot; slot = next) {
        next = shadow[slot].frame_next;
        if (!in_use(d, &shadow[slot]))
            give_up(d, &shadow[slot]);
    }
    return !(f->flags & FRAME_SHADOWED);
}
