/*
 * The pool of shadow tables: making one, dropping it, and whose table it is.
 *
 * Invariants
 *  - Slot 0 is nobody. A slot's page stays with it until the pool is destroyed.
 *  - A shadow is in exactly one bucket; one of a table is in its guest frame's chain too, which
 *    begins at frame.extra.
 */
#include "domain.h"
#include "errno.h"
#include "shadow.h"
#include "tlb.h"
#include "trace.h"

enum { MAX_ORDER = 9 };

static u8 order_for(u64 bytes)
{
    u8 order = 0;

    while (((u64)PAGE_SIZE << order) < bytes && order < MAX_ORDER)
        order++;
    return order;
}

int shadow_pool_init(struct shadow_pool *pool, u64 bytes)
{
    u64 tables = bytes >> PAGE_SHIFT;

    tables = MAX(tables, SHADOW_MIN);
    pool->slots = (u32)MIN(tables + 1, SHADOW_MAX);
    pool->shadow_order = order_for(pool->slots * sizeof(struct shadow));
    pool->shadow = hv_alloc_pages(NULL, pool->shadow_order);
    pool->bucket_order = order_for(pool->slots * sizeof(u16));
    pool->bucket = hv_alloc_pages(NULL, pool->bucket_order);
    pool->bucket_mask = (u32)((PAGE_SIZE << pool->bucket_order) / sizeof(u16)) - 1;
    if (pool->shadow && pool->bucket)
        return 0;
    hv_free_pages(NULL, pool->shadow, pool->shadow_order);
    hv_free_pages(NULL, pool->bucket, pool->bucket_order);
    return -ENOMEM;
}

static void idle_add(struct shadow_pool *pool, struct shadow *s)
{
    u16 slot = shadow_slot(pool, s);

    s->idle_next = 0;
    s->idle_prev = pool->idle_last;
    if (pool->idle_last)
        pool->shadow[pool->idle_last].idle_next = slot;
    else
        pool->idle_first = slot;
    pool->idle_last = slot;
}

static void idle_add_first(struct shadow_pool *pool, struct shadow *s)
{
    u16 slot = shadow_slot(pool, s);

    s->idle_prev = 0;
    s->idle_next = pool->idle_first;
    if (pool->idle_first)
        pool->shadow[pool->idle_first].idle_prev = slot;
    else
        pool->idle_last = slot;
    pool->idle_first = slot;
}

static void idle_remove(struct shadow_pool *pool, struct shadow *s)
{
    if (s->idle_prev)
        pool->shadow[s->idle_prev].idle_next = s->idle_next;
    else
        pool->idle_first = s->idle_next;
    if (s->idle_next)
        pool->shadow[s->idle_next].idle_prev = s->idle_prev;
    else
        pool->idle_last = s->idle_prev;
    s->idle_next = s->idle_prev = 0;
}

void shadow_idle_last(struct shadow_pool *pool, struct shadow *s)
{
    idle_remove(pool, s);
    idle_add(pool, s);
}

void shadow_ref(struct shadow_pool *pool, struct shadow *s)
{
    if (!s->refs++)
        idle_remove(pool, s);
}

void shadow_unref(struct shadow_pool *pool, struct shadow *s)
{
    if (--s->refs)
        return;
    s->used = false;
    idle_add_first(pool, s);
}

/* Takes s out of its frame's chain: f->extra is the slot of the first shadow of the frame's, each
 * has the next one's in frame_next, the last one 0. When the last one is gone the frame is an
 * ordinary one again: neither FRAME_SHADOWED nor FRAME_OUT_OF_SYNC. */
static void leave_frame(struct physmap *p, struct shadow *s)
{
    struct frame *f = &frame_table[physmap_mfn(p, s->gfn)];
    u16 slot = shadow_slot(&p->pool, s);

    /* lab shadow.8 */
    if (f->extra == slot) {
        f->extra = s->frame_next;
    } else {
        struct shadow *before = &p->pool.shadow[f->extra];
        while (before->frame_next != slot)
            before = &p->pool.shadow[before->frame_next];
        before->frame_next = s->frame_next;
    }
    s->frame_next = 0;
    if (!f->extra)
        f->flags &= (u16)~FRAME_SHADOWED;
    if (!f->extra)
        f->flags &= (u16)~FRAME_OUT_OF_SYNC;
    /* lab end shadow.8 */
}

