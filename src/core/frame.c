/*
 * The frame table and the allocator of frames: a binary buddy allocator whose free lists come in
 * two kinds, cleared and not, so that first touches find frames that were cleared ahead of time.
 *
 * Invariants
 *  - A free block of 2^order frames is aligned to its size. Its first frame is on exactly one list,
 *    free_list[cleared][order]; FRAME_FREE_HEAD is kept in type_count as order + 1, the other
 *    frames of the block have type_count 0. All have owner DOMID_NONE and refs 0.
 *  - Two buddies of the same kind are never both free heads of the same order: they are merged.
 *  - A frame given back by a domain goes to a list that is not cleared.
 *  - Frame 0 is never handed out: index 0 ends the lists.
 */
#include "frame.h"

#include "domain.h"
#include "frame_setup.h"
#include "layout.h"
#include "log.h"
#include "machine.h"
#include "tlb.h"

#include <string.h>

enum { MAX_ORDER = 9 };

struct free_list {
    u32 head;  /* first block, or 0 */
    u64 count; /* blocks on it */
};

struct frame *frame_table;
static u64 frames_limit;
static u64 free_frames;
static struct free_list free_list[2][MAX_ORDER + 1];

struct frame *frame_of(mfn_t mfn)
{
    if (mfn.v >= frames_limit)
        return NULL;
    struct frame *f = &frame_table[mfn.v];
    return f->flags & FRAME_NOT_RAM ? NULL : f;
}

u64 frame_limit(void)
{
    return frames_limit;
}

u64 frame_free_count(void)
{
    return free_frames;
}

static void list_push(u32 index, unsigned order, bool cleared)
{
    struct free_list *l = &free_list[cleared][order];
    struct frame *f = &frame_table[index];

    f->type_count = order + 1;
    f->flags = cleared ? FRAME_ZEROED : 0;
    f->prev = 0;
    f->next = l->head;
    if (l->head)
        frame_table[l->head].prev = index;
    l->head = index;
    l->count++;
}

static void list_remove(u32 index, unsigned order, bool cleared)
{
    struct free_list *l = &free_list[cleared][order];
    struct frame *f = &frame_table[index];

    if (f->prev)
        frame_table[f->prev].next = f->next;
    else
        l->head = f->next;
    if (f->next)
        frame_table[f->next].prev = f->prev;
    l->count--;
    f->type_count = 0;
    f->next = f->prev = 0;
}

/* Gives a block back, merged with its buddies as far as they are free and of the same kind. */
static void free_block(u32 index, unsigned order, bool cleared)
{
    free_frames += 1ULL << order;
    while (order < MAX_ORDER) {
        u32 buddy = index ^ (1u << order);
        if (buddy >= frames_limit || buddy == 0)
            break;
        struct frame *b = &frame_table[buddy];
        if (b->owner != DOMID_NONE || b->type_count != order + 1 || (b->flags & FRAME_NOT_RAM) ||
            !!(b->flags & FRAME_ZEROED) != cleared)
            break;
        list_remove(buddy, order, cleared);
        index &= ~(1u << order);
        order++;
    }
    list_push(index, order, cleared);
}

/* Takes the first 2^order of a free block of 2^have off its list. */
static u32 split_block(u32 index, unsigned have, unsigned order, bool cleared)
{
    list_remove(index, have, cleared);
    while (have > order) {
        have--;
        list_push(index + (1u << have), have, cleared);
    }
    free_frames -= 1ULL << order;
    return index;
}

/* Takes a block of 2^order off the lists of one kind; 0 if there is none. */
static u32 take_block(unsigned order, bool cleared)
{
    unsigned have = order;

    while (have <= MAX_ORDER && !free_list[cleared][have].head)
        have++;
    if (have > MAX_ORDER)
        return 0;
    return split_block(free_list[cleared][have].head, have, order, cleared);
}

