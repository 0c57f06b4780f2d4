// sources: src/core/trace.c src/core/trace_ring.c
/*
 * The trace: the ring that overwrites its oldest records, which groups and whose records are kept,
 * and what the command line may say.
 */
#include "boot.h"
#include "domain.h"
#include "errno.h"
#include "frame.h"
#include "log.h"
#include "sched.h"
#include "trace.h"
#include "virt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SMALL_KIB = 4, SMALL_RECORDS = SMALL_KIB * 1024 / 64 };

static const char *option_trace, *option_kib, *option_in;
static u64 now, blocks_left, blocks_taken;
static void *taken[128];
static struct vcpu *current;
static struct domain *living;
static jmp_buf refused;

bool boot_option(const char *key, char *out, size_t size)
{
    const char *value = strcmp(key, "trace") == 0       ? option_trace
                        : strcmp(key, "trace_kib") == 0 ? option_kib
                                                        : option_in;

    return value && snprintf(out, size, "%s", value) < (int)size;
}

void *hv_alloc_pages(struct domain *d, unsigned order)
{
    assert_null(d);
    if (!blocks_left)
        return NULL;
    blocks_left--;
    return taken[blocks_taken++] = calloc(1, (size_t)PAGE_SIZE << order);
}

u64 sched_now(void)
{
    return now += 10;
}

struct vcpu *sched_current(void)
{
    return current;
}

void log_line(const char *format, ...)
{
    (void)format;
}

void refuse(const char *format, ...)
{
    (void)format;
    longjmp(refused, 1);
}

static int setup(void **state)
{
    (void)state;
    option_trace = option_kib = option_in = NULL;
    now = 0;
    current = NULL;
    blocks_left = 64;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    current = NULL;
    if (living)
        trace_life_end(living);
    living = NULL;
    while (blocks_taken)
        free(taken[--blocks_taken]);
    return 0;
}

/* Whether trace_init refuses the options as they are. */
static bool is_refused(void)
{
    if (setjmp(refused))
        return true;
    trace_init();
    return false;
}

/* A domain that has not begun to live. */
static struct domain *domain_named(const char *name)
{
    static struct domain d;

    memset(&d, 0, sizeof(d));
    snprintf(d.config.name, sizeof(d.config.name), "%s", name);
    d.life = 1;
    d.ledger.open_region = -1;
    return &d;
}

/* A trace of these kinds, and a domain that lives; nothing is recorded yet. */
static struct domain *start(const char *words, const char *kib, const char *in)
{
    option_trace = words;
    option_kib = kib;
    option_in = in;
    assert_false(is_refused());
    living = domain_named("a");
    trace_life_begin(living);
    trace_ring_clear();
    return living;
}

static void fill(struct domain *d, u64 value)
{
    trace_now(d, TRACE_KIND_SHADOW_FILL, value, 0, 0, 0);
}

/* Must be the first: without `trace=` there is no trace. */
static void test_none(void **state)
{
    struct domain *d = domain_named("a");

    (void)state;
    assert_false(is_refused());
    trace_life_begin(d);
    trace_mark(d, true, 0);
    assert_int_equal(trace_switch(d, 1), -ENODEV);
    trace_life_end(d);
    assert_int_equal(trace_groups, 0);
    assert_int_equal(trace_ring_count(), 0);
}

static void test_overwrite(void **state)
{
    struct domain *d = start("all", "4", NULL);

    (void)state;
    assert_int_equal(trace_ring_capacity(), SMALL_RECORDS);
    for (u64 i = 0; i < SMALL_RECORDS; i++)
        fill(d, i);
    assert_int_equal(trace_ring_count(), SMALL_RECORDS);
    assert_int_equal(trace_ring_lost(), 0);
    assert_int_equal(trace_ring_at(0)->arg[0], 0);
    for (u64 i = 0; i < SMALL_RECORDS + 5; i++)
        fill(d, 1000 + i);
    assert_int_equal(trace_ring_count(), SMALL_RECORDS);
    assert_int_equal(trace_ring_lost(), SMALL_RECORDS + 5);
    for (u64 i = 0; i < SMALL_RECORDS; i++)
        assert_int_equal(trace_ring_at(i)->arg[0], 1005 + i);
}

