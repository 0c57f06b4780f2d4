/*
 * From a guest's entry to a shadow's: which child, which rights. Shared by the fault (fill.c,
 * reach.c) and by writes to tables (sync.c). Leaves are made in leaf.c.
 *
 * With CR0.WP = 1 a shadow entry has the rights of the guest entry that it was made from, and the
 * processor combines the levels as it would the guest's. The dirty flag of a large page is the W
 * bit of the entry that maps it: while D is 0, W is 0.
 *
 * With CR0.WP = 0 the guest's kernel may write to what is read-only, which the processor, running
 * with WP = 1, does not know. There the entries above the leaves permit everything, the rights lost
 * on the way are in the role of the tables below, and a leaf that is not writable exists in two
 * forms: as the guest has it; and after a supervisor's write, writable and the supervisor's only,
 * until user mode touches it. (With CR4.SMEP or CR4.SMAP: smap.c.)
 */
#ifndef RIGHTS_H
#define RIGHTS_H

#include "shadow.h"

/* A child's key, and the bits of the entry that points to it. */
struct shadow_link {
    u64 gfn;    /* the child's */
    u16 role;   /* the child's */
    u64 rights; /* PTE_ bits besides the address */
};

static inline u16 role_lost(u64 entry)
{
    return (u16)((entry & PTE_W ? 0 : ROLE_NO_WRITE) | (entry & PTE_U ? 0 : ROLE_NO_USER) |
                 (entry & PTE_NX ? ROLE_NO_FETCH : 0));
}
enum { ROLE_LOST = ROLE_NO_WRITE | ROLE_NO_USER | ROLE_NO_FETCH };

/* The guest's entry, from which entry `index` of a shadow with this role is made, names a table. */
static inline struct shadow_link link_table(u16 role, unsigned index, u64 entry)
{
    struct shadow_link l = {.gfn = (entry & PTE_ADDR) >> PAGE_SHIFT};

    l.role = (u16)((role & (ROLE_MODE | ROLE_LEVEL)) - 1);
    if (unlikely(role & ROLE_32BIT))
        l.role |= (u16)((index & 1) << ROLE_PART_SHIFT);
    l.rights = PTE_A | (entry & (PTE_W | PTE_U | PTE_NX));
    if (unlikely(role & ROLE_WP0)) {
        l.role |= (u16)((role & ROLE_LOST) | role_lost(entry));
        l.rights = PTE_A | PTE_W | PTE_U;
    }
    return l;
}

/* "32-Bit Paging": a page of 4 MiB; bits 20:13 of its entry are address bits 39:32. */
enum pse36 { PSE36_LOW = 13, PSE36_HIGH_FRAME = 32 - PAGE_SHIFT, PSE36_MASK = 0xff };

/* The first frame of the part of a large page that entry `index` of such a shadow maps. */
static inline u64 large_gfn(u16 role, unsigned index, u64 entry)
{
    u64 frames = 1ULL << 9 * ((role & ROLE_LEVEL) - 1), gfn = (entry & PTE_ADDR) >> PAGE_SHIFT;

    if (likely(!(role & ROLE_32BIT)))
        return gfn & ~(frames - 1);
    return (gfn & ~(2 * frames - 1)) | (entry >> PSE36_LOW & PSE36_MASK) << PSE36_HIGH_FRAME |
           (index & 1 ? frames : 0);
}

/* Such an entry maps a large page. */
static inline struct shadow_link link_large(u16 role, unsigned index, u64 entry)
{
    unsigned level = role & ROLE_LEVEL;
    struct shadow_link l = {.gfn = large_gfn(role, index, entry)};

    if (!(entry & PTE_D))
        entry &= ~PTE_W;
    l.role = (u16)((level - 1) | ROLE_DIRECT);
    l.rights = PTE_A | (entry & (PTE_W | PTE_U | PTE_NX));
    if (unlikely(role & ROLE_WP0)) {
        l.role |= (u16)(ROLE_WP0 | (role & ROLE_LOST) | role_lost(entry) |
                        (entry & PTE_D ? 0 : ROLE_CLEAN) |
                        (role & (role & ROLE_32BIT ? ROLE_SMAP_32BIT : ROLE_SMAP_WIDE)));
        l.rights = PTE_A | PTE_W | PTE_U;
    }
    return l;
}

/* An entry at level 2 or 3 of a shadow with this role maps a page, if it is well formed. */
static inline bool maps_large(u16 role, u64 entry)
{
    return entry & PTE_PS && (role & (ROLE_32BIT | ROLE_PSE)) != ROLE_32BIT;
}

/* Below the root of a vcpu outside long mode, which has no rights: the directory that is at `table`
 * by the PDPTE, or, in 32-bit paging, by CR3, and then of it the index-th part. */
static inline struct shadow_link link_directory(u16 role, unsigned index, u64 table)
{
    return (struct shadow_link){
        .gfn = (table & PTE_ADDR) >> PAGE_SHIFT,
        .role = (u16)((role & ROLE_MODE) | 2 | (role & ROLE_32BIT ? index << ROLE_PART_SHIFT : 0)),
    };
}

/* Below a direct shadow: the part that begins `index` children farther. */
static inline struct shadow_link link_direct(const struct shadow *s, unsigned index)
{
    unsigned level = shadow_level(s);

    return (struct shadow_link){
        .gfn = s->gfn + ((u64)index << 9 * (level - 1)),
        .role = (u16)((s->role & ~(ROLE_LEVEL | ROLE_PAE_ROOT)) | (level - 1)),
        /* A PDPTE of PAE paging has no rights: there these bits are reserved. */
        .rights = s->role & ROLE_PAE_ROOT ? 0 : PTE_A | PTE_W | PTE_U,
    };
}

/* Whether the hypervisor lets this frame be writable at all now. */
static inline bool frame_may_be_written(const struct physmap *p, const struct frame *f)
{
    return !shadow_sees_writes(f) && (!p->dirty_log || f->flags & FRAME_DIRTY);
}

/* A direct shadow's leaf has no entry of the guest's; it permits everything. */
#define DIRECT_ENTRY (PTE_P | PTE_A | PTE_D | PTE_W | PTE_U)

/*
 * leaf.c: a leaf of a shadow with this role, which leads to f. entry: the guest's level 1 entry
 * (its rights, A and D are looked at), or DIRECT_ENTRY. kernel_write: the fault is a supervisor's
 * write that the guest's rights alone do not permit.
 */
u64 shadow_leaf_value(const struct physmap *p, u16 role, u64 entry, const struct frame *f,
                      bool kernel_write);
/* What a leaf of s becomes if the guest's entry, from which it is made, is this one now: 0 (no
 * leaf) if the entry is not present, has a reserved bit set, or is not accessed (then its first use
 * has to fault, so that A is set), or if the frame that it names is not filled, or no RAM. */
u64 shadow_leaf_after(const struct physmap *p, const struct shadow *s, u64 entry);

#endif
