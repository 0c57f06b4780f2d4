/*
 * What the files of grants share: a domain's grant table (version 1), and what it has mapped of
 * others'. Rules at the head of grant_map.c.
 */
#ifndef GRANT_TABLE_H
#define GRANT_TABLE_H

#include "layout.h"
#include "page_type.h"
#include "pv.h"

#include <xen/grant_table.h>

enum grant_limits {
    GRANT_FRAMES_MAX = 32, /* of the table that the guest shares */
    GRANT_TRACK_PAGES = 8, /* of the mappings that a domain has of others' frames */
    GRANT_PINS_MAX = 128,  /* uses of one grant, of a kind, as under Xen */
    GRANTS_PER_FRAME = PAGE_SIZE / sizeof(grant_entry_v1_t),
    GRANT_ACTIVE_ORDER = 1, /* of the pages beside one of the table */
    GRANT_NO_HANDLE = -1,
};

/* Kinds of use of a grant: by whom, and what for. A handle is one or two of them. */
enum grant_use { GRANT_HOST_READ, GRANT_HOST_WRITE, GRANT_DEVICE_READ, GRANT_DEVICE_WRITE };
enum { GRANT_USES = GRANT_DEVICE_WRITE + 1, GRANT_PARTS = GNTMAP_host_map | GNTMAP_device_map };

/* A grant that is in use. */
struct grant_active {
    u32 mfn;             /* the frame that it was when it was used first; held */
    u16 dom;             /* who uses it */
    u8 pins[GRANT_USES]; /* uses of each kind; all 0: not in use */
};
_Static_assert(sizeof(struct grant_active) * (PAGE_SIZE / sizeof(grant_entry_v1_t)) <=
                   (unsigned)PAGE_SIZE << GRANT_ACTIVE_ORDER,
               "one for each entry of a page");

/* What a handle stands for. */
struct grant_track {
    u32 ref;   /* the grant; if flags is 0: the next free handle + 1 */
    u32 mfn;   /* the frame */
    u16 dom;   /* who granted it, or DOMID_HYPERVISOR: it is gone */
    u16 flags; /* GNTMAP_*: those of GRANT_PARTS that have not ended, one at least; 0: free */
};
enum { TRACKS_PER_PAGE = PAGE_SIZE / sizeof(struct grant_track) };

/* Made when a domain first uses grants. */
struct pv_grants {
    u32 frames;                            /* pages of the table */
    struct frame *frame[GRANT_FRAMES_MAX]; /* them: shared with the guest, held as writable */
    struct grant_active *active[GRANT_FRAMES_MAX]; /* a page pages beside each */
    struct grant_track *track[GRANT_TRACK_PAGES];  /* handles, by pages */
    u32 tracks;                                    /* of all pages that are there */
    u32 free_track;                                /* first free handle + 1, or 0 */
};

/* grant_table.c: the domain's, made if need be; NULL: no memory. */
struct pv_grants *grants_of(struct domain *d);
static inline grant_entry_v1_t *grant_entry(const struct pv_grants *g, u32 ref)
{
    return (grant_entry_v1_t *)mfn_to_va(frame_mfn(g->frame[ref / GRANTS_PER_FRAME])) +
           ref % GRANTS_PER_FRAME;
}
static inline struct grant_active *grant_active(const struct pv_grants *g, u32 ref)
{
    return &g->active[ref / GRANTS_PER_FRAME][ref % GRANTS_PER_FRAME];
}
static inline struct grant_track *grant_track(const struct pv_grants *g, u32 handle)
{
    return &g->track[handle / TRACKS_PER_PAGE][handle % TRACKS_PER_PAGE];
}

static inline bool grant_in_use(const struct grant_active *a)
{
    return a->pins[GRANT_HOST_READ] || a->pins[GRANT_HOST_WRITE] || a->pins[GRANT_DEVICE_READ] ||
           a->pins[GRANT_DEVICE_WRITE];
}

/* grant_access.c: whether `id` may use grant `ref` of domain d at present. GNTST_okay, and the
 * frame; or what is wrong. */
s16 grant_look_up(const struct domain *d, u16 id, u32 ref, bool write, u64 *mfn);
/* Each part that flags name (GRANT_PARTS, GNTMAP_readonly) becomes a use of the grant, and is one
 * no longer. grant_pin: the same statuses; none is, if one cannot be. */
s16 grant_pin(const struct domain *d, u16 id, u32 ref, u32 flags, u64 *mfn);
void grant_unpin(struct domain *d, u32 ref, u32 flags);
/* The domain ends: nobody's use of its grants counts any more. */
void grants_unpin_all(struct domain *d);

/* grant_map.c, grant_copy.c: one item each; the result is in its status. */
void grant_map(struct vcpu *v, struct gnttab_map_grant_ref *op);
void grant_unmap(struct vcpu *v, struct gnttab_unmap_grant_ref *op);
void grant_unmap_and_replace(struct vcpu *v, struct gnttab_unmap_and_replace *op);
void grant_copy(struct domain *d, struct gnttab_copy *op);

#endif
