// sources: src/pv/page_type.c src/pv/page_undo.c src/pv/table.c src/pv/segment.c
// sources: src/pv/page_check.c src/core/frame.c src/core/heap.c src/core/tlb.c
// sources: tests/unit/stub_panic.c tests/unit/stub_machine.c
/*
 * Page types, rule by rule: what each refusal is, and that it leaves everything as it was. Random
 * sequences are in tests/model/test_pagetype.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "frame_setup.h"
#include "layout.h"
#include "stub_machine.h"
#include "tlb.h"

#include "../../src/pv/page_check.h"
#include "../../src/pv/table.h"

enum { FRAMES = 64, LINK = PTE_P | PTE_W | PTE_U, MAP_RW = LINK, MAP_RO = PTE_P | PTE_U };

u8 *host_machine_memory;
static void *records;
static struct domain self = {.id = 1, .config.name = "self"}, other = {.id = 2};
static struct frame *l4, *l3, *l2, *l1, *data, *foreign;
static unsigned flushes;
static bool hurry; /* time is always up */

bool sched_time_is_up(void)
{
    return hurry;
}

static unsigned linear_noted;
void l4_linear_noted(const struct domain *d)
{
    linear_noted += d->linear_l4;
}

void l4_fill(const struct domain *d, u64 *table)
{
    (void)d;
    table[256] = 1;
}

void l4_clear(u64 *table)
{
    table[256] = 0;
}

void page_each_held(struct domain *d, void (*visit)(void *context, struct frame *f, bool typed),
                    void *context)
{
    (void)d;
    (void)visit;
    (void)context;
}

bool page_granted(const struct domain *d, u64 entry)
{
    (void)d;
    (void)entry;
    return false;
}

void tlb_hw_flush_all(void)
{
    page_note_flush();
    flushes++;
}

void tlb_hw_flush_root(mfn_t root)
{
    (void)root;
}

void tlb_hw_flush_page(mfn_t root, u64 gva)
{
    (void)root;
    (void)gva;
}

static u64 *words(const struct frame *f)
{
    return mfn_to_va(frame_mfn(f));
}

static u64 number(const struct frame *f)
{
    return frame_mfn(f).v;
}

static u64 entry(const struct frame *f, u64 flags)
{
    return number(f) << PAGE_SHIFT | flags;
}

static struct frame *own(struct domain *d)
{
    struct frame *f = frame_alloc(d->id);

    page_adopt(d, f, 0);
    return f;
}

static int setup(void **state)
{
    (void)state;
    host_machine_memory = aligned_alloc(PAGE_SIZE, (size_t)FRAMES * PAGE_SIZE);
    memset(host_machine_memory, 0, (size_t)FRAMES * PAGE_SIZE);
    records = malloc(frame_table_bytes(FRAMES));
    frame_table_init(records, FRAMES);
    frame_table_add_ram(0, FRAMES - 1); /* the last is a device's */
    frame_table_release(4, FRAMES - 1);
    self.frames = other.frames = 0;
    tlb_flush_all();
    l4 = own(&self);
    l3 = own(&self);
    l2 = own(&self);
    l1 = own(&self);
    data = own(&self);
    foreign = own(&other);
    words(l4)[0] = entry(l3, LINK);
    words(l3)[0] = entry(l2, LINK);
    words(l2)[0] = entry(l1, LINK);
    words(l1)[3] = entry(data, MAP_RW);
    tlb_flush_all();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    hurry = false;
    assert_int_equal(page_check(&self), 0);
    free(records);
    free(host_machine_memory);
    return 0;
}

static void pinning_validates_all_below(void **state)
{
    (void)state;
    assert_int_equal(page_pin(&self, number(l4), FT_L4), 0);
    assert_int_equal(l4->type, FT_L4);
    assert_int_equal(l1->type_count, 1);
    assert_int_equal(data->type, FT_WRITABLE);
    assert_int_equal(data->refs, 2);
    assert_true(words(l4)[256] == 1);
    assert_int_equal(page_pin(&self, number(l4), FT_L4), -EINVAL);
    assert_int_equal(page_pin(&self, number(l2), FT_L2), 0);
    assert_int_equal(page_unpin(&self, number(l4)), 0);
    assert_int_equal(l3->type_count, 0);
    assert_int_equal(l2->type_count, 1);
    assert_true(words(l4)[256] == 0);
    assert_int_equal(page_unpin(&self, number(l2)), 0);
    assert_int_equal(data->refs, 1);
    assert_int_equal(page_unpin(&self, number(l2)), -EINVAL);
}

