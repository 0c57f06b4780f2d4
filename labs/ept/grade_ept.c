// sources: src/cpu/vmx/capability_rules.c src/mmu-ept/ept.c src/mmu-ept/stage2.c
// sources: src/mmu-ept/physmap_ept.c src/mmu-ept/physmap_check.c src/mmu-ept/paging_ept.c
// sources: src/mmu-ept/dirty_log.c src/core/tlb.c src/core/frame.c
// sources: labs/kit/grade_machine.c tests/unit/stub_heap.c
// sources: labs/ept/grade_world.c labs/ept/grade_build.c
/*
 * The host part of the lab ept's grader: filling (ept.4, ept.6), violations (ept.5), the dirty log
 * (ept.8). grade_build.c has the other exercises.
 */
#include "grade_ept.h"

#include "grade.h"

#include "errno.h"
#include "frame.h"
#include "layout.h"
#include "physmap.h"
#include "x86.h"

#include "../../src/mmu-ept/physmap_ept.h"
#include "../../src/mmu-ept/stage2.h"

#include <string.h>

enum { RAM = 2 * 512 + 100 }; /* not a whole number of 2 MiB pages */

static u64 ledger(enum ledger_counter c)
{
    return domain.ledger.cell[c].n;
}

/* ept.4 */

#define WHERE_SMALL "ept.4: src/mmu-ept/physmap_ept.c, populate_small and fill"
#define WHERE_WHERE "ept.4: src/mmu-ept/physmap_ept.c, populate_anywhere"

/* gfn must be RAM behind a leaf of 4 KiB, all zero, and 0xNN where physmap_populate says. */
static void expect_filled(u64 gfn, const char *where)
{
    mfn_t mfn = MFN_INVALID, again = MFN_INVALID;

    GRADE_CASE("filling gfn 0x%lx of 0x%x, with pages=4k", (unsigned long)gfn, RAM);
    GRADE_EQUAL("the result", (u64)physmap_populate(&domain, gfn_of(gfn), &mfn), 0, where);
    struct mapping m = world_translate(gfn, where);
    GRADE_EQUAL("the processor's rights", m.rights, EPT_RIGHTS, where);
    GRADE_EQUAL("the level of its leaf", m.level, 1, where);
    GRADE_EQUAL("*mfn", mfn.v, m.mfn, where);
    for (u64 *p = mfn_to_va(mfn), i = 0; i < 512; i++)
        GRADE_EQUAL("a word of a frame that is new to the guest", p[i], 0, where);
    GRADE_EQUAL("the result when it is filled already",
                (u64)physmap_populate(&domain, gfn_of(gfn), &again), 0, where);
    GRADE_EQUAL("*mfn when it is filled already", again.v, m.mfn, where);
}

static void small_fill(void **state)
{
    unsigned filled = 0;

    (void)state;
    world_start(RAM, true);
    for (u64 gfn = random_u64() % 7; gfn < RAM; gfn += 5 + random_u64() % 20, filled++)
        expect_filled(gfn, WHERE_SMALL);
    GRADE_CASE("after %u frames were filled", filled);
    GRADE_EQUAL("physmap.mapped_4k", domain.physmap->mapped_4k, filled, WHERE_SMALL);
    GRADE_EQUAL("physmap.mapped_2m", domain.physmap->mapped_2m, 0, WHERE_SMALL);
    GRADE_EQUAL("the ledger's populated_4k", ledger(LC_POPULATED_4K), filled, WHERE_SMALL);
    world_end(WHERE_SMALL);
}

static void expect_nothing_there(u64 gfn)
{
    u64 used = world_used();
    mfn_t mfn;

    GRADE_CASE("gfn 0x%lx of a domain that has RAM up to 0x%x", (unsigned long)gfn, RAM - 1);
    GRADE_EQUAL("the result", (u64)physmap_populate(&domain, gfn_of(gfn), &mfn), (u64)-ENOENT,
                WHERE_WHERE);
    GRADE_EQUAL("frames taken", world_used() - used, 0, WHERE_WHERE);
}

static void small_edges(void **state)
{
    (void)state;
    world_start(RAM, true);
    expect_nothing_there(RAM);
    expect_filled(RAM - 1, WHERE_WHERE);
    expect_nothing_there(RAM);
    expect_nothing_there(1ULL << 36);
    expect_nothing_there(~0ULL >> PAGE_SHIFT);
    expect_filled(0, WHERE_WHERE);
    expect_filled(511, WHERE_WHERE);
    expect_filled(512, WHERE_WHERE);
    world_end(WHERE_WHERE);
}

