/*
 * The host part of the lab shadow's grader: the way down (shadow.3), stores to upper tables
 * (shadow.7).
 */
#include "grade_shadow.h"

#include "grade.h"

#include "frame.h"
#include "layout.h"
#include "walk.h"

enum { ROLE_4 = 4 | ROLE_NXE };

/* shadow.3 */

#define WHERE_REACH "shadow.3: src/mmu-shadow/reach.c, descend"

enum { REGIONS = 6 };

static u64 make_regions(void)
{
    u64 root = world_space();

    for (unsigned i = 0; i < REGIONS; i++)
        world_map(root, region(i), (u64)(WORLD_DATA + i) << PAGE_SHIFT | RIGHTS);
    return root;
}

/* shadow_reach for la; every link on the way must be as the guest's tables are. */
static struct shadow *reach(u64 root, u64 la)
{
    struct walk_result r;
    struct shadow *top = world_shadow(root, ROLE_4, WHERE_REACH);
    const u64 *table = top->table;

    if (walk(&vcpu.paging->mode, la, WALK_USER, &shadow_walk_memory, &domain, &r) != WALK_OK)
        grade_error("the guest's tables do not lead to 0x%lx", (unsigned long)la);
    struct shadow *s = shadow_reach(&domain, top, la, &r);
    GRADE_CASE("shadow_reach for 0x%lx", (unsigned long)la);
    GRADE_TRUE("it returns a shadow", s, WHERE_REACH);
    for (unsigned level = 4; level > 1; level--) {
        u64 from = *guest(world_entry(root, la, level)), link = table[pt_index(la, level)];
        const u64 rights = PTE_P | PTE_A | PTE_W | PTE_U | PTE_NX;
        GRADE_CASE("shadow_reach for 0x%lx: its link at level %u, the guest's being 0x%lx",
                   (unsigned long)la, level, (unsigned long)from);
        GRADE_EQUAL("the link's rights", link & rights, (from & rights) | PTE_A, WHERE_REACH);
        struct shadow *child =
            world_shadow(from & PTE_ADDR, (u16)(level - 1) | ROLE_NXE, WHERE_REACH);
        GRADE_TRUE("the link leads to the shadow of the guest's table",
                   shadow_table(link) == child->table, WHERE_REACH);
        table = child->table;
    }
    GRADE_TRUE("it returns the shadow at the end of the way", s->table == table, WHERE_REACH);
    return s;
}

void reach_new(void **state)
{
    u64 root;

    (void)state;
    world_start(WORLD_POOL);
    root = make_regions();
    world_load(root);
    for (unsigned i = 0; i < REGIONS; i++)
        reach(root, region(i));
    u64 made = ledger(LC_SHADOW_NEW_TABLE), hits = ledger(LC_SHADOW_HIT_TABLE);
    world_changed();
    for (unsigned i = 0; i < REGIONS; i++)
        reach(root, region(i));
    GRADE_CASE("shadow_reach for addresses that it has been called for before");
    GRADE_EQUAL("shadows made", ledger(LC_SHADOW_NEW_TABLE) - made, 0, WHERE_REACH);
    GRADE_EQUAL("shadows looked up, although the link leads to them",
                ledger(LC_SHADOW_HIT_TABLE) - hits, 0, WHERE_REACH);
    GRADE_EQUAL("entries changed", world_changed(), 0, WHERE_REACH);
    world_check(WHERE_REACH);
}

/* The entry of level 2 at `at` leads to a table, and then to a large page whose first frame is that
 * table: two shadows have the same gfn. */