/* The same, of a block that begins below a limit; so many of each list are looked at. */
static u32 take_block_below(unsigned order, bool cleared, u64 limit)
{
    enum { LOOKS = 1024 };

    for (unsigned have = order; have <= MAX_ORDER; have++) {
        u32 i = free_list[cleared][have].head;

        for (unsigned looks = 0; i && looks < LOOKS; looks++, i = frame_table[i].next)
            if (i + (1ULL << order) <= limit)
                return split_block(i, have, order, cleared);
    }
    return 0;
}

static struct frame *hand_out(u32 index, unsigned order, u16 owner)
{
    for (u32 i = index; i < index + (1u << order); i++) {
        frame_table[i] = (struct frame){.refs = 1, .owner = owner, .gfn = ~0u};
        tlb_assert_gone(mfn_of(i));
    }
    return &frame_table[index];
}

static void clear_block(u32 index, unsigned order)
{
    memset(mfn_to_va(mfn_of(index)), 0, (size_t)PAGE_SIZE << order);
}

struct frame *frame_alloc_order(u16 owner, unsigned order)
{
    ASSERT(order <= MAX_ORDER);
    u32 index = take_block(order, true);
    if (!index) {
        index = take_block(order, false);
        if (!index)
            return NULL;
        clear_block(index, order);
    }
    return hand_out(index, order, owner);
}

struct frame *frame_alloc_order_below(u16 owner, unsigned order, u64 limit)
{
    u32 index;

    ASSERT(order <= MAX_ORDER);
    if (limit >= frames_limit)
        return frame_alloc_order(owner, order);
    index = take_block_below(order, true, limit);
    if (!index) {
        index = take_block_below(order, false, limit);
        if (index)
            clear_block(index, order);
    }
    return index ? hand_out(index, order, owner) : NULL;
}

/* All of the blocks from this frame on, as many as make 1 GiB, are free. */
static bool run_is_free(u32 first, u32 end)
{
    for (u32 i = first; i < end; i += 1u << MAX_ORDER) {
        const struct frame *f = &frame_table[i];
        if (f->owner != DOMID_NONE || f->type_count != MAX_ORDER + 1 || f->flags & FRAME_NOT_RAM)
            return false;
    }
    return true;
}

struct frame *frame_alloc_1g(u16 owner)
{
    enum { RUN = 1 << 2 * MAX_ORDER, BLOCK = 1 << MAX_ORDER };
    u32 first = RUN;

    while (first + RUN <= frames_limit && !run_is_free(first, first + RUN))
        first += RUN;
    if (first + RUN > frames_limit)
        return NULL;
    for (u32 i = first; i < first + RUN; i += BLOCK) {
        bool cleared = frame_table[i].flags & FRAME_ZEROED;
        list_remove(i, MAX_ORDER, cleared);
        free_frames -= BLOCK;
        if (!cleared)
            clear_block(i, MAX_ORDER);
        hand_out(i, MAX_ORDER, owner);
    }
    return &frame_table[first];
}

/* The quick way: a single cleared frame is at hand. */
struct frame *frame_alloc(u16 owner)
{
    struct free_list *l = &free_list[true][0];
    u32 index = l->head;
    struct frame *f = &frame_table[index];

    if (unlikely(!index))
        return frame_alloc_order(owner, 0);
    l->head = f->next;
    l->count--;
    if (f->next)
        frame_table[f->next].prev = 0;
    free_frames--;
    *f = (struct frame){.refs = 1, .owner = owner, .gfn = ~0u};
    tlb_assert_gone(mfn_of(index));
    return f;
}

struct frame *frame_alloc_raw(u16 owner)
{
    u32 index = take_block(0, false);
    if (!index)
        index = take_block(0, true);
    return index ? hand_out(index, 0, owner) : NULL;
}

bool frame_get(struct frame *f)
{
    if (unlikely(f->refs == ~0u))
        return false;
    f->refs++;
    return true;
}