static void small_no_memory(void **state)
{
    mfn_t mfn;

    (void)state;
    world_start(RAM, true);
    for (u64 left = 0; left < 4; left++) { /* three tables and a frame are needed */
        GRADE_CASE("filling gfn 5 with %lu frames of machine memory left", (unsigned long)left);
        world_leave(left);
        GRADE_EQUAL("the result", (u64)physmap_populate(&domain, gfn_of(5), &mfn),
                    (u64)(left + domain.physmap->tables - 1 < 4 ? -ENOMEM : 0), WHERE_SMALL);
        world_release();
        if (domain.physmap->tables == 4)
            break;
    }
    expect_filled(5, WHERE_SMALL);
    world_end(WHERE_SMALL);
}

/* ept.5 */

#define WHERE_FAULT "ept.5: src/mmu-ept/paging_ept.c, paging_fault"

static void violation_fill(void **state)
{
    static const u32 errors[] = {0, PF_W, PF_I};

    (void)state;
    world_start(RAM, true);
    for (unsigned i = 0; i < 60; i++) {
        u64 gfn = random_u64() % RAM, gpa = gfn << PAGE_SHIFT | random_u64() % PAGE_SIZE;
        u32 error = errors[i % ARRAY_SIZE(errors)];
        if (world_translate(gfn, WHERE_FAULT).rights)
            error |= PF_P;
        if (error & PF_P && !(error & PF_W))
            continue;
        GRADE_CASE("violation at 0x%lx, error code 0x%x", (unsigned long)gpa, error);
        GRADE_SAME("the result", world_violate(gpa, error), "PAGING_FIXED", WHERE_FAULT);
        GRADE_TRUE("the access is possible now", world_access(gfn, error & PF_W, WHERE_FAULT),
                   WHERE_FAULT);
    }
    world_end(WHERE_FAULT);
}

static void violation_device(void **state)
{
    static const u64 addresses[] = {(u64)RAM << PAGE_SHIFT, 0xfee000b0, 0x3000000000, ~0ULL >> 16};
    static const u32 errors[] = {0, PF_W, PF_P | PF_W, PF_I};

    (void)state;
    world_start(RAM, true);
    for (unsigned i = 0; i < 4 * ARRAY_SIZE(addresses); i++) {
        u64 gpa = addresses[i % ARRAY_SIZE(addresses)], used = world_used();
        u32 error = errors[i / ARRAY_SIZE(addresses)];
        GRADE_CASE("violation at 0x%lx, error code 0x%x; RAM ends at 0x%lx", (unsigned long)gpa,
                   error, (unsigned long)RAM << PAGE_SHIFT);
        GRADE_SAME("the result", world_violate(gpa, error), "PAGING_EMULATE", WHERE_FAULT);
        GRADE_EQUAL("out->gpa", world_fault.gpa, gpa, WHERE_FAULT);
        GRADE_TRUE("out->table_write is false", !world_fault.table_write, WHERE_FAULT);
        GRADE_EQUAL("frames taken", world_used() - used, 0, WHERE_FAULT);
    }
    world_end(WHERE_FAULT);
}

static void violation_no_memory(void **state)
{
    (void)state;
    world_start(RAM, true);
    world_leave(2);
    GRADE_CASE("violation at 0x5000, and there is not enough memory");
    GRADE_SAME("the result", world_violate(0x5000, PF_W), "PAGING_KILL", WHERE_FAULT);
    GRADE_TRUE("out->why is a sentence", world_fault.why && strlen(world_fault.why) > 10,
               WHERE_FAULT);
    world_release();
    GRADE_CASE("violation at 0x5000, and there is memory again");
    GRADE_SAME("the result", world_violate(0x5000, PF_W), "PAGING_FIXED", WHERE_FAULT);
    world_end(WHERE_FAULT);
}

/* ept.6 */

#define WHERE_LARGE "ept.6: src/mmu-ept/physmap_ept.c, make_large"

static void expect_level(u64 gfn, unsigned level)
{
    mfn_t mfn = MFN_INVALID;

    GRADE_EQUAL("the result", (u64)physmap_populate(&domain, gfn_of(gfn), &mfn), 0, WHERE_LARGE);
    struct mapping m = world_translate(gfn, WHERE_LARGE);
    GRADE_EQUAL("the level of the leaf", m.level, level, WHERE_LARGE);
    GRADE_EQUAL("*mfn", mfn.v, m.mfn, WHERE_LARGE);
}