static void large_in_its_place(u64 root, u64 at, u64 la)
{
    const u64 table = (u64)WORLD_DATA << PAGE_SHIFT;
    struct walk_result r;

    *guest(table + 8 * pt_index(la, 1)) = (u64)(WORLD_DATA + 30) << PAGE_SHIFT | RIGHTS;
    *guest(at) = table | RIGHTS | PTE_A;
    reach(root, la);
    *guest(at) = table | RIGHTS | PTE_A | PTE_D | PTE_PS;
    if (walk(&vcpu.paging->mode, la, WALK_USER, &shadow_walk_memory, &domain, &r) != WALK_OK)
        grade_error("the guest's tables do not lead to a large page");
    struct shadow *s = shadow_reach(&domain, world_shadow(root, ROLE_4, WHERE_REACH), la, &r);
    GRADE_CASE("a large page, whose first frame is the table that the entry led to before");
    GRADE_TRUE("shadow_reach returns a shadow", s, WHERE_REACH);
    GRADE_EQUAL("its role", s->role, 1 | ROLE_DIRECT, WHERE_REACH);
}

void reach_again(void **state)
{
    u64 root, at, other;

    (void)state;
    world_start(WORLD_POOL);
    root = make_regions();
    world_map(root, region(1) - PAGE_SIZE, (u64)WORLD_DATA << PAGE_SHIFT | RIGHTS);
    world_load(root);
    reach(root, region(0));
    for (unsigned level = 2; level <= 4; level++) {
        at = world_entry(root, region(0), level);
        *guest(at) &= ~PTE_W;
        reach(root, region(0));
        *guest(at) |= PTE_W;
        reach(root, region(0));
    }
    at = world_entry(root, region(0), 2);
    other = *guest(world_entry(root, region(1), 2));
    struct shadow *before = world_shadow(*guest(at) & PTE_ADDR, ROLE_1, WHERE_REACH);
    *guest(at) = other | PTE_A;
    reach(root, region(0));
    GRADE_CASE("after the link to a shadow leads to another one");
    GRADE_EQUAL("refs of the first one", before->refs, 0, WHERE_REACH);
    large_in_its_place(root, at, region(0));
    world_check(WHERE_REACH);
}

/* shadow.7 */

#define WHERE_LINK   "shadow.7: src/mmu-shadow/sync.c, shadow_sync_link"
#define WHERE_ACROSS "shadow.7: src/mmu-shadow/sync.c, paging_guest_written"

/* The guest stores this into its entry of a level above 1, and flushes la. */
static void store_and_flush(u64 at, u64 value, u64 la)
{
    u64 changed;

    world_changed();
    world_emulated(at, value);
    changed = world_changed();
    world_invlpg(la);
    GRADE_CASE("the guest's entry at 0x%lx, on the way to 0x%lx, has become 0x%lx",
               (unsigned long)at, (unsigned long)la, (unsigned long)value);
    GRADE_TRUE("at most one entry of all shadows has changed", changed <= 1, WHERE_LINK);
}

static void upper_level(u64 root, unsigned level)
{
    u64 la = region(0), at = world_entry(root, la, level), entry = *guest(at), fills;

    world_touch(la, PF_U | PF_W, WHERE_LINK);
    fills = ledger(LC_SHADOW_FILL);
    store_and_flush(at, entry & ~PTE_W, la);
    GRADE_EQUAL("the error code", world_refused(la, PF_U | PF_W, WHERE_LINK), PF_P | PF_U | PF_W,
                WHERE_LINK);
    world_touch(la, PF_U, WHERE_LINK);
    GRADE_EQUAL("misses, since only rights have changed", ledger(LC_SHADOW_FILL) - fills, 0,
                WHERE_LINK);
    store_and_flush(at, entry & ~PTE_A, la);
    world_touch(la, PF_U, WHERE_LINK);
    GRADE_EQUAL("A of the guest's entry after an access", *guest(at) & PTE_A, PTE_A, WHERE_LINK);
    store_and_flush(at, entry | domain.physmap->rsvd, la);
    GRADE_EQUAL("the error code", world_refused(la, PF_U, WHERE_LINK), PF_P | PF_RSVD | PF_U,
                WHERE_LINK);
    store_and_flush(at, 0, la);
    GRADE_EQUAL("the error code", world_refused(la, PF_U, WHERE_LINK), PF_U, WHERE_LINK);
    store_and_flush(at, entry, la);
    world_touch(la, PF_U | PF_W, WHERE_LINK);
    world_check(WHERE_LINK);
}

