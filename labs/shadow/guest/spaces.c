/*
 * Many address spaces: what was used stays, a table that is given up is data again, and a pool that
 * is too small gives up no more than it must.
 */
#include "judge.h"

#include "grade_guest.h"
#include "public/trivisor.h"

#define WHERE_SWITCH "shadow.3 and shadow.5: src/mmu-shadow/reach.c, fill.c"
#define WHERE_REUSE  "shadow.8 and shadow.6: src/mmu-shadow/pool.c; sync.c, entry_written"
#define WHERE_EVICT  "shadow.9: src/mmu-shadow/evict.c"

enum { FEW = 4, MANY = 24, PAGES = 6, ROUNDS = 3 };

struct process {
    struct space space;
    u64 value[PAGES]; /* what each of its pages holds */
};
static struct process process[MANY];

static u64 va_of(unsigned i)
{
    return USER_BASE + (u64)i * PAGE_SIZE;
}

static void make_process(struct process *p)
{
    space_create(&p->space);
    for (unsigned i = 0; i < PAGES; i++)
        space_map(&p->space, va_of(i), (u64)page_with(p->value[i] = random_u64()), ENTRY_USER_RW);
    space_publish(&p->space);
}

/* Loads it, and reads all its pages; how many reads took an exit. */
static unsigned run(struct process *p, unsigned *wrong)
{
    unsigned slow = 0;

    platform->space_load(&p->space);
    for (unsigned i = 0; i < PAGES; i++) {
        slow += slow_read(va_of(i));
        *wrong += word(va_of(i)) != p->value[i];
    }
    return slow;
}

static void switches(void)
{
    unsigned wrong = 0, slow = 0;

    grade_begin("switches");
    for (unsigned n = 0; n < FEW; n++)
        run(&process[n], &wrong);
    for (unsigned n = 0; n < ROUNDS * FEW; n++)
        slow += run(&process[n % FEW], &wrong);
    grade_equal("pages with wrong contents in 4 processes that take turns", 0, wrong, WHERE_SWITCH);
    grade_equal("reads that took an exit, after each process has read all its pages once", 0, slow,
                WHERE_SWITCH);
    grade_end();
}

/* The frames of the last process's tables hold data; and then tables again. */
static void reuse(void)
{
    enum { TABLES = 4 };
    struct process *p = &process[FEW];
    u64 *table[TABLES];
    unsigned wrong = 0, slow = 0;

    grade_begin("reuse");
    run(p, &wrong);
    for (unsigned level = 1; level < TABLES; level++)
        table[level] =
            (u64 *)((u64)space_entry(&p->space, va_of(0), level, false) & ~(u64)(PAGE_SIZE - 1));
    table[0] = p->space.root;
    platform->space_load(&process[0].space);
    for (unsigned n = 0; n < TABLES; n++) {
        for (unsigned i = 0; i < PAGE_SIZE / sizeof(u64); i++)
            slow += slow_write((u64)&table[n][i], n + i);
        for (unsigned i = 0; i < PAGE_SIZE / sizeof(u64); i++)
            wrong += table[n][i] != n + i;
    }
    grade_equal("wrong words in four pages that were page tables", 0, wrong, WHERE_REUSE);
    grade_true("of 2048 writes to them 40 at most took an exit", slow <= 40, WHERE_REUSE);
    for (unsigned n = 0; n < TABLES; n++)
        page_free(table[n]);
    make_process(p);
    wrong = 0;
    run(p, &wrong);
    run(&process[0], &wrong);
    run(p, &wrong);
    grade_equal("pages with wrong contents, in a process whose tables lie there", 0, wrong,
                WHERE_REUSE);
    grade_end();
}

static void reclaim(void)
{
    unsigned wrong = 0, slow = 0, again = 0;

    grade_begin("reclaim");
    for (unsigned n = FEW + 1; n < MANY; n++)
        make_process(&process[n]);
    for (unsigned n = 0; n < ROUNDS * MANY; n++)
        run(&process[n * 7 % MANY], &wrong);
    grade_equal("pages with wrong contents in 24 processes, whose tables are more than the pool", 0,
                wrong, WHERE_EVICT);
    for (unsigned n = 0; n < FEW; n++)
        run(&process[n], &wrong);
    for (unsigned n = 0; n < FEW; n++)
        slow += run(&process[n], &wrong);
    grade_equal("reads of 24 that took an exit, in 4 processes that ran just before", 0, slow,
                WHERE_EVICT);
    for (unsigned n = 0; n < ROUNDS; n++) {
        run(&process[MANY - 1 - n], &wrong);
        for (unsigned i = 0; i < FEW; i++)
            again += run(&process[i], &wrong);
    }
    grade_true("of 72 such reads 8 at most took an exit, while another process ran now and then",
               again <= 8, WHERE_EVICT);
    grade_equal("pages with wrong contents", 0, wrong, WHERE_EVICT);
    platform->space_load(&kernel_space);
    grade_equal("violations that a recount finds", 0, (u64)platform->trivisor(TRIVISOR_CHECK, 0, 0),
                WHERE_EVICT);
    grade_end();
}

void test_spaces(void)
{
    for (unsigned n = 0; n <= FEW; n++)
        make_process(&process[n]);
    switches();
    reuse();
    reclaim();
}
