/*
 * The grader on pv.6: a page of the guest's becomes a table, with all that is below it, and ceases
 * to be one.
 */
#include "grade_pv.h"

#include "layout.h"

#define WHERE_NEW   "pv.3: src/pv/page_type.c, page_get_new_type"
#define WHERE_VALID "pv.3: src/pv/page_type.c, validate"
#define WHERE_TABLE "pv.6: src/pv/table.c, validate_entries"
#define WHERE_PUT   "pv.6: src/pv/table.c, put_entries"

static struct frame *data, *foreign;
static struct frame *l4, *l3, *l2, *l1;

static void make_tables(void)
{
    world_start();
    data = world_own(&world_self);
    foreign = world_own(&world_other);
    l4 = world_own(&world_self);
    l3 = world_own(&world_self);
    l2 = world_own(&world_self);
    l1 = world_own(&world_self);
    world_words(l4)[0] = world_entry(l3, PTE_P | PTE_W);
    world_words(l3)[511] = world_entry(l2, PTE_P | PTE_W);
    world_words(l2)[8] = world_entry(l1, PTE_P | PTE_W);
    world_words(l1)[3] = world_entry(data, PTE_P | PTE_W);
    world_words(l1)[4] = 0x7700; /* not present: the guest's own affair */
}

void tables_validated(void **state)
{
    (void)state;
    make_tables();
    GRADE_CASE("page_pin(FT_L4) of four tables that nobody uses yet");
    EXPECT_RESULT("the result", page_pin(&world_self, world_number(l4), FT_L4), 0, WHERE_TABLE);
    world_expect("the L4", l4, 2, 1, WHERE_TABLE);
    world_expect("the L3", l3, 2, 1, WHERE_TABLE);
    world_expect("the L2", l2, 2, 1, WHERE_TABLE);
    world_expect("the L1", l1, 2, 1, WHERE_TABLE);
    world_expect("the page", data, 2, 1, WHERE_TABLE);
    GRADE_EQUAL("the page's type", data->type, FT_WRITABLE, WHERE_TABLE);
    GRADE_EQUAL("the L2's entry, in which U is set", world_words(l2)[8], world_entry(l1, LINK),
                WHERE_TABLE);
    GRADE_EQUAL("the L1's entry, in which U is set, and that it was not (PTE_GUEST_KERNEL)",
                world_words(l1)[3], world_entry(data, MAP_RW | PTE_GUEST_KERNEL), WHERE_TABLE);
    GRADE_EQUAL("an entry that is not present", world_words(l1)[4], 0x7700, WHERE_TABLE);
    GRADE_CASE("page_unpin of the L4");
    EXPECT_RESULT("the result", page_unpin(&world_self, world_number(l4)), 0, WHERE_PUT);
    world_expect("the L4", l4, 1, 0, WHERE_PUT);
    world_expect("the L1", l1, 1, 0, WHERE_PUT);
    world_expect("the page", data, 1, 0, WHERE_PUT);
    world_end(WHERE_PUT);
}

/* Its own entry would make the page a writable one while it is looked at. */
static void maps_itself(void)
{
    make_tables();
    world_words(l1)[9] = world_entry(l1, MAP_RW);
    GRADE_CASE("page_pin(FT_L1) of a table that maps itself writable");
    EXPECT_RESULT("the result", page_pin(&world_self, world_number(l1), FT_L1), -EBUSY,
                  WHERE_VALID);
    world_expect("the table", l1, 1, 0, WHERE_VALID);
    world_end(WHERE_VALID);
}

/* What was done is undone, and no table waits any more. */
static void broken_off_then_bad(void)
{
    make_tables();
    world_hurry = true;
    GRADE_CASE("page_pin(FT_L4), time is up after the L1");
    EXPECT_RESULT("the result", page_pin(&world_self, world_number(l4), FT_L4), -ERESTART,
                  WHERE_TABLE);
    world_words(l2)[400] = world_entry(foreign, LINK);
    GRADE_CASE("the same again; a later entry of the L2 is for another domain's frame");
    EXPECT_RESULT("the result", page_pin(&world_self, world_number(l4), FT_L4), -EINVAL,
                  WHERE_TABLE);
    GRADE_TRUE("no table is partial any more",
               !((l4->flags | l3->flags | l2->flags) & FRAME_PARTIAL), WHERE_VALID);
    world_expect("the L4", l4, 1, 0, WHERE_VALID);
    world_expect("the L2", l2, 1, 0, WHERE_VALID);
    world_end(WHERE_VALID);
}

