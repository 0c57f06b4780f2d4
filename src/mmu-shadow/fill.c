/*
 * The page fault of a guest under shadow paging: the guest's own, or an entry that is missing or
 * too strict in the shadow.
 *
 * Invariant: an entry is filled only after the guest's tables were found to permit the access, and
 * their accessed and dirty flags have been set.
 */
#include "domain.h"
#include "errno.h"
#include "paging.h"
#include "rights.h"
#include "shadow.h"
#include "trace.h"

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

static enum paging_result no_memory(struct paging_fault *out)
{
    out->why = "there is no memory left for its shadow page tables";
    return PAGING_KILL;
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

/* Whether the walk to gva passes through the table in f. */
static bool on_the_way(struct vcpu *v, u64 gva, const struct frame *f)
{
    const struct walk_mode *m = &v->paging->mode;
    struct walk_result r;
    bool found = false;

    walk(m, gva, WALK_READ | WALK_PEEK, &shadow_walk_memory, v->domain, &r);
    for (unsigned level = m->levels; level && level >= r.level; level--)
        found |= r.entry[level].gpa >> PAGE_SHIFT == f->gfn;
    return found;
}

static bool stop_shadowing(struct vcpu *v, u64 gva, struct frame *f)
{
    return !on_the_way(v, gva, f) && shadow_drop_frame(v->domain, f);
}

bool paging_stop_shadowing(struct vcpu *v, u64 gva, u64 gpa)
{
    struct frame *f = &frame_table[physmap_mfn(v->domain->physmap, gpa >> PAGE_SHIFT)];

    return f->flags & FRAME_SHADOWED && stop_shadowing(v, gva, f);
}

/* Such a write by the delivery of an event, which cannot be emulated: the frame has to stop being a
 * table, which it can if the access itself does not go through it. */
static enum paging_result __attribute__((noinline))
table_pushed_on(struct vcpu *v, u64 gva, struct frame *f, struct paging_fault *out)
{
    if (stop_shadowing(v, gva, f))
        return PAGING_FIXED;
    out->why = "it has its stack in a page table that it runs on";
    return PAGING_KILL;
}

/* A write to a guest's page table: to be emulated. */
static inline enum paging_result table_write(struct vcpu *v, const struct exit *e, u64 gpa,
                                             struct frame *f, struct paging_fault *out)
{
    if (unlikely(e->event_being_delivered))
        return table_pushed_on(v, e->gva, f, out);
    ledger_count(&v->domain->ledger, LC_SHADOW_WRITE);
    out->gpa = gpa;
    out->table_write = true;
    out->bytes = (char *)mfn_to_va(frame_mfn(f)) + (gpa & PAGE_OFFSET_MASK);
    return PAGING_EMULATE;
}

/* While the trace is on: the last step of filling a leaf and of reflecting. They return what these
 * do, so that the usual way has nothing to keep across a call. */
static enum paging_result __attribute__((noinline, cold))
trace_fill(const struct vcpu *v, const struct exit *e, const struct shadow *s)
{
    u64 mfn = (s->table[pt_index(e->gva, 1)] & PTE_ADDR) >> PAGE_SHIFT;

    TRACE(v->domain, SHADOW_FILL, e->gva, frame_table[mfn].gfn, mfn);
    return PAGING_FIXED;
}

static enum paging_result __attribute__((noinline, cold))
trace_reflect(const struct vcpu *v, const struct paging_fault *out)
{
    TRACE(v->domain, SHADOW_REFLECT, out->cr2, out->error);
    return PAGING_INJECT;
}

/*
 * Tour 44: ours: the shadow is filled. The guest permits the access, and only the shadow was
 * behind. The leaf gets the machine frame in place of the guest's frame number, and the guest's
 * rights; the guest notices nothing but time. One case is neither: a write, permitted, to a page
 * that is itself a page table (`table_write`).
 */

/* The guest permits the access, and s is the level 1 shadow for it; entry: the guest's, or
 * DIRECT_ENTRY. */
static inline enum paging_result fill_leaf(struct vcpu *v, const struct exit *e, struct shadow *s,
                                           u64 entry, u64 gpa, struct paging_fault *out)
{
    struct domain *d = v->domain;
    struct physmap *p = d->physmap;
    struct frame *f = &frame_table[physmap_mfn(p, gpa >> PAGE_SHIFT)];
    bool kernel_write = (e->error & (PF_W | PF_U)) == PF_W;

    if (unlikely(f == frame_table)) {
        enum paging_result result = populate(d, gpa, &f, out);
        if (result != PAGING_FIXED)
            return result;
    }
    if (e->error & PF_W) {
        if (unlikely((f->flags & (FRAME_SHADOWED | FRAME_OUT_OF_SYNC)) == FRAME_SHADOWED) &&
            !shadow_let_go(d, f))
            return table_write(v, e, gpa, f, out);
        if (unlikely(p->dirty_log))
            f->flags |= FRAME_DIRTY;
    }
    s->used = true;
    s->writes = 0;
    shadow_set_leaf(d, s, pt_index(e->gva, 1), leaf_value(p, s->role, entry, f, kernel_write));
    ledger_count(&d->ledger, LC_SHADOW_FILL);
    if (unlikely(shadow_may_prefetch(s, pt_index(e->gva, 1))))
        shadow_prefetch(d, s, pt_index(e->gva, 1));
    return trace_wants(TRACE_ALL) ? trace_fill(v, e, s) : PAGING_FIXED;
}

/*
 * Tour 43: the guest's own. The guest's tables have no such page, so the guest shall have its
 * fault: with the error code that its tables give, which is not always the one that the processor
 * gave for ours. The fault is injected at the next entry, and the guest's handler runs. One exit
 * for a page fault that the bare machine, and ept, deliver without.
 */
static enum paging_result reflect(struct vcpu *v, const struct exit *e, u32 why,
                                  struct paging_fault *out)
{
    out->cr2 = e->gva;
    out->error = walk_error(&v->paging->mode, e->error, why);
    ledger_count(&v->domain->ledger, LC_SHADOW_REFLECT);
    return trace_wants(TRACE_ALL) ? trace_reflect(v, out) : PAGING_INJECT;
}

/* A fault found in a table of level 1, where the next one is likely: makes the shadows on the way,
 * so that it is found without a walk. */
static void prepare_reflecting(struct vcpu *v, u64 gva, const struct walk_result *r)
{
    struct domain *d = v->domain;
    u64 accessed = r->entry[4].value & r->entry[3].value & r->entry[2].value & PTE_A;

    if (v->paging->quick && r->level == 1 && accessed)
        shadow_reach(d, &d->physmap->pool.shadow[v->paging->root], gva, r);
}

/* By a walk of the guest's tables. */
static enum paging_result __attribute__((noinline))
walk_and_fill(struct vcpu *v, const struct exit *e, struct paging_fault *out)
{
    struct domain *d = v->domain;
    struct walk_result r;

    switch (walk(&v->paging->mode, e->gva, e->error & (PF_W | PF_U | PF_I), &shadow_walk_memory, d,
                 &r)) {
    case WALK_OK:
        break;
    case WALK_FAULT:
        prepare_reflecting(v, e->gva, &r);
        return reflect(v, e, r.error & (PF_P | PF_RSVD), out);
    case WALK_NO_TABLE: /* reads as all ones: a reserved bit is set */
        return reflect(v, e, PF_P | PF_RSVD, out);
    default:
        return PAGING_FIXED;
    }
    struct shadow *s = shadow_reach(d, &d->physmap->pool.shadow[v->paging->root], e->gva, &r);
    if (!s)
        return no_memory(out);
    return fill_leaf(v, e, s, s->role & ROLE_DIRECT ? DIRECT_ENTRY : r.entry[1].value, r.gpa, out);
}

/* walk_permits for rights in `all` (XD inverted). With R/W and execution allowed, a user's page is
 * open to the user and the kernel's own to the kernel, in every mode: the usual case. */
static inline bool permits(const struct walk_mode *m, u64 access, u64 all)
{
    _Static_assert(PTE_U == PF_U, "the page's U/S and the access's are compared as they are");
    if (likely((all & PTE_W) && (all & PTE_NX) && !((all ^ access) & PTE_U)))
        return true;
    return walk_permits(m, access, all & PTE_U, all & PTE_W, !(all & PTE_NX));
}

/*
 * The shadow has nothing at this place, in a table of this level; `all`: rights above it, as in
 * paging_fault. Perhaps the guest has not either, or its own tables end farther down, or at a page
 * that is not for this access: looks only for that, and leaves all else to the walk.
 */
static enum paging_result __attribute__((noinline))
missing(struct vcpu *v, const struct exit *e, const u64 *place, unsigned level, u64 all,
        struct paging_fault *out)
{
    const struct physmap *p = v->domain->physmap;
    const struct shadow *s = &p->pool.shadow[frame_table[va_to_mfn(place).v].extra];
    const u64 *table = s->guest, usual = s->rsvd | PTE_PS | PTE_P;
    unsigned shift = PAGE_SHIFT + SHADOW_INDEX_BITS * (level - 1);

