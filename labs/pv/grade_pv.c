// sources: src/pv/hypercall.c src/pv/multicall.c src/pv/page_type.c src/pv/table.c
// sources: src/pv/mmu_update.c src/pv/mmuext_op.c src/pv/foreign.c src/pv/page_undo.c
// sources: src/pv/page_check.c src/pv/segment.c src/core/frame.c src/core/tlb.c
// sources: labs/kit/grade_machine.c tests/unit/stub_heap.c tests/unit/stub_pv_copy.c
// sources: labs/pv/grade_world.c labs/pv/grade_dispatch.c labs/pv/grade_update.c
// sources: labs/pv/grade_tables.c
// libs: -Wl,--defsym=hypercalls_start=__start_hypercalls
// libs: -Wl,--defsym=hypercalls_end=__stop_hypercalls
/*
 * The host part of the lab pv's grader: references and types (pv.2, pv.3), entries (pv.4, pv.5).
 * grade_dispatch.c, grade_tables.c and grade_update.c have the other exercises.
 */
#include "grade_pv.h"

#include "layout.h"
#include "tlb.h"

#include "../../src/pv/page_check.h"

#define WHERE_BOTH  "pv.2: src/pv/page_type.c, page_get_and_type"
#define WHERE_PIN   "pv.2: src/pv/page_type.c, page_pin and page_unpin"
#define WHERE_NEW   "pv.3: src/pv/page_type.c, page_get_new_type"
#define WHERE_VALID "pv.3: src/pv/page_type.c, validate"
#define WHERE_LAST  "pv.3: src/pv/page_type.c, page_put_last_type"
#define WHERE_SET   "pv.4: src/pv/table.c, table_set_entry"
#define WHERE_TAKE  "pv.5: src/pv/table.c, l1_get"
#define WHERE_DROP  "pv.5: src/pv/table.c, l1_put"

enum { NO_FRAME = 0x123456, GATE_HIGH = 0xee00, DEVICE = WORLD_FRAMES - 1 };
/* A system segment: a guest may not have one. */
#define TSS_DESCRIPTOR 0x0000890000000067ULL
/* One of ring 3's, whose bit 0 would be P in a table. */
#define CODE_DESCRIPTOR 0x0040fa0000000001ULL

static struct frame *data, *foreign;

static void begin(void)
{
    world_start();
    data = world_own(&world_self);
    foreign = world_own(&world_other);
}

/* pv.2 */

static void both_taken(void **state)
{
    struct frame *f, *got = NULL;

    (void)state;
    begin();
    f = world_used(FT_L2, 1);
    GRADE_CASE("page_get_and_type(FT_L2) of a frame that is an FT_L2 already, used once");
    EXPECT_RESULT("the result", page_get_and_type(&world_self, world_number(f), FT_L2, &got), 0,
                  WHERE_BOTH);
    GRADE_TRUE("*out is the frame's record", got == f, WHERE_BOTH);
    world_expect("the frame", f, 3, 2, WHERE_BOTH);
    page_put_and_type(&world_self, f);
    world_end(WHERE_BOTH);
}

static void expect_none(struct frame *f, u64 mfn, enum frame_type type, s64 error)
{
    unsigned refs = f ? f->refs : 0, types = f ? f->type_count : 0;
    struct frame *got = NULL;

    EXPECT_RESULT("the result", page_get_and_type(&world_self, mfn, type, &got), error, WHERE_BOTH);
    if (f)
        world_expect("the frame", f, refs, types, WHERE_BOTH);
}

static void none_taken(void **state)
{
    struct frame *f;

    (void)state;
    begin();
    f = world_used(FT_L2, 1);
    GRADE_CASE("a number that no frame has");
    expect_none(NULL, NO_FRAME, FT_L2, -EINVAL);
    GRADE_CASE("another domain's frame");
    expect_none(foreign, world_number(foreign), FT_WRITABLE, -EPERM);
    GRADE_CASE("a device's frame");
    expect_none(NULL, DEVICE, FT_WRITABLE, -EPERM);
    GRADE_CASE("FT_WRITABLE of a frame that is in use as FT_L2");
    expect_none(f, world_number(f), FT_WRITABLE, -EBUSY);
    GRADE_CASE("FT_L2 of a frame that has as many references as can be counted");
    f->refs = ~0u;
    expect_none(f, world_number(f), FT_L2, -EBUSY);
    f->refs = 2;
    world_end(WHERE_BOTH);
}

