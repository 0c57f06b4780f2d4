/*
 * forkexit: a process is forked, its child writes every page it has, which copies them, and exits:
 * 1, 16 and 256 pages (lmbench's fork in miniature). And spaces alone (space16.c).
 */
#include "kit/kit.h"
#include "space16.h"
#include "user_child.h"

const char guest_name[] = "forkexit";

enum fork_limits { PAGES = 256 };

static struct space parent, child;
static void *parent_page[PAGES], *child_page[PAGES];
static u64 *parent_entry[PAGES], *child_entry[PAGES];
static void *child_stack;
static struct entry_change change[PAGES];
static unsigned pages; /* of the process being forked */
static u64 child_sum;

static u64 word_of(unsigned page)
{
    return 1000 + page;
}

/* The parent's pages become writable, or read-only: all in one call. */
static void set_parent_rights(u64 bits)
{
    for (unsigned i = 0; i < pages; i++)
        change[i] =
            (struct entry_change){parent_entry[i], platform->entry((u64)parent_page[i], bits)};
    platform->set_entries(change, pages);
    platform->flush_all();
}

/* A write to a page that the child shares: it gets a copy. */
static struct trap_frame *copy_on_write(struct trap_frame *frame)
{
    u64 va = trap_fault_address() & ~(u64)(PAGE_SIZE - 1);
    u64 i = (va - CHILD_DATA) >> PAGE_SHIFT;

    if (i >= pages || child_page[i] ||
        (frame->error & (FAULT_PRESENT | FAULT_WRITE)) != (FAULT_PRESENT | FAULT_WRITE)) {
        check_equal("only writes to shared pages fault", CHILD_DATA, va);
        finish();
    }
    child_page[i] = page_alloc();
    page_copy(child_page[i], parent_page[i]);
    platform->set_mapping(va, child_entry[i], platform->entry((u64)child_page[i], ENTRY_USER_RW));
    return frame;
}

static void fork(void)
{
    set_parent_rights(ENTRY_USER_RO);
    space_create(&child);
    space_map_user_image(&child);
    child_stack = page_alloc();
    space_map(&child, USER_STACK_TOP - PAGE_SIZE, (u64)child_stack, ENTRY_USER_RW);
    for (unsigned i = 0; i < pages; i++) {
        u64 va = CHILD_DATA + i * PAGE_SIZE;

        child_page[i] = NULL;
        child_entry[i] = space_entry(&child, va, 1, true);
        space_set(&child, child_entry[i], platform->entry((u64)parent_page[i], ENTRY_USER_RO));
    }
    space_publish(&child);
}

static void reap(void)
{
    space_destroy(&child);
    page_free(child_stack);
    for (unsigned i = 0; i < pages; i++)
        if (child_page[i])
            page_free(child_page[i]);
    set_parent_rights(ENTRY_USER_RW);
}

static void fork_and_exit(void)
{
    fork();
    platform->space_load(&child);
    child_sum = user_run(&child, user_child, pages);
    platform->space_load(&parent);
    reap();
}

static void check_fork(void)
{
    u64 sum = 0;

    for (unsigned i = 0; i < pages; i++)
        sum += word_of(i);
    check_equal("the child read its parent's pages", sum, child_sum);
    for (unsigned i = 0; i < pages; i++) {
        check_quietly(*(u64 *)parent_page[i] == word_of(i));
        check_quietly(child_page[i] != NULL);
    }
    check_quiet_end("the parent's pages are its own, and the child copied each");
}

static void measure(const char *name, unsigned count, unsigned n)
{
    pages = count;
    figure(&(struct figure){.name = name, .op = fork_and_exit, .n = n});
    check_fork();
}

static void prepare(void)
{
    user_space_create(&parent);
    for (unsigned i = 0; i < PAGES; i++) {
        u64 va = CHILD_DATA + i * PAGE_SIZE;

        parent_page[i] = page_alloc_zeroed();
        *(u64 *)parent_page[i] = word_of(i);
        space_map(&parent, va, (u64)parent_page[i], ENTRY_USER_RW);
        parent_entry[i] = space_entry(&parent, va, 1, false);
    }
    platform->space_load(&parent);
    trap_handle(TRAP_PAGE_FAULT, copy_on_write);
}

void guest_main(void)
{
    prepare();
    measure("forkexit_1", 1, 17);
    measure("forkexit_16", 16, 17);
    measure("forkexit_256", 256, 5);
    space16_measure(&parent);
    platform->space_load(&kernel_space);
    space_destroy(&parent);
}