static void large_leaf(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        u64 gfn = 512 + (i == 0 ? 0 : i == 1 ? 511 : random_u64() % 512);
        world_start(RAM, false);
        GRADE_CASE("filling gfn 0x%lx, the RAM having 0x%x frames", (unsigned long)gfn, RAM);
        expect_level(gfn, 2);
        for (u64 other = 512; other < 1024; other++) {
            GRADE_CASE("gfn 0x%lx, after 0x%lx was filled", (unsigned long)other,
                       (unsigned long)gfn);
            struct mapping m = world_translate(other, WHERE_LARGE);
            GRADE_EQUAL("the processor's rights", m.rights, EPT_RIGHTS, WHERE_LARGE);
            GRADE_EQUAL("the first word", ((u64 *)mfn_to_va(mfn_of(m.mfn)))[m.mfn % 512], 0,
                        WHERE_LARGE);
        }
        GRADE_CASE("after one 2 MiB page was filled");
        GRADE_EQUAL("the rights to the frame before it", world_translate(511, WHERE_LARGE).rights,
                    0, WHERE_LARGE);
        GRADE_EQUAL("the rights to the frame behind it", world_translate(1024, WHERE_LARGE).rights,
                    0, WHERE_LARGE);
        GRADE_EQUAL("physmap.mapped_2m", domain.physmap->mapped_2m, 1, WHERE_LARGE);
        GRADE_EQUAL("domain.frames", domain.frames, 512, WHERE_LARGE);
        GRADE_EQUAL("the ledger's populated_2m", ledger(LC_POPULATED_2M), 1, WHERE_LARGE);
        world_end(WHERE_LARGE);
    }
}

static void large_limits(void **state)
{
    (void)state;
    world_start(RAM, false);
    GRADE_CASE("the last 100 frames of the RAM are less than 2 MiB");
    expect_level(1024, 1);
    expect_level(RAM - 1, 1);
    GRADE_EQUAL("the rights behind the end of RAM", world_translate(RAM, WHERE_LARGE).rights, 0,
                WHERE_LARGE);
    GRADE_CASE("the 2 MiB before them");
    expect_level(1023, 2);
    world_end(WHERE_LARGE);

    world_start(512, false);
    GRADE_CASE("a RAM of exactly 2 MiB");
    expect_level(511, 2);
    world_end(WHERE_LARGE);

    world_start(RAM, false);
    world_leave(300);
    GRADE_CASE("machine memory has frames, but no 512 contiguous ones");
    expect_level(700, 1);
    world_release();
    GRADE_CASE("it has them again, but a table of small leaves is there");
    expect_level(701, 1);
    expect_level(5, 2);
    world_end(WHERE_LARGE);
}

/* ept.8 */

#define WHERE_START "ept.8: src/mmu-ept/dirty_log.c, physmap_dirty_start and make_clean"
#define WHERE_WRITE "ept.8: src/mmu-ept/dirty_log.c, first_write"
#define WHERE_READ  "ept.8: src/mmu-ept/dirty_log.c, physmap_dirty_read"

enum { LOGGED = 24 };
static u64 logged[LOGGED]; /* some frames, each of them once, lowest first */

/* A guest with all of them in use, written, and known to the TLB; the log is on. */
static void start_log(bool small)
{
    world_start(RAM, small);
    for (unsigned i = 0; i < LOGGED; i++) {
        logged[i] = i * 46 + random_u64() % 46;
        if (!world_access(logged[i], true, WHERE_START))
            world_violate(logged[i] << PAGE_SHIFT, PF_W);
        GRADE_CASE("before the log is on: a write to gfn 0x%lx", (unsigned long)logged[i]);
        GRADE_TRUE("it is possible", world_access(logged[i], true, WHERE_START), WHERE_START);
    }
    u64 before = world_flushes();
    GRADE_CASE("physmap_dirty_start with pages of %s", small ? "4 KiB" : "2 MiB");
    GRADE_EQUAL("the result", (u64)physmap_dirty_start(&domain), 0, WHERE_START);
    GRADE_TRUE("the root was flushed (tlb.h)", world_flushes() > before, WHERE_START);
}

/* The guest writes to gfn: notice says whether that is a violation first. */
static void write_to(u64 gfn, bool noticed, const char *where)
{
    GRADE_CASE("a write to gfn 0x%lx with the log on", (unsigned long)gfn);
    GRADE_EQUAL("it is a violation", !world_access(gfn, true, where), noticed, where);
    if (!noticed)
        return;
    GRADE_SAME("paging_fault's result", world_violate(gfn << PAGE_SHIFT | 8, PF_P | PF_W),
               "PAGING_FIXED", where);
    GRADE_TRUE("the write is possible now", world_access(gfn, true, where), where);
}

