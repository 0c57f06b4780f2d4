/*
 * The page fault of a guest under shadow paging: the guest's own, or an entry that is missing or
 * too strict in the shadow. By a walk of the guest's tables; what is faster is in quick.c.
 *
 * Invariant: an entry is filled only after the guest's tables were found to permit the access, and
 * their accessed and dirty flags have been set.
 */
#include "domain.h"
#include "errno.h"
#include "fault.h"
#include "rights.h"
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

/* A write to gpa, in a page table of the guest's (in frame f): to be emulated, since the shadow has
 * to see it: counted as shadow_write. But what pushes an event on such a stack is no instruction,
 * and is not counted: shadow_pushed_on. */
static inline enum paging_result table_write(struct vcpu *v, const struct exit *e, u64 gpa,
                                             struct frame *f, struct paging_fault *out)
{
    /* lab shadow.6: return lab_missing("shadow.6"), PAGING_KILL; */
    if (unlikely(e->event_being_delivered))
        return shadow_pushed_on(v, e->gva, f, out);
    ledger_count(&v->domain->ledger, LC_SHADOW_WRITE);
    out->gpa = gpa;
    out->table_write = true;
    out->bytes = (char *)mfn_to_va(frame_mfn(f)) + (gpa & PAGE_OFFSET_MASK);
    return PAGING_EMULATE;
    /* lab end shadow.6 */
}

/* While the trace is on: the last step of filling a leaf. It returns what that does, so that the
 * usual way has nothing to keep across a call. */
static enum paging_result __attribute__((noinline, cold))
trace_fill(const struct vcpu *v, const struct exit *e, const struct shadow *s)
{
    u64 mfn = (s->table[pt_index(e->gva, 1)] & PTE_ADDR) >> PAGE_SHIFT;

    TRACE(v->domain, SHADOW_FILL, e->gva, frame_table[mfn].gfn, mfn);
    return PAGING_FIXED;
}

enum paging_result shadow_trace_reflect(const struct vcpu *v, const struct paging_fault *out)
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

/*
 * shadow_fill's work: PAGING_FIXED if the leaf is filled.
 *  - The frame: physmap_mfn says 0 if there is none yet; then populate finds one, or says what to
 *    return instead.
 *  - A write to a table whose writes must be seen (shadow_sees_writes) is not filled, but a
 *    table_write; unless shadow_let_go says that this table's need not be seen for a while.
 *  - While the dirty log is on (p->dirty_log) a frame that is about to be written becomes
 *    FRAME_DIRTY.
 *  - The leaf: shadow_leaf_value. kernel_write: a supervisor's write, which CR0.WP = 0 permits.
 */
static inline enum paging_result fill_leaf(struct vcpu *v, const struct exit *e, struct shadow *s,
                                           u64 entry, u64 gpa, struct paging_fault *out)
{
    struct domain *d = v->domain;
    struct physmap *p = d->physmap;
    bool kernel_write = (e->error & (PF_W | PF_U)) == PF_W;

    /* lab shadow.4: return lab_missing("shadow.4"), PAGING_KILL; */
    struct frame *f = &frame_table[physmap_mfn(p, gpa >> PAGE_SHIFT)];

    if (unlikely(f == frame_table)) {
        enum paging_result result = populate(d, gpa, &f, out);
        if (result != PAGING_FIXED)
            return result;
    }
    if (e->error & PF_W) {
        if (unlikely(shadow_sees_writes(f)) && !shadow_let_go(d, f))
            return table_write(v, e, gpa, f, out);
        if (unlikely(p->dirty_log))
            f->flags |= FRAME_DIRTY;
    }
    shadow_set_leaf(d, s, pt_index(e->gva, 1),
                    shadow_leaf_value(p, s->role, entry, f, kernel_write));
    return PAGING_FIXED;
    /* lab end shadow.4 */
}

enum paging_result shadow_fill(struct vcpu *v, const struct exit *e, struct shadow *s, u64 entry,
                               u64 gpa, struct paging_fault *out)
{
    enum paging_result result;

    if (unlikely(s->role & ROLE_WP0) && shadow_write_by_emulation(v, e, s, entry)) {
        out->gpa = gpa;
        out->table_write = false;
        return PAGING_EMULATE;
    }
    result = fill_leaf(v, e, s, entry, gpa, out);
    if (unlikely(result != PAGING_FIXED))
        return result;
    s->used = true;
    s->writes = 0;
    ledger_count(&v->domain->ledger, LC_SHADOW_FILL);
    if (unlikely(shadow_may_prefetch(s, pt_index(e->gva, 1))))
        shadow_prefetch(v->domain, s, pt_index(e->gva, 1));
    return trace_wants(TRACE_ALL) ? trace_fill(v, e, s) : PAGING_FIXED;
}

/*
 * Tour 42: whose page fault is it? The question of shadow paging, asked at every fault: did the
 * guest's own tables forbid the access, or is only the shadow not filled yet? The read of the
 * missing page comes here. The guest's tables are walked as the processor would walk them, and the
 * walk sets A and D in them, which the processor cannot do, as it never sees them.
 * (`src/mmu-shadow/quick.c` comes before, and spares most faults the walk: as far as the shadow
 * goes, the guest's tables are known to go.)
 */

/*
 * Walks the guest's tables to e->gva, for the access that e->error describes; leaves the walk in r.
 *  - They forbid it: the guest's own fault, with the walk's reason.
 *  - A table of theirs lies where there is no memory: such memory reads as all ones, so that a
 *    reserved bit is set, in an entry that is present.
 *  - The walk did not come to an end, as entries changed under it: the guest tries again.
 *  - They permit it: the shadows on the way are made (shadow_reach), and the leaf is filled, from
 *    r's entry of level 1; or from DIRECT_ENTRY, if the shadow of level 1 is a direct one. No
 *    memory for the shadows: no_memory(out).
 */
static inline enum paging_result whose_fault(struct vcpu *v, const struct exit *e,
                                             struct walk_result *r, struct paging_fault *out)
{
    struct domain *d = v->domain;
    struct shadow *root = &d->physmap->pool.shadow[v->paging->root];

    /* lab shadow.5: return lab_missing("shadow.5"), PAGING_KILL; */
    switch (walk(&v->paging->mode, e->gva, e->error & (PF_W | PF_U | PF_I), &shadow_walk_memory, d,
                 r)) {
    case WALK_OK:
        break;
    case WALK_FAULT:
        return shadow_reflect(v, e, r->error & (PF_P | PF_RSVD), out);
    case WALK_NO_TABLE:
        return shadow_reflect(v, e, PF_P | PF_RSVD, out);
    default:
        return PAGING_FIXED;
    }
    struct shadow *s = shadow_reach(d, root, e->gva, r);
    if (!s)
        return no_memory(out);
    return shadow_fill(v, e, s, s->role & ROLE_DIRECT ? DIRECT_ENTRY : r->entry[1].value, r->gpa,
                       out);
    /* lab end shadow.5 */
}

enum paging_result shadow_walk_and_fill(struct vcpu *v, const struct exit *e,
                                        struct paging_fault *out)
{
    struct walk_result r;
    enum paging_result result = whose_fault(v, e, &r, out);

    if (result == PAGING_INJECT && r.status == WALK_FAULT)
        shadow_prepare_reflecting(v, e->gva, &r);
    return result;
}