static void bad_entry_fails_the_whole_pin(void **state)
{
    (void)state;
    static const struct {
        u64 flags;
        int error;
    } bad[] = {{LINK | PTE_PS, -EINVAL}, {LINK | PTE_G, -EINVAL}};

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        words(l2)[511] = entry(data, bad[i].flags);
        assert_int_equal(page_pin(&self, number(l4), FT_L4), bad[i].error);
        assert_int_equal(l4->type_count + l3->type_count + l1->type_count + data->type_count, 0);
        assert_int_equal(data->refs, 1);
    }
    words(l2)[511] = 0;
    words(l1)[511] = entry(foreign, MAP_RO);
    assert_int_equal(page_pin(&self, number(l4), FT_L4), -EBUSY);
    words(l1)[511] = (u64)FRAMES << PAGE_SHIFT | MAP_RO;
    assert_int_equal(page_pin(&self, number(l4), FT_L4), -EPERM);
    words(l1)[511] = (u64)(FRAMES - 1) << PAGE_SHIFT | MAP_RO;
    assert_int_equal(page_pin(&self, number(l4), FT_L4), -EPERM);
    words(l1)[511] = 0;
    assert_int_equal(page_pin(&self, number(l4), FT_L4), 0);
}

static void no_table_is_mapped_writable(void **state)
{
    (void)state;
    struct frame *const tables[] = {l1, l2, l3, l4};

    assert_int_equal(page_pin(&self, number(l4), FT_L4), 0);
    for (unsigned i = 0; i < ARRAY_SIZE(tables); i++) {
        assert_int_equal(table_set_entry(&self, l1, &words(l1)[9], entry(tables[i], MAP_RW), false),
                         -EBUSY);
        assert_true(words(l1)[9] == 0);
        assert_int_equal(table_set_entry(&self, l1, &words(l1)[9], entry(tables[i], MAP_RO), false),
                         0);
        assert_int_equal(table_set_entry(&self, l1, &words(l1)[9], entry(tables[i], MAP_RW), false),
                         -EBUSY);
        assert_int_equal(table_set_entry(&self, l1, &words(l1)[9], 0, false), 0);
    }
}

static void no_writable_page_becomes_a_table(void **state)
{
    (void)state;
    assert_int_equal(page_pin(&self, number(l4), FT_L4), 0);
    for (unsigned type = FT_L1; type <= FT_SEGDESC; type++)
        assert_int_equal(page_pin(&self, number(data), type), -EBUSY);
    assert_int_equal(table_set_entry(&self, l1, &words(l1)[3], entry(data, MAP_RO), false), 0);
    assert_int_equal(page_pin(&self, number(data), FT_L1), 0);
    assert_int_equal(table_set_entry(&self, l1, &words(l1)[3], entry(data, MAP_RW), false), -EBUSY);
    assert_true((words(l1)[3] & PTE_W) == 0);
}

static void a_table_cannot_map_itself_writable(void **state)
{
    (void)state;
    words(l1)[4] = entry(l1, MAP_RW);
    assert_int_equal(page_pin(&self, number(l1), FT_L1), -EBUSY);
    words(l1)[4] = entry(l1, MAP_RO);
    assert_int_equal(page_pin(&self, number(l1), FT_L1), 0);
    assert_int_equal(page_unpin(&self, number(l1)), 0);
    assert_int_equal(l1->refs, 1);
}

static void wrong_levels(void **state)
{
    (void)state;
    assert_int_equal(page_pin(&self, number(l4), FT_L4), 0);
    assert_int_equal(page_pin(&self, number(l3), FT_L2), -EBUSY);
    assert_int_equal(table_set_entry(&self, l4, &words(l4)[1], entry(l2, LINK), false), -EINVAL);
    assert_int_equal(table_set_entry(&self, l4, &words(l4)[1], entry(l4, LINK), false), -EINVAL);
    assert_int_equal(table_set_entry(&self, l4, &words(l4)[256], 0, false), -EINVAL);
    assert_int_equal(table_set_entry(&self, l4, &words(l4)[271], entry(l3, LINK), false), -EINVAL);
    assert_int_equal(table_set_entry(&self, l4, &words(l4)[272], entry(l3, LINK), false), 0);
    assert_int_equal(l3->type_count, 2);
}