/* The log of count frames from first on has exactly the frames that `dirty` says. */
static void expect_log(u64 first, u64 count, const bool *dirty)
{
    static u8 bits[RAM / 8 + 1];
    u64 expected = 0;

    memset(bits, 0xee, sizeof(bits));
    GRADE_CASE("reading the log of 0x%lx frames from gfn 0x%lx", (unsigned long)count,
               (unsigned long)first);
    s64 found = physmap_dirty_read(&domain, gfn_of(first), count, bits);
    for (u64 i = 0; i < count; i++) {
        GRADE_CASE("gfn 0x%lx, in the log of 0x%lx frames from gfn 0x%lx",
                   (unsigned long)(first + i), (unsigned long)count, (unsigned long)first);
        GRADE_EQUAL("its bit", bits[i / 8] >> i % 8 & 1, dirty[first + i], WHERE_READ);
        expected += dirty[first + i];
    }
    GRADE_EQUAL("the number of dirty frames", (u64)found, expected, WHERE_READ);
}

static void log_start(void **state)
{
    (void)state;
    for (unsigned small = 0; small < 2; small++) {
        start_log(small);
        for (unsigned i = 0; i < LOGGED; i++) {
            GRADE_CASE("gfn 0x%lx when the log has begun", (unsigned long)logged[i]);
            GRADE_TRUE("it can be read", world_access(logged[i], false, WHERE_START), WHERE_START);
            GRADE_TRUE("it cannot be written", !world_access(logged[i], true, WHERE_START),
                       WHERE_START);
            struct mapping m = world_translate(logged[i], WHERE_START);
            GRADE_EQUAL("the level of its leaf", m.level, 1, WHERE_START);
            GRADE_EQUAL("what the guest had written",
                        ((u64 *)mfn_to_va(mfn_of(m.mfn)))[logged[i] % 512], ~logged[i],
                        WHERE_START);
        }
        physmap_dirty_stop(&domain);
        world_end(WHERE_START);
    }
}

static void log_write(void **state)
{
    bool dirty[RAM] = {false};

    (void)state;
    start_log(false);
    for (unsigned i = 0; i < LOGGED; i += 2) {
        write_to(logged[i], true, WHERE_WRITE);
        write_to(logged[i], false, WHERE_WRITE);
        dirty[logged[i]] = true;
    }
    GRADE_CASE("after %u frames were written", LOGGED / 2);
    GRADE_EQUAL("the ledger's dirty_frame", ledger(LC_DIRTY_FRAME), LOGGED / 2, WHERE_WRITE);
    expect_log(0, RAM, dirty);
    world_end(WHERE_WRITE);
}

static void log_read(void **state)
{
    bool dirty[RAM] = {false};

    (void)state;
    start_log(true);
    for (unsigned round = 0; round < 20; round++) {
        u64 first = random_u64() % RAM, count = random_u64() % (RAM - first + 1);
        for (unsigned i = 0; i < LOGGED; i++) {
            if (random_u64() % 3)
                continue;
            write_to(logged[i], !dirty[logged[i]], WHERE_READ);
            dirty[logged[i]] = true;
        }
        expect_log(first, count, dirty);
        memset(dirty + first, 0, count);
    }
    world_end(WHERE_READ);
}

static void log_filled(void **state)
{
    bool dirty[RAM] = {false};
    u64 gfn = 200;

    (void)state;
    world_start(RAM, false);
    GRADE_CASE("physmap_dirty_start of a domain without any memory yet");
    GRADE_EQUAL("the result", (u64)physmap_dirty_start(&domain), 0, WHERE_START);
    GRADE_SAME("paging_fault on a read of RAM never touched", world_violate(gfn << PAGE_SHIFT, 0),
               "PAGING_FIXED", WHERE_START);
    GRADE_EQUAL("the level of its leaf", world_translate(gfn, WHERE_START).level, 1, WHERE_START);
    dirty[gfn] = true;
    expect_log(0, RAM, dirty);
    dirty[gfn] = false;
    expect_log(0, RAM, dirty);
    write_to(gfn, true, WHERE_WRITE);
    world_end(WHERE_READ);
}

GRADE_MAIN(cmocka_unit_test(controls_must), cmocka_unit_test(controls_chosen),
           cmocka_unit_test(controls_missing), cmocka_unit_test(ept_missing),
           cmocka_unit_test(find_leaf), cmocka_unit_test(find_empty), cmocka_unit_test(make_way),
           cmocka_unit_test(make_refused), cmocka_unit_test(small_fill),
           cmocka_unit_test(small_edges), cmocka_unit_test(small_no_memory),
           cmocka_unit_test(violation_fill), cmocka_unit_test(violation_device),
           cmocka_unit_test(violation_no_memory), cmocka_unit_test(large_leaf),
           cmocka_unit_test(large_limits), cmocka_unit_test(split_same),
           cmocka_unit_test(split_no_memory), cmocka_unit_test(log_start),
           cmocka_unit_test(log_write), cmocka_unit_test(log_read), cmocka_unit_test(log_filled))