    while (likely(table)) {
        u64 entry = __atomic_load_n(&table[e->gva >> shift & (PT_ENTRIES - 1)], __ATOMIC_RELAXED);
        if (!(entry & PTE_P))
            return reflect(v, e, 0, out);
        all &= entry ^ PTE_NX;
        if ((entry & usual) != PTE_P)
            break;
        if (shift == PAGE_SHIFT) {
            if (permits(&v->paging->mode, e->error, all))
                break;
            return reflect(v, e, PF_P, out);
        }
        u32 mfn = physmap_mfn(p, entry << 1 >> (PAGE_SHIFT + 1));
        table = mfn ? mfn_to_va(mfn_of(mfn)) : NULL;
        shift -= SHADOW_INDEX_BITS;
    }
    return walk_and_fill(v, e, out);
}

/* Sets the flags of a level 1 entry. False: it has changed meanwhile. */
static inline bool set_flags(struct domain *d, struct shadow *s, unsigned index, u64 old, u64 want)
{
    if (unlikely(d->physmap->dirty_log))
        frame_table[va_to_mfn(s->guest).v].flags |= FRAME_DIRTY;
    return __atomic_compare_exchange_n(&s->guest[index], &old, want, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

/*
 * Tour 42: whose page fault is it? The question of shadow paging, asked at every fault: did the
 * guest's own tables forbid the access, or is only the shadow not filled yet? The read of the
 * missing page comes here. As far as the shadow goes, the guest's tables are known to go; from
 * there on they have to be read.
 */

/*
 * The quick way, in 4-level paging with WP = 1: as far as the shadow leads, the guest's tables lead
 * too (shadow.h), so that only the guest's level 1 entry has to be read.
 */
enum paging_result paging_fault(struct vcpu *v, const struct exit *e, struct paging_fault *out)
{
    const struct walk_mode *m = &v->paging->mode;
    unsigned index = pt_index(e->gva, 1);
    u64 all = PTE_W | PTE_U | PTE_NX, entry = DIRECT_ENTRY, *table = v->paging->quick, link, gfn;

    if (unlikely(!table))
        return walk_and_fill(v, e, out);
#pragma GCC unroll 3
    for (unsigned level = WALK_MAX_LEVEL; level > 1; level--) {
        table += pt_index(e->gva, level);
        link = *table;
        if (unlikely(!link))
            return missing(v, e, table, level, all, out);
        all &= link ^ PTE_NX;
        table = shadow_table(link);
    }
    struct shadow *s = &v->domain->physmap->pool.shadow[shadow_child(link)];
    gfn = s->gfn + index;
    if (likely(s->guest)) {
        entry = __atomic_load_n(&s->guest[index], __ATOMIC_RELAXED);
        if (unlikely((entry & (s->rsvd | PTE_P)) != PTE_P))
            return reflect(v, e, entry & PTE_P ? PF_P | PF_RSVD : 0, out);
        all &= entry ^ PTE_NX;
        gfn = (entry & PTE_ADDR) >> PAGE_SHIFT;
    }
    if (unlikely(!permits(m, e->error, all)))
        /* Without W, a large page may only want its D set. */
        return s->guest ? reflect(v, e, PF_P, out) : walk_and_fill(v, e, out);
    u64 want = entry | PTE_A | (e->error & PF_W ? PTE_D : 0);
    if (entry != want && !set_flags(v->domain, s, index, entry, want))
        return PAGING_FIXED;
    return fill_leaf(v, e, s, want, gfn << PAGE_SHIFT | (e->gva & PAGE_OFFSET_MASK), out);
}