static void leave_bucket(struct shadow_pool *pool, struct shadow *s)
{
    u16 *link = shadow_bucket(pool, s->gfn, s->role), slot = shadow_slot(pool, s);

    while (*link != slot)
        link = &pool->shadow[*link].hash_next;
    *link = s->hash_next;
    s->hash_next = 0;
}

/* Clears one entry that points to a shadow. */
static void clear_parent(struct domain *d, shadow_place place)
{
    struct shadow *parent = &d->physmap->pool.shadow[place >> SHADOW_INDEX_BITS];

    shadow_set_child(d, parent, place % PT_ENTRIES, NULL, 0);
}

/* Finds the entries that point to s, all of them, and clears them: those too that are not among its
 * remembered two. Looks through all shadows: slow. */
static void clear_all_parents(struct domain *d, struct shadow *s)
{
    struct shadow_pool *pool = &d->physmap->pool;
    u64 own = va_to_mpa(s->table).v;

    for (u32 slot = 1; slot <= pool->made && s->refs; slot++) {
        struct shadow *parent = &pool->shadow[slot];
        if (shadow_level(parent) != shadow_level(s) + 1)
            continue;
        for (unsigned word = 0; word < ARRAY_SIZE(parent->present); word++) {
            for (u64 bits = parent->present[word]; bits; bits &= bits - 1) {
                unsigned index = word * 64 + (unsigned)__builtin_ctzll(bits);
                if ((parent->table[index] & PTE_ADDR) == own)
                    shadow_set_child(d, parent, index, NULL, 0);
            }
        }
    }
}

/* What s itself leads to: no entry is left. */
static void clear_entries(struct domain *d, struct shadow *s)
{
    for (unsigned word = 0; word < ARRAY_SIZE(s->present); word++) {
        while (s->present[word]) {
            unsigned index = word * 64 + (unsigned)__builtin_ctzll(s->present[word]);
            if (shadow_level(s) == 1)
                shadow_set_leaf(d, s, index, 0);
            else
                shadow_set_child(d, s, index, NULL, 0);
        }
    }
}

/* Its slot, with its page, can be used for another. */
static void give_back(struct shadow_pool *pool, struct shadow *s)
{
    s->idle_next = pool->free;
    pool->free = shadow_slot(pool, s);
    pool->in_use--;
}

/* First nothing leads to it any more (refs is 0 then, and it is on the idle list), then it leads to
 * nothing; then it leaves all lists that it is on: the idle ones', its bucket's, and, if it is of a
 * table, its frame's. With role 0 the slot is free. */
void shadow_drop(struct domain *d, struct shadow *s)
{
    struct shadow_pool *pool = &d->physmap->pool;

    /* lab shadow.8 */
    while (s->parent[0] || s->parent[1])
        clear_parent(d, s->parent[0] ? s->parent[0] : s->parent[1]);
    if (s->refs)
        clear_all_parents(d, s);
    clear_entries(d, s);
    idle_remove(pool, s);
    leave_bucket(pool, s);
    if (!(s->role & ROLE_NO_TABLE))
        leave_frame(d->physmap, s);
    s->role = 0;
    give_back(pool, s);
    /* lab end shadow.8 */
}

bool shadow_runs(const struct domain *d, const struct shadow *s)
{
    u16 slot = shadow_slot(&d->physmap->pool, s);

    for (u32 i = 0; i < d->vcpu_count; i++)
        if (d->vcpu[i] && d->vcpu[i]->paging && d->vcpu[i]->paging->root == slot)
            return true;
    return false;
}

bool shadow_drop_frame(struct domain *d, struct frame *f)
{
    struct shadow_pool *pool = &d->physmap->pool;

    for (u16 slot = (u16)f->extra; slot; slot = pool->shadow[slot].frame_next)
        if (shadow_runs(d, &pool->shadow[slot]))
            return false;
    while (f->extra) {
        struct shadow *s = &pool->shadow[f->extra];
        ledger_count(&d->ledger, LC_SHADOW_DROP_TABLE);
        TRACE(d, SHADOW_DROP_TABLE, s->gfn, s->role);
        shadow_drop(d, s);
    }
    tlb_flush_all();
    return true;
}

/* Gives the next slot its page. */
static bool make_page(struct shadow_pool *pool)
{
    struct frame *f = pool->made + 1 < pool->slots ? frame_alloc(DOMID_HYPERVISOR) : NULL;

    if (!f)
        return false;
    u16 slot = (u16)++pool->made;
    f->flags |= FRAME_SHADOW;
    f->extra = slot;
    pool->shadow[slot].table = mfn_to_va(frame_mfn(f));
    pool->shadow[slot].idle_next = pool->free;
    pool->free = slot;
    return true;
}

