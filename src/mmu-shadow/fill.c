/*
 * The page fault of a guest under shadow paging: the guest's own, or an entry that is missing or
 * too strict in the shadow.
 *
 * Invariants
 *  - An entry is filled only after a walk of the guest's tables that permitted the access and set
 *    the accessed and dirty flags.
 *  - While shadows are made, those on the way to the faulting address are in pool->path, so that
 *    eviction does not take them.
 */
#include "domain.h"
#include "errno.h"
#include "fill.h"
#include "paging.h"
#include "rights.h"
#include "shadow.h"
#include "walk_inline.h"

static char *map_slowly(struct domain *d, u64 gpa)
{
    char *page = physmap_map(d, gpa_to_gfn(gpa_of(gpa)));

    return page ? page + (gpa & PAGE_OFFSET_MASK) : NULL;
}

static inline char *map_entry(struct domain *d, u64 gpa)
{
    u32 mfn = physmap_mfn(d->physmap, gpa >> PAGE_SHIFT);

    if (unlikely(!mfn))
        return map_slowly(d, gpa);
    return (char *)mfn_to_va(mfn_of(mfn)) + (gpa & PAGE_OFFSET_MASK);
}

static inline bool read_entry(void *ctx, u64 gpa, unsigned size, u64 *value)
{
    const char *p = map_entry(ctx, gpa);

    if (unlikely(!p))
        return false;
    *value = size == 8 ? __atomic_load_n((const u64 *)p, __ATOMIC_RELAXED)
                       : __atomic_load_n((const u32 *)p, __ATOMIC_RELAXED);
    return true;
}

/* Only sets A and D: no shadow becomes too generous by that. */
static enum walk_cmpxchg cmpxchg_entry(void *ctx, u64 gpa, unsigned size, u64 old, u64 new_value)
{
    struct domain *d = ctx;
    char *p = map_entry(d, gpa);
    u32 old32 = (u32)old;
    bool done;

    if (!p)
        return WALK_NO_MEMORY;
    if (size == 8)
        done = __atomic_compare_exchange_n((u64 *)p, &old, new_value, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_SEQ_CST);
    else
        done = __atomic_compare_exchange_n((u32 *)p, &old32, (u32)new_value, false,
                                           __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    if (done && d->physmap->dirty_log)
        frame_table[physmap_mfn(d->physmap, gpa >> PAGE_SHIFT)].flags |= FRAME_DIRTY;
    return done ? WALK_EXCHANGED : WALK_CHANGED;
}

const struct walk_memory shadow_walk_memory = {read_entry, cmpxchg_entry};

static inline struct shadow_link link_below(const struct shadow *s, unsigned index,
                                            const struct walk_result *r)
{
    unsigned level = shadow_level(s);

    if (s->role & ROLE_DIRECT)
        return link_direct(s, index);
    if (level == r->level)
        return link_large(s->role, r->entry[level].value);
    return link_table(s->role, r->entry[level].value);
}

/* The shadow below s for gva, made and linked as needed. NULL: no memory. */
static struct shadow *descend(struct domain *d, struct shadow *s, u64 gva,
                              const struct walk_result *r)
{
    struct shadow_pool *pool = &d->physmap->pool;
    unsigned index = pt_index(gva, shadow_level(s));
    struct shadow_link l = link_below(s, index, r);
    u64 entry = s->table[index];

    if (entry) {
        struct shadow *child = &pool->shadow[shadow_child(entry)];
        if (child->gfn == l.gfn && child->role == l.role) {
            if ((entry & ~PTE_ADDR) != (l.rights | PTE_P))
                shadow_set_child(d, s, index, child, l.rights);
            return child;
        }
    }
    struct shadow *child = shadow_get(d, l.gfn, l.role);
    if (child)
        shadow_set_child(d, s, index, child, l.rights);
    return child;
}

/* The level 1 shadow for gva, all between it and the root made as needed. NULL: no memory. */
static struct shadow *__attribute__((noinline))
reach(struct domain *d, struct shadow *root, u64 gva, const struct walk_result *r)
{
    struct shadow_pool *pool = &d->physmap->pool;
    struct shadow *s = root;

    for (; s && shadow_level(s) > 1; s = descend(d, s, gva, r))
        pool->path[shadow_level(s)] = shadow_slot(pool, s);
    for (unsigned i = 0; i < SHADOW_PATH; i++)
        pool->path[i] = 0;
    return s;
}

/* The same if all is there and the guest's page is not a large one, whose rights are to be looked
 * at again. */
static inline struct shadow *reach_quickly(struct shadow_pool *pool, struct shadow *s, u64 gva,
                                           const struct walk_result *r)
{
    if (unlikely(r->level != 1))
        return NULL;
#pragma GCC unroll 3
    for (unsigned level = WALK_MAX_LEVEL; level > 1; level--) {
        u64 entry = s->table[pt_index(gva, level)];
        if (unlikely(!entry))
            return NULL;
        s = &pool->shadow[shadow_child(entry)];
    }
    return s;
}

static enum paging_result no_memory(struct paging_fault *out)
{
    out->why = "there is no memory left for its shadow page tables";
    return PAGING_KILL;
}

enum paging_result shadow_fill(struct vcpu *v, u64 gva, unsigned access,
                               const struct walk_result *r, struct frame *f,
                               struct paging_fault *out)
{
    struct domain *d = v->domain;
    struct shadow_pool *pool = &d->physmap->pool;
    struct shadow *root = &pool->shadow[v->paging->root];
    struct shadow *s = reach_quickly(pool, root, gva, r);

