/*
 * The host part of the lab shadow's grader: the way down (shadow.3), stores to upper tables
 * (shadow.7), dropping (shadow.8), reclaim (shadow.9).
 */
#include "grade_shadow.h"

#include "grade.h"

#include "frame.h"
#include "layout.h"
#include "walk.h"

enum { ROLE_2 = 2 | ROLE_NXE, ROLE_4 = 4 | ROLE_NXE };

static struct shadow_pool *pool(void)
{
    return &domain.physmap->pool;
}

static struct shadow *get(u64 gpa, u16 role)
{
    struct shadow *s = shadow_get(&domain, gpa >> PAGE_SHIFT, role);

    if (!s)
        grade_error("no memory for a shadow");
    return s;
}

static bool there(u64 gpa, u16 role)
{
    return shadow_find(pool(), gpa >> PAGE_SHIFT, role);
}

/* shadow.3 */

#define WHERE_REACH "shadow.3: src/mmu-shadow/reach.c, descend"

enum { REGIONS = 6 };

static u64 region(unsigned i)
{
    return USER + ((u64)i << (i % 2 ? 21 : 30)) + (u64)i * PAGE_SIZE;
}

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
    world_check(WHERE_ACROSS);
}

/* shadow.8 */

#define WHERE_DROP  "shadow.8: src/mmu-shadow/pool.c, shadow_drop"
#define WHERE_LEAVE "shadow.8: src/mmu-shadow/pool.c, leave_frame"

/* Every entry of a shadow is 0 but those whose indices are given, and present[] says the same. */
static void expect_only(const struct shadow *s, unsigned a, unsigned b)
{
    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        bool wanted = i == a || i == b;
        GRADE_CASE("entry %u of the table whose other shadow was dropped", i);
        GRADE_TRUE(wanted ? "it is there" : "it is 0", (s->table[i] != 0) == wanted, WHERE_DROP);
        GRADE_EQUAL("its bit in present[]", s->present[i / 64] >> i % 64 & 1, wanted, WHERE_DROP);
    }
}

void drop_links(void **state)
{
    static const unsigned index[] = {3, 77, 200, 201, 511};
    const u64 gfn = WORLD_DATA;
    u64 upper, lower, second;

    (void)state;
    world_start(WORLD_POOL);
    upper = world_table();
    lower = world_table();
    second = world_table();
    struct shadow *parent = get(upper, ROLE_2), *s = get(lower, ROLE_1);
    struct shadow *other = get(second, ROLE_1);
    for (unsigned i = 0; i < ARRAY_SIZE(index); i++)
        shadow_set_child(&domain, parent, index[i], s, PTE_A | PTE_W);
    shadow_set_child(&domain, parent, 5, other, PTE_A);
    shadow_set_child(&domain, parent, 510, other, PTE_A | PTE_U);
    for (unsigned i = 0; i < 4; i++)
        shadow_set_leaf(&domain, s, 100 * i, leaf_to(gfn + i % 2, PTE_W | PTE_D));
    u32 in_use = pool()->in_use, made = pool()->made;

    shadow_drop(&domain, s);
    expect_only(parent, 5, 510);
    GRADE_CASE("a shadow to which %zu entries pointed was dropped", ARRAY_SIZE(index));
    GRADE_TRUE("it is not found any more (shadow_find)", !there(lower, ROLE_1), WHERE_DROP);
    GRADE_EQUAL("role of its slot", s->role, 0, WHERE_DROP);
    GRADE_EQUAL("refs of its slot", s->refs, 0, WHERE_DROP);
    GRADE_EQUAL("shadows in use", pool()->in_use, in_use - 1, WHERE_DROP);
    for (unsigned i = 0; i < 2; i++)
        GRADE_EQUAL("type_count of a frame that it mapped writable", frame_for(gfn + i)->type_count,
                    0, WHERE_DROP);
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        GRADE_EQUAL("an entry in its page", s->table[i], 0, WHERE_DROP);
    GRADE_TRUE("the guest's frame is no table any more",
               !(frame_for(lower >> PAGE_SHIFT)->flags & FRAME_SHADOWED), WHERE_LEAVE);
    GRADE_TRUE("another shadow is still found", there(second, ROLE_1), WHERE_DROP);

    shadow_drop(&domain, parent);
    GRADE_CASE("a shadow with two entries was dropped");
    GRADE_EQUAL("refs of the shadow that they led to", other->refs, 0, WHERE_DROP);
    get(world_table(), ROLE_1);
    get(world_table(), ROLE_1);
    GRADE_EQUAL("new pages for two new shadows, while two slots are free", pool()->made - made, 0,
                WHERE_DROP);
}

