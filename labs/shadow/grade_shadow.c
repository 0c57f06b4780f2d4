// sources: src/mmu-shadow/check.c src/mmu-shadow/entry.c src/mmu-shadow/evict.c
// sources: src/mmu-shadow/fill.c src/mmu-shadow/flood.c src/mmu-shadow/leaf.c
// sources: src/mmu-shadow/out_of_sync.c src/mmu-shadow/pae_root.c src/mmu-shadow/paging_shadow.c
// sources: src/mmu-shadow/physmap_shadow.c src/mmu-shadow/pool.c src/mmu-shadow/prefetch.c
// sources: src/mmu-shadow/reach.c src/mmu-shadow/smap.c src/mmu-shadow/stop_shadowing.c
// sources: src/mmu-shadow/sync.c src/core/walk.c src/core/tlb.c src/core/frame.c
// sources: labs/kit/grade_machine.c tests/unit/stub_heap.c tests/unit/stub_pages.c
// sources: labs/shadow/grade_world.c labs/shadow/grade_links.c labs/shadow/grade_stores.c
// sources: labs/shadow/grade_drops.c
/*
 * The host part of the lab shadow's grader: leaves (shadow.1), write protection (shadow.2), filling
 * (shadow.4), misses (shadow.5). grade_stores.c, grade_links.c and grade_drops.c have the other
 * exercises.
 */
#include "grade_shadow.h"

#include "grade.h"

#include "frame.h"
#include "layout.h"
#include "physmap.h"

#include "../../src/mmu-shadow/fault.h"
#include "../../src/mmu-shadow/rights.h"

#include <string.h>

/* shadow.1 */

#define WHERE_LEAF  "shadow.1: src/mmu-shadow/leaf.c, leaf_for"
#define WHERE_AFTER "shadow.1: src/mmu-shadow/leaf.c, shadow_leaf_after"

static const u64 rights_bits[] = {PTE_W, PTE_U, PTE_NX, PTE_D};

/* An entry with the bits of rights_bits that n says. */
static u64 rights_of(unsigned n)
{
    u64 entry = PTE_P | PTE_A;

    for (unsigned i = 0; i < ARRAY_SIZE(rights_bits); i++)
        entry |= n >> i & 1 ? rights_bits[i] : 0;
    return entry;
}

/* The leaf for an entry of the guest's, whose address is the guest's own business. */
static u64 leaf_of(u64 entry, const struct frame *f)
{
    u64 gfn = random_u64() % WORLD_RAM;

    GRADE_CASE("the guest's entry 0x%lx, the machine frame 0x%lx",
               (unsigned long)(entry | gfn << PAGE_SHIFT), (unsigned long)frame_mfn(f).v);
    return shadow_leaf_value(domain.physmap, ROLE_1, entry | gfn << PAGE_SHIFT, f, false);
}

static void leaf_rights(void **state)
{
    (void)state;
    world_start(WORLD_POOL);
    for (unsigned n = 0; n < 16; n++) {
        const struct frame *f = frame_for(random_u64() % WORLD_RAM);
        u64 entry = rights_of(n), leaf = leaf_of(entry, f);
        GRADE_EQUAL("the machine frame in the leaf", (leaf & PTE_ADDR) >> PAGE_SHIFT,
                    frame_mfn(f).v, WHERE_LEAF);
        GRADE_EQUAL("P and A of the leaf", leaf & (PTE_P | PTE_A), PTE_P | PTE_A, WHERE_LEAF);
        GRADE_EQUAL("U/S and XD of the leaf", leaf & (PTE_U | PTE_NX), entry & (PTE_U | PTE_NX),
                    WHERE_LEAF);
        GRADE_EQUAL("bits that a leaf has no use for",
                    leaf & ~(PTE_ADDR | PTE_P | PTE_A | PTE_W | PTE_D | PTE_U | PTE_NX), 0,
                    WHERE_LEAF);
    }
}

static void leaf_dirty(void **state)
{
    const u64 written = PTE_W | PTE_D;

    (void)state;
    world_start(WORLD_POOL);
    for (unsigned n = 0; n < 16; n++) {
        u64 entry = rights_of(n), leaf = leaf_of(entry, frame_for(random_u64() % WORLD_RAM));
        GRADE_EQUAL("R/W and D of the leaf", leaf & written,
                    (entry & written) == written ? written : 0, WHERE_LEAF);
    }
}