void store_upper(void **state)
{
    u64 root, la = region(0), other, at, entry;

    (void)state;
    world_start(WORLD_POOL);
    root = make_regions();
    world_load(root);
    for (unsigned i = 0; i < REGIONS; i++)
        world_touch(region(i), PF_U | PF_W, WHERE_LINK);
    for (unsigned level = 2; level <= 4; level++)
        upper_level(root, level);
    /* Another table in its place. */
    other = world_table();
    *guest(other + 8 * pt_index(la, 1)) = (u64)(WORLD_DATA + 30) << PAGE_SHIFT | RIGHTS;
    at = world_entry(root, la, 2);
    entry = *guest(at);
    store_and_flush(at, other | RIGHTS | PTE_A, la);
    GRADE_EQUAL("the gfn that it reaches", world_touch(la, PF_U, WHERE_LINK), WORLD_DATA + 30,
                WHERE_LINK);
    /* A table, and a large page that begins with the same frame. */
    other = (u64)WORLD_DATA << PAGE_SHIFT;
    *guest(other + 8 * pt_index(la, 1)) = (u64)(WORLD_DATA + 31) << PAGE_SHIFT | RIGHTS;
    store_and_flush(at, other | RIGHTS | PTE_A, la);
    GRADE_EQUAL("the gfn that it reaches", world_touch(la, PF_U, WHERE_LINK), WORLD_DATA + 31,
                WHERE_LINK);
    store_and_flush(at, other | RIGHTS | PTE_A | PTE_PS, la);
    GRADE_EQUAL("the gfn that it reaches", world_touch(la, PF_U, WHERE_LINK), WORLD_DATA,
                WHERE_LINK);
    /* A large page, which an INVLPG of any address in it flushes. */
    store_and_flush(at, (u64)WORLD_DATA << PAGE_SHIFT | RIGHTS | PTE_PS, la);
    GRADE_EQUAL("the gfn that it reaches", world_touch(la + 5 * PAGE_SIZE, PF_U, WHERE_LINK),
                WORLD_DATA + 5, WHERE_LINK);
    store_and_flush(at, entry, la);
    GRADE_EQUAL("the error code in what was a large page",
                world_refused(la + 5 * PAGE_SIZE, PF_U, WHERE_LINK), PF_U, WHERE_LINK);
    world_check(WHERE_LINK);
}

/* The hypervisor, or the emulator, writes len bytes of guest memory. */
static void write_bytes(u64 gpa, const void *from, unsigned len)
{
    for (unsigned i = 0; i < len; i++) {
        u64 at = gpa + i;
        ((u8 *)guest(at & ~7ULL))[at & 7] = ((const u8 *)from)[i];
    }
    paging_guest_written(&domain, gpa, len);
}

static void expect_reached(u64 la, u64 gfn, const char *what)
{
    world_invlpg(la);
    GRADE_CASE("%s", what);
    u64 got = world_touch(la, PF_U, WHERE_ACROSS);
    GRADE_CASE("%s: the page at 0x%lx", what, (unsigned long)la);
    GRADE_EQUAL("the gfn that it reaches", got, gfn, WHERE_ACROSS);
}

/* 16 bytes from the middle of an entry on: halves of two entries, and a whole one between them. The
 * upper half of the first one gets XD. */
static void three_entries(u64 root, u64 first_gfn)
{
    const u64 bits = RIGHTS | PTE_A | PTE_D;
    const char *what = "16 bytes were written at offset 4 of a table: three entries";
    u64 at = world_entry(root, USER, 1), entries[3];

    entries[0] = *guest(at) | PTE_NX;
    entries[1] = (first_gfn + 1) << PAGE_SHIFT | bits;
    entries[2] = (first_gfn + 2) << PAGE_SHIFT | bits;
    write_bytes(at + 4, (u8 *)entries + 4, 16);
    expect_reached(USER + PAGE_SIZE, first_gfn + 1, what);
    expect_reached(USER + 2 * PAGE_SIZE, first_gfn + 2, what);
    world_invlpg(USER);
    world_refused(USER, PF_U | PF_I, WHERE_ACROSS);
}

