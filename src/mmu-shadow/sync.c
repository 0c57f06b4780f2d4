/*
 * A guest table has been written to: its shadows are brought up to date, the written entries and no
 * others.
 *
 * A table that the guest has given up is found out by its writes: a few in a row, to a shadow that
 * no running root leads to, drop it, and the rest of them no longer trap.
 */
#include "domain.h"
#include "paging.h"
#include "rights.h"
#include "shadow.h"
#include "tlb.h"

enum { WRITES_TO_GIVE_UP = 8 };

/* Some vcpu's root leads to s, or it cannot be told quickly. */
static bool in_use(const struct domain *d, const struct shadow *s)
{
    const struct shadow_pool *pool = &d->physmap->pool;
    u32 known = !!s->parent[0] + !!s->parent[1];

    if (s->refs > known)
        return true; /* a vcpu runs on it, or its parents are many */
    for (unsigned i = 0; i < ARRAY_SIZE(s->parent); i++)
        if (s->parent[i] && in_use(d, &pool->shadow[s->parent[i] >> SHADOW_INDEX_BITS]))
            return true;
    return false;
}

/* What the leaf becomes; 0 if the guest's entry maps nothing, or has to be walked first. */
static u64 leaf_after(const struct physmap *p, u16 role, u64 entry)
{
    const u64 rsvd = p->rsvd | (role & ROLE_NXE ? 0 : PTE_NX);
    u32 mfn;

    if ((entry & (PTE_P | PTE_A | rsvd)) != (PTE_P | PTE_A))
        return 0;
    mfn = physmap_mfn(p, (entry & PTE_ADDR) >> PAGE_SHIFT);
    return mfn ? leaf_value(p, role, entry, &frame_table[mfn], false) : 0;
}

/* A written leaf is filled ahead of its first use: with A set, nobody sees the difference. */
static bool sync_leaf(struct domain *d, struct shadow *s, unsigned index, u64 entry)
{
    struct physmap *p = d->physmap;
    u64 value = leaf_after(p, s->role, entry);

    if (s->table[index] == value)
        return false;
    if (value & PTE_W && p->dirty_log)
        frame_table[(value & PTE_ADDR) >> PAGE_SHIFT].flags |= FRAME_DIRTY;
    shadow_set_leaf(d, s, index, value);
    return true;
}

/* An entry that names the same table as before keeps its child; any other is filled when used. */
static bool sync_table_entry(struct domain *d, struct shadow *s, unsigned index, u64 entry)
{
    struct shadow_pool *pool = &d->physmap->pool;
    const u64 rsvd = d->physmap->rsvd | PTE_PS | (s->role & ROLE_NXE ? 0 : PTE_NX);
    u64 old = s->table[index];

    if (!old)
        return false;
    struct shadow *child = &pool->shadow[shadow_child(old)];
    struct shadow_link l = link_table(s->role, entry);
    if ((entry & (PTE_P | PTE_A | rsvd)) != (PTE_P | PTE_A) || l.gfn != child->gfn ||
        l.role != child->role) {
        child = NULL;
        l.rights = 0;
    } else if (old == (va_to_mpa(child->table).v | PTE_P | l.rights)) {
        return false;
    }
    shadow_set_child(d, s, index, child, l.rights);
    /* An INVLPG that follows may name any address below, and reaches one page only. */
    tlb_flush_all();
    return true;
}

static void sync_shadow(struct domain *d, struct shadow *s, unsigned first, unsigned last)
{
    for (unsigned index = first; index <= last; index++) {
        u64 entry = __atomic_load_n(&s->guest[index], __ATOMIC_RELAXED);
        bool changed = likely(shadow_level(s) == 1) ? sync_leaf(d, s, index, entry)
                                                    : sync_table_entry(d, s, index, entry);
        if (changed)
            ledger_count(&d->ledger, LC_SHADOW_WRITE_ENTRY);
    }
}

static bool given_up(const struct domain *d, struct shadow *s)
{
    return (++s->writes % WRITES_TO_GIVE_UP == 0 ||
            (!s->refs && shadow_level(s) < WALK_MAX_LEVEL)) &&
           !in_use(d, s);
}

/* Bytes of one frame. */
static void written(struct domain *d, u64 gpa, unsigned len)
{
    struct physmap *p = d->physmap;
    struct frame *f = &frame_table[physmap_mfn(p, gpa >> PAGE_SHIFT)];
    unsigned first = (gpa & PAGE_OFFSET_MASK) / sizeof(u64);
    unsigned last = ((gpa & PAGE_OFFSET_MASK) + len - 1) / sizeof(u64);
    bool dropped = false;
    u16 next;

    if (unlikely(p->dirty_log))
        f->flags |= FRAME_DIRTY;
    if (likely(!(f->flags & FRAME_SHADOWED)))
        return;
    for (u16 slot = (u16)f->extra; slot; slot = next) {
        struct shadow *s = &p->pool.shadow[slot];
        next = s->frame_next;
        sync_shadow(d, s, first, last);
        if (unlikely(given_up(d, s))) {
            shadow_drop(d, s);
            ledger_count(&d->ledger, LC_SHADOW_DROP_TABLE);
            dropped = true;
        }
    }
    if (dropped)
        tlb_flush_all();
}

void paging_guest_written(struct domain *d, u64 gpa, unsigned len)
{
    unsigned part = (unsigned)MIN(len, PAGE_SIZE - (gpa & PAGE_OFFSET_MASK));

    if (!len)
        return;
    written(d, gpa, part);
    if (unlikely(part < len))
        written(d, gpa + part, len - part);
}
