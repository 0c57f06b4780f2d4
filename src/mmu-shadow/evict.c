/*
 * Which shadow goes when the pool is full.
 *
 * Invariant: eviction takes one shadow for each that is needed: one that has lost its parents; else
 * a root that was not used for long; only if there is none, one that is linked, of the lowest level
 * there is, never on the path of the fill under way and never one that a vcpu runs on.
 */
#include "domain.h"
#include "shadow.h"
#include "tlb.h"
#include "trace.h"

static bool on_path(const struct shadow_pool *pool, u16 slot)
{
    for (unsigned i = 0; i < SHADOW_PATH; i++)
        if (pool->path[i] == slot)
            return true;
    return false;
}

/* A linked shadow of the lowest level there is, found as a clock does: the hand (pool->hand) goes
 * round the slots 1 to pool->made; a shadow that was used since it last came by loses its mark
 * (s->used) and is spared, one that was not is the victim. So after two rounds a level has none
 * that could go. Never one on the path of the fill that is under way, nor one that a vcpu runs on.
 * These, and the shadows of other levels than the one that is looked at, keep their marks. NULL:
 * none. */
static struct shadow *clock_victim(struct domain *d)
{
    struct shadow_pool *pool = &d->physmap->pool;

    /* lab shadow.9: return lab_missing("shadow.9"), NULL; */
    for (unsigned level = 1; level <= WALK_MAX_LEVEL; level++) {
        for (u32 n = 0; n < 2 * pool->made; n++) {
            pool->hand = pool->hand % pool->made + 1;
            struct shadow *s = &pool->shadow[pool->hand];
            if (shadow_level(s) != level || on_path(pool, (u16)pool->hand) || shadow_runs(d, s))
                continue;
            if (!s->used)
                return s;
            s->used = false;
        }
    }
    return NULL;
    /* lab end shadow.9 */
}

/* The first idle shadow: those that have lost their parents are at the head. A root that was used
 * since it was last looked at loses its mark and goes to the end (shadow_idle_last); one that a
 * vcpu runs on does, and loses its mark, in any case. The path of a fill need not be looked at:
 * what is on it has a parent, or is the root that runs. NULL: none that could go. */
static struct shadow *idle_victim(struct domain *d)
{
    struct shadow_pool *pool = &d->physmap->pool;

    /* lab shadow.9: return lab_missing("shadow.9"), NULL; */
    for (u32 n = 0; pool->idle_first && n < 2 * pool->in_use; n++) {
        struct shadow *s = &pool->shadow[pool->idle_first];
        if (!s->used && !shadow_runs(d, s))
            return s;
        s->used = false;
        shadow_idle_last(pool, s);
    }
    return NULL;
    /* lab end shadow.9 */
}

bool shadow_evict(struct domain *d)
{
    struct shadow *victim = idle_victim(d);

    if (!victim && !(victim = clock_victim(d)))
        return false;
    ledger_count(&d->ledger, LC_SHADOW_RECLAIM_TABLE);
    TRACE(d, SHADOW_RECLAIM_TABLE, victim->gfn, victim->role);
    shadow_drop(d, victim);
    tlb_flush_all();
    return true;
}