/* Two pages of data, and then two bytes of a table, while the dirty log is on. */
static void logged(u64 table)
{
    const u64 gfn = WORLD_DATA + 200, zero = 0;

    domain.physmap->dirty_log = true;
    for (unsigned i = 0; i < 2; i++)
        frame_for(gfn + i)->flags &= (u16)~FRAME_DIRTY;
    frame_for(table >> PAGE_SHIFT)->flags &= (u16)~FRAME_DIRTY;
    GRADE_CASE("8 bytes were written, of which 4 lie in the next page; the dirty log is on");
    write_bytes((gfn << PAGE_SHIFT) + PAGE_SIZE - 4, &zero, 8);
    for (unsigned i = 0; i < 2; i++)
        GRADE_EQUAL("FRAME_DIRTY of a page that was written to",
                    frame_for(gfn + i)->flags & FRAME_DIRTY, FRAME_DIRTY, WHERE_ACROSS);
    write_bytes(table, guest(table), 2);
    GRADE_EQUAL("FRAME_DIRTY of a table that was written to",
                frame_for(table >> PAGE_SHIFT)->flags & FRAME_DIRTY, FRAME_DIRTY, WHERE_ACROSS);
    domain.physmap->dirty_log = false;
}

void store_across(void **state)
{
    const u64 last = USER + 511 * (u64)PAGE_SIZE, next = USER + 512 * (u64)PAGE_SIZE;
    const u64 bits = RIGHTS | PTE_A | PTE_D, gfn = WORLD_DATA + 64;
    u64 root, at, both[2], entries[16];

    (void)state;
    world_start(WORLD_POOL);
    root = world_space();
    at = world_map(root, last, gfn << PAGE_SHIFT | bits);
    world_map(root, next, (gfn + 1) << PAGE_SHIFT | bits);
    for (unsigned i = 0; i < ARRAY_SIZE(entries); i++)
        world_map(root, USER + i * (u64)PAGE_SIZE, (gfn + 16 + i) << PAGE_SHIFT | bits);
    world_load(root);
    world_touch(last, PF_U, WHERE_ACROSS);
    world_touch(next, PF_U, WHERE_ACROSS);
    for (unsigned i = 0; i < ARRAY_SIZE(entries); i++)
        world_touch(USER + i * (u64)PAGE_SIZE, PF_U, WHERE_ACROSS);

    write_bytes(at, (u64[]){0}, 0);
    both[0] = (gfn + 2) << PAGE_SHIFT | bits;
    write_bytes(at + 1, (u8 *)both + 1, 1);
    expect_reached(last, gfn + 2, "1 byte was written, in the last entry of a table");
    both[0] = (gfn + 3) << PAGE_SHIFT | bits;
    both[1] = (gfn + 4) << PAGE_SHIFT | bits;
    write_bytes(at, both, sizeof(both));
    expect_reached(last, gfn + 3, "16 bytes were written, of which 8 lie in the next table");
    expect_reached(next, gfn + 4, "16 bytes were written, of which 8 lie in the next table");
    both[1] = (gfn + 5) << PAGE_SHIFT | bits;
    write_bytes(at + 4, (u8 *)both + 4, 8);
    expect_reached(next, gfn + 5, "8 bytes were written, of which 4 lie in the next table");
    for (unsigned i = 0; i < ARRAY_SIZE(entries); i++)
        entries[i] = (gfn + 40 + i) << PAGE_SHIFT | bits;
    at = world_entry(root, USER, 1);
    write_bytes(at + 1, (u8 *)entries + 1, sizeof(entries) - 6); /* to byte 2 of the last one */
    for (unsigned i = 0; i < ARRAY_SIZE(entries); i++)
        expect_reached(USER + i * (u64)PAGE_SIZE, gfn + 40 + i, "122 bytes were written");
    three_entries(root, gfn + 60);
    world_check(WHERE_ACROSS);
    logged(at);
}
