/*
 * Writing entries of shadows: the only place that does, so that what is counted about them stays
 * true.
 *
 * Invariants
 *  - A frame's type_count is the number of leaves that map it writable, its type then FT_WRITABLE;
 *    next and prev are the places of at most two of them.
 *  - A shadow's parent[] are places of at most two of the entries that point to it.
 */
#include "domain.h"
#include "shadow.h"
#include "tlb.h"

static shadow_place place_of(const struct shadow_pool *pool, const struct shadow *s, unsigned index)
{
    return (shadow_place)shadow_slot(pool, s) << SHADOW_INDEX_BITS | index;
}

static inline void write_entry(struct shadow *s, unsigned index, u64 value)
{
    u64 bit = 1ULL << index % 64;

    __atomic_store_n(&s->table[index], value, __ATOMIC_RELAXED);
    if (value)
        s->present[index / 64] |= bit;
    else
        s->present[index / 64] &= ~bit;
}

/* Removed, or led elsewhere, or with fewer rights. */
static inline bool weaker(u64 old, u64 value)
{
    return (old & PTE_P) && ((old ^ value) & (PTE_ADDR | PTE_P) ||
                             (old & ~value & (PTE_W | PTE_U)) || (value & ~old & PTE_NX));
}

/* The frame that the old leaf mapped writable has one such leaf fewer (type_count), and forgets the
 * place if it is one of the two that it remembers (frame.next, frame.prev). The frame that the new
 * one maps writable has one more, and remembers the place if next or prev is free (0); its type
 * becomes FT_WRITABLE, and stays so when the count falls to 0 again. Places that are not remembered
 * are found by a search (protect_by_search). */
void shadow_set_leaf(struct domain *d, struct shadow *s, unsigned index, u64 value)
{
    shadow_place place = place_of(&d->physmap->pool, s, index);
    u64 old = s->table[index];

    /* lab shadow.2 */
    if (old & PTE_W) {
        struct frame *f = &frame_table[(old & PTE_ADDR) >> PAGE_SHIFT];
        f->type_count--;
        if (f->next == place)
            f->next = 0;
        else if (f->prev == place)
            f->prev = 0;
    }
    if (value & PTE_W) {
        struct frame *f = &frame_table[(value & PTE_ADDR) >> PAGE_SHIFT];
        f->type = FT_WRITABLE;
        f->type_count++;
        if (!f->next)
            f->next = place;
        else if (!f->prev)
            f->prev = place;
    }
    /* lab end shadow.2 */
    write_entry(s, index, value);
    if (weaker(old, value))
        tlb_note_stale(TLB_ANY_ROOT, TLB_ANY_GVA, mpa_to_mfn(mpa_of(old & PTE_ADDR)));
}

static void add_parent(struct shadow_pool *pool, struct shadow *child, shadow_place place)
{
    shadow_ref(pool, child);
    if (!child->parent[0])
        child->parent[0] = place;
    else if (!child->parent[1])
        child->parent[1] = place;
}

static void remove_parent(struct shadow_pool *pool, struct shadow *child, shadow_place place)
{
    if (child->parent[0] == place)
        child->parent[0] = 0;
    else if (child->parent[1] == place)
        child->parent[1] = 0;
    shadow_unref(pool, child);
}

void shadow_set_child(struct domain *d, struct shadow *s, unsigned index, struct shadow *child,
                      u64 rights)
{
    struct shadow_pool *pool = &d->physmap->pool;
    u64 old = s->table[index], value = child ? va_to_mpa(child->table).v | PTE_P | rights : 0;
    struct shadow *before = old ? &pool->shadow[shadow_child(old)] : NULL;

    if (child != before) {
        if (child)
            add_parent(pool, child, place_of(pool, s, index));
        if (before)
            remove_parent(pool, before, place_of(pool, s, index));
    }
    write_entry(s, index, value);
    if (weaker(old, value))
        tlb_note_stale(TLB_ANY_ROOT, TLB_ANY_GVA, shadow_mfn(before));
}

/* The leaf there loses W (and D): a write to the page is a page fault again. */
static void protect_place(struct domain *d, shadow_place place)
{
    struct shadow *s = &d->physmap->pool.shadow[place >> SHADOW_INDEX_BITS];
    unsigned index = place % PT_ENTRIES;

    shadow_set_leaf(d, s, index, s->table[index] & ~(PTE_W | PTE_D));
}

/* Goes through the leaves of all shadows: of one frame (mfn), or, with 0, of all. */
static void protect_by_search(struct domain *d, u64 mfn)
{
    struct shadow_pool *pool = &d->physmap->pool;

    for (u32 slot = 1; slot <= pool->made; slot++) {
        struct shadow *s = &pool->shadow[slot];
        if (shadow_level(s) != 1)
            continue;
        for (unsigned index = 0; index < PT_ENTRIES; index++) {
            u64 entry = s->table[index];
            if (!(entry & PTE_W) || (mfn && (entry & PTE_ADDR) >> PAGE_SHIFT != mfn))
                continue;
            protect_place(d, place_of(pool, s, index));
            if (mfn && !frame_table[mfn].type_count)
                return;
        }
    }
}

/*
 * Tour 46: a page becomes a table. When a guest frame gets its first shadow no leaf may map it
 * writable any more, or the guest could change its table behind our back. The leaves that do are
 * found through two remembered places in the frame's record, or, rarely, by a search through all of
 * them.
 */
void shadow_protect_frame(struct domain *d, struct frame *f)
{
    /* lab shadow.2 */
    if (f->next)
        protect_place(d, f->next);
    if (f->prev)
        protect_place(d, f->prev);
    if (f->type_count)
        protect_by_search(d, frame_mfn(f).v);
    /* lab end shadow.2 */
}

void shadow_protect_all(struct domain *d)
{
    protect_by_search(d, 0);
}
