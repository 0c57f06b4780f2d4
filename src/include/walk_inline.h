/*
 * The walk itself, to be compiled into its caller: see walk.h for the contract. With a
 * `static const struct walk_memory` whose functions are in sight, no indirect call is left on the
 * way to a page whose accessed and dirty flags are set.
 *
 * Invariant: no flag is set in any entry unless the whole access is permitted.
 */
#ifndef WALK_INLINE_H
#define WALK_INLINE_H

#include "walk.h"

enum { WALK_TRIES = 8 }; /* walks begun anew because an entry changed under us */

/* walk.c: sets the accessed flags, and the leaf's dirty flag, in the entries of r. WALK_CHANGED:
 * the walk must begin anew. */
enum walk_cmpxchg walk_set_flags(const struct walk_mode *m, bool write,
                                 const struct walk_memory *mem, void *ctx, struct walk_result *r);

/* Without paging a linear address is the physical one, and all is permitted. */
static inline enum walk_status walk_unpaged(u64 la, struct walk_result *r)
{
    r->status = WALK_OK;
    r->level = 0;
    r->page_shift = PAGE_SHIFT;
    r->mapped = r->user = r->write = r->dirty = true;
    r->nx = r->global = false;
    r->error = 0;
    r->gpa = (u32)la;
    return WALK_OK;
}

/* The page's first address, from its leaf entry. */
static inline u64 walk_page_base(const struct walk_mode *m, u64 leaf, unsigned shift)
{
    enum { PSE36_LOW = 13, PSE36_HIGH = 32 }; /* PDE bits 20:13 are address bits 39:32 */

    if (m->entry_size == 4 && shift != PAGE_SHIFT)
        return (leaf & 0xffc00000) | ((leaf >> PSE36_LOW & 0xff) << PSE36_HIGH);
    return leaf & PTE_ADDR & ~((1ULL << shift) - 1);
}

static inline enum walk_status walk_fault(const struct walk_mode *m, unsigned access, u32 why,
                                          unsigned level, struct walk_result *r)
{
    r->status = WALK_FAULT;
    r->error = walk_error(m, access, why);
    r->level = level;
    return WALK_FAULT;
}

/* What the compiler is told about the mode, so that it unrolls the descent. */
struct walk_shape {
    unsigned top;        /* first level whose table is in memory */
    unsigned entry_size; /* bytes */
    unsigned index_bits; /* address bits that a level takes */
};

/*
 * Tour 32: one descent. From the root to the page: read an entry, look whether it is present and
 * well formed, remember its rights, go on. The rights of all levels are combined and judged once,
 * at the end, because that is how the processor does it; the level at which the walk failed and the
 * error code are part of the answer. No flag is set on the way.
 */

/* One descent from the table at `table`; flags_missing: some accessed or dirty flag is to be set.
 */
static inline __attribute__((always_inline)) enum walk_status
walk_descend(const struct walk_mode *m, const struct walk_shape shape, u64 table, u64 la,
             unsigned access, const struct walk_memory *mem, void *ctx, struct walk_result *r,
             bool *flags_missing)
{
    u64 entry = 0, all = ~0ULL; /* AND over the levels of the entry, XD inverted */
    unsigned level, shift = 0;

    r->mapped = false;
#pragma GCC unroll 4
    for (level = shape.top; level > 0; level--) {
        u64 index, rsvd;
        bool page;

        shift = PAGE_SHIFT + shape.index_bits * (level - 1);
        index = la >> shift & ((1u << shape.index_bits) - 1);
        r->entry[level].gpa = table + index * shape.entry_size;
        if (unlikely(!mem->read_entry(ctx, r->entry[level].gpa, shape.entry_size, &entry))) {
            r->level = level;
            return r->status = WALK_NO_TABLE;
        }
        r->entry[level].value = entry;
        page =
            level == 1 || (level < 4 && unlikely(entry & PTE_PS) && (m->large_levels >> level & 1));
        rsvd = (page ? m->rsvd_page : m->rsvd_table)[level];
        if (unlikely((entry & (rsvd | PTE_P)) != PTE_P))
            return walk_fault(m, access, entry & PTE_P ? PF_P | PF_RSVD : 0, level, r);
        all &= entry ^ PTE_NX;
        if (page)
            break;
        table = entry & PTE_ADDR;
    }
    r->mapped = true;
    r->level = level;
    r->page_shift = shift;
    r->user = all & PTE_U;
    r->write = all & PTE_W;
    r->nx = !(all & PTE_NX);
    r->global = m->pge && (entry & PTE_G);
    r->dirty = entry & PTE_D;
    r->gpa = walk_page_base(m, entry, shift) | (la & ((1ULL << shift) - 1));
    if (unlikely(!walk_permits(m, access, r->user, r->write, r->nx)))
        return walk_fault(m, access, PF_P, level, r);
    *flags_missing = !(all & PTE_A) || ((access & WALK_WRITE) && !(entry & PTE_D));
    r->error = 0;
    return r->status = WALK_OK;
}

/* PAE: the top level is in registers, and carries no rights. */
static inline enum walk_status walk_pdpte(const struct walk_mode *m, u64 la, unsigned access,
                                          struct walk_result *r)
{
    u64 entry = m->pdpte[la >> PAGE_SHIFT_1G & (WALK_PDPTES - 1)];

    r->mapped = false;
    r->entry[3] = (struct walk_entry){~0ULL, entry};
    return entry & PTE_P ? WALK_OK : walk_fault(m, access, 0, 3, r);
}

static inline __attribute__((always_inline)) enum walk_status
walk_once(const struct walk_mode *m, u64 la, unsigned access, const struct walk_memory *mem,
          void *ctx, struct walk_result *r, bool *flags_missing)
{
    const struct walk_shape four_level = {4, 8, 9}, pae = {2, 8, 9}, two_level = {2, 4, 10};

    if (likely(m->levels == 4))
        return walk_descend(m, four_level, m->root, la, access, mem, ctx, r, flags_missing);
    if (m->levels == 2)
        return walk_descend(m, two_level, m->root, la, access, mem, ctx, r, flags_missing);
    if (walk_pdpte(m, la, access, r) != WALK_OK)
        return WALK_FAULT;
    return walk_descend(m, pae, r->entry[3].value & PTE_ADDR, la, access, mem, ctx, r,
                        flags_missing);
}

static inline __attribute__((always_inline)) enum walk_status
walk_inline(const struct walk_mode *m, u64 la, unsigned access, const struct walk_memory *mem,
            void *ctx, struct walk_result *r)
{
    if (m->levels == 0)
        return walk_unpaged(la, r);
    for (unsigned i = 0; i < WALK_TRIES; i++) {
        bool flags_missing;
        enum walk_status status = walk_once(m, la, access, mem, ctx, r, &flags_missing);

        if (status != WALK_OK || likely(!flags_missing) || (access & WALK_PEEK))
            return status;
        switch (walk_set_flags(m, access & WALK_WRITE, mem, ctx, r)) {
        case WALK_EXCHANGED:
            return WALK_OK;
        case WALK_NO_MEMORY:
            r->mapped = false;
            return r->status = WALK_NO_TABLE;
        case WALK_CHANGED:
            break;
        }
    }
    return r->status = WALK_RETRY;
}

#endif