static void leaf_protected(void **state)
{
    struct frame *f;
    u64 entry = rights_of(15);

    (void)state;
    world_start(WORLD_POOL);
    f = frame_for(WORLD_DATA);
    f->flags |= FRAME_SHADOWED;
    GRADE_EQUAL("R/W of the leaf if that frame is a page table (FRAME_SHADOWED)",
                leaf_of(entry, f) & PTE_W, 0, WHERE_LEAF);
    f->flags |= FRAME_OUT_OF_SYNC;
    GRADE_EQUAL("R/W of the leaf if that frame is a page table that is out of sync",
                leaf_of(entry, f) & PTE_W, PTE_W, WHERE_LEAF);
    f->flags = 0;
    domain.physmap->dirty_log = true;
    GRADE_EQUAL("R/W of the leaf if the dirty log is on, and the frame is clean",
                leaf_of(entry, f) & PTE_W, 0, WHERE_LEAF);
    f->flags = FRAME_DIRTY;
    GRADE_EQUAL("R/W of the leaf if the dirty log is on, and the frame is dirty",
                leaf_of(entry, f) & PTE_W, PTE_W, WHERE_LEAF);
}

static u64 after_in(u16 role, u64 entry)
{
    struct shadow s = {.role = role, .rsvd = domain.physmap->rsvd | (role & ROLE_NXE ? 0 : PTE_NX)};

    GRADE_CASE("the guest's entry has become 0x%lx", (unsigned long)entry);
    return shadow_leaf_after(domain.physmap, &s, entry);
}

static u64 after(u64 entry)
{
    return after_in(ROLE_1, entry);
}

static void leaf_after(void **state)
{
    u64 gfn = WORLD_RAM - 1, empty = gfn - 1, at = gfn << PAGE_SHIFT; /* the last is filled */

    (void)state;
    world_start(WORLD_POOL);
    while (physmap_mfn(domain.physmap, empty))
        empty--;
    for (unsigned n = 0; n < 16; n++) {
        u64 entry = rights_of(n) | at, written = PTE_W | PTE_D;
        u64 bits = (entry & (PTE_U | PTE_NX)) | ((entry & written) == written ? written : 0);
        GRADE_EQUAL("the leaf", after(entry), leaf_to(gfn, bits), WHERE_AFTER);
    }
    GRADE_EQUAL("the leaf of an entry that is not present", after(at | PTE_A | PTE_W), 0,
                WHERE_AFTER);
    GRADE_EQUAL("the leaf of an entry that is not accessed", after(at | RIGHTS | PTE_D), 0,
                WHERE_AFTER);
    GRADE_EQUAL("the leaf of an entry with a reserved bit",
                after(at | RIGHTS | PTE_A | domain.physmap->rsvd), 0, WHERE_AFTER);
    GRADE_EQUAL("the leaf of an entry with bit 63, which is reserved (the shadow's role is without "
                "ROLE_NXE)",
                after_in(1, at | RIGHTS | PTE_A | PTE_NX), 0, WHERE_AFTER);
    GRADE_EQUAL("the leaf of an entry that leads behind the end of RAM",
                after((u64)WORLD_RAM << PAGE_SHIFT | RIGHTS | PTE_A), 0, WHERE_AFTER);
    GRADE_EQUAL("the leaf of an entry whose frame is not filled yet",
                after(empty << PAGE_SHIFT | RIGHTS | PTE_A), 0, WHERE_AFTER);
}

/* shadow.2 */

#define WHERE_COUNT   "shadow.2: src/mmu-shadow/entry.c, shadow_set_leaf"
#define WHERE_PROTECT "shadow.2: src/mmu-shadow/entry.c, shadow_protect_frame"
#define WHERE_TABLE   "shadow.2: src/mmu-shadow/pool.c, become_table"

enum { LEAVES = 12, SHADOWS = 3, FRAMES = 3 };

/* Shadows of level 1 that are of no table, so that any leaf may be put into them. */
static struct shadow *some_shadow(unsigned n)
{
    struct shadow *s = shadow_get(&domain, n * PT_ENTRIES, 1 | ROLE_DIRECT);

    if (!s)
        grade_error("no memory for a shadow");
    return s;
}

static unsigned count_writable(u64 gfn)
{
    unsigned count = 0;

    for (unsigned n = 0; n < SHADOWS; n++)
        for (unsigned i = 0; i < PT_ENTRIES; i++) {
            u64 leaf = some_shadow(n)->table[i];
            count += leaf & PTE_W && (leaf & PTE_ADDR) == (leaf_to(gfn, 0) & PTE_ADDR);
        }
    return count;
}

