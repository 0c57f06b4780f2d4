/*
 * The shadows between a root and a page, made and linked.
 *
 * Invariant: while they are made, those on the way are in pool->path, so that eviction does not
 * take them.
 */
#include "domain.h"
#include "rights.h"
#include "shadow.h"
#include "walk.h"

/* The key of the shadow below entry `index` of s, and the bits of that entry, for the walk r. */
static inline struct shadow_link link_below(const struct shadow *s, unsigned index,
                                            const struct walk_result *r)
{
    unsigned level = shadow_level(s);

    if (s->role & ROLE_DIRECT)
        return link_direct(s, index);
    if (unlikely(s->role & ROLE_PAE_ROOT))
        return link_directory(s->role, index,
                              s->role & ROLE_32BIT ? r->entry[2].gpa : r->entry[3].value);
    if (level == r->level)
        return link_large(s->role, index, r->entry[level].value);
    return link_table(s->role, index, r->entry[level].value);
}

/* The shadow below s for gva, made and linked as needed (NULL: no memory). link_below says which it
 * must be. If the entry of s points to that one already it is the one; but the entry's rights may
 * be others than they were. (Only of a link to a direct shadow, when the guest's D has been set:
 * those of a table follow each store, sync.c. So nothing below it can be behind, and no
 * shadow_sync_found is needed.) Any other is got from the pool (shadow_get), and linked in its
 * place. */
static struct shadow *descend(struct domain *d, struct shadow *s, u64 gva,
                              const struct walk_result *r)
{
    struct shadow_pool *pool = &d->physmap->pool;
    unsigned index = pt_index(gva, shadow_level(s));
    struct shadow_link l = link_below(s, index, r);
    u64 entry = s->table[index];

    /* lab shadow.3: return lab_missing("shadow.3"), NULL; */
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
    /* lab end shadow.3 */
}

struct shadow *shadow_reach(struct domain *d, struct shadow *root, u64 gva,
                            const struct walk_result *r)
{
    struct shadow_pool *pool = &d->physmap->pool;
    struct shadow *s = root;

    for (; s && shadow_level(s) > 1; s = descend(d, s, gva, r))
        pool->path[shadow_level(s)] = shadow_slot(pool, s);
    for (unsigned i = 0; i < SHADOW_PATH; i++)
        pool->path[i] = 0;
    return s;
}
