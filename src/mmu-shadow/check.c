/*
 * Recounting the physical map and all shadows from scratch (debug builds and tests).
 */
#include "domain.h"
#include "machine.h"
#include "paging.h"
#include "rights.h"
#include "shadow.h"
#include "sync.h"

struct recount {
    struct domain *domain; /* whose */
    struct physmap *map;   /* its */
    unsigned bad;          /* violations */
};

static void violation(struct recount *r, const char *what, u64 number, const char *how)
{
    machine_violation("%s: %s %lx %s", r->domain->config.name, what, number, how);
    r->bad++;
}

unsigned physmap_check(struct domain *d)
{
    struct recount r = {.domain = d, .map = d->physmap};
    u64 filled = 0;

    for (u64 gfn = 0; gfn < r.map->ram_frames; gfn++) {
        u32 mfn = physmap_mfn(r.map, gfn);
        if (!mfn)
            continue;
        const struct frame *f = frame_of(mfn_of(mfn));
        filled++;
        if (!f || f->owner != d->id)
            violation(&r, "gfn", gfn, "is a frame that is not the domain's");
        else if (f->gfn != gfn)
            violation(&r, "gfn", gfn, "is a frame that has another gfn");
    }
    if (filled != r.map->filled || filled + r.map->reserve_left != d->frames)
        violation(&r, "count", filled, "of frames is not what was counted");
    return r.bad + paging_check(d);
}

/* A leaf against the guest's entry (or, direct, against all rights). */
static void check_leaf(struct recount *r, const struct shadow *s, unsigned index, const u64 *guest)
{
    u64 entry = s->table[index], from = guest ? shadow_guest_entry(s, index) : DIRECT_ENTRY;
    u64 gfn = guest ? (from & PTE_ADDR) >> PAGE_SHIFT : s->gfn + index;
    u32 mfn = physmap_mfn(r->map, gfn);

    if (guest && frame_table[va_to_mfn(guest).v].flags & FRAME_OUT_OF_SYNC) {
        const struct frame *f = frame_of(mpa_to_mfn(mpa_of(entry & PTE_ADDR)));
        if (!f || f->owner != r->domain->id)
            violation(r, "a leaf for gfn", gfn, "leads to a frame that is not the domain's");
        return;
    }
    if (!mfn || (entry & PTE_ADDR) >> PAGE_SHIFT != mfn) {
        violation(r, "a leaf for gfn", gfn, "leads to another frame");
        return;
    }
    u64 most = shadow_leaf_value(r->map, s->role, from, &frame_table[mfn], true);
    u64 least = shadow_leaf_value(r->map, s->role, from, &frame_table[mfn], false);
    if ((from & (PTE_P | PTE_A)) != (PTE_P | PTE_A))
        violation(r, "a leaf for gfn", gfn, "is there though the guest's is not, or not accessed");
    u64 excess = entry & ~(most | least), lack = ~entry & most & least & ~(PTE_W | PTE_D);
    if (excess & ~PTE_NX || lack & PTE_NX)
        violation(r, "a leaf for gfn", gfn, "has rights that the guest's has not");
    if (lack & ~PTE_NX || excess & PTE_NX)
        violation(r, "a leaf for gfn", gfn, "lacks rights that the guest's has");
    if (entry & PTE_W && entry & PTE_U && !(least & PTE_W))
        violation(r, "a leaf for gfn", gfn, "is writable for user mode");
}

/* The link of entry `index` of the root that a vcpu outside long mode has. */
static struct shadow_link directory_of(const struct recount *r, const struct shadow *s,
                                       unsigned index)
{
    const struct walk_mode *m = &r->domain->vcpu[s->gfn]->paging->mode;

    return link_directory(s->role, index, s->role & ROLE_32BIT ? m->root : m->pdpte[index % 4]);
}

static void check_link(struct recount *r, const struct shadow *s, unsigned index, const u64 *guest)
{
    const struct shadow_pool *pool = &r->map->pool;
    u64 entry = s->table[index], from = guest ? shadow_guest_entry(s, index) : 0;
    const struct frame *f = frame_of(mpa_to_mfn(mpa_of(entry & PTE_ADDR)));
    struct shadow_link l;

    if (!f || f->owner != DOMID_HYPERVISOR || !(f->flags & FRAME_SHADOW) || !f->extra ||
        f->extra > pool->made || pool->shadow[f->extra].table != mfn_to_va(frame_mfn(f))) {
        violation(r, "an entry of the shadow of gfn", s->gfn, "leads to no shadow");
        return;
    }
    if (guest && frame_table[va_to_mfn(guest).v].flags & FRAME_OUT_OF_SYNC)
        return;
    if (s->role & ROLE_DIRECT)
        l = link_direct(s, index);
    else if (!guest)
        l = directory_of(r, s, index);
    else if (maps_large(s->role, from))
        l = link_large(s->role, index, from);
    else
        l = link_table(s->role, index, from);
    const struct shadow *child = &pool->shadow[f->extra];
    if (guest && (from & (PTE_P | PTE_A)) != (PTE_P | PTE_A))
        violation(r, "an entry of the shadow of gfn", s->gfn, "is there though the guest's is not");
    /* The dirty flag may have been set by another fault than the one that filled this. */
    if (child->gfn != l.gfn || (child->role ^ l.role) & (u16) ~(ROLE_CLEAN | ROLE_NO_WRITE))
        violation(r, "an entry of the shadow of gfn", s->gfn, "leads to the wrong shadow");
    if ((entry & ~PTE_ADDR & ~(l.rights | PTE_P)) || (l.rights & PTE_NX & ~entry))
        violation(r, "an entry of the shadow of gfn", s->gfn,
                  "has rights that the guest's has not");
}

