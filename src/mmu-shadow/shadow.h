/*
 * Tour 39 [MODE=shadow: tables that the guest never sees]: what a shadow is.
 *
 * Shadow paging's own structures: a domain's physical map and its pool of shadow tables.
 *
 * A shadow is a table that the processor walks, made from one guest table (entry n from entry n),
 * or, if it is direct, from a run of guest-physical memory: for a large page of the guest's, cut
 * into 4 KiB, and for a guest without paging. It is known by (gfn, role).
 *
 * Invariants
 *  - A present entry of a shadow permits at most what the guest's entry (and the guest's accessed
 *    and dirty flags) permit, and leads to a frame of the domain's, or to another shadow of its
 *    pool. So the processor, running on a shadow, reaches nothing else.
 *  - A guest frame with a shadow is FRAME_SHADOWED and no shadow's leaf maps it writable: each
 *    write to it comes by paging_guest_written, which brings its shadows up to date. Or it is
 *    FRAME_OUT_OF_SYNC too, and its shadows are brought up to date later (out_of_sync.c).
 *  - An entry above level 1 is present only if the guest's is, has no reserved bit set and its
 *    accessed flag is set. So while the shadow leads to a table of level 1, the guest's tables lead
 *    to the guest's, with the rights that the shadow's entries have (those of mode WP0 excepted).
 *  - present[] has a bit for each entry that is not 0. A table on the free list is all 0.
 *  - refs is the number of entries that point to a shadow. With refs 0 it is on the pool's list of
 *    idle shadows; all roots are, those that a vcpu runs on too.
 *  - type_count of a domain's frame is the number of leaves that map it writable; frame.next and
 *    frame.prev remember where two of them are.
 */
#ifndef SHADOW_H
#define SHADOW_H

#include "types.h"
#include "frame.h"
#include "layout.h"
#include "physmap.h"
#include "walk.h"
#include "x86.h"

struct vcpu;

enum shadow_limits {
    SHADOW_MIN = 16,        /* tables in a pool: a root, the path being filled, and some */
    SHADOW_MAX = 16384,     /* descriptors are one allocation */
    SHADOW_INDEX_BITS = 9,  /* entry number in a place */
    PHYSMAP_LEAF_BITS = 10, /* frame numbers in a page of the physical map */
    SHADOW_PATH = 5,        /* by level */
    SHADOW_BEHIND_MAX = 64, /* tables that are out of sync at the same time */
};

/* "PAE Paging": reserved in an entry of 8 bytes outside long mode, too. */
#define PAE_RSVD_HIGH 0x7ff0000000000000ULL

/* What a shadow is, besides its gfn: two with the same gfn and role are one. */
enum shadow_role {
    ROLE_LEVEL = 7,         /* 1 to 4 */
    ROLE_DIRECT = 1 << 3,   /* of guest-physical memory from gfn on, not of a table */
    ROLE_PAE_ROOT = 1 << 4, /* level 3: four PDPTEs for a guest outside long mode. Of no table; its
                               gfn is its vcpu's number, or, direct, 0: a guest without paging */
    ROLE_NXE = 1 << 5,      /* EFER.NXE was 1 when the guest's entries were read */
    ROLE_WP0 = 1 << 6,      /* CR0.WP = 0: the rights of the levels above are in the leaves */
    /* With WP0: rights lost in the levels above. Otherwise 0. */
    ROLE_NO_WRITE = 1 << 7,
    ROLE_NO_USER = 1 << 8,
    ROLE_NO_FETCH = 1 << 9,
    ROLE_CLEAN = 1 << 10, /* with WP0, direct: the large page's D is 0 */
    ROLE_32BIT = 1 << 11, /* the guest's entries have 4 bytes: its table makes 2 shadows of level 1,
                             or, a directory, 4 of level 2 with two entries for each of its */
    ROLE_PART_SHIFT = 12, /* with 32BIT: which of them */
    ROLE_PART = 3 << ROLE_PART_SHIFT,
    ROLE_PAE = 1 << 14, /* not long mode's: more bits are reserved */
    ROLE_PSE = 1 << 15, /* with 32BIT: CR4.PSE, a directory's entry may map 4 MiB */
    /* With WP0: CR4.SMAP = 1. Bits that the format has no other use for. */
    ROLE_SMAP_32BIT = ROLE_NXE,
    ROLE_SMAP_WIDE = ROLE_PSE,
    ROLE_MODE = ROLE_NXE | ROLE_WP0 | ROLE_32BIT | ROLE_PAE | ROLE_PSE,
    ROLE_NO_TABLE = ROLE_DIRECT | ROLE_PAE_ROOT,
};

/* Where an entry is: slot << SHADOW_INDEX_BITS | index; 0: nowhere. */
typedef u32 shadow_place;

