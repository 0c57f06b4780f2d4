// sources: src/pv/page_type.c src/pv/page_undo.c src/pv/table.c src/pv/segment.c
// sources: src/pv/page_check.c src/core/frame.c src/core/heap.c src/core/tlb.c
// sources: tests/unit/stub_panic.c tests/unit/stub_machine.c
/*
 * The page-type rules against a model. At random a guest stores through what it may write, pins,
 * unpins, changes entries and its root, gives frames back and gets new ones. After each step
 *  - all counts are computed from scratch, by other code than the hypervisor's own recount, and
 *    compared; the hypervisor's recount must agree;
 *  - a step that failed has changed no count;
 *  - a TLB that forgets nothing until a full flush reaches no frame of another's, holds no table
 *    writable, and walks nothing as a table that the guest can write.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "frame_setup.h"
#include "layout.h"
#include "stub_machine.h"
#include "tlb.h"

#include "../../src/pv/page_check.h"
#include "../../src/pv/table.h"

enum world {
    FRAMES = 256,
    OWN = 80, /* frames of the domain under test */
    OTHERS = 8,
    STEPS = 90000,
    HYPERVISOR_WORD = 0x5a,
};

u8 *host_machine_memory;
static void *records;
static struct domain self = {.id = 1, .config.name = "self"}, other = {.id = 2};
static struct frame *root; /* of the vcpu, or NULL */
static u64 random_state;

/* The entries that are ever used, so that a walk is short. The last is the hypervisor's in an L4.
 */
static const unsigned slots[] = {0, 1, 2, 255, 272, 511, 260};
enum { GUEST_SLOTS = ARRAY_SIZE(slots) - 1 };

static u64 rnd(u64 n);

/* In half of the sequences time is up now and then. */
static bool hurried;
bool sched_time_is_up(void)
{
    return hurried && rnd(4);
}

static u64 rnd(u64 n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state >> 11) % n;
}

static u64 *words(const struct frame *f)
{
    return mfn_to_va(frame_mfn(f));
}

static u64 index_of(const struct frame *f)
{
    return frame_mfn(f).v;
}

/* What the code under test asks of the rest. */
void l4_linear_noted(const struct domain *d)
{
    (void)d;
}

void l4_fill(const struct domain *d, u64 *l4)
{
    (void)d;
    for (unsigned i = 256; i < 272; i++)
        l4[i] = HYPERVISOR_WORD;
}

void l4_clear(u64 *l4)
{
    memset(&l4[256], 0, 16 * sizeof(u64));
}

void page_each_held(struct domain *d, void (*visit)(void *context, struct frame *f, bool typed),
                    void *context)
{
    (void)d;
    if (root)
        visit(context, root, true);
}

bool page_granted(const struct domain *d, u64 entry)
{
    (void)d;
    (void)entry;
    return false;
}

/* The TLB: everything that the processor may have cached since the last full flush. */
static bool cached_read[FRAMES], cached_write[FRAMES];
static bool cached_table[FRAMES][5]; /* walked as a table of level 1..4 */
static bool cached_linear[FRAMES];   /* walked as one of a lower level than it is of */
static unsigned flushes, linear_seen, linear_l4_seen, broken_off;

void tlb_hw_flush_all(void)
{
    memset(cached_read, 0, sizeof(cached_read));
    memset(cached_write, 0, sizeof(cached_write));
    memset(cached_table, 0, sizeof(cached_table));
    memset(cached_linear, 0, sizeof(cached_linear));
    page_note_flush();
    flushes++;
}

void tlb_hw_flush_root(mfn_t r)
{
    (void)r;
}

void tlb_hw_flush_page(mfn_t r, u64 gva)
{
    (void)r;
    (void)gva;
}

