/*
 * A guest table has been written to: its shadows are brought up to date, the written entries and no
 * others.
 */
#include "domain.h"
#include "paging.h"
#include "rights.h"
#include "shadow.h"
#include "sync.h"
#include "tlb.h"
#include "trace.h"

/* A written leaf is filled ahead of its first use: with A set, nobody sees the difference. */
void shadow_sync_leaf(struct domain *d, struct shadow *s, unsigned index, u64 entry)
{
    struct physmap *p = d->physmap;

    /* lab shadow.6 */
    u64 value = shadow_leaf_after(p, s, entry);

    if (s->table[index] == value)
        return;
    if (unlikely(p->dirty_log) && value & PTE_W)
        frame_table[(value & PTE_ADDR) >> PAGE_SHIFT].flags |= FRAME_DIRTY;
    shadow_set_leaf(d, s, index, value);
    ledger_count(&d->ledger, LC_SHADOW_WRITE_ENTRY);
    TRACE(d, SHADOW_WRITE_ENTRY, s->gfn, index, entry);
    /* lab end shadow.6 */
}

struct shadow *shadow_sync_link(struct domain *d, struct shadow *s, unsigned index, u64 entry)
{
    struct shadow_pool *pool = &d->physmap->pool;
    const u64 rsvd = s->rsvd | PTE_PS;
    u64 old = s->table[index];

    /* lab shadow.7: return lab_missing("shadow.7"), NULL; */
    if (!old)
        return NULL;
    struct shadow *child = &pool->shadow[shadow_child(old)];
    struct shadow_link l = link_table(s->role, index, entry);
    if ((entry & (PTE_P | PTE_A | rsvd)) != (PTE_P | PTE_A) || l.gfn != child->gfn ||
        l.role != child->role) {
        child = NULL;
        l.rights = 0;
    } else if (old == (va_to_mpa(child->table).v | PTE_P | l.rights)) {
        return NULL;
    }
    shadow_set_child(d, s, index, child, l.rights);
    /* An INVLPG that follows may name any address below, and reaches one page only. */
    tlb_flush_all();
    ledger_count(&d->ledger, LC_SHADOW_WRITE_ENTRY);
    TRACE(d, SHADOW_WRITE_ENTRY, s->gfn, index, entry);
    return child;
    /* lab end shadow.7 */
}

static void __attribute__((noinline))
sync_table_entry(struct domain *d, struct shadow *s, unsigned index, u64 entry)
{
    struct shadow *child = shadow_sync_link(d, s, index, entry);

    if (child)
        shadow_sync_found(d, child);
}

static inline void sync_entry(struct domain *d, struct shadow *s, unsigned index, u64 entry)
{
    if (likely(shadow_level(s) == 1))
        shadow_sync_leaf(d, s, index, entry);
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

/*
 * Tour 48: the shadow follows. The guest's entry has changed, and the entries of its shadows follow
 * at once, these and no others: a shadow that is followed so is never behind, and INVLPG has
 * nothing left to do but flush. Two things make it faster. A table of the last level is mostly let
 * go instead (out_of_sync.c): its shadow may be behind until the guest flushes, as a TLB may. And a
 * page that was a table and now takes many writes is probably data again: its shadow is dropped, so
 * that the writes stop trapping (flood.c).
 */

/* Entry `index`, of 8 bytes, of the table that s is made from. */
static inline void shadow_written(struct domain *d, struct shadow *s, unsigned index)
{
    if (unlikely(s->role & ROLE_32BIT))
        sync_short(d, s, index);
    else
        sync_entry(d, s, index, __atomic_load_n(&s->guest[index], __ATOMIC_RELAXED));
}

/* The same of the table in f: each of its shadows follows (shadow_written); they are a chain that
 * begins at f->extra. Of each it is to be asked afterwards if it is still used as a table
 * (shadow_doubted): if that is doubtful, shadow_give_up_unused, which may drop it. */
static inline void entry_written(struct domain *d, const struct frame *f, unsigned index)
{
    struct shadow *shadow = d->physmap->pool.shadow;
    u16 next;

    /* lab shadow.6 */
    for (u16 slot = (u16)f->extra; slot; slot = next) {
        struct shadow *s = &shadow[slot];
        next = s->frame_next;
        shadow_written(d, s, index);
        if (unlikely(shadow_doubted(s)))
            shadow_give_up_unused(d, s);
    }
    /* lab end shadow.6 */
}

static void __attribute__((noinline))
entries_written(struct domain *d, const struct frame *f, u64 first, u64 last)
{
    for (u64 index = first; index <= last; index++)
        entry_written(d, f, (unsigned)index);
}

/* Writes of any length, at any address: an entry that is written to in part has changed, and those
 * in the next page, which may be a table too, as well. While the dirty log is on each frame written
 * to becomes FRAME_DIRTY. */
void paging_guest_written(struct domain *d, u64 gpa, unsigned len)
{
    struct physmap *p = d->physmap;

    if (!p->pool.in_use && !p->dirty_log) /* the domain is being built */
        return;
    /* lab shadow.7 */
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
    /* lab end shadow.7 */
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
        shadow_give_up_unused(d, &shadow[slot]);
    }
    return !(f->flags & FRAME_SHADOWED);
}
