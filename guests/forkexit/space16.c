/*
 * An address space of 16 pages built, loaded, each page read, and torn down: once from four tables
 * that are at hand and empty, where only the entries in use are written and cleared again, and once
 * as a kernel does it, with tables that are allocated, cleared, searched and freed.
 */
#include "space16.h"
#include "kit/kit.h"
#include "user_child.h"

enum space16 { PAGES = 16, REPEATS = 17, SLOT = 1 /* of the L4 table */ };

static struct space *parent;
static struct space known; /* its roots are tables at hand */
static u64 *table1, *table2, *table3;
static u64 *page[PAGES];

static void read_pages(u64 base)
{
    for (unsigned i = 0; i < PAGES; i++)
        *(volatile u64 *)(base + i * PAGE_SIZE);
}

static void visit_tables(void (*visit)(void *table))
{
    visit(table1);
    visit(table2);
    visit(table3);
    visit(known.root);
    if (known.user_root != known.root)
        visit(known.user_root);
}

static void build_known(void)
{
    for (unsigned i = 0; i < PAGES; i++)
        table1[i] = platform->entry((u64)page[i], ENTRY_USER_RW);
    table2[0] = platform->entry((u64)table1, ENTRY_USER_RW);
    table3[0] = platform->entry((u64)table2, ENTRY_USER_RW);
    known.root[0] = kernel_space.root[0];
    known.root[SLOT] = known.user_root[SLOT] = platform->entry((u64)table3, ENTRY_USER_RW);
    if (platform->pv)
        visit_tables(platform->table_begin);
    platform->space_pin(&known);
}

static void clear_known(void)
{
    platform->space_unpin(&known);
    if (platform->pv)
        visit_tables(platform->table_end);
    known.root[0] = known.root[SLOT] = known.user_root[SLOT] = 0;
    table3[0] = table2[0] = 0;
    for (unsigned i = 0; i < PAGES; i++)
        table1[i] = 0;
}

static void use_known(void)
{
    build_known();
    platform->space_load(&known);
    read_pages(USER_BASE);
    platform->space_load(parent);
    clear_known();
}

static void use_fresh(void)
{
    struct space s;

    space_create(&s);
    for (unsigned i = 0; i < PAGES; i++)
        space_map(&s, USER_BASE + i * PAGE_SIZE, (u64)page[i], ENTRY_USER_RW);
    space_publish(&s);
    platform->space_load(&s);
    read_pages(USER_BASE);
    platform->space_load(parent);
    space_destroy(&s);
}

void space16_measure(struct space *home)
{
    parent = home;
    for (unsigned i = 0; i < PAGES; i++)
        page[i] = page_alloc_zeroed();
    table1 = page_alloc_zeroed();
    table2 = page_alloc_zeroed();
    table3 = page_alloc_zeroed();
    known.root = page_alloc_zeroed();
    known.user_root = platform->pv ? page_alloc_zeroed() : known.root;
    figure(&(struct figure){.name = "space_16", .op = use_known, .n = REPEATS});
    figure(&(struct figure){.name = "space_16_fresh", .op = use_fresh, .n = REPEATS});
}