void tables_slots(void **state)
{
    (void)state;
    for (unsigned i = HYPERVISOR_FIRST_SLOT; i <= HYPERVISOR_LAST_SLOT; i += 5) {
        make_tables();
        world_words(l4)[i] = world_entry(foreign, LINK);
        GRADE_CASE("an L4 in whose slot %u, the hypervisor's, the guest has written something", i);
        EXPECT_RESULT("the result of page_pin", page_pin(&world_self, world_number(l4), FT_L4), 0,
                      WHERE_TABLE);
        GRADE_EQUAL("what stands there after it", world_words(l4)[i], PTE_P, WHERE_TABLE);
        EXPECT_RESULT("the result of page_unpin", page_unpin(&world_self, world_number(l4)), 0,
                      WHERE_PUT);
        GRADE_EQUAL("calls of l4_clear", world_clears, 1, WHERE_PUT);
        world_expect("the L3", l3, 1, 0, WHERE_PUT);
        world_end(WHERE_PUT);
    }
}

/* One of the tables below it is wanted as something else while it still waits in the list. */
static void wanted_while_it_waits(void)
{
    struct frame *other;

    make_tables();
    other = world_own(&world_self);
    world_words(l2)[9] = world_entry(other, LINK);
    EXPECT_RESULT("the result of page_pin", page_pin(&world_self, world_number(l2), FT_L2), 0,
                  WHERE_TABLE);
    world_hurry = true;
    GRADE_CASE("page_unpin of an L2 that leads to two L1; time is up after the L2");
    EXPECT_RESULT("the result", page_unpin(&world_self, world_number(l2)), 0, WHERE_PUT);
    GRADE_TRUE("the L1 waits in the list", l1->flags & FRAME_UNDOING, WHERE_PUT);
    GRADE_CASE("page_get_new_type(FT_WRITABLE) of an L1 that waits to be undone");
    EXPECT_RESULT("the result", page_get_new_type(&world_self, l1, FT_WRITABLE), 0, WHERE_NEW);
    GRADE_TRUE("it does not wait any more", !(l1->flags & FRAME_UNDOING), WHERE_NEW);
    world_expect("the L1", l1, 1, 1, WHERE_NEW);
    world_expect("the page that it has mapped", data, 1, 0, WHERE_NEW);
    page_put_last_type(&world_self, l1);
    world_hurry = false;
    page_undo_some(&world_self);
    world_end(WHERE_NEW);
}

void tables_undone(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 512; i = i * 3 + 1) {
        if (i == 3)
            continue;
        make_tables();
        world_words(l1)[i] = world_entry(foreign, MAP_RO);
        GRADE_CASE("page_pin(FT_L4); entry %u of the L1 is for another domain's frame", i);
        EXPECT_RESULT("the result", page_pin(&world_self, world_number(l4), FT_L4), -EBUSY,
                      WHERE_TABLE);
        world_expect("the L4", l4, 1, 0, WHERE_TABLE);
        world_expect("the L3", l3, 1, 0, WHERE_TABLE);
        world_expect("the L1", l1, 1, 0, WHERE_TABLE);
        world_expect("the page that entry 3 maps", data, 1, 0, WHERE_TABLE);
        GRADE_EQUAL("references to the other domain's frame", foreign->refs, 1, WHERE_TABLE);
        GRADE_EQUAL("the L4's type", l4->type, FT_NONE, WHERE_VALID);
        world_end(WHERE_TABLE);
    }
    maps_itself();
    broken_off_then_bad();
    wanted_while_it_waits();
}

/* Time is always up: each attempt makes one table more. */
void tables_broken_off(void **state)
{
    struct frame *second;
    unsigned attempts = 0;
    s64 error;

    (void)state;
    make_tables();
    second = world_own(&world_self);
    world_words(second)[0] = world_entry(data, MAP_RW);
    world_words(l2)[300] = world_entry(second, LINK);
    world_hurry = true;
    do {
        GRADE_CASE("page_pin(FT_L4), time is always up: attempt %u", attempts + 1);
        error = page_pin(&world_self, world_number(l4), FT_L4);
        GRADE_TRUE("the result is 0 or -ERESTART", !error || error == -ERESTART, WHERE_TABLE);
    } while (error == -ERESTART && ++attempts < 20);
    GRADE_TRUE("it broke off at least once, and came to its end", attempts && !error, WHERE_TABLE);
    GRADE_EQUAL("attempts broken off: after a table made, but not for a table's last entry",
                attempts, 3, WHERE_TABLE);
    world_expect("the page", data, 3, 2, WHERE_TABLE);
    world_expect("the L2", l2, 2, 1, WHERE_VALID);
    GRADE_TRUE("no table is partial any more",
               !((l4->flags | l3->flags | l2->flags) & FRAME_PARTIAL), WHERE_VALID);
    world_end(WHERE_VALID);
}