static void pins(void **state)
{
    struct frame *f;
    u64 mfn;

    (void)state;
    begin();
    f = world_used(FT_L2, 1);
    mfn = world_number(f);
    GRADE_CASE("a table used once: page_unpin");
    EXPECT_RESULT("the result", page_unpin(&world_self, mfn), -EINVAL, WHERE_PIN);
    world_expect("the table", f, 2, 1, WHERE_PIN);
    GRADE_CASE("the same: page_pin");
    EXPECT_RESULT("the result", page_pin(&world_self, mfn, FT_L2), 0, WHERE_PIN);
    GRADE_TRUE("FRAME_PINNED is set", f->flags & FRAME_PINNED, WHERE_PIN);
    world_expect("the table", f, 3, 2, WHERE_PIN);
    GRADE_CASE("the same, pinned: page_pin again");
    EXPECT_RESULT("the result", page_pin(&world_self, mfn, FT_L2), -EINVAL, WHERE_PIN);
    world_expect("the table", f, 3, 2, WHERE_PIN);
    GRADE_CASE("the same, pinned: page_pin as another type");
    EXPECT_RESULT("the result", page_pin(&world_self, mfn, FT_L3), -EBUSY, WHERE_PIN);
    GRADE_CASE("the same, pinned: page_unpin");
    EXPECT_RESULT("the result", page_unpin(&world_self, mfn), 0, WHERE_PIN);
    GRADE_TRUE("FRAME_PINNED is clear", !(f->flags & FRAME_PINNED), WHERE_PIN);
    world_expect("the table", f, 2, 1, WHERE_PIN);
    GRADE_CASE("page_unpin of another domain's frame, of a number that no frame has");
    EXPECT_RESULT("the result", page_unpin(&world_self, world_number(foreign)), -EPERM, WHERE_PIN);
    EXPECT_RESULT("the result", page_unpin(&world_self, NO_FRAME), -EINVAL, WHERE_PIN);
    world_end(WHERE_PIN);
}

/* pv.3: with types that need no tables below */

static void new_type(void **state)
{
    (void)state;
    begin();
    GRADE_CASE("page_get_new_type(FT_WRITABLE) of a frame without a type");
    EXPECT_RESULT("the result", page_get_new_type(&world_self, data, FT_WRITABLE), 0, WHERE_NEW);
    GRADE_EQUAL("its type", data->type, FT_WRITABLE, WHERE_NEW);
    world_expect("the frame", data, 1, 1, WHERE_NEW);
    GRADE_TRUE("FRAME_VALIDATED is clear", !(data->flags & FRAME_VALIDATED), WHERE_NEW);
    grade_place(WHERE_LAST);
    page_put_last_type(&world_self, data);
    GRADE_CASE("page_put_last_type of it");
    world_expect("the frame", data, 1, 0, WHERE_LAST);
    tlb_flush_all();
    world_flushes();
    world_words(data)[0] = CODE_DESCRIPTOR;
    GRADE_CASE("the last use was before a flush; page_get_new_type(FT_SEGDESC)");
    EXPECT_RESULT("the result", page_get_new_type(&world_self, data, FT_SEGDESC), 0, WHERE_NEW);
    GRADE_EQUAL("flushes", world_flushes(), 0, WHERE_NEW);
    GRADE_EQUAL("its type", data->type, FT_SEGDESC, WHERE_NEW);
    GRADE_TRUE("FRAME_VALIDATED is set", data->flags & FRAME_VALIDATED, WHERE_VALID);
    world_expect("the frame", data, 1, 1, WHERE_VALID);
    grade_place(WHERE_LAST);
    page_put_last_type(&world_self, data);
    GRADE_CASE("page_put_last_type of it");
    GRADE_TRUE("FRAME_VALIDATED is clear", !(data->flags & FRAME_VALIDATED), WHERE_LAST);
    world_expect("the frame", data, 1, 0, WHERE_LAST);
    GRADE_CASE("a frame that is partial as an FT_L2; page_get_new_type as another type");
    data->type = FT_L2;
    data->flags |= FRAME_PARTIAL;
    EXPECT_RESULT("the result", page_get_new_type(&world_self, data, FT_WRITABLE), -EBUSY,
                  WHERE_NEW);
    EXPECT_RESULT("the result", page_get_new_type(&world_self, data, FT_L1), -EBUSY, WHERE_NEW);
    GRADE_EQUAL("its type", data->type, FT_L2, WHERE_NEW);
    GRADE_CASE("a frame that waits to be undone, held by nobody but the list; page_get_new_type");
    data->flags = (u16)((data->flags & ~FRAME_PARTIAL) | FRAME_UNDOING);
    EXPECT_RESULT("the result", page_get_new_type(&world_self, data, FT_WRITABLE), -EBUSY,
                  WHERE_NEW);
    data->flags &= (u16)~FRAME_UNDOING;
    data->type = FT_NONE;
    world_end(WHERE_LAST);
}