/* Two leaves map a frame writable; one goes, and another one comes: both that there are are
 * remembered, in any order. */
static void expect_remembered(void)
{
    const u64 gfn = WORLD_DATA + FRAMES, leaf = leaf_to(gfn, PTE_W | PTE_D);
    const struct frame *f = frame_for(gfn);
    u32 slot = shadow_slot(&domain.physmap->pool, some_shadow(0)) << SHADOW_INDEX_BITS;

    for (unsigned i = 1; i <= 8; i++) {
        shadow_set_leaf(&domain, some_shadow(0), 20 * i, leaf);
        if (i > 1) { /* the last two are the leaves at i - 1 and i */
            u32 low = slot | 20 * (i - 1), high = slot | 20 * i;
            GRADE_CASE("the leaves %u and %u of a shadow map a frame writable, no others do",
                       20 * (i - 1), 20 * i);
            GRADE_TRUE("frame.next and frame.prev are the places of both",
                       (f->next == low && f->prev == high) || (f->next == high && f->prev == low),
                       WHERE_COUNT);
            shadow_set_leaf(&domain, some_shadow(0), 20 * (i - 1), 0);
        }
    }
}

static void writable_count(void **state)
{
    static const u64 bits[] = {PTE_W | PTE_D, PTE_W | PTE_D | PTE_U, PTE_U, PTE_NX};

    (void)state;
    world_start(WORLD_POOL);
    for (unsigned round = 0; round < 200; round++) {
        unsigned n = random_u64() % SHADOWS, i = random_u64() % LEAVES * 43;
        u64 gfn = WORLD_DATA + random_u64() % FRAMES, bit = bits[random_u64() % ARRAY_SIZE(bits)];
        u64 leaf = random_u64() % 4 ? leaf_to(gfn, bit) : 0;
        u64 before = some_shadow(n)->table[i];
        shadow_set_leaf(&domain, some_shadow(n), i, leaf);
        GRADE_CASE("after the leaf 0x%lx has become 0x%lx", (unsigned long)before,
                   (unsigned long)leaf);
        GRADE_EQUAL("the leaf", some_shadow(n)->table[i], leaf, WHERE_COUNT);
        for (unsigned k = 0; k < FRAMES; k++)
            GRADE_EQUAL("type_count of a frame, the number of leaves that map it writable",
                        frame_for(WORLD_DATA + k)->type_count, count_writable(WORLD_DATA + k),
                        WHERE_COUNT);
    }
    expect_remembered();
}

/* gfn, which `count` leaves map writable and others do not, becomes a table. */
static void expect_protected(unsigned count, bool some_removed)
{
    u64 gfn = WORLD_DATA, other, flushed;

    world_start(WORLD_POOL);
    other = leaf_to(gfn + 1, PTE_W | PTE_D);
    for (unsigned i = 0; i < count; i++)
        shadow_set_leaf(&domain, some_shadow(i % SHADOWS), 7 * i + 3,
                        leaf_to(gfn, PTE_W | PTE_D | PTE_U));
    shadow_set_leaf(&domain, some_shadow(0), 400, other);
    shadow_set_leaf(&domain, some_shadow(1), 400, leaf_to(gfn, PTE_U));
    for (unsigned i = 0; some_removed && i < count; i += 2)
        shadow_set_leaf(&domain, some_shadow(i % SHADOWS), 7 * i + 3, 0);
    flushed = world_flushes();
    shadow_get(&domain, gfn, ROLE_1);
    GRADE_CASE("a frame that %u leaves map writable becomes a page table%s",
               some_removed ? count / 2 : count,
               some_removed ? ", and there were as many more that are gone" : "");
    GRADE_EQUAL("leaves that map it writable still", count_writable(gfn), 0, WHERE_PROTECT);
    GRADE_EQUAL("its type_count", frame_for(gfn)->type_count, 0, WHERE_PROTECT);
    GRADE_TRUE("it is FRAME_SHADOWED", frame_for(gfn)->flags & FRAME_SHADOWED, WHERE_TABLE);
    GRADE_TRUE("everything was flushed (tlb.h)", world_flushes() > flushed, WHERE_TABLE);
    for (unsigned i = some_removed; i < count; i += 1 + some_removed)
        GRADE_EQUAL("a leaf that has lost W and D", some_shadow(i % SHADOWS)->table[7 * i + 3],
                    leaf_to(gfn, PTE_U), WHERE_PROTECT);
    GRADE_EQUAL("a leaf of another frame", some_shadow(0)->table[400], other, WHERE_PROTECT);
    GRADE_EQUAL("a leaf that was not writable", some_shadow(1)->table[400], leaf_to(gfn, PTE_U),
                WHERE_PROTECT);
}