void frame_put(struct frame *f)
{
    ASSERT(f->refs > 0);
    if (--f->refs)
        return;
    ASSERT(f->type_count == 0);
    u32 index = (u32)(f - frame_table);
    tlb_assert_gone(mfn_of(index));
    *f = (struct frame){.owner = DOMID_NONE, .gfn = ~0u};
    free_block(index, 0, false);
}

u64 frame_scrub(u64 count)
{
    u64 done = 0;

    while (done < count) {
        /* The largest blocks first, so that 2 MiB runs stay whole. */
        unsigned order = MAX_ORDER;
        while (!free_list[false][order].head) {
            if (order == 0)
                return done;
            order--;
        }
        u32 index = free_list[false][order].head;
        list_remove(index, order, false);
        free_frames -= 1ULL << order;
        clear_block(index, order);
        free_block(index, order, true);
        done += 1ULL << order;
    }
    return done;
}

u64 frame_table_bytes(u64 limit)
{
    return PAGE_ALIGN_UP(limit * sizeof(struct frame));
}

void frame_table_init(void *table, u64 limit)
{
    frame_table = table;
    frames_limit = limit;
    free_frames = 0;
    memset(free_list, 0, sizeof(free_list));
    for (u64 i = 0; i < limit; i++)
        frame_table[i] = (struct frame){.owner = DOMID_NONE, .flags = FRAME_NOT_RAM, .gfn = ~0u};
}

void frame_table_add_ram(u64 first, u64 end)
{
    if (first == 0)
        first = 1;
    for (u64 i = first; i < end && i < frames_limit; i++) {
        frame_table[i].flags = 0;
        frame_table[i].owner = DOMID_HYPERVISOR;
        frame_table[i].refs = 1;
    }
}

void frame_table_release(u64 first, u64 end)
{
    if (first == 0)
        first = 1;
    for (u64 i = first; i < end && i < frames_limit; i++) {
        ASSERT(frame_table[i].owner == DOMID_HYPERVISOR);
        frame_table[i] = (struct frame){.owner = DOMID_NONE, .gfn = ~0u};
        free_block((u32)i, 0, false);
    }
}

/* Violations among the free blocks of one list; adds their frames to *total. */
static unsigned check_list(bool cleared, unsigned order, u64 *total)
{
    unsigned bad = 0;
    u64 count = 0;

    for (u32 i = free_list[cleared][order].head, before = 0; i;
         before = i, i = frame_table[i].next) {
        const struct frame *f = &frame_table[i];
        count++;
        if (f->owner != DOMID_NONE || f->refs || f->type_count != order + 1 || f->prev != before ||
            i % (1u << order) || count > frames_limit) {
            machine_violation("frame %x is on a free list of order %u but not free", i, order);
            if (++bad > 8 || count > frames_limit)
                return bad;
        }
    }
    if (count != free_list[cleared][order].count) {
        machine_violation("free list of order %u has %lu blocks, not %lu", order, count,
                          free_list[cleared][order].count);
        bad++;
    }
    *total += count << order;
    return bad;
}

unsigned frame_check(void)
{
    u64 listed = 0, unowned = 0;
    unsigned bad = 0;

    for (unsigned order = 0; order <= MAX_ORDER; order++)
        bad += check_list(false, order, &listed) + check_list(true, order, &listed);
    for (u64 i = 1; i < frames_limit && bad < 8; i++) {
        const struct frame *f = &frame_table[i];
        if (f->flags & FRAME_NOT_RAM)
            continue;
        if (f->owner == DOMID_NONE) {
            unowned++;
            continue;
        }
        if (!f->refs) {
            machine_violation("frame %lx has owner %x and no reference", i, f->owner);
            bad++;
        }
        if (f->owner != DOMID_HYPERVISOR && !domain_by_id(f->owner)) {
            machine_violation("frame %lx belongs to domain %u, which does not exist", i, f->owner);
            bad++;
        }
    }
    if (listed != free_frames || unowned != free_frames) {
        machine_violation("%lu frames are free, %lu are listed, %lu have no owner", free_frames,
                          listed, unowned);
        bad++;
    }
    return bad;
}