static void new_writable(void)
{
    page_get_new_type(&world_self, data, FT_WRITABLE);
}

/* Rule 6. */
static void flushed_before(void **state)
{
    (void)state;
    begin();
    EXPECT_RESULT("the result", page_get_new_type(&world_self, data, FT_WRITABLE), 0, WHERE_NEW);
    grade_place(WHERE_LAST);
    page_put_last_type(&world_self, data);
    world_flushes();
    GRADE_CASE("it was writable and no flush came since; page_get_new_type(FT_WRITABLE)");
    EXPECT_RESULT("the result", page_get_new_type(&world_self, data, FT_WRITABLE), 0, WHERE_NEW);
    GRADE_EQUAL("flushes", world_flushes(), 0, WHERE_NEW);
    grade_place(WHERE_LAST);
    page_put_last_type(&world_self, data);
    GRADE_CASE("it was writable and no flush came since; page_get_new_type(FT_SEGDESC)");
    EXPECT_RESULT("the result", page_get_new_type(&world_self, data, FT_SEGDESC), 0, WHERE_NEW);
    GRADE_EQUAL("flushes", world_flushes(), 1,
                "pv.3: src/pv/page_type.c, page_put_last_type notes the end, page_get_new_type "
                "forgets: rule 6");
    grade_place(WHERE_LAST);
    page_put_last_type(&world_self, data);
    world_end(WHERE_LAST);
    begin();
    GRADE_CASE("tlb.h's ledger has a translation to a frame, whose record says nothing of it; "
               "page_get_new_type(FT_WRITABLE)");
    tlb_note_stale(TLB_ANY_ROOT, TLB_ANY_GVA, frame_mfn(data));
    GRADE_TRUE("the ledger is asked, and gives up (tlb_assert_gone)", grade_gives_up(new_writable),
               WHERE_NEW);
    tlb_flush_all();
}

static void not_valid(void **state)
{
    (void)state;
    begin();
    world_words(data)[511] = TSS_DESCRIPTOR;
    GRADE_CASE("page_get_new_type(FT_SEGDESC) of a page with a system segment in it");
    EXPECT_RESULT("the result", page_get_new_type(&world_self, data, FT_SEGDESC), -EINVAL,
                  WHERE_VALID);
    world_expect("the page", data, 1, 0, WHERE_VALID);
    GRADE_EQUAL("its type", data->type, FT_NONE, WHERE_VALID);
    GRADE_TRUE("FRAME_VALIDATED is clear", !(data->flags & FRAME_VALIDATED), WHERE_VALID);
    world_flushes();
    GRADE_CASE("after that page_get_new_type(FT_WRITABLE)");
    EXPECT_RESULT("the result", page_get_new_type(&world_self, data, FT_WRITABLE), 0, WHERE_VALID);
    GRADE_EQUAL("flushes: the failed attempt was a use, too", world_flushes(), 1, WHERE_VALID);
    grade_place(WHERE_LAST);
    page_put_last_type(&world_self, data);
    world_end(WHERE_VALID);
}

/* pv.4: an L2 in use, whose entries lead to L1 tables that others hold, too */