/* Entries that point to s. */
static u32 count_refs(const struct recount *r, const struct shadow *s)
{
    const struct shadow_pool *pool = &r->map->pool;
    u32 refs = 0;

    for (u32 slot = 1; slot <= pool->made; slot++) {
        const struct shadow *parent = &pool->shadow[slot];
        for (unsigned i = 0; shadow_level(parent) > 1 && i < PT_ENTRIES; i++)
            refs += parent->table[i] && shadow_child(parent->table[i]) == s - pool->shadow;
    }
    return refs;
}

/* A PAE root that its vcpu has left: its entries are written anew before it is run on again. */
static bool left_root(const struct recount *r, const struct shadow *s)
{
    return (s->role & ROLE_NO_TABLE) == ROLE_PAE_ROOT && !shadow_runs(r->domain, s);
}

/* A table that is out of sync is of level 1, or not in use, and the list knows it. */
static void check_behind(struct recount *r, const struct shadow *s, const struct frame *f)
{
    const struct shadow_pool *pool = &r->map->pool;
    bool listed = false;

    for (u32 i = 0; i < pool->behind_count; i++)
        listed |= pool->behind[i] == frame_mfn(f).v;
    if (!listed)
        violation(r, "gfn", s->gfn, "is out of sync, and would stay so");
    if (shadow_level(s) != 1 && shadow_in_use(r->domain, s))
        violation(r, "gfn", s->gfn, "is out of sync, and more than a leaf table in use");
}

static void check_shadow(struct recount *r, struct shadow *s)
{
    const u64 *guest = NULL;

    if (!(s->role & ROLE_NO_TABLE)) {
        const struct frame *f = &frame_table[physmap_mfn(r->map, s->gfn)];
        u16 slot = (u16)f->extra;
        while (slot && slot != s - r->map->pool.shadow)
            slot = r->map->pool.shadow[slot].frame_next;
        if (!(f->flags & FRAME_SHADOWED) || !slot || f == frame_table) {
            violation(r, "the shadow of gfn", s->gfn, "is not in its frame's chain");
            return;
        }
        if (f->type_count && !(f->flags & FRAME_OUT_OF_SYNC))
            violation(r, "gfn", s->gfn, "is shadowed and mapped writable");
        if (f->flags & FRAME_OUT_OF_SYNC)
            check_behind(r, s, f);
        guest = mfn_to_va(frame_mfn(f));
        if (s->guest != guest)
            violation(r, "the shadow of gfn", s->gfn, "has its guest's table elsewhere");
    }
    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        if (!(s->present[i / 64] >> i % 64 & 1) != !s->table[i])
            violation(r, "the shadow of gfn", s->gfn, "has an entry that present[] does not know");
        if (s->table[i] && shadow_level(s) == 1)
            check_leaf(r, s, i, guest);
        else if (s->table[i] && !left_root(r, s))
            check_link(r, s, i, guest);
    }
    if (count_refs(r, s) != s->refs)
        violation(r, "the shadow of gfn", s->gfn, "has a wrong count of references");
    if (shadow_find(&r->map->pool, s->gfn, s->role) != s)
        violation(r, "the shadow of gfn", s->gfn, "is not found by its key");
}

/* Every leaf that maps a frame writable against the frame's count. */
static void check_writable(struct recount *r)
{
    const struct shadow_pool *pool = &r->map->pool;

    for (u32 slot = 1; slot <= pool->made; slot++)
        for (unsigned i = 0; shadow_level(&pool->shadow[slot]) == 1 && i < PT_ENTRIES; i++)
            if (pool->shadow[slot].table[i] & PTE_W)
                frame_table[(pool->shadow[slot].table[i] & PTE_ADDR) >> PAGE_SHIFT].type_count--;
    for (u64 gfn = 0; gfn < r->map->ram_frames; gfn++) {
        u32 mfn = physmap_mfn(r->map, gfn);
        if (mfn && frame_table[mfn].type_count)
            violation(r, "gfn", gfn, "has a wrong count of writable mappings");
    }
    for (u32 slot = 1; slot <= pool->made; slot++)
        for (unsigned i = 0; shadow_level(&pool->shadow[slot]) == 1 && i < PT_ENTRIES; i++)
            if (pool->shadow[slot].table[i] & PTE_W)
                frame_table[(pool->shadow[slot].table[i] & PTE_ADDR) >> PAGE_SHIFT].type_count++;
}

unsigned paging_check(struct domain *d)
{
    struct recount r = {.domain = d, .map = d->physmap};
    const struct shadow_pool *pool = &r.map->pool;
    u32 in_use = 0;

    for (u32 slot = 1; slot <= pool->made; slot++) {
        if (!pool->shadow[slot].role)
            continue;
        in_use++;
        check_shadow(&r, &pool->shadow[slot]);
    }
    if (in_use != pool->in_use || pool->made >= pool->slots)
        violation(&r, "count", in_use, "of shadows is not what was counted");
    check_writable(&r);
    return r.bad;
}
