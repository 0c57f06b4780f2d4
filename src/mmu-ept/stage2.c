/*
 * Building the second stage: tables of 512 entries, four levels, whatever the format of an entry.
 *
 * Invariants
 *  - A table is a cleared frame of the hypervisor's, referred to by exactly one entry. Who
 *    frees a level-1 table sees to it that it is not remembered as the last one.
 *  - Leaves are at levels 1 to 3.
 */
#include "stage2.h"

#include "errno.h"
#include "frame.h"
#include "layout.h"

/* The table that an entry names. */
static u64 *table_of(u64 entry)
{
    return mfn_to_va(stage2_mfn(entry));
}

/* gfn will be found at once the next time: stage2_recent. */
static void remember(struct physmap *p, u64 gfn, u64 *table)
{
    p->last_table = table;
    p->last_region = gfn >> STAGE2_BITS;
}

u64 *stage2_find(struct physmap *p, u64 gfn, unsigned *level)
{
    u64 *table = p->root, *entry;
    unsigned l = STAGE2_TOP;

    /* lab ept.2 */
    entry = &table[stage2_index(gfn, l)];
    while (l > 1 && stage2_present(*entry) && !stage2_is_leaf(*entry, l)) {
        table = table_of(*entry);
        l--;
        entry = &table[stage2_index(gfn, l)];
    }
    /* lab end ept.2 */
    if (l == 1)
        remember(p, gfn, table);
    *level = l;
    return entry;
}

/* Makes an empty table and lets entry name it. False: no memory, and entry is as it was. */
static bool new_table(struct physmap *p, u64 *entry)
{
    struct frame *f = frame_alloc(DOMID_HYPERVISOR);

    if (!f)
        return false;
    p->tables++;
    *entry = mfn_to_mpa(frame_mfn(f)).v | stage2_format->table;
    return true;
}

u64 *stage2_make(struct physmap *p, u64 gfn, unsigned level)
{
    /* lab ept.3 */
    u64 *table = p->root;

    for (unsigned l = STAGE2_TOP;; l--) {
        u64 *entry = &table[stage2_index(gfn, l)];
        if (l == level)
            return entry;
        if (!stage2_present(*entry)) {
            if (!new_table(p, entry))
                return NULL;
        } else if (stage2_is_leaf(*entry, l)) {
            return NULL;
        }
        table = table_of(*entry);
    }
    /* lab end ept.3 */
}

int stage2_split(struct physmap *p, u64 *entry)
{
    /* lab ept.7 */
    u64 old = *entry, table;
    bool write = old & stage2_format->write;

    if (!new_table(p, &table))
        return -ENOMEM;
    u64 *to = table_of(table);
    for (u64 i = 0; i < STAGE2_2M_FRAMES; i++)
        to[i] = stage2_leaf(mfn_of(stage2_mfn(old).v + i), 1, write);
    *entry = table; /* only now: at no moment is anything unmapped */
    p->mapped_2m--;
    p->mapped_4k += STAGE2_2M_FRAMES;
    return 0;
    /* lab end ept.7 */
}

static void visit_table(u64 *table, unsigned level, u64 gfn,
                        void (*visit)(void *, u64, unsigned, u64 *), void *context)
{
    for (u64 i = 0; i < 1u << STAGE2_BITS; i++) {
        u64 *entry = &table[i], at = gfn + (i << (STAGE2_BITS * (level - 1)));
        if (!stage2_present(*entry))
            continue;
        if (stage2_is_leaf(*entry, level))
            visit(context, at, level, entry);
        else
            visit_table(table_of(*entry), level - 1, at, visit, context);
    }
}

void stage2_each_leaf(struct physmap *p,
                      void (*visit)(void *context, u64 gfn, unsigned level, u64 *entry),
                      void *context)
{
    visit_table(p->root, STAGE2_TOP, 0, visit, context);
}

static u64 *next_leaf(u64 *table, unsigned level, u64 base, u64 from, u64 *gfn, unsigned *found_at)
{
    u64 frames = stage2_frames(level);

    for (u64 i = from > base ? (from - base) / frames : 0; i < 1u << STAGE2_BITS; i++) {
        u64 *entry = &table[i], at = base + i * frames;
        if (!stage2_present(*entry))
            continue;
        if (stage2_is_leaf(*entry, level)) {
            *gfn = at;
            *found_at = level;
            return entry;
        }
        entry = next_leaf(table_of(*entry), level - 1, at, from, gfn, found_at);
        if (entry)
            return entry;
    }
    return NULL;
}

u64 *stage2_next_leaf(struct physmap *p, u64 from, u64 *gfn, unsigned *level)
{
    return next_leaf(p->root, STAGE2_TOP, 0, from, gfn, level);
}

static void free_table(struct physmap *p, u64 *table, unsigned level)
{
    for (unsigned i = 0; level > 1 && i < 1u << STAGE2_BITS; i++)
        if (stage2_present(table[i]) && !stage2_is_leaf(table[i], level))
            free_table(p, table_of(table[i]), level - 1);
    frame_put(frame_of(va_to_mfn(table)));
    p->tables--;
}

void stage2_free_tables(struct physmap *p)
{
    free_table(p, p->root, STAGE2_TOP);
    p->root = p->last_table = NULL;
}