    if (unlikely(!s) && !(s = reach(d, root, gva, r)))
        return no_memory(out);
    u64 entry = s->role & ROLE_DIRECT ? DIRECT_ENTRY : r->entry[1].value;
    bool kernel_write = (access & (WALK_WRITE | WALK_USER)) == WALK_WRITE;
    s->used = true;
    s->writes = 0;
    shadow_set_leaf(d, s, pt_index(gva, 1),
                    leaf_value(d->physmap, s->role, entry, f, kernel_write));
    ledger_count(&d->ledger, LC_SHADOW_FILL);
    return PAGING_FIXED;
}

/* The frame for guest-physical gpa, or what to do instead. */
static enum paging_result __attribute__((noinline))
populate(struct domain *d, u64 gpa, struct frame **f, struct paging_fault *out)
{
    mfn_t mfn;
    int error = physmap_populate(d, gpa_to_gfn(gpa_of(gpa)), &mfn);

    if (error == -ENOMEM) {
        out->why = "there is no memory left to fill its RAM";
        return PAGING_KILL;
    }
    out->gpa = gpa;
    out->table_write = false;
    if (error)
        return PAGING_EMULATE;
    *f = frame_of(mfn);
    return PAGING_FIXED;
}

static enum paging_result __attribute__((noinline))
refused(struct vcpu *v, const struct exit *e, enum walk_status status, const struct walk_result *r,
        struct paging_fault *out)
{
    if (status == WALK_RETRY)
        return PAGING_FIXED;
    out->cr2 = e->gva;
    out->error = r->error;
    /* A table where there is no memory reads as all ones: a reserved bit is set. */
    if (status == WALK_NO_TABLE)
        out->error = walk_error(&v->paging->mode, e->error, PF_P | PF_RSVD);
    ledger_count(&v->domain->ledger, LC_SHADOW_REFLECT);
    return PAGING_INJECT;
}

/*
 * A write to a guest's page table: to be emulated. The delivery of an event cannot be: there the
 * frame has to stop being a table, which it can if the access itself does not go through it.
 */
static enum paging_result __attribute__((noinline))
table_write(struct vcpu *v, const struct exit *e, const struct walk_result *r, struct frame *f,
            struct paging_fault *out)
{
    if (e->event_being_delivered) {
        bool on_way = !shadow_drop_frame(v->domain, f);
        for (unsigned level = r->level; level && level <= v->paging->mode.levels; level++)
            on_way |= r->entry[level].gpa >> PAGE_SHIFT == f->gfn;
        if (!on_way)
            return PAGING_FIXED;
        out->why = "it has its stack in a page table that it runs on";
        return PAGING_KILL;
    }
    ledger_count(&v->domain->ledger, LC_SHADOW_WRITE);
    out->gpa = r->gpa;
    out->table_write = true;
    return PAGING_EMULATE;
}

enum paging_result paging_fault(struct vcpu *v, const struct exit *e, struct paging_fault *out)
{
    struct domain *d = v->domain;
    unsigned access = e->error & (PF_W | PF_U | PF_I);
    struct walk_result r;
    enum walk_status status =
        walk_inline(&v->paging->mode, e->gva, access, &shadow_walk_memory, d, &r);

    if (unlikely(status != WALK_OK))
        return refused(v, e, status, &r, out);
    struct frame *f = &frame_table[physmap_mfn(d->physmap, r.gpa >> PAGE_SHIFT)];
    if (unlikely(f == frame_table)) {
        enum paging_result result = populate(d, r.gpa, &f, out);
        if (result != PAGING_FIXED)
            return result;
    }
    if (access & WALK_WRITE) {
        if (unlikely(f->flags & FRAME_SHADOWED))
            return table_write(v, e, &r, f, out);
        if (unlikely(d->physmap->dirty_log))
            f->flags |= FRAME_DIRTY;
    }
    return shadow_fill(v, e->gva, access, &r, f, out);
}