struct shadow {
    u64 *table;     /* the page that the processor walks; stays with the slot */
    u64 *guest;     /* the guest's table; NULL: of none (shadow_guest_entry for 32BIT) */
    u64 rsvd;       /* reserved in every entry of the guest's */
    u64 present[8]; /* bit per entry that is not 0 */
    u64 gfn;        /* the guest table's frame, or the first frame that a direct one maps */
    u16 role;       /* enum shadow_role; 0: free */
    u16 hash_next;  /* next shadow in the same bucket */
    u16 frame_next; /* next shadow of the same guest frame */
    u16 idle_next, idle_prev; /* on the list of idle or of free shadows */
    u16 writes;               /* writes to the guest's table since it was last used */
    bool used;                /* since the clock's hand last passed */
    u32 refs;                 /* see above */
    shadow_place parent[2];   /* entries that point here: some, perhaps not all */
};
_Static_assert(sizeof(struct shadow) == 128, "hundreds of them");

struct shadow_pool {
    struct shadow *shadow;         /* [1 .. slots - 1] */
    u16 *bucket;                   /* [bucket_mask + 1] first shadow with that hash */
    u32 bucket_mask;               /* size of bucket[] - 1 */
    u32 slots;                     /* one more than the tables that the pool may have */
    u32 made;                      /* slots 1 .. made have a page */
    u32 in_use;                    /* shadows that are not free */
    u32 emptied;                   /* at its end: slots 1 .. emptied lead to nothing */
    u32 hand;                      /* of the clock that finds a victim */
    u16 free;                      /* first free slot with a page */
    u16 idle_first;                /* first shadow with refs 0: the first to be evicted */
    u16 idle_last;                 /* the last one */
    u16 path[SHADOW_PATH];         /* shadows of the fill that is under way: not to be evicted */
    u8 shadow_order, bucket_order; /* of the allocations */
    u32 behind_count;              /* how many behind[] has */
    u32 behind[SHADOW_BEHIND_MAX]; /* frames that were let go since the guest last flushed */
};

struct physmap {
    u32 **leaf;              /* [gfn >> PHYSMAP_LEAF_BITS]: machine frame numbers, 0: not filled */
    u64 ram_frames;          /* RAM is gfn 0 .. ram_frames - 1 */
    u64 released;            /* at its end: of the gfns below, the frames have been given back */
    u64 filled;              /* gfns that have a frame */
    u64 rsvd;                /* address bits that are reserved in every entry of the guest's */
    struct frame *reserve;   /* frames of the domain's that have no gfn yet: the next one */
    u32 reserve_left;        /* how many there are from there on */
    u8 leaf_order;           /* of leaf[]'s allocation */
    bool dirty_log;          /* leaves are write-protected until written */
    struct shadow_pool pool; /* shadow tables */
};

struct paging_vcpu {
    struct walk_mode mode; /* the guest's */
    u16 root;              /* shadow that the vcpu runs on, or 0 */
    u16 root_role;         /* the role of the root in this mode */
    u64 *quick;            /* the root's table if it is of 4-level paging with WP = 1, or NULL */
    bool mode_stale;       /* CR0, CR4 or EFER may have changed since mode was computed */
    bool smap;             /* CR4.SMAP, with paging; mode.smap: of the access at hand (smap.c) */
    u64 odd_gva, odd_rip;  /* of the last fault, if it was odd (smap.c) */
    u32 odd_faults;        /* the same before it */
    u64 cr0, cr4;          /* the guest's, when it was */
};

/* Machine frame number of a gfn, or 0 if it has none yet, or is not RAM. */
static inline u32 physmap_mfn(const struct physmap *p, u64 gfn)
{
    if (unlikely(gfn >= p->ram_frames))
        return 0;
    return p->leaf[gfn >> PHYSMAP_LEAF_BITS][gfn & ((1u << PHYSMAP_LEAF_BITS) - 1)];
}

/* f is a table of the guest's whose writes must be seen at once: it is shadowed, and its shadows
 * are in sync. */
static inline bool shadow_sees_writes(const struct frame *f)
{
    return (f->flags & (FRAME_SHADOWED | FRAME_OUT_OF_SYNC)) == FRAME_SHADOWED;
}

static inline unsigned shadow_level(const struct shadow *s)
{
    return s->role & ROLE_LEVEL;
}
/* The guest's entry from which entry `index` of a shadow of a table is made. */
static inline u64 shadow_guest_entry(const struct shadow *s, unsigned index)
{
    unsigned part = s->role >> ROLE_PART_SHIFT & (ROLE_PART >> ROLE_PART_SHIFT);

    if (likely(!(s->role & ROLE_32BIT)))
        return __atomic_load_n(&s->guest[index], __ATOMIC_RELAXED);
    index = shadow_level(s) == 1 ? part * PT_ENTRIES + index : (part * PT_ENTRIES + index) / 2;
    return __atomic_load_n(&((const u32 *)s->guest)[index], __ATOMIC_RELAXED);
}
static inline u16 shadow_slot(const struct shadow_pool *pool, const struct shadow *s)
{
    return (u16)(s - pool->shadow);
}
static inline mfn_t shadow_mfn(const struct shadow *s)
{
    return va_to_mfn(s->table);
}
/* The shadow that a present entry above level 1 points to. */
static inline u16 shadow_child(u64 entry)
{
    return (u16)frame_table[(entry & PTE_ADDR) >> PAGE_SHIFT].extra;
}