/* f gets its first shadow: the guest's page has become a table. From now on each write to it must
 * fault, wherever the guest has it mapped; and no processor may remember a translation by which it
 * would not. It may even if no leaf is writable now: one that was, and was taken away a moment ago,
 * is remembered until the guest flushes, and the guest may not have flushed yet. */
static void become_table(struct domain *d, struct frame *f)
{
    /* lab shadow.2 */
    f->flags |= FRAME_SHADOWED;
    if (f->type_count)
        shadow_protect_frame(d, f);
    tlb_flush_all();
    /* lab end shadow.2 */
}

/* s is a new shadow of the table in f. */
static void join_frame(struct domain *d, struct shadow *s, struct frame *f)
{
    s->guest = mfn_to_va(frame_mfn(f));
    s->frame_next = (u16)f->extra;
    f->extra = shadow_slot(&d->physmap->pool, s);
    if (unlikely(f->flags & FRAME_OUT_OF_SYNC) && shadow_level(s) > 1) {
        shadow_sync_frame(d, f);
        tlb_flush_all();
    }
    if (!(f->flags & FRAME_SHADOWED))
        become_table(d, f);
}

static struct shadow *take_free(struct domain *d)
{
    struct shadow_pool *pool = &d->physmap->pool;

    if (!pool->free && !make_page(pool) && !shadow_evict(d))
        return NULL;
    struct shadow *s = &pool->shadow[pool->free];
    pool->free = s->idle_next;
    pool->in_use++;
    return s;
}

struct shadow *shadow_get(struct domain *d, u64 gfn, u16 role)
{
    struct shadow_pool *pool = &d->physmap->pool;
    struct shadow *s = shadow_find(pool, gfn, role);

    if (s) {
        ledger_count(&d->ledger, LC_SHADOW_HIT_TABLE);
        TRACE(d, SHADOW_HIT_TABLE, gfn, role);
        shadow_sync_found(d, s);
        return s;
    }
    s = take_free(d);
    if (!s)
        return NULL;
    /* "MOV-Move to/from Control Registers": outside long mode CR3 has 32 bits. */
    if (role & ROLE_PAE_ROOT && va_to_mpa(s->table).v >> 32) {
        give_back(pool, s);
        return NULL;
    }
    u16 *bucket = shadow_bucket(pool, gfn, role);
    s->gfn = gfn;
    s->role = role;
    s->used = true;
    s->writes = 0;
    s->guest = NULL;
    s->rsvd =
        d->physmap->rsvd | (role & ROLE_NXE ? 0 : PTE_NX) | (role & ROLE_PAE ? PAE_RSVD_HIGH : 0);
    s->hash_next = *bucket;
    *bucket = shadow_slot(pool, s);
    idle_add(pool, s);
    if (!(role & ROLE_NO_TABLE))
        join_frame(d, s, &frame_table[physmap_mfn(d->physmap, gfn)]);
    ledger_count(&d->ledger, LC_SHADOW_NEW_TABLE);
    TRACE(d, SHADOW_NEW_TABLE, gfn, role);
    return s;
}

/* Its shadow, if it has one, leads to nothing and nothing leads there. */
static void give_page_back(struct domain *d, struct shadow *s)
{
    struct frame *f = frame_of(shadow_mfn(s));

    if (s->role)
        shadow_drop(d, s);
    f->flags &= (u16)~FRAME_SHADOW;
    f->extra = 0;
    frame_put(f);
}

/* First every shadow is emptied, so that none is looked for in all others when it is dropped. */
bool shadow_pool_destroy(struct domain *d)
{
    enum { TABLES = 8 };
    struct shadow_pool *pool = &d->physmap->pool;

    for (unsigned i = 0; i < TABLES; i++) {
        if (pool->emptied < pool->made) {
            struct shadow *s = &pool->shadow[++pool->emptied];
            if (s->role)
                clear_entries(d, s);
            if (pool->emptied == pool->made)
                tlb_flush_all();
        } else if (pool->made) {
            give_page_back(d, &pool->shadow[pool->made--]);
        } else {
            hv_free_pages(NULL, pool->shadow, pool->shadow_order);
            hv_free_pages(NULL, pool->bucket, pool->bucket_order);
            return true;
        }
    }
    return false;
}