/* The processor walks all that it can, from the root and from every table that it remembers. */
static void fill_tlb(void)
{
    if (root)
        cached_table[index_of(root)][4] = true;
    for (unsigned level = 4; level >= 1; level--)
        for (unsigned i = 0; i < FRAMES; i++) {
            if (!cached_table[i][level])
                continue;
            for (unsigned s = 0; s < GUEST_SLOTS; s++) {
                u64 e = words(&frame_table[i])[slots[s]], mfn = (e & PTE_ADDR) >> PAGE_SHIFT;
                if (!(e & PTE_P))
                    continue;
                assert_true(mfn < FRAMES);
                if (level > 1 && frame_table[mfn].type == FT_L1 + level - 1) {
                    assert_false(e & PTE_W); /* linear: what it reaches it cannot write */
                    linear_seen += !cached_linear[mfn];
                    linear_l4_seen += !cached_linear[mfn] && level == 4;
                    assert_true(level < 4 || self.linear_l4);
                    cached_linear[mfn] = true;
                    continue;
                }
                if (level > 1)
                    cached_table[mfn][level - 1] = true;
                else
                    cached_read[mfn] = true;
                if (level == 1 && e & PTE_W)
                    cached_write[mfn] = true;
            }
        }
}

static void check_tlb(void)
{
    for (unsigned i = 0; i < FRAMES; i++) {
        const struct frame *f = &frame_table[i];

        if (cached_read[i] || cached_write[i])
            assert_int_equal(f->owner, self.id);
        if (cached_write[i] && (f->type_count || f->flags & (FRAME_PARTIAL | FRAME_UNDOING)))
            assert_int_equal(f->type, FT_WRITABLE);
        if (cached_linear[i])
            assert_true(f->owner == self.id && type_is_table(f->type));
        for (unsigned level = 1; level <= 4; level++)
            if (cached_table[i][level]) {
                assert_int_equal(f->owner, self.id);
                assert_int_equal(f->type, FT_L1 + level - 1);
            }
    }
}

/* The counts, from scratch. */
struct counts {
    u32 refs[FRAMES], types[FRAMES];
};

static void model_counts(struct counts *c)
{
    memset(c, 0, sizeof(*c));
    for (unsigned i = 0; i < FRAMES; i++) {
        const struct frame *f = &frame_table[i];

        if (f->owner != self.id)
            continue;
        c->refs[i] += !!(f->extra16 & PAGE_ALLOCATED) + !!(f->flags & FRAME_PINNED);
        c->types[i] += !!(f->flags & FRAME_PINNED);
        c->refs[i] += !!(f->flags & (FRAME_PARTIAL | FRAME_UNDOING));
        if (!(f->type_count || f->flags & (FRAME_PARTIAL | FRAME_UNDOING)) || f->type < FT_L1 ||
            f->type > FT_L4)
            continue;
        for (unsigned s = 0; s < GUEST_SLOTS; s++) {
            if (f->flags & FRAME_PARTIAL && slots[s] >= page_done(f))
                continue;
            u64 e = words(f)[slots[s]], mfn = (e & PTE_ADDR) >> PAGE_SHIFT;
            if (!(e & PTE_P) || (f->type != FT_L1 && mfn == i))
                continue;
            c->refs[mfn]++;
            c->types[mfn] += f->type != FT_L1 || e & PTE_W ? 1 : 0;
        }
    }
    if (root) {
        c->refs[index_of(root)]++;
        c->types[index_of(root)]++;
    }
}

static void check_counts(void)
{
    struct counts c;

    model_counts(&c);
    for (unsigned i = 0; i < FRAMES; i++) {
        const struct frame *f = &frame_table[i];

        if (f->owner != self.id)
            continue;
        assert_int_equal(f->refs, c.refs[i]);
        assert_int_equal(f->type_count, c.types[i]);
        if (f->type == FT_L4 && f->type_count)
            assert_int_equal(words(f)[260], HYPERVISOR_WORD);
    }
    assert_int_equal(page_check(&self), 0);
}

/* Frames by what the guest mostly uses them for, so that valid tables are not too rare. */
static unsigned purpose(u64 mfn)
{
    return (unsigned)(mfn % 6); /* 0, 1: data; 2..5: level 1..4 */
}

static u64 frame_for(unsigned what)
{
    u64 mfn;

    if (rnd(24) == 0)
        return rnd(FRAMES + 4);
    do
        mfn = rnd(FRAMES);
    while (frame_table[mfn].owner != self.id || purpose(mfn) != what);
    return mfn;
}

