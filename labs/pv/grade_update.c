/*
 * The grader on pv.7, mmu_update; and on pv.10, the calls that copy and clear pages.
 */
#include "grade_pv.h"

#include "layout.h"

#include <string.h>

#define WHERE_ENTRY   "pv.7: src/pv/mmu_update.c, update_entry"
#define WHERE_COMMAND "pv.7: src/pv/mmu_update.c, update"
#define WHERE_FOREIGN "pv.7: src/pv/mmu_update.c, foreign_owner"
#define WHERE_MEND    "pv.10: src/pv/mmuext_op.c"

enum { NO_FRAME = 0x123456, DEVICE = WORLD_FRAMES - 1, ABSENT = 6 };
/* What becomes of a read-only entry of an L1 (l1_adjusted). */
enum { KEPT = MAP_RO | PTE_G };

static struct frame *l1, *data, *foreign;
static struct mmu_update list[4];

static void begin(void)
{
    world_start();
    l1 = world_used(FT_L1, 1);
    data = world_own(&world_self);
    foreign = world_own(&world_other);
}

static s64 update_list(unsigned count, u32 domain, u32 *done)
{
    return world_call(__HYPERVISOR_mmu_update, (uintptr_t)list, count, (uintptr_t)done, domain);
}

/* One request. */
static s64 update(u64 ptr, u64 value)
{
    list[0] = (struct mmu_update){ptr, value};
    return update_list(1, DOMID_SELF, NULL);
}

/* The machine address of a word of a frame. */
static u64 at(const struct frame *f, unsigned word)
{
    return world_entry(f, 0) + 8 * word;
}

void update_stores(void **state)
{
    struct frame *former;
    u32 done = 99;

    (void)state;
    begin();
    GRADE_CASE("a request for an entry of an L1 in use");
    EXPECT_RESULT("the result", update(at(l1, 7), world_entry(data, MAP_RW)), 0, WHERE_ENTRY);
    GRADE_EQUAL("the entry", world_words(l1)[7], world_entry(data, KEPT | PTE_W), WHERE_ENTRY);
    world_expect("the frame that it maps", data, 2, 1, WHERE_ENTRY);
    EXPECT_RESULT("the result of clearing it", update(at(l1, 7), 0), 0, WHERE_ENTRY);
    world_expect("the frame that it mapped", data, 1, 0, WHERE_ENTRY);
    GRADE_CASE("a request for a word of a page that is no table");
    EXPECT_RESULT("the result", update(at(data, 511), ~0ULL), 0, WHERE_ENTRY);
    GRADE_EQUAL("the word", world_words(data)[511], ~0ULL, WHERE_ENTRY);
    world_expect("the page", data, 1, 0, WHERE_ENTRY);
    former = world_own(&world_self);
    former->type = FT_L1;
    GRADE_CASE("a request for a word of a page that was a table once, and that nobody uses now");
    EXPECT_RESULT("the result", update(at(former, 3), 0x1235), 0, WHERE_ENTRY);
    GRADE_EQUAL("the word, as it was given", world_words(former)[3], 0x1235, WHERE_ENTRY);
    list[0] = (struct mmu_update){at(l1, 1), world_entry(data, MAP_RO)};
    list[1] = (struct mmu_update){at(l1, 2), world_entry(foreign, MAP_RO)};
    list[2] = (struct mmu_update){at(l1, 3), world_entry(data, MAP_RO)};
    GRADE_CASE("three requests, of which the second is refused");
    EXPECT_RESULT("the result", update_list(3, DOMID_SELF, &done), -EBUSY, WHERE_ENTRY);
    GRADE_EQUAL("requests done", done, 1, WHERE_ENTRY);
    GRADE_EQUAL("the third's entry", world_words(l1)[3], 0, WHERE_ENTRY);
    world_end(WHERE_ENTRY);
}

