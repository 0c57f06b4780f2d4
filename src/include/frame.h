/*
 * The frame table: one record for each frame of machine memory, in every mode, and the
 * allocator of frames.
 *
 * Invariants
 *  - A frame is free, the hypervisor's (owner DOMID_HYPERVISOR), or a domain's.
 *  - A free frame's content is zero if FRAME_ZEROED is set; a frame that has belonged to
 *    a domain never reaches another without having been cleared.
 *  - refs counts the holders of a frame (the allocation itself, and under pv each mapping
 *    and each type reference's general reference); a frame is freed when it falls to zero.
 *  - type_count > 0 pins type: a frame changes its type only while its type_count is 0.
 *    What a type means is its owner's matter: src/pv/ keeps the page-type rules, src/mmu-shadow/
 *    marks guest frames that are shadowed.
 *  - A frame is neither freed nor retyped while tlb.h still holds a stale translation to it.
 */
#ifndef FRAME_H
#define FRAME_H

#include "types.h"

enum frame_owner {
    DOMID_NONE = 0xffff,       /* free */
    DOMID_HYPERVISOR = 0xfffe, /* the hypervisor's own */
    /* others: struct domain's id */
};

enum frame_type {
    FT_NONE = 0,     /* no use that excludes another */
    FT_WRITABLE = 1, /* mapped writable somewhere in a guest (pv) */
    FT_L1 = 2,       /* page tables of the guest's (pv: validated; shadow: shadowed) */
    FT_L2 = 3,
    FT_L3 = 4,
    FT_L4 = 5,
    FT_SEGDESC = 6, /* a GDT or LDT page (pv) */
};

enum frame_flags {
    FRAME_ZEROED = 1 << 0, /* free and cleared */
    FRAME_PINNED = 1 << 1, /* pv: pinned by MMUEXT_PIN_Ln_TABLE */
    FRAME_VALIDATED =
        1 << 2, /* pv: the table's entries have been checked and hold their references */
    FRAME_SHADOWED = 1 << 4, /* shadow: a guest table with at least one shadow, write-protected */
    FRAME_SHADOW = 1 << 5,   /* shadow: the hypervisor's, holds a shadow table */
    FRAME_XEN_HEAP = 1 << 6, /* pv: shared with the guest (shared_info), not given back by it */
    FRAME_DIRTY = 1 << 7,    /* written since the dirty log was last read */
    FRAME_NOT_RAM = 1 << 8,  /* a hole of the memory map: frame_of gives NULL */
    FRAME_PARTIAL = 1 << 9,  /* pv: its validation was broken off (page_type.c, rule 7) */
    FRAME_UNDOING = 1 << 10, /* pv: a table no more, and its entries still hold references */
    FRAME_OUT_OF_SYNC = 1 << 11, /* shadow: FRAME_SHADOWED, but writable: its shadows are behind */
};

/*
 * Tour 8: one record for each frame. The most important data structure of the hypervisor: 32 bytes
 * for each 4 KiB of the machine, in every mode. `owner` says whose memory it is, `refs` how many
 * rely on its existence, `type_count` how many rely on its being of `type`. Shadow paging, the
 * second stage and paravirtualization use the same fields for different proofs of one sentence: a
 * guest reaches only its own frames.
 */
struct frame {
    u32 refs;       /* holders */
    u32 type_count; /* holders that rely on type */
    u16 owner;      /* enum frame_owner or a domain's id */
    u8 type;        /* enum frame_type */
    s8 linear;      /* pv: > 0: entries of tables of its own level that lead to it; < 0: such
                     * entries that it has itself */
    u16 flags;      /* enum frame_flags */
    u16 extra16;    /* the mode's own */
    u32 next;       /* index of the next frame in the list that this one is on, or 0 */
    u32 prev;       /* the one before it */
    u32 extra;      /* the mode's own: shadow: index of the first shadow; pv: last flush count */
    u32 gfn;        /* owner's frame number for it, or ~0 */
};
_Static_assert(sizeof(struct frame) == 32, "one record a frame: keep it small");

/* Record of a frame, or NULL if there is no such frame of RAM: every guest-supplied number
 * goes through here. */
struct frame *frame_of(mfn_t mfn);
extern struct frame *frame_table; /* the record of frame 0 */
static inline mfn_t frame_mfn(const struct frame *f)
{
    return mfn_of((u64)(f - frame_table));
}
/* One past the highest frame that has a record. */
u64 frame_limit(void);

/* Takes a cleared frame for owner, refs = 1; NULL if there is none. */
struct frame *frame_alloc(u16 owner);
/* The same without clearing: the caller overwrites all of it before anybody sees it. */
struct frame *frame_alloc_raw(u16 owner);
/* 2^order cleared frames, contiguous and aligned to their size; order <= 9. */
struct frame *frame_alloc_order(u16 owner, unsigned order);
/* The same, of frames below limit only; slow, and NULL if there is none among the first thousand
 * free blocks of each size. */
struct frame *frame_alloc_order_below(u16 owner, unsigned order, u64 limit);
/* 512 * 512 cleared frames, contiguous and aligned to their size. */
struct frame *frame_alloc_1g(u16 owner);
/* Drops a reference; the last one gives the frame back. */
void frame_put(struct frame *f);
/* Takes a reference. Returns false if it would overflow: the caller fails with -EBUSY or kills. */
bool frame_get(struct frame *f);
/* Frames that are free, and free frames that have been cleared ahead of their use. */
u64 frame_free_count(void);
/* Clears up to count free frames now, so that first touches need not; returns how many. */
u64 frame_scrub(u64 count);

/* Debug: walks every free list and every record; prints and returns the number of violations of the
 * invariants at the head of frame.c, of frames of domains that do not exist, and of domains
 * whose count of frames is not what the records say. */
unsigned frame_check(void);

/* Memory for the hypervisor's own objects: whole frames from the table above, cleared.
 * Counted against a domain (its overhead_bytes) if d is not NULL. */
struct domain;
void *hv_alloc_pages(struct domain *d, unsigned order);
void hv_free_pages(struct domain *d, void *p, unsigned order);
/* Small objects, cleared, 16-byte aligned, up to PAGE_SIZE. */
void *hv_alloc(struct domain *d, size_t size);
void hv_free(struct domain *d, void *p, size_t size);

#endif
