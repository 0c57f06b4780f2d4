/*
 * walk: a chase of pointers through 4, 16, 64 and 128 MiB, one word in each 4 KiB, in an order that
 * defeats caches; mapped by 4 KiB pages and by 2 MiB pages. On hardware a step costs a TLB miss,
 * and with a second stage of tables a longer one; where a tick is an instruction all steps are
 * alike.
 */
#include "kit/kit.h"

const char guest_name[] = "walk";
u64 guest_memory_wanted = 144 << 20;

enum walk_numbers { MIB = 20, STEPS = 2048, SAMPLES = 9 };
#define WALK_BYTES_MAX (128ULL << MIB)
#define SMALL_BASE     USER_BASE                  /* mapped by 4 KiB pages */
#define LARGE_BASE     (USER_BASE + (1ULL << 38)) /* mapped by 2 MiB pages */

/* The order: page i is followed by (MULTIPLIER * i + INCREMENT) mod pages, which for a power of two
 * visits every page once before it repeats (Knuth, "Linear congruential sequences"). */
enum walk_order { MULTIPLIER = 1664525, INCREMENT = 1013904223 };

struct walk {
    u64 bytes;
    const char *small, *large; /* names of the figures */
};
static const struct walk walks[] = {
    {4ULL << MIB, "walk_4m_4k", "walk_4m_2m"},
    {16ULL << MIB, "walk_16m_4k", "walk_16m_2m"},
    {64ULL << MIB, "walk_64m_4k", "walk_64m_2m"},
    {128ULL << MIB, "walk_128m_4k", "walk_128m_2m"},
};

static struct space space;
static u8 *memory;
static u64 *volatile position;

/* The chain at `base`, written through the kernel's own map of the memory. */
static void make_chain(u64 base, u64 bytes)
{
    u64 pages = bytes >> PAGE_SHIFT;

    for (u64 i = 0; i < pages; i++) {
        u64 next = (i * MULTIPLIER + INCREMENT) & (pages - 1);

        *(u64 *)(memory + (i << PAGE_SHIFT)) = base + (next << PAGE_SHIFT);
    }
    position = (u64 *)base;
}

static __attribute__((noinline)) void chase(u64 steps)
{
    u64 *p = position;

    for (u64 i = 0; i < steps; i++)
        p = (u64 *)*(u64 *volatile *)p;
    position = p;
}

static void chase_steps(void)
{
    chase(STEPS);
}

static void measure(const char *name, u64 base, u64 bytes)
{
    make_chain(base, bytes);
    chase(bytes >> PAGE_SHIFT); /* all of it once: nothing is touched for the first time below */
    check_equal("the chain is one ring", base, (u64)position);
    figure(&(struct figure){.name = name, .op = chase_steps, .per = STEPS, .n = SAMPLES});
}

static void prepare(u64 bytes)
{
    memory = memory_take(bytes, LARGE_PAGE_SIZE);
    space_create(&space);
    for (u64 at = 0; at < bytes; at += PAGE_SIZE)
        space_map(&space, SMALL_BASE + at, (u64)memory + at, ENTRY_USER_RW);
    for (u64 at = 0; platform->large_pages && at < bytes; at += LARGE_PAGE_SIZE)
        space_map_large(&space, LARGE_BASE + at, (u64)memory + at, ENTRY_USER_RW);
    space_publish(&space);
    platform->space_load(&space);
}

/* The longest walk that the memory allows, tables left out. */
static u64 longest_walk(void)
{
    u64 bytes = WALK_BYTES_MAX;

    while (bytes + 2 * LARGE_PAGE_SIZE > memory_left())
        bytes /= 2;
    return bytes;
}

void guest_main(void)
{
    u64 bytes = longest_walk();

    prepare(bytes);
    for (unsigned i = 0; i < ARRAY_SIZE(walks); i++) {
        const struct walk *w = &walks[i];

        if (w->bytes > bytes) {
            figure_none(w->small, "not enough memory");
            figure_none(w->large, "not enough memory");
            continue;
        }
        measure(w->small, SMALL_BASE, w->bytes);
        if (platform->large_pages)
            measure(w->large, LARGE_BASE, w->bytes);
        else
            figure_none(w->large, "a paravirtual guest has no 2 MiB pages");
    }
    platform->space_load(&kernel_space);
    space_destroy(&space);
}