void update_refused(void **state)
{
    (void)state;
    begin();
    world_words(foreign)[0] = 0x55;
    GRADE_CASE("a request for a word of another domain's frame");
    EXPECT_RESULT("the result", update(at(foreign, 0), 0), -EINVAL, WHERE_ENTRY);
    GRADE_EQUAL("the word", world_words(foreign)[0], 0x55, WHERE_ENTRY);
    GRADE_CASE("a request for a word of a device");
    EXPECT_RESULT("the result", update((u64)DEVICE << PAGE_SHIFT, 0), -EINVAL, WHERE_ENTRY);
    GRADE_CASE("a request for a word of a frame that is not there");
    EXPECT_RESULT("the result", update((u64)NO_FRAME << PAGE_SHIFT, 0), -EINVAL, WHERE_ENTRY);
    GRADE_CASE("a request for a word that begins 4 bytes before an entry");
    EXPECT_RESULT("the result", update(at(l1, 8) + 4, 0), -ENOSYS, WHERE_ENTRY);
    GRADE_CASE("a request for a word of a page of descriptors in use");
    EXPECT_RESULT("the result", update(at(world_used(FT_SEGDESC, 1), 0), 0), -EINVAL, WHERE_ENTRY);
    world_end(WHERE_ENTRY);
}

void update_commands(void **state)
{
    (void)state;
    begin();
    world_words(l1)[4] = world_entry(data, MAP_RO | PTE_A | PTE_D);
    data->refs++;
    GRADE_CASE("MMU_PT_UPDATE_PRESERVE_AD of an entry with A and D");
    EXPECT_RESULT("the result",
                  update(at(l1, 4) | MMU_PT_UPDATE_PRESERVE_AD, world_entry(data, MAP_RO)), 0,
                  WHERE_COMMAND);
    GRADE_EQUAL("the entry", world_words(l1)[4], world_entry(data, KEPT | PTE_A | PTE_D),
                WHERE_COMMAND);
    GRADE_CASE("MMU_PT_UPDATE_NO_TRANSLATE of an entry with A and D");
    EXPECT_RESULT("the result",
                  update(at(l1, 4) | MMU_PT_UPDATE_NO_TRANSLATE, world_entry(data, MAP_RO)), 0,
                  WHERE_COMMAND);
    GRADE_EQUAL("the entry", world_words(l1)[4], world_entry(data, KEPT), WHERE_COMMAND);
    GRADE_CASE("MMU_MACHPHYS_UPDATE for a frame of its own: the number is 0x321");
    EXPECT_RESULT("the result", update(world_entry(data, MMU_MACHPHYS_UPDATE), 0x321), 0,
                  WHERE_COMMAND);
    GRADE_EQUAL("what m2p_set was told, frame << 32 | number", world_m2p(),
                world_number(data) << 32 | 0x321, WHERE_COMMAND);
    GRADE_CASE("MMU_MACHPHYS_UPDATE for another domain's frame");
    EXPECT_RESULT("the result", update(world_entry(foreign, MMU_MACHPHYS_UPDATE), 0x321), -EINVAL,
                  WHERE_COMMAND);
    GRADE_CASE("MMU_MACHPHYS_UPDATE for a frame that is not there");
    EXPECT_RESULT("the result", update((u64)NO_FRAME << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, 1),
                  -EINVAL, WHERE_COMMAND);
    GRADE_EQUAL("calls of m2p_set", world_m2p(), 0, WHERE_COMMAND);
    world_end(WHERE_COMMAND);
}

void update_foreign(void **state)
{
    static const struct {
        u32 tables, frames; /* the fourth argument's halves: a number + 1, a number */
        s64 result;
    } cases[] = {
        {0, DOMID_SELF, 0},
        {SELF + 1, DOMID_SELF, 0},
        {OTHER + 1, DOMID_SELF, -EPERM},
        {ABSENT + 1, DOMID_SELF, -ESRCH},
        {0, OTHER, -EPERM},
        {0, ABSENT, -ESRCH},
        {SELF + 1, OTHER, -EPERM},
        {ABSENT + 1, OTHER, -ESRCH},
        {0, SELF, -ESRCH},
        {OTHER + 1, ABSENT, -ESRCH},
        {DOMID_SELF + 1, DOMID_SELF, -ESRCH},
        {0, DOMID_XEN, -EPERM},
        {0, DOMID_IO, -EBUSY},
        {SELF + 1, DOMID_IO, -EBUSY},
        {OTHER + 1, DOMID_IO, -EPERM},
    };

    (void)state;
    begin();
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        list[0] = (struct mmu_update){at(l1, i), world_entry(data, MAP_RO)};
        GRADE_CASE("the caller is %u, there is a %u: owner of the tables %u (0: not said), of the "
                   "frames 0x%x",
                   SELF, OTHER, cases[i].tables ? cases[i].tables - 1 : 0, cases[i].frames);
        EXPECT_RESULT("the result", update_list(1, cases[i].tables << 16 | cases[i].frames, NULL),
                      cases[i].result, WHERE_FOREIGN);
        GRADE_EQUAL("the entry", world_words(l1)[i], cases[i].result ? 0 : world_entry(data, KEPT),
                    WHERE_FOREIGN);
    }
    world_end(WHERE_FOREIGN);
}