static void set_takes(void **state)
{
    struct frame *l2, *a, *b;
    u64 *p;

    (void)state;
    begin();
    l2 = world_used(FT_L2, 1);
    a = world_used(FT_L1, 1);
    b = world_used(FT_L1, 1);
    p = &world_words(l2)[5];
    GRADE_CASE("an empty entry of an L2 comes to lead to a table in use");
    EXPECT_RESULT("the result",
                  table_set_entry(&world_self, l2, p, world_entry(a, PTE_P | PTE_W), false), 0,
                  WHERE_SET);
    GRADE_EQUAL("the entry, in which U is set", *p, world_entry(a, LINK), WHERE_SET);
    world_expect("the table", a, 3, 2, WHERE_SET);
    GRADE_CASE("the entry comes to lead to another table");
    EXPECT_RESULT("the result", table_set_entry(&world_self, l2, p, world_entry(b, LINK), false), 0,
                  WHERE_SET);
    world_expect("the old table", a, 2, 1, WHERE_SET);
    world_expect("the new table", b, 3, 2, WHERE_SET);
    GRADE_CASE("the entry becomes one that is not present");
    EXPECT_RESULT("the result", table_set_entry(&world_self, l2, p, 0x1234567890ULL & ~1ULL, false),
                  0, WHERE_SET);
    GRADE_EQUAL("the entry, as it was given", *p, 0x1234567890ULL & ~1ULL, WHERE_SET);
    world_expect("the table", b, 2, 1, WHERE_SET);
    GRADE_CASE("from there on, another that is not present");
    EXPECT_RESULT("the result", table_set_entry(&world_self, l2, p, 0, false), 0, WHERE_SET);
    world_expect("the table", b, 2, 1, WHERE_SET);
    world_end(WHERE_SET);
}

/* The same table again, held by this entry alone: dropped first, it would be undone. */
static void take_before_drop(void **state)
{
    struct frame *l2, *a;
    u64 *p;

    (void)state;
    begin();
    l2 = world_used(FT_L2, 1);
    a = world_used(FT_L1, 0);
    p = &world_words(l2)[7];
    a->type_count = 1;
    a->refs = 2;
    *p = world_entry(a, LINK);
    GRADE_CASE("an entry alone holds a table, and changes to the same table with NX");
    EXPECT_RESULT("the result",
                  table_set_entry(&world_self, l2, p, world_entry(a, LINK) | PTE_NX, false), 0,
                  WHERE_SET);
    world_expect("the table", a, 2, 1, WHERE_SET);
    GRADE_TRUE("it was a table all the time (its use did not end in between)",
               a->flags & FRAME_VALIDATED && a->extra != page_flush_count, WHERE_SET);
    world_end(WHERE_SET);
}

static void set_refused(void **state)
{
    struct frame *l2, *a;
    u64 *p, before;

    (void)state;
    begin();
    l2 = world_used(FT_L2, 1);
    a = world_used(FT_L1, 1);
    p = &world_words(l2)[5];
    before = *p = world_entry(a, LINK);
    a->refs++, a->type_count++;
    for (unsigned i = 0; i < 3; i++) {
        const u64 entries[] = {world_entry(foreign, LINK), world_entry(a, LINK | PTE_PS),
                               world_entry(l2, LINK)};
        static const char *const what[] = {"a frame that is another's", "a large page",
                                           "a table of the wrong level"};

        GRADE_CASE("the new entry is for %s", what[i]);
        EXPECT_RESULT("the result", table_set_entry(&world_self, l2, p, entries[i], false), -EINVAL,
                      WHERE_SET);
        GRADE_EQUAL("the entry, which is as before", *p, before, WHERE_SET);
        world_expect("the old table", a, 3, 2, WHERE_SET);
    }
    world_end(WHERE_SET);
}

static void set_slots(void **state)
{
    struct frame *l4, *l3;

    (void)state;
    begin();
    l4 = world_used(FT_L4, 1);
    l3 = world_used(FT_L3, 1);
    for (unsigned i = 254; i < 275; i++) {
        bool ours = i >= HYPERVISOR_FIRST_SLOT && i <= HYPERVISOR_LAST_SLOT;
        u64 *p = &world_words(l4)[i];

        GRADE_CASE("slot %u of an L4", i);
        EXPECT_RESULT("the result",
                      table_set_entry(&world_self, l4, p, world_entry(l3, LINK), false),
                      ours ? -EINVAL : 0, WHERE_SET);
        GRADE_EQUAL("the entry", *p, ours ? 0 : world_entry(l3, LINK), WHERE_SET);
        EXPECT_RESULT("the result of clearing it", table_set_entry(&world_self, l4, p, 0, false),
                      ours ? -EINVAL : 0, WHERE_SET);
    }
    world_expect("the L3", l3, 2, 1, WHERE_SET);
    world_end(WHERE_SET);
}