static u64 random_entry(unsigned level)
{
    u64 flags = PTE_P | PTE_U, mfn;

    if (rnd(5) < 2)
        return rnd(2) ? 0 : rnd(~0ULL) << 1;
    if (level == 1) {
        mfn = frame_for((unsigned)rnd(6));
        flags |= (mfn < FRAMES && purpose(mfn) < 2) || rnd(16) == 0 ? PTE_W * rnd(2) : 0;
    } else {
        bool linear = rnd(8) == 0;
        mfn = frame_for(level - 1 + 1 + linear);
        flags |= linear ? 0 : PTE_W;
    }
    if (rnd(30) == 0)
        flags |= rnd(2) ? PTE_PS : PTE_G;
    if (rnd(4) == 0)
        flags |= PTE_NX | PTE_A | PTE_D;
    return mfn << PAGE_SHIFT | flags;
}

static unsigned level_for(u64 mfn)
{
    return purpose(mfn) < 2 ? 1 + (unsigned)rnd(4) : purpose(mfn) - 1;
}

/* The guest's own store: wherever some translation lets it, and to frames that nothing maps yet (as
 * it could by mapping them for a moment). */
static void guest_store(void)
{
    u64 mfn = frame_for((unsigned)rnd(6));

    if (mfn >= FRAMES || frame_table[mfn].owner != self.id)
        return;
    if (!cached_write[mfn]) {
        struct frame *f = &frame_table[mfn];
        if (page_get_type(&self, f, FT_WRITABLE))
            return;
        words(f)[slots[rnd(GUEST_SLOTS)]] = random_entry(level_for(mfn));
        page_put_type(&self, f);
        return;
    }
    words(&frame_table[mfn])[slots[rnd(GUEST_SLOTS)]] = random_entry(level_for(mfn));
}

/* A call that broke off is mostly made again. */
static bool insist(int error)
{
    broken_off += error == -ERESTART;
    return error == -ERESTART && rnd(4);
}

static int change_entry(void)
{
    u64 mfn = frame_for(2 + (unsigned)rnd(4));
    struct frame *f;
    unsigned slot;
    u64 entry;
    int error;

    if (mfn >= FRAMES)
        return 0;
    f = &frame_table[mfn];
    if (f->owner != self.id || !(f->flags & FRAME_VALIDATED) || !type_is_table(f->type))
        return 0;
    slot = slots[rnd(ARRAY_SIZE(slots))];
    if (f->type != FT_L4 && slot == 260)
        slot = 0;
    entry = random_entry(type_level(f->type));
    do
        error = table_set_entry(&self, f, &words(f)[slot], entry, rnd(2));
    while (insist(error));
    if (f->type == FT_L4 && slot == 260)
        assert_int_equal(error, -EINVAL);
    return error;
}

static int change_root(void)
{
    struct frame *f, *old = root;
    u64 mfn = frame_for(5);
    int error;

    do
        error = page_get_and_type(&self, mfn, FT_L4, &f);
    while (insist(error));
    if (error)
        return error;
    root = f;
    tlb_flush_all();
    if (old)
        page_put_and_type(&self, old);
    return 0;
}

static void give_and_take(void)
{
    u64 mfn = frame_for((unsigned)rnd(6));
    struct frame *f;

    if (mfn < FRAMES && frame_table[mfn].owner == self.id &&
        frame_table[mfn].extra16 & PAGE_ALLOCATED && rnd(3) == 0)
        page_release(&self, &frame_table[mfn]);
    if (self.frames < OWN) {
        f = frame_alloc(self.id);
        assert_non_null(f);
        page_adopt(&self, f, 0);
        for (unsigned i = 0; i < PT_ENTRIES; i++)
            assert_int_equal(words(f)[i], 0);
    }
}

static unsigned done_ok[8], done_failed[8], pieces;

