/*
 * 16 MiB touched page by page: each touch faults, the handler takes a page, clears it, maps it, and
 * the touch is repeated. The page tables are there beforehand. A first round brings the guest's own
 * memory into being; the second is measured, the third is for the ledger.
 */
#include "fill.h"
#include "kit/kit.h"

enum fill_numbers {
    FILL_PAGES = 4096,
    CHUNK = 128,
    CHUNKS = FILL_PAGES / CHUNK,
    FRESH_PAGES = 128
};
#define FILL_BASE (USER_BASE + (2ULL << 30))

#define MISSING_BASE (USER_BASE + (3ULL << 30))

static struct space *space;
static u8 missing_page[PAGE_SIZE] __attribute__((aligned(4096)));
static void *volatile page_of[FILL_PAGES];
static u64 chunk_ticks[CHUNKS];
static volatile unsigned faults;
static u8 *fresh; /* memory that nobody has touched yet */

static struct trap_frame *fill_page(struct trap_frame *frame)
{
    u64 va = trap_fault_address() & ~(u64)(PAGE_SIZE - 1);
    u64 index = (va - FILL_BASE) >> PAGE_SHIFT;

    if (index >= FILL_PAGES || page_of[index]) {
        check("only missing pages fault", false);
        finish();
    }
    page_of[index] = page_alloc_zeroed();
    platform->set_mapping(va, space_entry(space, va, 1, false),
                          platform->entry((u64)page_of[index], ENTRY_USER_RW));
    faults++;
    return frame;
}

static void touch_all(void)
{
    volatile u64 *at = (volatile u64 *)FILL_BASE;

    for (unsigned c = 0; c < CHUNKS; c++) {
        u64 start = rdtsc();

        for (unsigned i = 0; i < CHUNK; i++, at += PAGE_SIZE / sizeof(u64))
            *at = (u64)at;
        chunk_ticks[c] = (rdtsc() - start) / CHUNK;
    }
}

static void empty(void)
{
    for (unsigned i = 0; i < FILL_PAGES; i++) {
        u64 va = FILL_BASE + i * PAGE_SIZE;

        check_quietly(*(u64 *)page_of[i] == va);
        platform->set_mapping(va, space_entry(space, va, 1, false), 0);
        page_free(page_of[i]);
        page_of[i] = NULL;
    }
}

static void touch_fresh(void)
{
    *(volatile u8 *)fresh;
    fresh += PAGE_SIZE;
}

/* The first touch of a page of the guest's memory: under full virtualization the hypervisor may
 * have to find a frame for it. */
static void measure_fresh(void)
{
    fresh = memory_take(FRESH_PAGES * PAGE_SIZE, PAGE_SIZE);
    figure(&(struct figure){.name = "touch_memory", .op = touch_fresh});
}

static volatile u8 *missing; /* the next page whose entry no access has used yet */

static void touch_missing(void)
{
    *missing;
    missing += PAGE_SIZE;
}

/* The first touch of a page that the tables map: a whole L1 table is filled before it is put in its
 * place, so that whoever keeps a copy of the tables has seen none of its entries. */
static void measure_missing(struct space *s)
{
    u64 *table = page_alloc_zeroed();
    u64 *upper = space_entry(s, MISSING_BASE, 2, true);

    for (unsigned i = 0; i < TABLE_ENTRIES; i++)
        table[i] = platform->entry((u64)missing_page, ENTRY_USER_RO);
    platform->table_begin(table);
    platform->set_entry(upper, platform->entry((u64)table, ENTRY_USER_RW));
    missing = (volatile u8 *)MISSING_BASE;
    figure(&(struct figure){.name = "touch_missing", .op = touch_missing});
}

void fill_measure(struct space *s)
{
    u64 samples[CHUNKS];

    measure_fresh();
    measure_missing(s);
    space = s;
    for (unsigned i = 0; i < FILL_PAGES; i += TABLE_ENTRIES)
        space_entry(s, FILL_BASE + i * PAGE_SIZE, 1, true);
    trap_handle(TRAP_PAGE_FAULT, fill_page);
    touch_all();
    empty();
    faults = 0;
    touch_all();
    check_equal("every page faulted once", FILL_PAGES, faults);
    memcpy(samples, chunk_ticks, sizeof(samples));
    empty();
    figure_samples("fill_page", samples, CHUNKS, touch_all, FILL_PAGES);
    if (faults == 2 * FILL_PAGES)
        empty();
    trap_handle(TRAP_PAGE_FAULT, NULL);
    check_quiet_end("every page had its own contents");
}
