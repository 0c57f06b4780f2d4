/*
 * The grader on ept.1 (capabilities), ept.2, ept.3 and ept.7 (the tables by themselves).
 */
#include "grade_ept.h"

#include "grade.h"

#include "errno.h"
#include "frame.h"
#include "layout.h"

#include "../../src/cpu/vmx/capability_rules.h"
#include "../../src/mmu-ept/physmap_ept.h"
#include "../../src/mmu-ept/stage2.h"

#include <string.h>

enum { ROUNDS = 200, RAM = 3 * 512 };

/* ept.1 */

#define WHERE_CONTROLS "ept.1: src/cpu/vmx/capability_rules.c, vmx_choose_controls"
#define WHERE_LACKS    "ept.1: src/cpu/vmx/capability_rules.c, vmx_ept_lacks"

static u64 capability(u32 must, u32 may)
{
    return (u64)(may | must) << 32 | must;
}

void controls_must(void **state)
{
    u32 controls;

    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        u32 must = (u32)random_u64() & (u32)random_u64(), may = (u32)random_u64();
        u64 value = capability(must, may);
        GRADE_CASE("the register is 0x%016lx; nothing is needed, nothing optional",
                   (unsigned long)value);
        controls = NO_VALUE;
        GRADE_TRUE("it returns NULL", !vmx_choose_controls(value, NULL, 0, 0, &controls),
                   WHERE_CONTROLS);
        GRADE_EQUAL("*controls", controls, must, WHERE_CONTROLS);
    }
}

void controls_chosen(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        u32 must = (u32)(random_u64() & random_u64() & random_u64());
        u32 may = (u32)random_u64() | must, optional = (u32)random_u64(), controls = NO_VALUE;
        struct vmx_requirement needed[3];
        u32 expected = must | (optional & may);

        for (unsigned k = 0; k < ARRAY_SIZE(needed); k++) {
            u32 bit = 1u << random_u64() % 32;
            may |= bit;
            expected |= bit | (optional & may);
            needed[k] = (struct vmx_requirement){bit, "what there is"};
        }
        GRADE_CASE("the register is 0x%08x%08x; needed 0x%lx, 0x%lx, 0x%lx; optional 0x%x", may,
                   must, (unsigned long)needed[0].bit, (unsigned long)needed[1].bit,
                   (unsigned long)needed[2].bit, optional);
        GRADE_TRUE("it returns NULL",
                   !vmx_choose_controls(capability(must, may), needed, ARRAY_SIZE(needed), optional,
                                        &controls),
                   WHERE_CONTROLS);
        GRADE_EQUAL("*controls", controls, expected, WHERE_CONTROLS);
    }
}

void controls_missing(void **state)
{
    static const struct vmx_requirement needed[] = {
        {1u << 4, "a first thing"}, {1u << 31, "a second thing"}, {1u << 0, "a third thing"}};

    (void)state;
    for (unsigned have = 0; have < 8; have++) {
        u32 controls, may = 0xff00;
        const char *expected = NULL, *got;

        for (unsigned k = 0; k < ARRAY_SIZE(needed); k++) {
            may |= have >> k & 1 ? (u32)needed[k].bit : 0;
            if (!expected && !(have >> k & 1))
                expected = needed[k].name;
        }
        GRADE_CASE("the register is 0x%08x00000000; needed are bits 4, 31 and 0, in this order",
                   may);
        got = vmx_choose_controls(capability(0, may), needed, ARRAY_SIZE(needed), ~0u, &controls);
        grade_same("what is missing", got ? got : "nothing", expected ? expected : "nothing",
                   WHERE_CONTROLS);
    }
}

void ept_missing(void **state)
{
    /* "IA32_VMX_EPT_VPID_CAP" */
    static const struct {
        unsigned bit;
        const char *name;
    } needed[] = {
        {6, "page walks of length 4"}, {14, "write-back paging structures"}, {20, "INVEPT"},
        {25, "single-context INVEPT"}, {26, "all-context INVEPT"},           {16, "2 MiB pages"},
    };
    u64 all = 0;

    (void)state;
    for (unsigned k = 0; k < ARRAY_SIZE(needed); k++)
        all |= 1ULL << needed[k].bit;
    for (unsigned i = 0; i < ROUNDS; i++) {
        const char *expected = "nothing", *got;
        u64 lost = i % 4 ? random_u64() & random_u64() : 0, have = (random_u64() | all) & ~lost;

        for (unsigned k = ARRAY_SIZE(needed); k-- > 0;)
            if (!(have >> needed[k].bit & 1))
                expected = needed[k].name;
        GRADE_CASE("IA32_VMX_EPT_VPID_CAP is 0x%016lx", (unsigned long)have);
        got = vmx_ept_lacks(have);
        grade_same("what is missing", got ? got : "nothing", expected, WHERE_LACKS);
    }
}

