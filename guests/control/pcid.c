/*
 * What a processor may remember of a page-table entry that has changed, by PCID: random changes,
 * accesses, loads of CR3 and flushes, beside a model of what may be seen. Source: SDM, "Operations
 * that Invalidate TLBs and Paging-Structure Caches".
 *
 * A PCID may remember of a page whatever its entry has held at any time, since it was flushed last,
 * while that PCID was the current one; of a global page that goes for all PCIDs together. What is
 * read must be one of those, or what the entry holds now.
 */
#include "control.h"

enum { PCIDS = 4, ROOTS = 2, PAGES = 4, GLOBAL_PAGES = 2, FRAMES = 8, STEPS = 6000 };
enum { GLOBAL_ROW = PCIDS, ROWS };
#define ENTRY_GLOBAL 0x100ULL
/* Pages of this slot are in all roots by the same tables. */
#define PAGES_AT (USER_BASE + (1ULL << 30))

static struct {
    struct space root[ROOTS];
    u64 *entry[PAGES];      /* of level 1, shared by the roots */
    u64 *frame[FRAMES];     /* each holds its number */
    unsigned holds[PAGES];  /* the frame that the entry names */
    u32 may[ROWS][PAGES];   /* the frames that may be remembered, a bit each */
    unsigned pcid, running; /* the current PCID, and root */
    u64 seed;               /* of pick */
} w;

static unsigned pick(unsigned below)
{
    w.seed ^= w.seed << 13;
    w.seed ^= w.seed >> 7;
    w.seed ^= w.seed << 17;
    return (unsigned)((w.seed >> 16) % below);
}

static bool is_global(unsigned page)
{
    return page < GLOBAL_PAGES;
}

/* Where page's translations are remembered while `pcid` is current. */
static unsigned row_of(unsigned pcid, unsigned page)
{
    return is_global(page) ? (unsigned)GLOBAL_ROW : pcid;
}

/* What the entries hold now may be remembered by the current PCID. */
static void remember(void)
{
    for (unsigned page = 0; page < PAGES; page++)
        w.may[row_of(w.pcid, page)][page] |= 1u << w.holds[page];
}

static void forget(unsigned row)
{
    memset(w.may[row], 0, sizeof(w.may[row]));
}

static void forget_all(bool global)
{
    for (unsigned pcid = 0; pcid < PCIDS; pcid++)
        forget(pcid);
    if (global)
        forget(GLOBAL_ROW);
}

static u64 address_of(unsigned page)
{
    return PAGES_AT + page * (u64)PAGE_SIZE;
}

static void change(unsigned page, unsigned frame)
{
    u64 bits = ENTRY_RW | (is_global(page) ? ENTRY_GLOBAL : 0);

    w.holds[page] = frame;
    *(volatile u64 *)w.entry[page] = (u64)w.frame[frame] | bits;
}

static bool load(unsigned pcid, unsigned root, bool keep)
{
    u64 value = (u64)w.root[root].root | pcid | (keep ? CR3_NO_FLUSH : 0);

    if (!keep)
        forget(pcid);
    w.pcid = pcid;
    w.running = root;
    return fault_of_cr3(value) == NO_FAULT;
}

static bool invalidate(unsigned type, unsigned pcid, unsigned page)
{
    const struct invpcid_descriptor descriptor = {.pcid = pcid, .address = address_of(page)};

    if (type == ONE_ADDRESS && !is_global(page))
        w.may[pcid][page] = 0;
    else if (type == ONE_PCID)
        forget(pcid);
    else if (type != ONE_ADDRESS)
        forget_all(type == EVERYTHING);
    return fault_of_invpcid(type, &descriptor) == NO_FAULT;
}

static void by_invlpg(unsigned page)
{
    w.may[w.pcid][page] = w.may[GLOBAL_ROW][page] = 0;
    invlpg(address_of(page));
}

static void toggle_global(void)
{
    u64 cr4 = read_cr4();

    forget_all(true);
    write_cr4(cr4 ^ CR4_PGE);
    write_cr4(cr4);
}

/* PCIDE off and on, which needs PCID 0. */
static bool toggle_pcide(void)
{
    bool good = load(0, w.running, true);
    u64 cr4 = read_cr4();

    forget_all(true);
    return fault_of_cr4(cr4 & ~CR4_PCIDE) == NO_FAULT && fault_of_cr4(cr4) == NO_FAULT && good;
}

static bool reads_well(unsigned page)
{
    u64 frame = *(volatile u64 *)address_of(page);

    remember();
    return frame < FRAMES && w.may[row_of(w.pcid, page)][page] >> frame & 1;
}

static bool step(void)
{
    unsigned page = pick(PAGES);
    bool good = true;

    switch (pick(16)) {
    case 0:
    case 1:
        good = load(pick(PCIDS), pick(ROOTS), true);
        break;
    case 2:
        good = load(pick(PCIDS), pick(ROOTS), false);
        break;
    case 3:
    case 4:
        good = !has_invpcid || invalidate(pick(INVPCID_TYPES), pick(PCIDS), page);
        break;
    case 5:
        by_invlpg(page);
        break;
    case 6:
        toggle_global();
        break;
    case 7:
        good = toggle_pcide();
        break;
    case 8:
    case 9:
    case 10:
        change(page, pick(FRAMES));
        break;
    default:
        good = reads_well(page);
    }
    remember();
    return good;
}

/* A page that one root's accesses have found is changed; another PCID, which has never used it, is
 * promised the new entry, though nobody flushes. */
static void check_never_used(void)
{
    forget_all(true);
    load(1, 0, false);
    change(PAGES - 1, 1);
    invlpg(address_of(PAGES - 1));
    check_equal("PCID: what is read", 1, *(volatile u64 *)address_of(PAGES - 1));
    change(PAGES - 1, 2);
    load(2, 1, true);
    check_equal("PCID: another one, that has never used it", 2,
                *(volatile u64 *)address_of(PAGES - 1));
}

static void make_world(void)
{
    w.seed = 0x243f6a8885a308d3ULL;
    for (unsigned i = 0; i < FRAMES; i++) {
        w.frame[i] = page_alloc_zeroed();
        *w.frame[i] = i;
    }
    for (unsigned i = 0; i < ROOTS; i++)
        space_create(&w.root[i]);
    for (unsigned i = 0; i < PAGES; i++) {
        space_map(&w.root[0], address_of(i), (u64)w.frame[0], ENTRY_RW);
        w.entry[i] = space_entry(&w.root[0], address_of(i), 1, false);
        change(i, 0);
    }
    *space_entry(&w.root[1], PAGES_AT, TOP_LEVEL, false) =
        *space_entry(&w.root[0], PAGES_AT, TOP_LEVEL, false);
    for (unsigned i = 0; i < ROOTS; i++)
        space_publish(&w.root[i]);
}

void check_memory_of_pcids(void)
{
    const u64 cr3 = read_cr3(), cr4 = read_cr4();

    write_cr4(cr4 | CR4_PGE);
    make_world();
    check_never_used();
    load(0, 0, false);
    for (unsigned i = 0; i < STEPS; i++)
        check_quietly(step());
    check_quiet_end("PCID: nothing is remembered that was to be forgotten");
    load(0, 0, false);
    write_cr4(cr4);
    write_cr3(cr3);
}