void drop_frame(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 24; round++) {
        unsigned order[4], left = 4;
        world_start(WORLD_POOL);
        u64 table = world_table();
        struct frame *f = frame_for(table >> PAGE_SHIFT);
        for (unsigned i = 0; i < 4; i++)
            get(table, (u16)((order[i] = i + 1) | ROLE_NXE));
        f->flags |= round % 2 ? FRAME_OUT_OF_SYNC : 0;
        while (left) {
            unsigned chosen = random_u64() % left, level = order[chosen], count = 0;
            order[chosen] = order[--left];
            shadow_drop(&domain, world_shadow(table, (u16)level | ROLE_NXE, WHERE_LEAVE));
            GRADE_CASE("a table with shadows of levels 1 to 4: that of level %u is dropped, "
                       "%u are left",
                       level, left);
            for (u16 slot = (u16)f->extra; slot && count < 9;
                 slot = pool()->shadow[slot].frame_next)
                count++;
            GRADE_EQUAL("shadows in the chain from frame.extra", count, left, WHERE_LEAVE);
            for (unsigned i = 0; i < left; i++)
                GRADE_TRUE("one of the others is still found",
                           there(table, (u16)order[i] | ROLE_NXE), WHERE_LEAVE);
            GRADE_EQUAL("FRAME_SHADOWED of the frame", !!(f->flags & FRAME_SHADOWED), left > 0,
                        WHERE_LEAVE);
        }
        GRADE_EQUAL("FRAME_OUT_OF_SYNC of the frame", f->flags & FRAME_OUT_OF_SYNC, 0, WHERE_LEAVE);
    }
}

/* shadow.9 */

#define WHERE_IDLE  "shadow.9: src/mmu-shadow/evict.c, idle_victim"
#define WHERE_CLOCK "shadow.9: src/mmu-shadow/evict.c, clock_victim"

/* One eviction, which must take exactly one. */
static void evict(const char *where)
{
    u32 in_use = pool()->in_use;

    GRADE_TRUE("shadow_evict finds one", shadow_evict(&domain), where);
    GRADE_EQUAL("shadows that went", in_use - pool()->in_use, 1, where);
}

void evict_idle(void **state)
{
    enum { ROOTS = 4 };
    u64 root[ROOTS], upper, lower;

    (void)state;
    world_start(WORLD_POOL);
    for (unsigned i = 0; i < ROOTS; i++)
        root[i] = world_table();
    upper = world_table();
    lower = world_table();
    for (unsigned i = 0; i < ROOTS; i++)
        get(root[i], ROLE_4);
    world_load(root[1]);
    struct shadow *parent = get(upper, ROLE_2), *s = get(lower, ROLE_1);
    shadow_set_child(&domain, get(root[1], ROLE_4), 0, parent, PTE_A);
    shadow_set_child(&domain, parent, 9, s, PTE_A);
    shadow_set_child(&domain, parent, 9, NULL, 0);

    GRADE_CASE("four roots, one that a vcpu runs on, and a shadow that lost its last parent");
    evict(WHERE_IDLE);
    GRADE_TRUE("the one without parents went", !there(lower, ROLE_1), WHERE_IDLE);
    GRADE_CASE("the roots 0 to 3 are idle, all were used, a vcpu runs on root 1");
    evict(WHERE_IDLE);
    GRADE_TRUE("root 0 went", !there(root[0], ROLE_4), WHERE_IDLE);
    shadow_find(pool(), root[2] >> PAGE_SHIFT, ROLE_4)->used = true;
    GRADE_CASE("the roots 1 to 3 are idle, root 2 was used since, a vcpu runs on root 1");
    evict(WHERE_IDLE);
    GRADE_TRUE("root 3 went", !there(root[3], ROLE_4), WHERE_IDLE);
    GRADE_CASE("the roots 1 and 2 are idle, a vcpu runs on root 1");
    evict(WHERE_IDLE);
    GRADE_TRUE("root 2 went", !there(root[2], ROLE_4), WHERE_IDLE);
    GRADE_TRUE("a linked shadow is still there", there(upper, ROLE_2), WHERE_IDLE);
    GRADE_TRUE("root 1 is still there", there(root[1], ROLE_4), WHERE_IDLE);
}

