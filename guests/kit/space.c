/*
 * Making, changing and freeing page tables. Source: SDM, "4-Level Paging and 5-Level Paging".
 */
#include "kit/kit.h"
#include "kit/pv.h"

extern u64 boot_l4[TABLE_ENTRIES];
extern u8 user_start[], user_data_start[], user_end[];

struct space kernel_space;

void space_init(void)
{
    u64 *root = platform->pv ? (u64 *)pv_start.pt_base : boot_l4;

    kernel_space = (struct space){.root = root, .user_root = root, .live = true};
}

void space_create(struct space *s)
{
    s->root = page_alloc_zeroed();
    s->root[0] = kernel_space.root[0];
    s->user_root = platform->pv ? page_alloc_zeroed() : s->root;
    s->live = false;
}

static unsigned entry_index(u64 va, unsigned level)
{
    return va >> (PAGE_SHIFT + LEVEL_BITS * (level - 1)) & (TABLE_ENTRIES - 1);
}

static u64 *entry_table(u64 entry)
{
    return (u64 *)platform->entry_pa(entry);
}

void space_set(struct space *s, u64 *entry, u64 value)
{
    if (s->live)
        platform->set_entry(entry, value);
    else
        *entry = value;
}

/* Puts a fresh table into the upper entry, and into the user root's too. */
static u64 *add_table(struct space *s, u64 *upper, unsigned level)
{
    u64 *table = page_alloc_zeroed();
    u64 value = platform->entry((u64)table, ENTRY_USER_RW);

    if (s->live)
        platform->table_begin(table);
    space_set(s, upper, value);
    if (level == TOP_LEVEL && s->user_root != s->root)
        space_set(s, s->user_root + (upper - s->root), value);
    return table;
}

u64 *space_entry(struct space *s, u64 va, unsigned level, bool create)
{
    u64 *table = s->root;

    for (unsigned l = TOP_LEVEL; l > level; l--) {
        u64 *e = &table[entry_index(va, l)];

        if (*e & ENTRY_PRESENT)
            table = entry_table(*e);
        else if (create)
            table = add_table(s, e, l);
        else
            return NULL;
    }
    return &table[entry_index(va, level)];
}

void space_map(struct space *s, u64 va, u64 pa, u64 bits)
{
    space_set(s, space_entry(s, va, 1, true), platform->entry(pa, bits));
}

void space_map_large(struct space *s, u64 va, u64 pa, u64 bits)
{
    space_set(s, space_entry(s, va, 2, true), platform->entry(pa, bits | ENTRY_LARGE));
}

void space_map_user_image(struct space *s)
{
    for (u8 *p = user_start; p < user_end; p += PAGE_SIZE)
        space_map(s, USER_BASE + (u64)(p - user_start), (u64)p,
                  p < user_data_start ? ENTRY_USER_RO : ENTRY_USER_RW);
}

typedef void (*table_visitor)(void *table);

/* Visits every table below a table of `level`, lowest first; returns how many. */
static unsigned visit_tables(const u64 *table, unsigned level, table_visitor visit)
{
    unsigned first = level == TOP_LEVEL ? 1 : 0; /* slot 0 is the kernel's */
    unsigned end = level == TOP_LEVEL ? TABLE_ENTRIES / 2 : TABLE_ENTRIES;
    unsigned count = 0;

    for (unsigned i = first; i < end; i++) {
        u64 e = table[i];

        if (!(e & ENTRY_PRESENT) || (e & ENTRY_LARGE))
            continue;
        u64 *lower = entry_table(e);
        if (level > 2)
            count += visit_tables(lower, level - 1, visit);
        if (visit)
            visit(lower);
        count++;
    }
    return count;
}

unsigned space_count_tables(const struct space *s)
{
    return visit_tables(s->root, TOP_LEVEL, NULL);
}

void space_publish(struct space *s)
{
    if (platform->pv) {
        visit_tables(s->root, TOP_LEVEL, platform->table_begin);
        platform->table_begin(s->root);
        platform->table_begin(s->user_root);
    }
    platform->space_pin(s);
    s->live = true;
}

static void free_table(void *table)
{
    platform->table_end(table);
    page_free(table);
}

void space_destroy(struct space *s)
{
    if (s->live)
        platform->space_unpin(s);
    visit_tables(s->root, TOP_LEVEL, free_table);
    if (s->user_root != s->root)
        free_table(s->user_root);
    free_table(s->root);
    s->root = s->user_root = NULL;
}