static void set_flags(void **state)
{
    struct frame *l2, *a;
    u64 *p;

    (void)state;
    begin();
    l2 = world_used(FT_L2, 1);
    a = world_used(FT_L1, 1);
    p = &world_words(l2)[5];
    a->refs++, a->type_count++;
    *p = world_entry(a, LINK | PTE_A);
    GRADE_CASE("the old entry has A, the new one has not; keep_ad");
    EXPECT_RESULT("the result", table_set_entry(&world_self, l2, p, world_entry(a, LINK), true), 0,
                  WHERE_SET);
    GRADE_EQUAL("the entry", *p, world_entry(a, LINK | PTE_A), WHERE_SET);
    GRADE_CASE("the old entry has A, the new one has not; not keep_ad");
    EXPECT_RESULT("the result", table_set_entry(&world_self, l2, p, world_entry(a, LINK), false), 0,
                  WHERE_SET);
    GRADE_EQUAL("the entry", *p, world_entry(a, LINK), WHERE_SET);
    *p |= PTE_A;
    GRADE_CASE("the old entry has A and is not present, the new one is; keep_ad");
    a->refs--, a->type_count--;
    *p = PTE_A;
    EXPECT_RESULT("the result", table_set_entry(&world_self, l2, p, world_entry(a, LINK), true), 0,
                  WHERE_SET);
    GRADE_EQUAL("the entry", *p, world_entry(a, LINK | PTE_A), WHERE_SET);
    GRADE_CASE("the old entry has A, the new one is not present; keep_ad");
    EXPECT_RESULT("the result", table_set_entry(&world_self, l2, p, 0, true), 0, WHERE_SET);
    GRADE_EQUAL("the entry", *p, 0, WHERE_SET);
    world_end(WHERE_SET);
}

/* pv.5: an L1 in use */

static s64 set_l1(struct frame *l1, u64 entry)
{
    return table_set_entry(&world_self, l1, &world_words(l1)[9], entry, false);
}

/* Whatever the guest sets beside the address: all of it is its own affair, but for the cache. */
static void every_bit(struct frame *l1)
{
    for (u64 bit = 2; bit; bit <<= 1) {
        if (bit & (PTE_ADDR | PTE_PWT | PTE_PCD | PTE_PAT))
            continue;
        GRADE_CASE("a read-only entry with bit 0x%lx set", (unsigned long)bit);
        EXPECT_RESULT("the result", set_l1(l1, world_entry(data, MAP_RO | bit)), 0, WHERE_TAKE);
        GRADE_TRUE("the bit is set in the entry that is stored", world_words(l1)[9] & bit,
                   WHERE_TAKE);
        EXPECT_RESULT("the result of clearing the entry", set_l1(l1, 0), 0, WHERE_DROP);
    }
    world_expect("the frame", data, 1, 0, WHERE_DROP);
}

static void l1_takes(void **state)
{
    struct frame *l1;

    (void)state;
    begin();
    l1 = world_used(FT_L1, 1);
    GRADE_CASE("a read-only entry for a frame of its own");
    EXPECT_RESULT("the result", set_l1(l1, world_entry(data, MAP_RO)), 0, WHERE_TAKE);
    world_expect("the frame", data, 2, 0, WHERE_TAKE);
    GRADE_CASE("the same, writable");
    EXPECT_RESULT("the result", set_l1(l1, world_entry(data, MAP_RW)), 0, WHERE_TAKE);
    world_expect("the frame", data, 2, 1, WHERE_TAKE);
    GRADE_EQUAL("its type", data->type, FT_WRITABLE, WHERE_TAKE);
    GRADE_CASE("read-only again");
    EXPECT_RESULT("the result", set_l1(l1, world_entry(data, MAP_RO)), 0, WHERE_DROP);
    world_expect("the frame", data, 2, 0, WHERE_DROP);
    GRADE_CASE("a read-only entry for the table itself");
    EXPECT_RESULT("the result", set_l1(l1, world_entry(l1, MAP_RO)), 0, WHERE_TAKE);
    world_expect("the table", l1, 3, 1, WHERE_TAKE);
    world_expect("the frame", data, 1, 0, WHERE_DROP);
    EXPECT_RESULT("the result of clearing the entry", set_l1(l1, 0), 0, WHERE_DROP);
    world_expect("the table", l1, 2, 1, WHERE_DROP);
    every_bit(l1);
    world_end(WHERE_DROP);
}