static void become_table(void **state)
{
    (void)state;
    for (unsigned count = 0; count <= 2; count++)
        expect_protected(count, false);
}

static void become_table_aliases(void **state)
{
    (void)state;
    for (unsigned count = 3; count <= 9; count += 2)
        expect_protected(count, false);
    for (unsigned count = 2; count <= 10; count += 4)
        expect_protected(count, true);
}

/* shadow.4 */

#define WHERE_FILL "shadow.4: src/mmu-shadow/fill.c, fill_leaf"

static struct paging_fault fill_out;

/* shadow_fill for an access to gpa through entry `index` of s; its result by name. */
static const char *fill(struct shadow *s, unsigned index, u32 error, u64 entry, u64 gpa)
{
    static const char *const names[] = {
        [PAGING_FIXED] = "PAGING_FIXED",
        [PAGING_INJECT] = "PAGING_INJECT",
        [PAGING_EMULATE] = "PAGING_EMULATE",
        [PAGING_KILL] = "PAGING_KILL",
    };
    const struct exit e = {.reason = EXIT_PAGE_FAULT,
                           .gva = USER + ((u64)index << PAGE_SHIFT) + (gpa & PAGE_OFFSET_MASK),
                           .error = error,
                           .vector = VEC_PF};

    fill_out = (struct paging_fault){.gpa = ~0ULL, .table_write = true};
    GRADE_CASE("filling for a %s%s at 0x%lx, which the guest's entry 0x%lx maps to 0x%lx",
               error & PF_U ? "user's " : "kernel's ", error & PF_W ? "write" : "read",
               (unsigned long)e.gva, (unsigned long)entry, (unsigned long)gpa);
    unsigned result = shadow_fill(&vcpu, &e, s, entry, gpa, &fill_out);
    return result < ARRAY_SIZE(names) ? names[result] : "no paging_result";
}

static void fill_there(void **state)
{
    static const u64 bits[] = {PTE_U, PTE_W, PTE_W | PTE_D, PTE_U | PTE_W | PTE_D | PTE_NX};

    (void)state;
    world_start(WORLD_POOL);
    for (unsigned round = 0; round < 60; round++) {
        struct shadow *s = some_shadow(round % SHADOWS);
        u64 gfn = random_u64() % WORLD_RAM, bit = bits[random_u64() % ARRAY_SIZE(bits)];
        u64 entry = gfn << PAGE_SHIFT | PTE_P | PTE_A | bit, written = PTE_W | PTE_D;
        unsigned index = random_u64() % PT_ENTRIES;
        u32 error = (bit & written) == written ? PF_W | (bit & PTE_U ? PF_U : 0) : 0;
        u64 fills = ledger(LC_SHADOW_FILL);
        GRADE_SAME("the result", fill(s, index, error, entry, gfn << PAGE_SHIFT | index),
                   "PAGING_FIXED", WHERE_FILL);
        GRADE_EQUAL("the leaf", s->table[index],
                    leaf_to(gfn, (bit & (PTE_U | PTE_NX)) | (error & PF_W ? written : 0)),
                    WHERE_FILL);
        GRADE_EQUAL("shadow_fill in the ledger", ledger(LC_SHADOW_FILL), fills + 1, WHERE_FILL);
    }
    u64 table = world_table(), entry = table | RIGHTS | PTE_A | PTE_D;
    guest(table);
    shadow_get(&domain, table >> PAGE_SHIFT, ROLE_1);
    GRADE_SAME("the result, the page being a page table",
               fill(some_shadow(0), 9, PF_U, entry, table), "PAGING_FIXED", WHERE_FILL);
    GRADE_EQUAL("the leaf", some_shadow(0)->table[9], leaf_to(table >> PAGE_SHIFT, PTE_U),
                WHERE_FILL);
}