/* ept.2 */

#define WHERE_FIND "ept.2: src/mmu-ept/stage2.c, stage2_find"

static struct physmap *map(void)
{
    return domain.physmap;
}

/* The grader's own: an entry of a table of this level, tables made on the way. */
static u64 *lay_way(u64 gfn, unsigned level)
{
    u64 *table = map()->root;

    for (unsigned l = 4; l > level; l--) {
        u64 *entry = &table[gfn >> 9 * (l - 1) & 511];
        if (!*entry) {
            *entry = frame_mfn(frame_alloc(DOMID_HYPERVISOR)).v << PAGE_SHIFT | EPT_RIGHTS;
            map()->tables++;
        }
        table = mfn_to_va(mfn_of(*entry >> PAGE_SHIFT));
    }
    return &table[gfn >> 9 * (level - 1) & 511];
}

/* The grader's own: RAM at gfn, by a leaf of this level. Returns its entry. */
static u64 *lay_leaf(u64 gfn, unsigned level, bool write)
{
    u64 count = level == 1 ? 1 : 512;
    struct frame *f = frame_alloc_order(domain.id, level == 1 ? 0 : 9);
    u64 *entry = lay_way(gfn, level);

    for (u64 i = 0; i < count; i++)
        f[i].gfn = (u32)(gfn - gfn % count + i);
    *entry = frame_mfn(f).v << PAGE_SHIFT | 0x70 | EPT_R | EPT_X | (write ? EPT_W : 0) |
             (level == 2 ? EPT_LARGE : 0);
    domain.frames += count;
    if (level == 1)
        map()->mapped_4k++;
    else
        map()->mapped_2m++;
    return entry;
}

/* Where in the machine's memory an entry lies: a pointer that two runs can compare. */
static u64 place(const u64 *entry)
{
    return entry ? (u64)(uintptr_t)entry - DIRECT_MAP : NO_VALUE;
}

static void expect_found(u64 gfn, const u64 *expected, unsigned expected_level)
{
    unsigned level = NO_VALUE;
    u64 used = world_used();

    GRADE_CASE("looking for gfn 0x%lx, whose way ends at level %u", (unsigned long)gfn,
               expected_level);
    u64 *entry = stage2_find(map(), gfn, &level);
    GRADE_EQUAL("*level", level, expected_level, WHERE_FIND);
    GRADE_EQUAL("the machine address of the entry", place(entry), place(expected), WHERE_FIND);
    GRADE_EQUAL("frames taken meanwhile", world_used() - used, 0, WHERE_FIND);
}

void find_leaf(void **state)
{
    (void)state;
    world_start(RAM, false);
    u64 *last = lay_leaf(511, 1, true), *large = lay_leaf(512, 2, true);
    expect_found(511, last, 1);
    expect_found(512, large, 2);
    expect_found(512 + random_u64() % 512, large, 2);
    expect_found(1023, large, 2);
    for (unsigned i = 0; i < 20; i++) {
        u64 gfn = 1024 + random_u64() % 25 * 20 + i;
        u64 *entry = lay_leaf(gfn, 1, i % 2);
        expect_found(gfn, entry, 1);
    }
    world_end(WHERE_FIND);
}

void find_empty(void **state)
{
    (void)state;
    world_start(RAM, false);
    u64 far = 5ULL << 27 | 6 << 18 | 7 << 9 | 8;
    expect_found(far, lay_way(far, 4), 4);
    lay_way(far, 3);
    expect_found(far, lay_way(far, 3), 3);
    lay_way(far, 2);
    expect_found(far, lay_way(far, 2), 2);
    lay_way(far, 1);
    expect_found(far, lay_way(far, 1), 1);
    expect_found(far + 1, lay_way(far + 1, 1), 1);
    expect_found(far + 512, lay_way(far + 512, 2), 2);
    expect_found(far + (1 << 18), lay_way(far + (1 << 18), 3), 3);
    world_end(WHERE_FIND);
}

/* ept.3 */

#define WHERE_MAKE "ept.3: src/mmu-ept/stage2.c, stage2_make"