static void l1_refused(void **state)
{
    struct frame *l1, *l2;

    (void)state;
    begin();
    l1 = world_used(FT_L1, 1);
    l2 = world_used(FT_L2, 1);
    const struct {
        const char *what;
        struct frame *f;
        u64 entry;
        s64 error;
    } cases[] = {
        {"another domain's frame, read-only", foreign, world_entry(foreign, MAP_RO), -EBUSY},
        {"another domain's frame, writable", foreign, world_entry(foreign, MAP_RW), -EBUSY},
        {"a device's frame", NULL, (u64)DEVICE << PAGE_SHIFT | MAP_RO, -EPERM},
        {"a frame that is not there", NULL, (u64)NO_FRAME << PAGE_SHIFT | MAP_RO, -EPERM},
        {"a frame beyond all memory", NULL, world_entry(data, MAP_RO) | 1ULL << 51, -EPERM},
        {"the frame whose number has all bits set", NULL, PTE_ADDR | MAP_RO, -EINVAL},
        {"a page of its own, uncached", data, world_entry(data, MAP_RO | PTE_PCD), -EINVAL},
        {"a table, writable", l2, world_entry(l2, MAP_RW), -EBUSY},
        {"the table itself, writable", l1, world_entry(l1, MAP_RW), -EBUSY},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct frame *f = cases[i].f;
        unsigned refs = f ? f->refs : 0, types = f ? f->type_count : 0;

        GRADE_CASE("an L1 entry for %s", cases[i].what);
        EXPECT_RESULT("the result", set_l1(l1, cases[i].entry), cases[i].error, WHERE_TAKE);
        GRADE_EQUAL("the entry", world_words(l1)[9], 0, WHERE_TAKE);
        if (f)
            world_expect("the frame", f, refs, types, WHERE_TAKE);
    }
    world_end(WHERE_TAKE);
}

/* A frame that is given back, or takes a new type, while a TLB may remember an entry for it. */
static void l1_forgotten(void **state)
{
    struct frame *l1;

    (void)state;
    begin();
    l1 = world_used(FT_L1, 1);
    EXPECT_RESULT("the result", set_l1(l1, world_entry(data, MAP_RO)), 0, WHERE_TAKE);
    world_flushes();
    GRADE_CASE("an entry for a frame is cleared");
    EXPECT_RESULT("the result", set_l1(l1, 0), 0, WHERE_DROP);
    GRADE_EQUAL("flushes", world_flushes(), 0, WHERE_DROP);
    GRADE_CASE("the entry for a frame was cleared, and the frame is given back");
    grade_place(WHERE_DROP);
    page_release(&world_self, data);
    GRADE_EQUAL("flushes: a TLB may remember the entry", world_flushes(), 1, WHERE_DROP);
    data = world_own(&world_self);
    tlb_flush_all();
    EXPECT_RESULT("the result", set_l1(l1, world_entry(data, MAP_RO)), 0, WHERE_TAKE);
    page_release(&world_self, data);
    world_watch(&world_words(l1)[9]);
    world_flushes();
    GRADE_CASE("a frame was given back, and the last entry for it is cleared");
    EXPECT_RESULT("the result", set_l1(l1, 0), 0, WHERE_DROP);
    GRADE_EQUAL("the entry at the moment when the frame goes: stored before it is dropped",
                world_watched(), 0, WHERE_SET);
    GRADE_EQUAL("flushes: the end is noted before the last reference goes", world_flushes(), 1,
                WHERE_DROP);
    world_end(WHERE_DROP);
}

GRADE_MAIN(cmocka_unit_test(table_filled), cmocka_unit_test(made_again), cmocka_unit_test(items),
           cmocka_unit_test(both_taken), cmocka_unit_test(none_taken), cmocka_unit_test(pins),
           cmocka_unit_test(new_type), cmocka_unit_test(flushed_before),
           cmocka_unit_test(not_valid), cmocka_unit_test(set_takes),
           cmocka_unit_test(take_before_drop), cmocka_unit_test(set_refused),
           cmocka_unit_test(set_slots), cmocka_unit_test(set_flags), cmocka_unit_test(l1_takes),
           cmocka_unit_test(l1_refused), cmocka_unit_test(l1_forgotten),
           cmocka_unit_test(tables_validated), cmocka_unit_test(tables_slots),
           cmocka_unit_test(tables_undone), cmocka_unit_test(tables_broken_off),
           cmocka_unit_test(update_stores), cmocka_unit_test(update_refused),
           cmocka_unit_test(update_commands), cmocka_unit_test(update_foreign),
           cmocka_unit_test(copy_mended), cmocka_unit_test(clear_mended))
