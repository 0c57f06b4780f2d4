/*
 * The host part of the lab shadow's grader: stores to leaf tables (shadow.6), and the challenge
 * (shadow.10).
 */
#include "grade_shadow.h"

#include "grade.h"

#include "frame.h"

/* shadow.6 */

#define WHERE_TRAP  "shadow.6: src/mmu-shadow/fill.c, table_write"
#define WHERE_ENTRY "shadow.6: src/mmu-shadow/sync.c, shadow_sync_leaf"
#define WHERE_EACH  "shadow.6: src/mmu-shadow/sync.c, entry_written"

void store_traps(void **state)
{
    u64 root;

    (void)state;
    world_start(WORLD_POOL);
    root = make_space();
    world_load(root);
    world_touch(page_at(0), PF_U, WHERE_TRAP);
    for (unsigned level = 2; level <= 4; level++) {
        u64 gpa = world_entry(root, page_at(0), level) + level, writes = ledger(LC_SHADOW_WRITE);
        world_touch(gpa, 0, WHERE_TRAP);
        GRADE_CASE("a kernel's write to its table of level %u, at 0x%lx", level,
                   (unsigned long)gpa);
        GRADE_TRUE("it faults", world_access(gpa, PF_W, WHERE_TRAP).fault, WHERE_TRAP);
        GRADE_SAME("the result", world_exit(gpa, PF_P | PF_W, false), "PAGING_EMULATE", WHERE_TRAP);
        GRADE_EQUAL("out->gpa", world_fault.gpa, gpa, WHERE_TRAP);
        GRADE_TRUE("out->table_write", world_fault.table_write, WHERE_TRAP);
        GRADE_TRUE("out->bytes is the hypervisor's pointer to it",
                   (char *)world_fault.bytes == (char *)guest(gpa), WHERE_TRAP);
        GRADE_EQUAL("shadow_write in the ledger", ledger(LC_SHADOW_WRITE), writes + 1, WHERE_TRAP);
    }
    GRADE_CASE("an interrupt is delivered on a stack in the table of level 4");
    GRADE_SAME("the result", world_exit(root + 0x800, PF_P | PF_W, true), "PAGING_KILL",
               WHERE_TRAP);
}

void store_entry(void **state)
{
    static const u64 bits[] = {RIGHTS | PTE_A | PTE_D, PTE_P | PTE_U | PTE_A, RIGHTS, 0,
                               RIGHTS | PTE_A | PTE_D | PTE_NX};
    u64 root;

    (void)state;
    world_start(WORLD_POOL);
    root = make_space();
    world_load(root);
    for (unsigned i = 0; i < PAGES; i++)
        world_touch(page_at(i), PF_U | PF_W, WHERE_ENTRY);
    for (unsigned i = 0; i < 80; i++) {
        u64 page = random_u64() % PAGES, la = page_at((unsigned)page), counted, changed, fills;
        u64 gfn = WORLD_DATA + random_u64() % PAGES, bit = bits[i % ARRAY_SIZE(bits)];
        counted = ledger(LC_SHADOW_WRITE_ENTRY);
        world_changed();
        world_emulated(world_entry(root, la, 1), gfn << PAGE_SHIFT | bit);
        changed = world_changed();
        world_invlpg(la);
        GRADE_CASE("the guest's entry for 0x%lx has become 0x%lx", (unsigned long)la,
                   (unsigned long)(gfn << PAGE_SHIFT | bit));
        GRADE_TRUE("at most one entry of all shadows has changed", changed <= 1, WHERE_ENTRY);
        GRADE_EQUAL("shadow_write_entry in the ledger", ledger(LC_SHADOW_WRITE_ENTRY) - counted,
                    changed, WHERE_ENTRY);
        fills = ledger(LC_SHADOW_FILL);
        if (bit & PTE_P)
            GRADE_EQUAL("the gfn that it reaches", world_touch(la, PF_U, WHERE_ENTRY), gfn,
                        WHERE_ENTRY);
        else
            GRADE_EQUAL("the error code", world_refused(la, PF_U, WHERE_ENTRY), PF_U, WHERE_ENTRY);
        if (bit & PTE_A)
            GRADE_EQUAL("misses after a store of an entry that is accessed",
                        ledger(LC_SHADOW_FILL) - fills, 0, WHERE_ENTRY);
        if (!(bit & PTE_W))
            world_refused(la, PF_U | PF_W, WHERE_ENTRY);
        world_check(WHERE_ENTRY);
    }
}

