/*
 * Tables that the guest writes without an exit.
 *
 * A processor may go on using a translation that it remembers until the guest flushes it, by INVLPG
 * or by loading a control register. So a shadow may be behind in the same way: at the first write
 * to a table of level 1 the table becomes writable again, and its shadows are out of sync; at the
 * guest's flush they are brought up to date, entry by entry, and the table is protected again. A
 * kernel that changes a hundred entries and then flushes takes two exits for it, not a hundred.
 * A table of a higher level may be let go while no running root leads to it: as it is when an
 * address space is built, or taken apart.
 *
 * Invariants
 *  - A frame that is FRAME_OUT_OF_SYNC has shadows, and is in the pool's list. (The list may name
 *    others, which have lost their shadows since.)
 *  - A shadow above level 1 to which a vcpu's root leads is in sync: whatever links one, or loads a
 *    root, syncs first.
 *  - A shadow that is behind has only entries that were right at some time since the guest last
 *    flushed. They lead to the domain's own frames, and never writable to one that is a table in
 *    sync (shadow_set_leaf counts them like all others).
 *  - What is looked up because of a fault is read from the guest's table, never from a shadow.
 */
#include "domain.h"
#include "paging.h"
#include "shadow.h"
#include "sync.h"
#include "tlb.h"

/* What shadow_in_use says, in the usual case: one parent each up to the root that runs. False: it
 * has to be looked at. */
static inline bool plainly_in_use(const struct domain *d, const struct shadow *s)
{
    const struct shadow_pool *pool = &d->physmap->pool;

    while (s->refs == 1 && s->parent[0])
        s = &pool->shadow[s->parent[0] >> SHADOW_INDEX_BITS];
    return shadow_slot(pool, s) == d->vcpu[0]->paging->root;
}

/* First each shadow of the frame's that is doubted (shadow_doubted) is given up if it is not used;
 * which may drop that one, so the next in the chain is read before, but no other one. If the frame
 * is no table any more then, the writes need not be seen. Otherwise they must if a shadow above
 * level 1 is in use; the quick look comes first, as it is most often that. A list that is full is
 * emptied (shadow_sync_all, and a flush). What is let go is counted, LC_SHADOW_OUT_OF_SYNC. */
bool shadow_let_go(struct domain *d, struct frame *f)
{
    struct shadow_pool *pool = &d->physmap->pool;
    u16 next;

    /* lab shadow.10: return false; */
    if (shadow_level(&pool->shadow[f->extra]) != 1 && plainly_in_use(d, &pool->shadow[f->extra]))
        return false;
    for (u16 slot = (u16)f->extra; slot; slot = next) {
        next = pool->shadow[slot].frame_next;
        if (shadow_doubted(&pool->shadow[slot]))
            shadow_give_up_unused(d, &pool->shadow[slot]);
    }
    if (!(f->flags & FRAME_SHADOWED))
        return true;
    for (u16 slot = (u16)f->extra; slot; slot = pool->shadow[slot].frame_next)
        if (shadow_level(&pool->shadow[slot]) != 1 && shadow_in_use(d, &pool->shadow[slot]))
            return false;
    if (pool->behind_count == SHADOW_BEHIND_MAX) {
        shadow_sync_all(d);
        tlb_flush_all();
    }
    f->flags |= FRAME_OUT_OF_SYNC;
    pool->behind[pool->behind_count++] = (u32)frame_mfn(f).v;
    ledger_count(&d->ledger, LC_SHADOW_OUT_OF_SYNC);
    return true;
    /* lab end shadow.10 */
}

/* Each entry of s that is there (present[]) is brought up to date, by shadow_sync_leaf or
 * shadow_sync_link. Only what is there can be wrong: an entry that is missing is looked up when it
 * is used. The child that shadow_sync_link returns, one that keeps its link with other rights, may
 * be ignored: a table above level 1 that is behind is not in use, and before it is again, all that
 * are behind are compared (shadow_sync_found). */
static void sync_shadow(struct domain *d, struct shadow *s)
{
    /* lab shadow.10 */
    for (unsigned word = 0; word < ARRAY_SIZE(s->present); word++) {
        for (u64 bits = s->present[word]; bits; bits &= bits - 1) {
            unsigned index = word * 64 + (unsigned)__builtin_ctzll(bits);
            if (shadow_level(s) == 1)
                shadow_sync_leaf(d, s, index, shadow_guest_entry(s, index));
            else
                shadow_sync_link(d, s, index, shadow_guest_entry(s, index));
        }
    }
    /* lab end shadow.10 */
}

/* The flag goes first, so that leaves to the frame itself that are made anew are not writable; what
 * maps it writable still is protected afterwards. Counted, LC_SHADOW_SYNC_TABLE. */
void shadow_sync_frame(struct domain *d, struct frame *f)
{
    struct shadow_pool *pool = &d->physmap->pool;

    /* lab shadow.10 */
    f->flags &= (u16)~FRAME_OUT_OF_SYNC;
    for (u16 slot = (u16)f->extra; slot; slot = pool->shadow[slot].frame_next)
        sync_shadow(d, &pool->shadow[slot]);
    if (f->type_count)
        shadow_protect_frame(d, f);
    ledger_count(&d->ledger, LC_SHADOW_SYNC_TABLE);
    /* lab end shadow.10 */
}

void shadow_sync_all(struct domain *d)
{
    struct shadow_pool *pool = &d->physmap->pool;

    for (u32 i = 0; i < pool->behind_count; i++) {
        struct frame *f = &frame_table[pool->behind[i]];
        if (f->flags & FRAME_OUT_OF_SYNC && f->owner == d->id)
            shadow_sync_frame(d, f);
    }
    pool->behind_count = 0;
}

void shadow_sync_found(struct domain *d, struct shadow *s)
{
    if (!d->physmap->pool.behind_count)
        return;
    if (shadow_level(s) > 1) { /* which of those below it are behind? */
        shadow_sync_all(d);
        tlb_flush_all();
    } else if (s->guest && frame_table[va_to_mfn(s->guest).v].flags & FRAME_OUT_OF_SYNC) {
        sync_shadow(d, s);
    }
}

void shadow_sync_page(struct domain *d, const struct shadow *root, u64 gva)
{
    const u64 *table = root->table;
    unsigned index = pt_index(gva, 1);
    u64 link = 0;

    for (unsigned level = shadow_level(root); level > 1; level--) {
        link = table[pt_index(gva, level)];
        if (!link)
            return;
        table = shadow_table(link);
    }
    if (!table[index]) /* what is missing is looked up when it is used */
        return;
    struct shadow *s = &d->physmap->pool.shadow[shadow_child(link)];
    if (s->guest)
        shadow_sync_leaf(d, s, index, shadow_guest_entry(s, index));
}