void evict_clock(void **state)
{
    enum { LEAVES = 6, SPARED = 2, USED = 4 };
    u64 root, upper, lower[LEAVES];

    (void)state;
    world_start(WORLD_POOL);
    root = world_table();
    upper = world_table();
    world_load(root);
    struct shadow *parent = get(upper, ROLE_2), *leaf[LEAVES];
    shadow_set_child(&domain, get(root, ROLE_4), 0, parent, PTE_A);
    for (unsigned i = 0; i < LEAVES; i++) {
        lower[i] = world_table();
        leaf[i] = get(lower[i], ROLE_1);
        shadow_set_child(&domain, parent, i, leaf[i], PTE_A);
        leaf[i]->used = i == USED;
    }
    parent->used = false;
    pool()->path[1] = shadow_slot(pool(), leaf[SPARED]);
    for (unsigned n = 0; n < LEAVES - 2; n++) {
        GRADE_CASE("6 shadows of level 1 are linked: one was used, one is on the path of a fill; "
                   "%u were evicted already",
                   n);
        evict(WHERE_CLOCK);
        GRADE_TRUE("the one on the path is still there", there(lower[SPARED], ROLE_1), WHERE_CLOCK);
        GRADE_TRUE("the one that was used is still there", there(lower[USED], ROLE_1), WHERE_CLOCK);
        GRADE_TRUE("the one of level 2 is still there", there(upper, ROLE_2), WHERE_CLOCK);
        leaf[USED]->used = true;
    }
    GRADE_CASE("of level 1 one is left that was used, and one that is on the path of a fill");
    evict(WHERE_CLOCK);
    GRADE_TRUE("the one that was used went", !there(lower[USED], ROLE_1), WHERE_CLOCK);
    GRADE_CASE("of level 1 only one that is on the path of a fill is left");
    evict(WHERE_CLOCK);
    GRADE_TRUE("that of level 2 went", !there(upper, ROLE_2), WHERE_CLOCK);
    GRADE_TRUE("the one on the path is still there", there(lower[SPARED], ROLE_1), WHERE_CLOCK);
    GRADE_TRUE("the root that a vcpu runs on is still there", there(root, ROLE_4), WHERE_CLOCK);
}

/* More address spaces than the pool has tables for: each new table costs one. */
void evict_least(void **state)
{
    enum { SPACES = 8, EACH = 3, ROUNDS = 6 };
    u64 root[SPACES];

    (void)state;
    world_start(SHADOW_MIN);
    for (unsigned n = 0; n < SPACES; n++) {
        root[n] = world_space();
        for (unsigned i = 0; i < EACH; i++)
            world_map(root[n], region(i), (u64)(WORLD_DATA + n * EACH + i) << PAGE_SHIFT | RIGHTS);
    }
    for (unsigned n = 0; n < ROUNDS * SPACES; n++) {
        world_load(root[n * 3 % SPACES]);
        for (unsigned i = 0; i < EACH; i++) {
            u64 got = world_touch(region(i), PF_U | PF_W, WHERE_CLOCK);
            GRADE_CASE("8 address spaces, and a pool of %u tables", SHADOW_MIN);
            GRADE_EQUAL("the gfn that it reaches", got, WORLD_DATA + n * 3 % SPACES * EACH + i,
                        WHERE_CLOCK);
        }
        u64 made = ledger(LC_SHADOW_NEW_TABLE), gone = ledger(LC_SHADOW_RECLAIM_TABLE);
        GRADE_CASE("8 address spaces, and a pool of %u tables, of which %lu were made so far",
                   SHADOW_MIN, (unsigned long)made);
        GRADE_EQUAL("evictions", gone, made < SHADOW_MIN ? 0 : made - SHADOW_MIN, WHERE_CLOCK);
        GRADE_TRUE("the shadow that the vcpu runs on is still there",
                   there(root[n * 3 % SPACES], ROLE_4), WHERE_CLOCK);
        world_check(WHERE_CLOCK);
    }
}