/* stage2_make must give the entry that the processor uses, having taken so many frames. */
static void expect_made(u64 gfn, unsigned level, unsigned frames)
{
    u64 used = world_used(), tables = map()->tables;

    GRADE_CASE("the entry for gfn 0x%lx at level %u", (unsigned long)gfn, level);
    u64 *entry = stage2_make(map(), gfn, level);
    GRADE_TRUE("there is one", entry, WHERE_MAKE);
    GRADE_EQUAL("frames taken for tables", world_used() - used, frames, WHERE_MAKE);
    GRADE_EQUAL("growth of physmap.tables", map()->tables - tables, frames, WHERE_MAKE);
    world_translate(gfn, WHERE_MAKE); /* the bits of what is on the way */
    GRADE_EQUAL("the machine address of the entry", place(entry), place(lay_way(gfn, level)),
                WHERE_MAKE);
}

void make_way(void **state)
{
    u64 far = (2 + random_u64() % 500) << 27 | (random_u64() % 511) << 18 | 7 << 9 | 511;

    (void)state;
    world_start(RAM, false);
    expect_made(far, 2, 2);
    expect_made(far, 2, 0);
    expect_made(far, 1, 1);
    expect_made(far, 1, 0);
    expect_made(far + 1, 1, 1);
    expect_made(far + (1 << 18), 1, 2);
    expect_made(far, 4, 0);
    lay_way(9, 1); /* tables that are there already */
    expect_made(9, 1, 0);
    expect_made(10, 1, 0);
    world_end(WHERE_MAKE);
}

void make_refused(void **state)
{
    (void)state;
    world_start(RAM, false);
    u64 *large = lay_leaf(512, 2, true), before = *large;
    expect_made(700, 2, 0); /* the leaf's own entry */
    GRADE_CASE("a 2 MiB leaf is in the way to level 1");
    GRADE_TRUE("it returns NULL", !stage2_make(map(), 700, 1), WHERE_MAKE);
    GRADE_EQUAL("the leaf", *large, before, WHERE_MAKE);
    world_leave(1);
    GRADE_CASE("there is memory for one table, and two are missing");
    GRADE_TRUE("it returns NULL", !stage2_make(map(), 1ULL << 18, 1), WHERE_MAKE);
    world_release();
    expect_made(1ULL << 18, 1, 1);
    world_end(WHERE_MAKE);
}

/* ept.7 */

#define WHERE_SPLIT "ept.7: src/mmu-ept/stage2.c, stage2_split"

static void split_one(bool write)
{
    struct mapping before[512];
    u64 *entry;

    world_start(RAM, false);
    entry = lay_leaf(512, 2, write);
    for (unsigned i = 0; i < 512; i++)
        before[i] = world_translate(512 + i, WHERE_SPLIT);
    GRADE_CASE("a 2 MiB leaf that is %s", write ? "writable" : "read-only");
    GRADE_EQUAL("the result", stage2_split(map(), entry), 0, WHERE_SPLIT);
    for (unsigned i = 0; i < 512; i++) {
        GRADE_CASE("gfn 0x%x of a 2 MiB leaf that was %s", 512 + i,
                   write ? "writable" : "read-only");
        struct mapping after = world_translate(512 + i, WHERE_SPLIT);
        GRADE_EQUAL("the level of its leaf", after.level, 1, WHERE_SPLIT);
        GRADE_EQUAL("the frame that it leads to", after.mfn, before[i].mfn, WHERE_SPLIT);
        GRADE_EQUAL("its rights", after.rights, before[i].rights, WHERE_SPLIT);
    }
    GRADE_CASE("after splitting the only leaf");
    GRADE_EQUAL("physmap.mapped_2m", map()->mapped_2m, 0, WHERE_SPLIT);
    GRADE_EQUAL("physmap.mapped_4k", map()->mapped_4k, 512, WHERE_SPLIT);
    world_end(WHERE_SPLIT);
}

void split_same(void **state)
{
    (void)state;
    split_one(true);
    split_one(false);
}

void split_no_memory(void **state)
{
    u64 *entry, before;

    (void)state;
    world_start(RAM, false);
    entry = lay_leaf(1024, 2, true);
    before = *entry;
    world_leave(0);
    GRADE_CASE("there is no memory for a table");
    GRADE_EQUAL("the result", (u64)stage2_split(map(), entry), (u64)-ENOMEM, WHERE_SPLIT);
    GRADE_EQUAL("the leaf", *entry, before, WHERE_SPLIT);
    GRADE_EQUAL("physmap.mapped_2m", map()->mapped_2m, 1, WHERE_SPLIT);
    world_release();
    world_end(WHERE_SPLIT);
}
