/*
 * The page fault of a guest under shadow paging, quickly: in 4-level paging with CR0.WP = 1 the
 * guest's tables lead at least as far as the shadow does (shadow.h), so that of them only the entry
 * of level 1 has to be read. What this cannot tell is left to the walk (fill.c).
 *
 * Invariant: an entry is filled only after the guest's tables were found to permit the access, and
 * their accessed and dirty flags have been set.
 */
#include "domain.h"
#include "fault.h"
#include "rights.h"

/* In a table of level 1 the next fault is likely: makes the shadows on the way to it. */
void shadow_prepare_reflecting(struct vcpu *v, u64 gva, const struct walk_result *r)
{
    struct domain *d = v->domain;
    u64 accessed = r->entry[4].value & r->entry[3].value & r->entry[2].value & PTE_A;

    if (v->paging->quick && r->level == 1 && accessed)
        shadow_reach(d, &d->physmap->pool.shadow[v->paging->root], gva, r);
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
            return shadow_reflect(v, e, 0, out);
        all &= entry ^ PTE_NX;
        if ((entry & usual) != PTE_P)
            break;
        if (shift == PAGE_SHIFT) {
            if (permits(&v->paging->mode, e->error, all))
                break;
            return shadow_reflect(v, e, PF_P, out);
        }
        u32 mfn = physmap_mfn(p, entry << 1 >> (PAGE_SHIFT + 1));
        table = mfn ? mfn_to_va(mfn_of(mfn)) : NULL;
        shift -= SHADOW_INDEX_BITS;
    }
    return shadow_walk_and_fill(v, e, out);
}

/* Sets the flags of a level 1 entry. False: it has changed meanwhile. */
static inline bool set_flags(struct domain *d, struct shadow *s, unsigned index, u64 old, u64 want)
{
    if (unlikely(d->physmap->dirty_log))
        frame_table[va_to_mfn(s->guest).v].flags |= FRAME_DIRTY;
    return __atomic_compare_exchange_n(&s->guest[index], &old, want, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

/* Without a walk, where the shadow leads to a table of level 1. */
enum paging_result paging_fault(struct vcpu *v, const struct exit *e, struct paging_fault *out)
{
    const struct walk_mode *m = &v->paging->mode;
    unsigned index = pt_index(e->gva, 1);
    u64 all = PTE_W | PTE_U | PTE_NX, entry = DIRECT_ENTRY, *table = v->paging->quick, link, gfn;

    if (unlikely(v->paging->smap))
        shadow_judge_smap(v, e);
    if (unlikely(!table))
        return shadow_walk_and_fill(v, e, out);
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
            return shadow_reflect(v, e, entry & PTE_P ? PF_P | PF_RSVD : 0, out);
        all &= entry ^ PTE_NX;
        gfn = (entry & PTE_ADDR) >> PAGE_SHIFT;
    }
    if (unlikely(!permits(m, e->error, all)))
        /* Without W, a large page may only want its D set. */
        return s->guest ? shadow_reflect(v, e, PF_P, out) : shadow_walk_and_fill(v, e, out);
    u64 want = entry | PTE_A | (e->error & PF_W ? PTE_D : 0);
    if (entry != want && !set_flags(v->domain, s, index, entry, want))
        return PAGING_FIXED;
    return shadow_fill(v, e, s, want, gfn << PAGE_SHIFT | (e->gva & PAGE_OFFSET_MASK), out);
}
