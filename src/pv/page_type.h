/*
 * Page types: what keeps a paravirtualized guest from holding a page table writable. The rules
 * stand at the head of page_type.c.
 */
#ifndef PAGE_TYPE_H
#define PAGE_TYPE_H

#include "domain.h"
#include "errno.h"
#include "frame.h"
#include "log.h"
#include "x86.h"

/* struct frame's extra16 under pv. */
enum page_extra {
    PAGE_ALLOCATED = 1 << 0, /* the reference of the allocation itself is still held */
    PAGE_DONE_SHIFT = 6,     /* FRAME_PARTIAL: from here on: entries validated so far, 0..511 */
};
static inline unsigned page_done(const struct frame *f)
{
    return f->extra16 >> PAGE_DONE_SHIFT;
}

/* Counts full flushes of the TLB. A frame's `extra` is the count at which a translation to it, or
 * a use of it as a table, last ended: if it is still the count, a TLB may remember. */
extern u32 page_flush_count;
static inline void page_note_flush(void)
{
    if (++page_flush_count == 0)
        page_flush_count = 1;
}
static inline void page_note_ended(struct frame *f)
{
    f->extra = page_flush_count;
}

/* The frame of a guest's number if it is the domain's own, or NULL: page_error says why. */
static inline struct frame *page_of(const struct domain *d, u64 mfn)
{
    struct frame *f = frame_of(mfn_of(mfn));

    return f && f->owner == d->id ? f : NULL;
}
/* -EINVAL: there is no such frame; -EPERM: it is another's, or a device's. */
static inline int page_error(u64 mfn)
{
    return mfn < frame_limit() ? -EPERM : -EINVAL;
}

/* Gives a new frame of the allocator's to the domain: one reference, that of the allocation. */
void page_adopt(struct domain *d, struct frame *f, u32 gfn);
/* Ends the allocation: the frame goes back to the allocator when nothing refers to it any more. */
void page_release(struct domain *d, struct frame *f);

/* General references. page_put gives the frame back with the last one, flushing first where a TLB
 * may remember it. */
static inline bool page_get(struct frame *f)
{
    return frame_get(f);
}
void page_put_last(struct domain *d, struct frame *f);
static inline void page_put(struct domain *d, struct frame *f)
{
    if (unlikely(f->refs == 1))
        page_put_last(d, f);
    else
        f->refs--;
}

/* Type references; each of a holder that has a general reference too. page_get_type validates a
 * table of which this is the first use. 0, or -EBUSY: it has another type, or too many references;
 * as a table, what is wrong with an entry of it; -ERESTART: time is up, and the same call made
 * again goes on where this one broke off. */
int page_get_new_type(struct domain *d, struct frame *f, enum frame_type type);
static inline int page_get_type(struct domain *d, struct frame *f, enum frame_type type)
{
    if (unlikely(!f->type_count))
        return page_get_new_type(d, f, type);
    if (unlikely(f->type != type || f->type_count == ~0u))
        return -EBUSY;
    f->type_count++;
    return 0;
}
void page_put_last_type(struct domain *d, struct frame *f);
static inline void page_put_type(struct domain *d, struct frame *f)
{
    ASSERT(f->type_count > 0);
    if (unlikely(f->type_count == 1))
        page_put_last_type(d, f);
    else
        f->type_count--;
}

/* A table whose validation was broken off, and will not be taken up again: drops what it holds. */
void page_drop_partial(struct domain *d, struct frame *f);

/* Both, by number: as page_error and page_get_type. */
int page_get_and_type(struct domain *d, u64 mfn, enum frame_type type, struct frame **out);
void page_put_and_type(struct domain *d, struct frame *f);

/* page_undo.c: tables whose last use has ended. page_undo: this one's entries drop what they hold,
 * now or, if time is up, later: d->undoing is not 0 then, and no vcpu of the domain runs before
 * page_undo_some has returned true. page_undo_now: all of this one's, whatever the time. */
void page_undo(struct domain *d, struct frame *f);
bool page_undo_some(struct domain *d);
void page_undo_now(struct domain *d, struct frame *f);

/* Pins: a reference of both kinds that stays until page_unpin. As page_get_and_type; -EINVAL:
 * pinned already, or not pinned. */
int page_pin(struct domain *d, u64 mfn, enum frame_type type);
int page_unpin(struct domain *d, u64 mfn);

/* table.c: takes what the entries of a table from *done on refer to; -ERESTART: time is up, *done
 * have been; another error: none has. Drops what those before `end` hold. */
int table_validate(struct domain *d, struct frame *f, unsigned *done);
void table_invalidate(struct domain *d, struct frame *f, unsigned end);

static inline bool type_is_table(unsigned type)
{
    return type >= FT_L1 && type <= FT_L4;
}
/* 1..4 */
static inline unsigned type_level(unsigned type)
{
    return type - FT_L1 + 1;
}

/* Debug: counts everything from scratch; violations found, each printed (page_check.c). */
unsigned page_check(struct domain *d);

#endif