/* What the guest writes is not what stands there: U, and a mark, for the kernel in ring 3; G for
 * all others. */
static void entries_are_adjusted(void **state)
{
    (void)state;
    assert_int_equal(page_pin(&self, number(l4), FT_L4), 0);
    assert_int_equal(table_set_entry(&self, l1, &words(l1)[3], entry(data, PTE_P | PTE_W), false),
                     0);
    assert_true(words(l1)[3] == entry(data, PTE_P | PTE_W | PTE_U | PTE_GUEST_KERNEL));
    words(l1)[3] |= PTE_A | PTE_D;
    assert_int_equal(table_set_entry(&self, l1, &words(l1)[3], entry(data, PTE_P | PTE_U), true),
                     0);
    assert_true(words(l1)[3] == entry(data, PTE_P | PTE_U | PTE_G | PTE_A | PTE_D));
    assert_int_equal(
        table_set_entry(&self, l1, &words(l1)[3], 0x1234567890abcdeeULL & ~PTE_P, false), 0);
    assert_true(words(l1)[3] == (0x1234567890abcdeeULL & ~PTE_P));
}

/* Rule 6: the flush comes before the frame is something else, and not if there was one already. */
static void retyping_flushes_once(void **state)
{
    (void)state;
    assert_int_equal(page_pin(&self, number(l4), FT_L4), 0);
    flushes = 0;
    assert_int_equal(table_set_entry(&self, l1, &words(l1)[3], 0, false), 0);
    assert_int_equal(flushes, 0);
    assert_int_equal(page_pin(&self, number(data), FT_L1), 0);
    assert_int_equal(flushes, 1);
    assert_int_equal(page_unpin(&self, number(data)), 0);
    tlb_flush_all();
    flushes = 0;
    assert_int_equal(page_pin(&self, number(data), FT_L2), 0);
    assert_int_equal(flushes, 0);
}

static void released_frame_stays_while_mapped(void **state)
{
    (void)state;
    u64 before = self.frames;

    assert_int_equal(page_pin(&self, number(l4), FT_L4), 0);
    page_release(&self, data);
    assert_int_equal(self.frames, before);
    assert_int_equal(data->owner, self.id);
    flushes = 0;
    assert_int_equal(table_set_entry(&self, l1, &words(l1)[3], 0, false), 0);
    assert_int_equal(self.frames, before - 1);
    assert_int_equal(data->owner, DOMID_NONE);
    assert_int_equal(flushes, 1);
}

static void finding_the_l1_entry(void **state)
{
    (void)state;
    struct frame *table = NULL;
    u64 root = number(l4) << PAGE_SHIFT;

    assert_int_equal(page_pin(&self, number(l4), FT_L4), 0);
    assert_ptr_equal(table_find_l1(&self, root, 0x3000, &table), &words(l1)[3]);
    assert_ptr_equal(table, l1);
    assert_null(table_find_l1(&self, root, 1ULL << PAGE_SHIFT_2M, &table));
    assert_null(table_find_l1(&self, root, 1ULL << 39, &table));
    assert_null(table_find_l1(&self, root, 0xffff800000000000ULL, &table));
    assert_null(table_find_l1(&self, root, 0x0001000000003000ULL, &table));
}

/* Time is up whenever it is looked at: each attempt makes one table, and what one has made the next
 * one finds. */
static void a_pin_goes_on_where_it_broke_off(void **state)
{
    (void)state;
    struct frame *second = own(&self), *other_l2 = own(&self);
    unsigned attempts = 1;

    words(l2)[7] = entry(second, LINK);
    words(l3)[9] = entry(other_l2, LINK);
    tlb_flush_all();
    hurry = true;
    while (page_pin(&self, number(l4), FT_L4) == -ERESTART) {
        assert_int_equal(page_check(&self), 0);
        assert_true(l4->flags & FRAME_PARTIAL);
        assert_int_equal(l4->refs, 2);
        assert_true(words(l4)[256] == 0); /* it is not fit to be loaded yet */
        assert_int_equal(page_pin(&self, number(l4), FT_L3), -EBUSY);
        assert_true(++attempts < 10);
    }
    assert_int_equal(attempts, 6); /* as many as there are tables */
    assert_true((l4->flags & (FRAME_PARTIAL | FRAME_VALIDATED)) == FRAME_VALIDATED);
    assert_int_equal(l4->refs, 2); /* allocation and pin */
    assert_int_equal(page_done(l4), 0);
    assert_int_equal(l2->type_count + second->type_count + other_l2->type_count, 3);
}