static void fill_elsewhere(void **state)
{
    static const u64 device[] = {(u64)WORLD_RAM << PAGE_SHIFT, 0xfee000b0, 0x3000000018};
    struct shadow *s;

    (void)state;
    world_start(WORLD_POOL);
    s = some_shadow(0);
    for (unsigned i = 0; i < ARRAY_SIZE(device); i++) {
        u64 gpa = device[i], entry = (gpa & PTE_ADDR) | PTE_P | PTE_A | PTE_D | PTE_W;
        GRADE_SAME("the result", fill(s, 5, i ? PF_W : 0, entry, gpa), "PAGING_EMULATE",
                   WHERE_FILL);
        GRADE_EQUAL("out->gpa", fill_out.gpa, gpa, WHERE_FILL);
        GRADE_TRUE("out->table_write is false", !fill_out.table_write, WHERE_FILL);
        GRADE_EQUAL("the leaf", s->table[5], 0, WHERE_FILL);
    }
    u64 gfn = 0;
    while (physmap_mfn(domain.physmap, gfn))
        gfn++;
    while (domain.physmap->reserve_left) {
        domain.physmap->reserve_left--;
        domain.frames--;
    }
    world_leave(0);
    GRADE_SAME("the result without memory to fill it",
               fill(s, 5, 0, gfn << PAGE_SHIFT | PTE_P | PTE_A, gfn << PAGE_SHIFT), "PAGING_KILL",
               WHERE_FILL);
}

static void fill_logged(void **state)
{
    struct shadow *s;
    u64 gfn = WORLD_DATA, entry = gfn << PAGE_SHIFT | RIGHTS | PTE_A | PTE_D;

    (void)state;
    world_start(WORLD_POOL);
    s = some_shadow(0);
    frame_for(gfn)->flags = 0;
    domain.physmap->dirty_log = true;
    GRADE_SAME("the result", fill(s, 1, PF_U, entry, gfn << PAGE_SHIFT), "PAGING_FIXED",
               WHERE_FILL);
    GRADE_EQUAL("R/W of the leaf, the log being on", s->table[1] & PTE_W, 0, WHERE_FILL);
    GRADE_EQUAL("FRAME_DIRTY of the frame", frame_for(gfn)->flags & FRAME_DIRTY, 0, WHERE_FILL);
    GRADE_SAME("the result", fill(s, 1, PF_U | PF_P | PF_W, entry, gfn << PAGE_SHIFT),
               "PAGING_FIXED", WHERE_FILL);
    GRADE_EQUAL("FRAME_DIRTY of the frame", frame_for(gfn)->flags & FRAME_DIRTY, FRAME_DIRTY,
                WHERE_FILL);
    GRADE_EQUAL("R/W of the leaf, the log being on", s->table[1] & PTE_W, PTE_W, WHERE_FILL);
}

/* shadow.5 */

#define WHERE_MISS "shadow.5: src/mmu-shadow/fill.c, whose_fault"

static void miss_fills(void **state)
{
    u64 root;

    (void)state;
    world_start(WORLD_POOL);
    root = make_space();
    *guest(world_entry(root, USER, 4)) &= ~PTE_A;
    world_load(root);
    for (unsigned i = 0; i < 3 * PAGES; i++) {
        unsigned page = random_u64() % PAGES;
        u64 at = world_entry(root, page_at(page), 1), before = *guest(at);
        u32 access = PF_U | (random_u64() % 2 ? PF_W : 0);
        GRADE_EQUAL("the gfn that it reaches", world_touch(page_at(page), access, WHERE_MISS),
                    WORLD_DATA + page, WHERE_MISS);
        GRADE_EQUAL("the guest's entry after it", *guest(at),
                    before | PTE_A | (access & PF_W ? PTE_D : 0), WHERE_MISS);
        struct world_access write = world_access(page_at(page), PF_U | PF_W, WHERE_MISS);
        GRADE_EQUAL("its next write faults", write.fault, !(*guest(at) & PTE_D), WHERE_MISS);
    }
    GRADE_TRUE("A of the root's entry is set", *guest(world_entry(root, USER, 4)) & PTE_A,
               WHERE_MISS);
    world_check(WHERE_MISS);
}

