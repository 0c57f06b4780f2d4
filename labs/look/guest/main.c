/*
 * The guest that the lab `look` looks at. What it does is simple; where and how often depends on
 * the number in labs/look/seed, so that each student has other answers.
 *
 * - It maps one page of memory at an address that is different for everybody, with a secret in it,
 *   and a large page beside it, and comes through look_here and look_again, where a debugger can
 * stop it.
 * - Region 1 of its ledger: CPUID, RDMSR of IA32_PAT, OUT to port 0x80, in numbers of its own.
 * - Region 2: pages of memory that nobody has touched before.
 * - Region 3: sleeps until the timer, by HLT.
 * - Region 4: a page-table entry is changed and its translation flushed.
 */
#include "kit/kit.h"

#include "public/trivisor.h"

const char guest_name[] = "look-guest";

enum regions { REGION_MIX = 1, REGION_TOUCH, REGION_SLEEP, REGION_TABLES };
enum counts { MIX_LEAST = 5, MIX_RANGE = 40, TOUCH_LEAST = 20, TOUCH_RANGE = 60, SLEEP_RANGE = 9 };
enum { SECOND_PAGE = PAGE_SIZE }; /* of the large page: the one to look at */
enum msr { MSR_PAT = 0x277 };
enum { PORT_POST = 0x80, SLEEP_TICKS = 20000, LEAF_LOOK = 0x4c000000 }; /* a leaf that nobody has */

static u64 state;
static volatile u64 sink;
static volatile unsigned wakes;

/* Marsaglia's xorshift. */
static u64 random_u64(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static unsigned random_count(unsigned least, unsigned range)
{
    return least + (unsigned)(random_u64() >> 20) % range;
}

/* A function to stop at: its argument, in RDI, is the address of the page to look at; its second,
 * in RSI, one in the large page. */
void look_here(u64 va, u64 large);
static u32 leaf, pauses;

void __attribute__((noinline)) look_here(u64 va, u64 large)
{
    sink = *(volatile u64 *)va;
    sink = *(volatile u64 *)large;
    for (u32 i = pauses; i; i--)
        pause();
    sink = cpuid(leaf, 0).eax;
}

/* Another one, behind it, with the same arguments. */
void look_again(u64 va, u64 large);
void __attribute__((noinline)) look_again(u64 va, u64 large)
{
    sink = va + large;
}

static void mark(u64 command, unsigned region)
{
    if (platform->trivisor)
        platform->trivisor(command, region, 0);
}

/* A page of the guest's memory that is not simply the next one. */
static u64 *some_page(void)
{
    for (unsigned skip = random_count(0, 200); skip; skip--)
        page_alloc();
    return page_alloc_zeroed();
}

static void tables(void)
{
    u64 slot = random_count(2, 200), offset = random_u64() & (PAGE_SIZE - 1) & ~7ULL;
    u64 va = slot << 39 | (random_u64() & 0x7fffffffffULL & ~(u64)(PAGE_SIZE - 1));
    u64 large = (slot + 1) << 39 | (random_u64() & 0x3fe00000ULL);
    u64 *page = some_page(), *run = memory_take(LARGE_PAGE_SIZE, LARGE_PAGE_SIZE);

    page[offset / 8] = random_u64() & 0xffffffffffULL;
    space_map(&kernel_space, va, (u64)page, ENTRY_RW);
    if (platform->large_pages) {
        *run = 0; /* so that its first page is there */
        space_map_large(&kernel_space, large, (u64)run, ENTRY_RW);
        large += SECOND_PAGE + offset;
    } else {
        large = va + offset;
    }
    leaf = LEAF_LOOK | (u32)(random_u64() & 0xffffff);
    pauses = random_count(TOUCH_LEAST, TOUCH_RANGE);
    print("look_here(0x%lx, 0x%lx)\n", va + offset, large);
    look_here(va + offset, large);
    look_again(va + offset, large);
}

static void mix(void)
{
    unsigned left[3] = {random_count(MIX_LEAST, MIX_RANGE), random_count(MIX_LEAST, MIX_RANGE),
                        random_count(MIX_LEAST, MIX_RANGE)};

    mark(TRIVISOR_MARK_BEGIN, REGION_MIX);
    while (left[0] + left[1] + left[2]) {
        unsigned which = (unsigned)(random_u64() >> 20) % 3;

        if (!left[which])
            continue;
        left[which]--;
        if (which == 0)
            sink = cpuid(0, 0).eax;
        else if (platform->pv)
            continue; /* neither MSRs nor ports are its own */
        else if (which == 1)
            sink = rdmsr(MSR_PAT);
        else
            out8(PORT_POST, (u8)left[which]);
    }
    mark(TRIVISOR_MARK_END, REGION_MIX);
}

static void touch(void)
{
    unsigned pages = random_count(TOUCH_LEAST, TOUCH_RANGE);
    u8 *memory = memory_take((u64)pages * PAGE_SIZE, PAGE_SIZE);

    mark(TRIVISOR_MARK_BEGIN, REGION_TOUCH);
    for (unsigned i = 0; i < pages; i++)
        memory[(u64)i * PAGE_SIZE] = 1;
    mark(TRIVISOR_MARK_END, REGION_TOUCH);
}

static void on_timer(void)
{
    wakes++;
}

static void sleep(void)
{
    unsigned naps = random_count(2, SLEEP_RANGE);

    timer_handler = on_timer;
    platform->timer_init();
    mark(TRIVISOR_MARK_BEGIN, REGION_SLEEP);
    for (unsigned i = 0; i < naps; i++) {
        platform->timer_once(SLEEP_TICKS);
        platform->idle();
    }
    mark(TRIVISOR_MARK_END, REGION_SLEEP);
    platform->timer_stop();
    check_equal("sleeps", naps, wakes);
}

static void change_tables(void)
{
    unsigned changes = random_count(MIX_LEAST, MIX_RANGE);
    u64 va = 0x7f8000000000ULL;
    u64 one = (u64)page_alloc_zeroed(), other = (u64)page_alloc_zeroed(), *entry;

    space_map(&kernel_space, va, one, ENTRY_RW);
    entry = space_entry(&kernel_space, va, 1, false);
    sink = *(volatile u64 *)va;
    mark(TRIVISOR_MARK_BEGIN, REGION_TABLES);
    for (unsigned i = 0; i < changes; i++) {
        platform->set_entry(entry, platform->entry(i & 1 ? one : other, ENTRY_RW));
        platform->flush_page(va);
        sink = *(volatile u64 *)va;
    }
    mark(TRIVISOR_MARK_END, REGION_TABLES);
}

void guest_main(void)
{
    state = 0x9e3779b97f4a7c15ULL * (2 * boot_number("seed", 1) + 1);
    tables();
    mix();
    touch();
    sleep();
    change_tables();
}