/* The table that it points to. */
static inline u64 *shadow_table(u64 entry)
{
    return mpa_to_va(mpa_of(entry & PTE_ADDR));
}

static inline u16 *shadow_bucket(const struct shadow_pool *pool, u64 gfn, u16 role)
{
    enum { SPREAD = 61 };

    return &pool->bucket[(gfn + SPREAD * role) & pool->bucket_mask];
}
/* The shadow with this key, or NULL. */
static inline struct shadow *shadow_find(const struct shadow_pool *pool, u64 gfn, u16 role)
{
    for (u16 slot = *shadow_bucket(pool, gfn, role); slot; slot = pool->shadow[slot].hash_next) {
        struct shadow *s = &pool->shadow[slot];
        if (likely(s->gfn == gfn && s->role == role))
            return s;
    }
    return NULL;
}

/* pool.c */
/* 0 or -ENOMEM. */
int shadow_pool_init(struct shadow_pool *pool, u64 bytes);
/* Drops all shadows and gives the memory back, a piece at a call. True: all is gone. */
bool shadow_pool_destroy(struct domain *d);
/* The same, made if it is not there; evicts one if the pool is full. NULL: no memory. */
struct shadow *shadow_get(struct domain *d, u64 gfn, u16 role);
/* Takes a shadow out of everything that points to it, and frees it. The caller flushes. */
void shadow_drop(struct domain *d, struct shadow *s);
/* Some vcpu of the domain runs on it. */
bool shadow_runs(const struct domain *d, const struct shadow *s);
/* Drops all shadows of a guest frame, so that it is no table any more; flushes. False, and nothing
 * is done, if a vcpu runs on one. */
bool shadow_drop_frame(struct domain *d, struct frame *f);
/* One more, one fewer that points to it. */
void shadow_ref(struct shadow_pool *pool, struct shadow *s);
void shadow_unref(struct shadow_pool *pool, struct shadow *s);

/* An idle one becomes the last to be evicted. */
void shadow_idle_last(struct shadow_pool *pool, struct shadow *s);

/* evict.c: frees one; false: there is none that could go. */
bool shadow_evict(struct domain *d);

/* pae_root.c: the root for a vcpu in 32-bit or PAE paging (p->mode, p->root_role), with what it
 * leads to as far as there are shadows for it. NULL: no memory. */
struct shadow *shadow_pae_root(struct vcpu *v);

/* fill.c: how the walker reaches a domain's memory. */
extern const struct walk_memory shadow_walk_memory;

/* out_of_sync.c */
/* The table in f was written to. True: the writes need not be seen for a while, and f may be mapped
 * writable; false: they must. */
bool shadow_let_go(struct domain *d, struct frame *f);
/* The guest flushes everything: no table is out of sync any more. The caller flushes. */
void shadow_sync_all(struct domain *d);
/* One frame that is out of sync. The caller flushes. */
void shadow_sync_frame(struct domain *d, struct frame *f);
/* A shadow is linked where it was not, or with other rights: what it leads to must not be behind,
 * as no translation that a processor remembers has an old entry below a new one. */
void shadow_sync_found(struct domain *d, struct shadow *s);
/* The guest flushes one address. The caller flushes. */
void shadow_sync_page(struct domain *d, const struct shadow *root, u64 gva);

/* prefetch.c: fills the neighbours of an entry of a shadow of a table with 8-byte entries. To be
 * asked before: whether the next of them is one that could be. */
static inline bool shadow_may_prefetch(const struct shadow *s, unsigned index)
{
    return s->guest && !(s->role & ROLE_32BIT) && !s->table[index ^ 1] &&
           !(~s->guest[index ^ 1] & (PTE_P | PTE_A));
}
void shadow_prefetch(struct domain *d, struct shadow *s, unsigned index);

/* reach.c: the level 1 shadow for gva below this root, to which the walk r has come, all between
 * made as needed. NULL: no memory. */
struct shadow *shadow_reach(struct domain *d, struct shadow *root, u64 gva,
                            const struct walk_result *r);

/* entry.c */
/* Writes a leaf (value 0: removes it), and keeps the count of writable mappings. */
void shadow_set_leaf(struct domain *d, struct shadow *s, unsigned index, u64 value);
/* Makes an entry point to a child with these rights, or to nothing (child NULL). */
void shadow_set_child(struct domain *d, struct shadow *s, unsigned index, struct shadow *child,
                      u64 rights);
/* Takes writing away from every leaf that maps the frame. The caller flushes. */
void shadow_protect_frame(struct domain *d, struct frame *f);
/* Takes writing away from every leaf of the domain. The caller flushes. */
void shadow_protect_all(struct domain *d);

#endif