/* A bad entry behind what was broken off: the earlier attempts' references go, too. */
static void a_pin_that_fails_late_leaves_nothing(void **state)
{
    (void)state;
    struct frame *second = own(&self);
    int error;

    words(l2)[7] = entry(second, LINK);
    words(l3)[511] = entry(foreign, LINK);
    tlb_flush_all();
    hurry = true;
    while ((error = page_pin(&self, number(l4), FT_L4)) == -ERESTART)
        ;
    assert_int_equal(error, -EINVAL);
    while (!page_undo_some(&self))
        ;
    assert_int_equal(l4->refs + l3->refs + l2->refs + l1->refs + second->refs + data->refs, 6);
    assert_int_equal(l4->type_count + l3->type_count + l2->type_count + l1->type_count, 0);
    assert_int_equal(page_pin(&self, number(l4), FT_L1), 0); /* it is like any other page */
    assert_int_equal(page_unpin(&self, number(l4)), 0);
}

static void what_was_broken_off_can_be_dropped(void **state)
{
    (void)state;
    struct frame *second = own(&self);

    words(l2)[7] = entry(second, LINK);
    tlb_flush_all();
    hurry = true;
    assert_int_equal(page_pin(&self, number(l4), FT_L4), -ERESTART);
    assert_true(l4->flags & l3->flags & l2->flags & FRAME_PARTIAL);
    page_release(&self, l4);
    assert_int_equal(l4->owner, self.id);
    page_drop_partial(&self, l4);
    assert_int_equal(l4->owner, DOMID_NONE);
    page_drop_partial(&self, l3);
    page_drop_partial(&self, l2);
    assert_int_equal(l3->refs + l2->refs + l1->refs + data->refs, 4);
    assert_int_equal(l1->type_count, 0);
}

/* The end of a tree of tables, a table at a time. Until all is undone its frames are what they
 * were. */
static void an_unpin_in_pieces(void **state)
{
    (void)state;
    unsigned pieces = 1;

    assert_int_equal(page_pin(&self, number(l4), FT_L4), 0);
    hurry = true;
    assert_int_equal(page_unpin(&self, number(l4)), 0);
    assert_true(self.undoing != 0);
    assert_int_equal(data->type_count, 1);
    while (!page_undo_some(&self)) {
        assert_int_equal(page_check(&self), 0);
        pieces++;
    }
    assert_int_equal(pieces + 1, 4);
    assert_int_equal(data->type_count, 0);
    assert_int_equal(l4->refs + l3->refs + l2->refs + l1->refs + data->refs, 5);
}

/* A frame that waits to be undone is undone first if it is to be something new. */
static void a_new_type_undoes_the_old_one(void **state)
{
    (void)state;
    struct frame *f;

    assert_int_equal(page_pin(&self, number(l4), FT_L4), 0);
    hurry = true;
    assert_int_equal(page_unpin(&self, number(l4)), 0);
    assert_true(l3->flags & FRAME_UNDOING);
    assert_int_equal(page_get_and_type(&self, number(l3), FT_WRITABLE, &f), 0);
    assert_true(!(l3->flags & FRAME_UNDOING) && l3->type == FT_WRITABLE);
    page_put_and_type(&self, f);
    while (!page_undo_some(&self))
        ;
    assert_int_equal(l4->refs + l3->refs + l2->refs + l1->refs + data->refs, 5);
}