/* One table with a shadow for CR0.WP = 1 and one for WP = 0. */
void store_aliases(void **state)
{
    u64 root, la = page_at(0), at;

    (void)state;
    world_start(WORLD_POOL);
    root = make_space();
    at = world_entry(root, la, 1);
    world_load(root);
    world_touch(la, PF_U | PF_W, WHERE_EACH);
    world_wp(false);
    world_touch(la, PF_U | PF_W, WHERE_EACH);
    world_wp(true);
    world_touch(la, PF_U | PF_W, WHERE_EACH);
    for (unsigned i = 1; i <= 3; i++) {
        u64 gfn = WORLD_DATA + 40 + i;
        world_emulated(at, gfn << PAGE_SHIFT | RIGHTS | PTE_A | PTE_D);
        world_invlpg(la);
        for (unsigned wp = 0; wp < 2; wp++) {
            world_wp(wp);
            GRADE_CASE("a table that was used with CR0.WP = 0 and with 1; the entry for 0x%lx has "
                       "become 0x%lx, and now WP = %u",
                       (unsigned long)la, (unsigned long)*guest(at), wp);
            GRADE_EQUAL("the gfn that it reaches", world_touch(la, PF_U | PF_W, WHERE_EACH), gfn,
                        WHERE_EACH);
        }
    }
    world_check(WHERE_EACH);
}

/* shadow.10 */

#define WHERE_BEHIND "shadow.10: src/mmu-shadow/out_of_sync.c"

/* Stores to a leaf table; returns how many were emulated. */
static unsigned store_many(u64 root, u64 first)
{
    unsigned emulated = 0;

    for (unsigned i = 0; i < 20; i++)
        emulated += world_store(world_entry(root, USER + i * (u64)PAGE_SIZE, 1),
                                (first + i) << PAGE_SHIFT | RIGHTS | PTE_A | PTE_D, WHERE_BEHIND);
    return emulated;
}

void behind_stores(void **state)
{
    u64 root;

    (void)state;
    world_start(WORLD_POOL);
    root = make_space();
    world_load(root);
    for (unsigned round = 1; round < 6; round++) {
        u64 first = WORLD_DATA + 20 * round;
        world_touch(page_at(0), PF_U, WHERE_BEHIND);
        GRADE_CASE("20 stores to entries of one table of level 1, and then a flush");
        GRADE_EQUAL("stores that were emulated", store_many(root, first), 0, WHERE_BEHIND);
        if (round % 2)
            world_load(root);
        for (unsigned i = 0; i < 20; i++) {
            u64 la = USER + i * (u64)PAGE_SIZE;
            if (!(round % 2))
                world_invlpg(la);
            GRADE_EQUAL("the gfn that it reaches", world_touch(la, PF_U | PF_W, WHERE_BEHIND),
                        first + i, WHERE_BEHIND);
        }
        world_check(WHERE_BEHIND);
    }
}

/* A table in use above level 1 is not let go, and one that is behind does not stay so. */
void behind_tables(void **state)
{
    u64 root;

    (void)state;
    world_start(WORLD_POOL);
    root = make_space();
    world_load(root);
    world_touch(page_at(0), PF_U, WHERE_BEHIND);
    GRADE_CASE("a store to a table of level 2 to which the running root leads");
    GRADE_TRUE("it is emulated",
               world_store(world_entry(root, USER, 2), *guest(world_entry(root, USER, 2)) | 1 << 9,
                           WHERE_BEHIND),
               WHERE_BEHIND);
    store_many(root, WORLD_DATA);
    struct frame *table = frame_for(world_entry(root, USER, 1) >> PAGE_SHIFT);
    GRADE_CASE("a table of level 1 was written to");
    GRADE_TRUE("it is FRAME_OUT_OF_SYNC", table->flags & FRAME_OUT_OF_SYNC, WHERE_BEHIND);
    world_load(root);
    GRADE_CASE("a table of level 1 was written to, and CR3 is loaded");
    GRADE_TRUE("it is in sync", !(table->flags & FRAME_OUT_OF_SYNC), WHERE_BEHIND);
    GRADE_EQUAL("leaves that map it writable", table->type_count, 0, WHERE_BEHIND);
}