/* A ring of several blocks, the last record of one followed by the first of the next. */
static void test_blocks(void **state)
{
    enum { RECORDS = 3 << 15 };
    struct domain *d = start("all", "5120", NULL);

    (void)state;
    assert_int_equal(trace_ring_capacity(), RECORDS);
    assert_int_equal(blocks_taken, 4) /* one for the names of lives */;
    for (u64 i = 0; i < RECORDS + 1; i++)
        fill(d, i);
    assert_int_equal(trace_ring_lost(), 1);
    for (u64 i = 0; i < RECORDS; i++)
        assert_int_equal(trace_ring_at(i)->arg[0], i + 1);
}

static void test_no_memory(void **state)
{
    (void)state;
    blocks_left = 1;
    assert_false(trace_ring_make(4096));
    option_trace = "all";
    blocks_left = 0;
    assert_true(is_refused());
    assert_int_equal(trace_groups, 0);
}

static void test_groups(void **state)
{
    (void)state;
    assert_int_equal(trace_parse_groups("all"), TRACE_ALL);
    assert_int_equal(trace_parse_groups("exits"), TRACE_EXITS);
    assert_int_equal(trace_parse_groups("exits,shadow"), TRACE_EXITS | TRACE_SHADOW);
    assert_int_equal(trace_parse_groups("memory,memory"), TRACE_MEMORY);
    const char *const bad[] = {"",       ",",      "exits,", ",exits", "exit",
                               "exitss", "always", "EXITS ", "0"};
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(trace_parse_groups(bad[i]), 0);
}

static void test_options(void **state)
{
    const char *const bad_kib[] = {"", "3", "1k", "-1", "131073", "99999999999"};

    (void)state;
    option_trace = "exits,nonsense";
    assert_true(is_refused());
    option_trace = "all";
    for (unsigned i = 0; i < ARRAY_SIZE(bad_kib); i++) {
        option_kib = bad_kib[i];
        assert_true(is_refused());
    }
    option_kib = "64";
    option_in = "sometimes";
    assert_true(is_refused());
    option_in = "regions";
    assert_false(is_refused());
    assert_int_equal(trace_ring_capacity(), 1024);
}

/* An exit whose group is off, or whose counter has no kind, is not recorded. */
static void test_mask(void **state)
{
    const u64 arg[TRACE_ARGS] = {1, 2, 3, 4, 5};
    struct vcpu v = {.domain = start("exits", "4", NULL), .id = 0};

    (void)state;
    assert_int_equal(trace_groups, TRACE_EXITS);
    trace_span(&v, LC_EXIT_CPUID, 100, 7, arg);
    trace_span(&v, LC_HC_IRET, 200, 7, arg);
    trace_span(&v, LC_EMULATED_INSN, 300, 7, arg);
    assert_int_equal(trace_ring_count(), 1);
    const struct trace_record *r = trace_ring_at(0);
    assert_int_equal(r->kind, TRACE_KIND_EXIT_CPUID);
    assert_int_equal(r->tsc, 100);
    assert_int_equal(r->ticks, 7);
    assert_int_equal(r->cost, 30); /* 10 seen by itself, 10 on the way there, 10 back */
    assert_memory_equal(r->arg, arg, sizeof(arg));
}

/* Longer than a record can say: as long as it can. */
static void test_long(void **state)
{
    const u64 arg[TRACE_ARGS] = {0};
    struct vcpu v = {.domain = start("all", "4", NULL)};

    (void)state;
    trace_span(&v, LC_EXIT_HLT, 1, 1ULL << 40, arg);
    assert_int_equal(trace_ring_at(0)->ticks, ~0u);
}

/* Each counted kind stands for the counter of its name, and has at most as many arguments as fit.
 */