static void linear_tables(void **state)
{
    (void)state;
    struct frame *a = own(&self), *b = own(&self), *table;
    struct frame *const levels[] = {l2, l3};

    assert_int_equal(page_pin(&self, number(l4), FT_L4), 0);
    for (unsigned i = 0; i < ARRAY_SIZE(levels); i++) {
        struct frame *t = levels[i];
        u32 refs = t->refs;
        assert_int_equal(table_set_entry(&self, t, &words(t)[300], entry(t, LINK), false), -EINVAL);
        assert_int_equal(table_set_entry(&self, t, &words(t)[300], entry(t, MAP_RO), false), 0);
        assert_int_equal(t->refs, refs);
        assert_null(
            table_find_l1(&self, number(l4) << PAGE_SHIFT, 300ULL << PAGE_SHIFT_2M, &table));
    }
    /* To another: it must be in use, and neither may be both. */
    assert_int_equal(table_set_entry(&self, l3, &words(l3)[301], entry(a, MAP_RO), false), 0);
    assert_int_equal(a->type, FT_L2);
    assert_int_equal(table_set_entry(&self, l3, &words(l3)[301], 0, false), 0);
    assert_int_equal(page_pin(&self, number(a), FT_L3), 0);
    assert_int_equal(page_pin(&self, number(b), FT_L3), 0);
    assert_int_equal(table_set_entry(&self, a, &words(a)[1], entry(b, LINK), false), -EINVAL);
    assert_int_equal(table_set_entry(&self, a, &words(a)[1], entry(b, MAP_RO), false), 0);
    assert_int_equal(b->type_count, 2);
    assert_int_equal(b->linear, 1);
    assert_int_equal(table_set_entry(&self, b, &words(b)[1], entry(a, MAP_RO), false), -EINVAL);
    assert_int_equal(table_set_entry(&self, l3, &words(l3)[2], entry(a, MAP_RO), false), -EINVAL);
    assert_int_equal(page_check(&self), 0);
    assert_int_equal(page_unpin(&self, number(b)), 0);
    assert_int_equal(b->type, FT_L3);
    assert_int_equal(b->type_count, 1);
    assert_int_equal(page_unpin(&self, number(a)), 0);
    assert_int_equal(a->linear | b->linear, 0);
    assert_int_equal(a->refs + b->refs, 2);
    assert_int_equal(page_unpin(&self, number(l4)), 0);
    assert_int_equal(l4->refs + l3->refs + l2->refs + l1->refs + data->refs, 5);
}

/* As the others, but that the domain's memory is read in another way from then on, for good. */
static void linear_l4(void **state)
{
    (void)state;
    struct frame *a = own(&self), *b = own(&self), *table;
    u64 *slot = &words(l4)[300];

    linear_noted = 0;
    self.linear_l4 = false;
    assert_int_equal(page_pin(&self, number(l4), FT_L4), 0);
    /* None of these is one: writable; to no table, to a lower one; another's; the hypervisor's. */
    assert_int_equal(table_set_entry(&self, l4, slot, entry(l4, LINK), false), -EINVAL);
    assert_int_equal(table_set_entry(&self, l4, slot, entry(l2, MAP_RO), false), -EINVAL);
    assert_int_equal(table_set_entry(&self, l4, slot, entry(foreign, MAP_RO), false), -EINVAL);
    assert_int_equal(table_set_entry(&self, l4, slot, entry(l4, MAP_RO | PTE_PS), false), -EINVAL);
    assert_int_equal(table_set_entry(&self, l4, &words(l4)[262], entry(l4, MAP_RO), false),
                     -EINVAL);
    assert_int_equal(linear_noted, 0);
    assert_false(self.linear_l4);
    /* To itself: nothing is held. */
    assert_int_equal(table_set_entry(&self, l4, slot, entry(l4, MAP_RO), false), 0);
    assert_int_equal(l4->refs, 2);
    assert_int_equal(l4->linear, 0);
    assert_true(linear_noted == 1 && self.linear_l4);
    assert_null(table_find_l1(&self, number(l4) << PAGE_SHIFT, 300ULL << 39, &table));
    assert_int_equal(page_check(&self), 0);
    self.linear_l4 = false;
    assert_true(page_check(&self) > 0);
    self.linear_l4 = true;
    /* To another: in use, and neither may be both. */
    assert_int_equal(table_set_entry(&self, l4, slot, entry(a, MAP_RO), false), 0);
    assert_int_equal(a->type, FT_L3); /* it was of no type: an empty L3 */
    assert_int_equal(table_set_entry(&self, l4, slot, 0, false), 0);
    assert_int_equal(page_pin(&self, number(a), FT_L4), 0);
    assert_int_equal(page_pin(&self, number(b), FT_L4), 0);
    assert_int_equal(table_set_entry(&self, l4, slot, entry(a, LINK), false), -EINVAL);
    assert_int_equal(table_set_entry(&self, l4, slot, entry(a, MAP_RO), false), 0);
    assert_true(a->linear == 1 && l4->linear == -1 && a->type_count == 2);
    assert_int_equal(table_set_entry(&self, a, &words(a)[1], entry(b, MAP_RO), false), -EINVAL);
    assert_int_equal(table_set_entry(&self, b, &words(b)[1], entry(l4, MAP_RO), false), -EINVAL);
    assert_int_equal(table_set_entry(&self, a, &words(a)[1], entry(a, MAP_RO), false), 0);
    assert_int_equal(page_check(&self), 0);
    /* It stays an L4 while it is led to; when both are gone nothing is left. */
    assert_int_equal(page_unpin(&self, number(a)), 0);
    assert_true(a->type == FT_L4 && a->type_count == 1);
    assert_int_equal(page_unpin(&self, number(l4)), 0);
    assert_int_equal(page_unpin(&self, number(b)), 0);
    assert_int_equal(a->type_count | a->linear | l4->linear, 0);
    assert_int_equal(l4->refs + l3->refs + l2->refs + l1->refs + data->refs + a->refs + b->refs, 7);
    assert_true(self.linear_l4);
}