static void miss_large(void **state)
{
    u64 root, at, la = USER + (3ULL << 21);

    (void)state;
    world_start(WORLD_POOL);
    root = world_space();
    at = world_entry(root, la, 2);
    *guest(at) = (u64)WORLD_DATA << PAGE_SHIFT | RIGHTS | PTE_PS;
    world_load(root);
    for (unsigned i = 0; i < PAGES; i++) {
        u64 page = random_u64() % PT_ENTRIES, address = la + (page << PAGE_SHIFT) + 8;
        GRADE_EQUAL("the gfn that it reaches, in a page of 2 MiB",
                    world_touch(address, PF_U | (i > 10 ? PF_W : 0), WHERE_MISS), WORLD_DATA + page,
                    WHERE_MISS);
        GRADE_EQUAL("A and D of the guest's entry", *guest(at) & (PTE_A | PTE_D),
                    PTE_A | (i > 10 ? PTE_D : 0), WHERE_MISS);
    }
    /* The same frames, once more, for the kernel only: the shadow of level 1 is the same one, and
     * the rights are those of the entries above it. */
    *guest(world_entry(root, la + (1ULL << 21), 2)) =
        (u64)WORLD_DATA << PAGE_SHIFT | PTE_P | PTE_PS;
    for (u64 page = 0; page < PT_ENTRIES; page += 73) {
        u64 offset = page << PAGE_SHIFT;
        world_touch(la + (1ULL << 21) + offset, 0, WHERE_MISS);
        world_check(WHERE_MISS);
        world_refused(la + (1ULL << 21) + offset, PF_U, WHERE_MISS);
        GRADE_EQUAL("the gfn that it reaches, in a page of 2 MiB",
                    world_touch(la + offset, PF_U | PF_W, WHERE_MISS), WORLD_DATA + page,
                    WHERE_MISS);
    }
    world_check(WHERE_MISS);
}

/* The guest's entry at `at`, of the way to la, becomes this; an access is refused so. */
static void expect_refused(u64 at, u64 entry, u64 la, u32 access, u32 error)
{
    u64 before = *guest(at), fills = ledger(LC_SHADOW_FILL);

    *guest(at) = entry;
    u32 got = world_refused(la, access, WHERE_MISS);
    GRADE_EQUAL("the error code", got, error, WHERE_MISS);
    GRADE_EQUAL("leaves filled", ledger(LC_SHADOW_FILL) - fills, 0, WHERE_MISS);
    *guest(at) = before;
}

static void miss_reflects(void **state)
{
    const u64 nowhere = (u64)WORLD_RAM << PAGE_SHIFT, la = page_at(1);

    (void)state;
    world_start(WORLD_POOL);
    u64 root = make_space();
    world_load(root);
    for (unsigned level = 1; level <= 4; level++) {
        u64 at = world_entry(root, la, level), entry = *guest(at);
        expect_refused(at, 0, la, PF_U, PF_U);
        expect_refused(at, entry & ~PTE_P, la, PF_U | PF_W, PF_U | PF_W);
        expect_refused(at, entry & ~PTE_W, la, PF_U | PF_W, PF_P | PF_U | PF_W);
        expect_refused(at, entry & ~PTE_U, la, PF_U, PF_P | PF_U);
        expect_refused(at, entry | PTE_NX, la, PF_U | PF_I, PF_P | PF_U | PF_I);
        expect_refused(at, entry | domain.physmap->rsvd, la, 0, PF_P | PF_RSVD);
        if (level > 1)
            expect_refused(at, nowhere | RIGHTS, la, PF_U, PF_P | PF_RSVD | PF_U);
    }
    GRADE_EQUAL("the gfn that it reaches then", world_touch(la, PF_U | PF_W, WHERE_MISS),
                WORLD_DATA + 1, WHERE_MISS);
}

GRADE_MAIN(cmocka_unit_test(leaf_rights), cmocka_unit_test(leaf_dirty),
           cmocka_unit_test(leaf_protected), cmocka_unit_test(leaf_after),
           cmocka_unit_test(writable_count), cmocka_unit_test(become_table),
           cmocka_unit_test(become_table_aliases), cmocka_unit_test(reach_new),
           cmocka_unit_test(reach_again), cmocka_unit_test(fill_there),
           cmocka_unit_test(fill_elsewhere), cmocka_unit_test(fill_logged),
           cmocka_unit_test(miss_fills), cmocka_unit_test(miss_large),
           cmocka_unit_test(miss_reflects), cmocka_unit_test(store_traps),
           cmocka_unit_test(store_entry), cmocka_unit_test(store_aliases),
           cmocka_unit_test(store_upper), cmocka_unit_test(store_across),
           cmocka_unit_test(drop_links), cmocka_unit_test(drop_frame), cmocka_unit_test(evict_idle),
           cmocka_unit_test(evict_clock), cmocka_unit_test(evict_least),
           cmocka_unit_test(behind_stores), cmocka_unit_test(behind_tables))