static void test_kinds(void **state)
{
    static const struct {
        enum ledger_counter counter; /* of the ledger */
        enum trace_kind kind;        /* that stands for it */
        const char *name;            /* of both */
    } same[] = {
#define KIND(counted, in, args) {LC_##counted, TRACE_KIND_##counted, #counted},
        TRACE_COUNTED(KIND)
#undef KIND
    };
    const u64 arg[TRACE_ARGS] = {0};
    struct vcpu v = {.domain = start("all", "64", NULL)};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(same); i++) {
        trace_span(&v, same[i].counter, 1, 1, arg);
        assert_int_equal(trace_ring_at(i)->kind, same[i].kind);
        assert_string_equal(trace_kind_info[same[i].kind].name, same[i].name);
    }
    for (unsigned i = 0; i < TRACE_KINDS; i++) {
        unsigned words = *trace_kind_info[i].args != 0;
        for (const char *s = trace_kind_info[i].args; *s; s++)
            words += *s == ' ';
        assert_in_range(words, 0, TRACE_ARGS);
    }
}

static void test_whose(void **state)
{
    struct domain *d = start("all", "4", NULL);
    struct vcpu v = {.domain = d, .id = 3};

    (void)state;
    assert_int_equal(trace_lives(), 2);
    assert_int_equal(d->trace_life, 1);
    assert_string_equal(trace_life_at(1)->name, "a");
    trace_now(d, TRACE_KIND_BLOCKED, 0, 0, 0, 0);
    assert_int_equal(trace_ring_at(0)->life, 1);
    assert_int_equal(trace_ring_at(0)->vcpu, TRACE_NO_VCPU);
    current = &v;
    trace_now(d, TRACE_KIND_BLOCKED, 0, 0, 0, 0);
    assert_int_equal(trace_ring_at(1)->vcpu, 3);
    trace_life_end(d);
    assert_int_equal(trace_ring_at(2)->kind, TRACE_KIND_LIFE_END);
    assert_int_equal(trace_groups, 0);
}

/* More lives than there are names for: the later ones are nobody's. */
static void test_many_lives(void **state)
{
    (void)state;
    start("all", "4", NULL);
    for (unsigned i = 0; i < 2 * TRACE_LIVES; i++) {
        trace_life_end(living);
        trace_life_begin(domain_named("x"));
    }
    assert_int_equal(trace_lives(), TRACE_LIVES);
    assert_int_equal(living->trace_life, 0);
}

/* Whether something of d's would be recorded now. */
static u64 is_kept(struct domain *d)
{
    u64 before = trace_ring_count();

    fill(d, 0);
    u64 made = trace_ring_count() - before;
    assert_int_equal(trace_groups, made ? TRACE_ALL : 0);
    return made;
}

static enum trace_kind last_kind(void)
{
    return trace_ring_at(trace_ring_count() - 1)->kind;
}

static void test_switched_off(void **state)
{
    (void)state;
    struct domain *d = start("all", "4", "life");
    assert_int_equal(trace_switch(d, 2), -EINVAL);
    assert_true(is_kept(d));
    assert_int_equal(trace_switch(d, 0), 0);
    assert_int_equal(last_kind(), TRACE_KIND_SWITCHED);
    assert_false(is_kept(d));
    assert_int_equal(trace_switch(d, 1), 0);
    assert_true(is_kept(d));
}

static void test_calls(void **state)
{
    (void)state;
    struct domain *d = start("all", "4", "calls");
    assert_false(is_kept(d));
    assert_int_equal(trace_switch(d, 1), 0);
    assert_true(is_kept(d));
    assert_int_equal(trace_switch(d, 1), 0);
    assert_int_equal(trace_switch(d, 0), 0);
    assert_false(is_kept(d));
}

static void test_regions(void **state)
{
    (void)state;
    struct domain *d = start("all", "4", "regions");
    assert_false(is_kept(d));
    d->ledger.open_region = 3;
    trace_mark(d, true, 3);
    assert_int_equal(last_kind(), TRACE_KIND_MARK_BEGIN);
    assert_true(is_kept(d));
    d->ledger.open_region = -1;
    trace_mark(d, false, 3);
    assert_int_equal(last_kind(), TRACE_KIND_MARK_END);
    assert_false(is_kept(d));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_none),   TEST(test_overwrite), TEST(test_blocks),     TEST(test_no_memory),
        TEST(test_groups), TEST(test_options),   TEST(test_mask),       TEST(test_long),
        TEST(test_kinds),  TEST(test_whose),     TEST(test_many_lives), TEST(test_switched_off),
        TEST(test_calls),  TEST(test_regions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