/* It holds such an entry when it is made an L4, and when that breaks off. */
static void a_linear_l4_is_validated(void **state)
{
    (void)state;
    self.linear_l4 = false;
    words(l4)[1] = entry(l4, MAP_RO);
    words(l4)[2] = entry(foreign, MAP_RO);
    assert_int_equal(page_pin(&self, number(l4), FT_L4), -EINVAL);
    assert_int_equal(l4->refs + l3->refs + l2->refs + l1->refs + data->refs, 5);
    words(l4)[2] = 0;
    hurry = true;
    while (page_pin(&self, number(l4), FT_L4) == -ERESTART)
        assert_int_equal(page_check(&self), 0);
    hurry = false;
    assert_true(l4->flags & FRAME_PINNED && self.linear_l4);
    assert_int_equal(page_check(&self), 0);
    assert_int_equal(page_unpin(&self, number(l4)), 0);
    words(l4)[1] = 0;
    assert_int_equal(l4->refs + l3->refs + l2->refs + l1->refs + data->refs, 5);
}

static void the_recount_sees_a_lost_reference(void **state)
{
    (void)state;
    assert_int_equal(page_pin(&self, number(l4), FT_L4), 0);
    data->refs++;
    assert_int_equal(page_check(&self), 1);
    data->refs--;
    data->type_count++;
    assert_int_equal(page_check(&self), 1);
    data->type_count--;
    words(l1)[7] = entry(l2, MAP_RW);
    assert_true(page_check(&self) > 0);
    words(l1)[7] = entry(foreign, MAP_RO);
    assert_true(page_check(&self) > 0);
    words(l1)[7] = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pinning_validates_all_below, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_entry_fails_the_whole_pin, setup, teardown),
        cmocka_unit_test_setup_teardown(no_table_is_mapped_writable, setup, teardown),
        cmocka_unit_test_setup_teardown(no_writable_page_becomes_a_table, setup, teardown),
        cmocka_unit_test_setup_teardown(a_table_cannot_map_itself_writable, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_levels, setup, teardown),
        cmocka_unit_test_setup_teardown(entries_are_adjusted, setup, teardown),
        cmocka_unit_test_setup_teardown(retyping_flushes_once, setup, teardown),
        cmocka_unit_test_setup_teardown(released_frame_stays_while_mapped, setup, teardown),
        cmocka_unit_test_setup_teardown(finding_the_l1_entry, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pin_goes_on_where_it_broke_off, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pin_that_fails_late_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_broken_off_can_be_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(an_unpin_in_pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_type_undoes_the_old_one, setup, teardown),
        cmocka_unit_test_setup_teardown(linear_tables, setup, teardown),
        cmocka_unit_test_setup_teardown(linear_l4, setup, teardown),
        cmocka_unit_test_setup_teardown(a_linear_l4_is_validated, setup, teardown),
        cmocka_unit_test_setup_teardown(the_recount_sees_a_lost_reference, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