static void step(void)
{
    enum { STORE, ENTRY, PIN, UNPIN, ROOT, GIVE, FLUSH };
    static const u8 mix[] = {STORE, STORE, STORE, STORE, ENTRY, ENTRY, ENTRY, ENTRY,
                             PIN,   PIN,   PIN,   UNPIN, ROOT,  GIVE,  GIVE,  FLUSH};
    unsigned op = mix[rnd(ARRAY_SIZE(mix))];
    struct counts before, after;
    unsigned level = 1 + (unsigned)rnd(4);
    int error = 0;
    u64 mfn;

    model_counts(&before);
    switch (op) {
    case STORE:
        guest_store();
        break;
    case ENTRY:
        error = change_entry();
        break;
    case PIN:
        mfn = frame_for(level + 1);
        do
            error = page_pin(&self, mfn, FT_L1 + level - 1);
        while (insist(error));
        break;
    case UNPIN:
        error = page_unpin(&self, frame_for(level + 1));
        break;
    case ROOT:
        error = change_root();
        break;
    case GIVE:
        give_and_take();
        break;
    default:
        if (rnd(4) == 0)
            tlb_flush_all();
        break;
    }
    /* It does not run before all is undone. */
    while (!page_undo_some(&self)) {
        check_counts();
        check_tlb();
        pieces++;
    }
    if (error) {
        model_counts(&after);
        if (!hurried)
            assert_memory_equal(&before, &after, sizeof(before));
        done_failed[op]++;
    } else {
        done_ok[op]++;
    }
}

static void begin(void)
{
    host_machine_memory = aligned_alloc(PAGE_SIZE, (size_t)FRAMES * PAGE_SIZE);
    memset(host_machine_memory, 0xa5, (size_t)FRAMES * PAGE_SIZE);
    records = malloc(frame_table_bytes(FRAMES));
    frame_table_init(records, FRAMES);
    frame_table_add_ram(0, FRAMES);
    frame_table_release(8, FRAMES);
    self.frames = other.frames = 0;
    self.linear_l4 = false;
    root = NULL;
    for (unsigned i = 0; i < OWN; i++)
        page_adopt(&self, frame_alloc(self.id), 0);
    for (unsigned i = 0; i < OTHERS; i++)
        page_adopt(&other, frame_alloc(other.id), 0);
}

/* When pins, the root and the allocations are gone, so is everything. */
static void end(void)
{
    if (root) {
        struct frame *f = root;
        root = NULL;
        page_put_and_type(&self, f);
    }
    for (unsigned i = 0; i < FRAMES; i++)
        if (frame_table[i].owner == self.id && frame_table[i].flags & FRAME_PINNED)
            assert_int_equal(page_unpin(&self, i), 0);
    for (unsigned i = 0; i < FRAMES; i++)
        if (frame_table[i].owner == self.id && frame_table[i].flags & FRAME_PARTIAL)
            page_drop_partial(&self, &frame_table[i]);
    while (!page_undo_some(&self))
        check_counts();
    for (unsigned i = 0; i < FRAMES; i++)
        if (frame_table[i].owner == self.id && frame_table[i].extra16 & PAGE_ALLOCATED)
            page_release(&self, &frame_table[i]);
    assert_int_equal(self.frames, 0);
    assert_int_equal(frame_check(), 0);
    for (unsigned i = 0; i < FRAMES; i++)
        assert_int_not_equal(frame_table[i].owner, self.id);
    free(records);
    free(host_machine_memory);
}

static void random_sequences(void **state)
{
    (void)state;
    for (u64 seed = 1; seed <= 6; seed++) {
        random_state = seed * 0x9e3779b97f4a7c15ULL;
        hurried = seed % 2 == 0;
        begin();
        for (unsigned i = 0; i < STEPS / 6; i++) {
            step();
            check_counts();
            fill_tlb();
            check_tlb();
        }
        end();
    }
    printf("entries changed %u (refused %u), pins %u (%u), roots %u (%u), flushes %u\n", done_ok[1],
           done_failed[1], done_ok[2], done_failed[2], done_ok[4], done_failed[4], flushes);
    printf("broken off %u, undone later %u, linear entries %u, of L4s %u\n", broken_off, pieces,
           linear_seen, linear_l4_seen);
    /* The sequences are worth something only if tables come into being. */
    assert_true(done_ok[1] > STEPS / 50);
    assert_true(done_ok[2] > STEPS / 100);
    assert_true(done_ok[4] > STEPS / 1000);
    assert_true(broken_off > STEPS / 2000 && pieces > STEPS / 20000);
    assert_true(linear_seen > STEPS / 1000 && linear_l4_seen > STEPS / 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_sequences)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
