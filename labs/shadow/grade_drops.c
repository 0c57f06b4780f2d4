/*
 * The host part of the lab shadow's grader: dropping (shadow.8), reclaim (shadow.9).
 */
#include "grade_shadow.h"

#include "grade.h"

#include "frame.h"
#include "layout.h"

enum { ROLE_2 = 2 | ROLE_NXE, ROLE_4 = 4 | ROLE_NXE };

static struct shadow_pool *pool(void)
{
    return &domain.physmap->pool;
}

static struct shadow *get(u64 gpa, u16 role)
{
    if (!(role & ROLE_NO_TABLE)) /* a table that there is */
        guest(gpa);
    struct shadow *s = shadow_get(&domain, gpa >> PAGE_SHIFT, role);

    if (!s)
        grade_error("no memory for a shadow");
    return s;
}

static bool there(u64 gpa, u16 role)
{
    return shadow_find(pool(), gpa >> PAGE_SHIFT, role);
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

/* What is on the list of idle shadows: those without references, and `gone` no more. Each loop
 * ends, whatever the list looks like. */
static void expect_off_lists(const struct shadow *gone, u64 gpa, u16 role)
{
    const struct shadow_pool *p = pool();
    u16 slot = shadow_slot(p, gone);
    u32 idle = 0, listed = 0, steps = 0;
    bool found = false;

    for (u32 i = 1; i <= p->made; i++)
        idle += p->shadow[i].role && !p->shadow[i].refs;
    for (u16 i = p->idle_first; i && listed <= p->made; i = p->shadow[i].idle_next, listed++)
        found |= i == slot;
    GRADE_TRUE("the dropped one is on the list of idle shadows no more", !found, WHERE_DROP);
    GRADE_EQUAL("shadows on the list of idle ones (no references)", listed, idle, WHERE_DROP);
    for (u16 i = *shadow_bucket(p, gpa >> PAGE_SHIFT, role); i && steps <= p->made;
         i = p->shadow[i].hash_next, steps++)
        found |= i == slot;
    GRADE_TRUE("the dropped one is in its bucket no more", !found, WHERE_DROP);
    GRADE_TRUE("its bucket comes to an end", steps <= p->made, WHERE_DROP);
}

/* A shadow of no table is on no frame's chain. The frame that it maps is made to look as if it
 * were: only then does a search of that chain come to an end. */
static void drop_direct(u64 gfn)
{
    struct shadow *s = get(gfn << PAGE_SHIFT, 1 | ROLE_DIRECT);
    struct frame *f = frame_for(gfn);
    u32 extra = f->extra;

    f->extra = shadow_slot(pool(), s);
    shadow_drop(&domain, s);
    GRADE_CASE("a shadow of no table (ROLE_DIRECT) was dropped");
    GRADE_EQUAL("frame.extra of the first frame that it maps", f->extra, shadow_slot(pool(), s),
                WHERE_DROP);
    f->extra = extra;
    GRADE_TRUE("it is not found any more (shadow_find)", !there(gfn << PAGE_SHIFT, 1 | ROLE_DIRECT),
               WHERE_DROP);
    expect_off_lists(s, gfn << PAGE_SHIFT, 1 | ROLE_DIRECT);
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
    expect_off_lists(s, lower, ROLE_1);

    shadow_drop(&domain, parent);
    GRADE_CASE("a shadow with two entries was dropped");
    GRADE_EQUAL("refs of the shadow that they led to", other->refs, 0, WHERE_DROP);
    expect_off_lists(parent, upper, ROLE_2);
    get(world_table(), ROLE_1);
    get(world_table(), ROLE_1);
    GRADE_EQUAL("new pages for two new shadows, while two slots are free", pool()->made - made, 0,
                WHERE_DROP);
    drop_direct(gfn + 7);
}

/* A shadow that has no parents, and is no root's, goes at the first store to its table. */
static void stored_to(void)
{
    world_start(WORLD_POOL);
    u64 table = world_table();
    get(table, ROLE_1);
    world_emulated(table, 0);
    GRADE_CASE("a store to a table of level 1 to which nothing leads any more");
    GRADE_TRUE("its shadow was given up (shadow_doubted)", !there(table, ROLE_1),
               "shadow.6: src/mmu-shadow/sync.c, entry_written");
}

void drop_frame(void **state)
{
    (void)state;
    stored_to();
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