/* pv.10 */

static s64 extended(unsigned command, const struct frame *to, const struct frame *from)
{
    struct mmuext_op op = {.cmd = command};

    op.arg1.mfn = world_number(to);
    op.arg2.src_mfn = from ? world_number(from) : 0;
    return world_call(__HYPERVISOR_mmuext_op, (uintptr_t)&op, 1, 0, DOMID_SELF);
}

static void honest_copies(void)
{
    struct frame *from;

    begin();
    from = world_own(&world_self);
    memset(world_words(from), 0x5a, PAGE_SIZE);
    GRADE_CASE("MMUEXT_COPY_PAGE between two pages of its own that are no tables");
    EXPECT_RESULT("the result", extended(MMUEXT_COPY_PAGE, data, from), 0, WHERE_MEND);
    GRADE_EQUAL("the last word of the copy", world_words(data)[511], 0x5a5a5a5a5a5a5a5aULL,
                WHERE_MEND);
    GRADE_CASE("MMUEXT_COPY_PAGE of a table in use to a page of its own");
    world_words(l1)[511] = 0x770;
    EXPECT_RESULT("the result", extended(MMUEXT_COPY_PAGE, data, l1), 0, WHERE_MEND);
    GRADE_EQUAL("the last word of the copy", world_words(data)[511], 0x770, WHERE_MEND);
    world_expect("the page", data, 1, 0, WHERE_MEND);
    GRADE_CASE("MMUEXT_CLEAR_PAGE of a page of its own");
    EXPECT_RESULT("the result", extended(MMUEXT_CLEAR_PAGE, data, NULL), 0, WHERE_MEND);
    GRADE_EQUAL("its last word", world_words(data)[511], 0, WHERE_MEND);
    world_expect("the page", data, 1, 0, WHERE_MEND);
    world_end(WHERE_MEND);
}

/* Pages that neither call may write to. */
static void refused(unsigned command, const char *name)
{
    struct frame *partial, *from;

    begin();
    from = world_own(&world_self);
    partial = world_own(&world_self);
    partial->type = FT_L2;
    partial->flags |= FRAME_PARTIAL;
    partial->refs++;
    struct frame *const to[] = {l1, world_used(FT_L4, 1), world_used(FT_SEGDESC, 1), foreign,
                                partial};
    static const char *const what[] = {"an L1 in use", "an L4 in use",
                                       "a page of descriptors in use", "another domain's page",
                                       "a table whose validation was broken off"};
    for (unsigned i = 0; i < ARRAY_SIZE(to); i++) {
        unsigned refs = to[i]->refs, types = to[i]->type_count;

        world_words(to[i])[8] = 0x770;
        GRADE_CASE("%s %s", name, what[i]);
        EXPECT_RESULT("the result", extended(command, to[i], from), -EINVAL, WHERE_MEND);
        GRADE_EQUAL("its word 8", world_words(to[i])[8], 0x770, WHERE_MEND);
        world_expect("it", to[i], refs, types, WHERE_MEND);
        world_words(to[i])[8] = 0;
    }
    world_end(WHERE_MEND);
}

void copy_mended(void **state)
{
    (void)state;
    honest_copies();
    refused(MMUEXT_COPY_PAGE, "MMUEXT_COPY_PAGE to");
    begin();
    GRADE_CASE("MMUEXT_COPY_PAGE from another domain's page");
    EXPECT_RESULT("the result", extended(MMUEXT_COPY_PAGE, data, foreign), -EINVAL, WHERE_MEND);
    world_end(WHERE_MEND);
}

void clear_mended(void **state)
{
    (void)state;
    honest_copies();
    refused(MMUEXT_CLEAR_PAGE, "MMUEXT_CLEAR_PAGE of");
}
