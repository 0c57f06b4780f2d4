// sources: src/pv/console_ring.c src/pv/console_input.c tests/unit/stub_panic.c
/*
 * The console's ring: what is in it comes out once and in order, whatever the guest writes into the
 * indices.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "console.h"
#include "event.h"
#include "../../src/pv/pv.h"

#include <xen/io/console.h>

static struct xencons_interface ring;
static struct pv_domain pv;
static struct vcpu vcpu;
static struct domain domain = {.pv = &pv, .vcpu = {&vcpu}};
struct pcpu host_pcpu;

static char out[65536];
static size_t out_length;
static unsigned raised, polls;
static const char *typed = "";
u64 tsc_khz = 1000;

void console_guest_putc(struct domain *d, char c)
{
    assert_ptr_equal(d, &domain);
    assert_true(out_length < sizeof(out));
    out[out_length++] = c;
}
void event_raise(struct vcpu *v, enum event_source source)
{
    assert_ptr_equal(v, &vcpu);
    assert_int_equal(source, EVENT_CONSOLE);
    raised++;
}
bool pv_copy_bytes_from(void *to, u64 gva, size_t len)
{
    memcpy(to, (const void *)gva, len);
    return true;
}
bool pv_copy_to(u64 gva, const void *from, size_t len)
{
    memcpy((void *)gva, from, len);
    return true;
}
bool console_has_input(const struct domain *d)
{
    assert_ptr_equal(d, &domain);
    return true;
}
int console_getc(const struct domain *d)
{
    assert_ptr_equal(d, &domain);
    return *typed ? *typed++ : -1;
}
u64 sched_now(void)
{
    return 1;
}
void timer_set(struct timer *t, u64 deadline)
{
    assert_ptr_equal(t, &pv.input_poll);
    assert_true(deadline > 0);
    polls++;
}
void timer_cancel(struct timer *t)
{
    assert_ptr_equal(t, &pv.input_poll);
}
bool pv_time_is_up_now(void)
{
    return false;
}
s64 pv_again_third(struct vcpu *v, u64 number, u64 first, u64 second, u64 third)
{
    (void)v, (void)number, (void)first, (void)second, (void)third;
    fail();
    return 0;
}
u64 pv_get_words(void *to, u64 gva, u64 words)
{
    memcpy(to, (const void *)gva, words * sizeof(u64));
    return 0;
}

static int empty(void **state)
{
    (void)state;
    memset(&ring, 0, sizeof(ring));
    pv.console = &ring;
    out_length = 0;
    raised = 0;
    return 0;
}

static void put(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        ring.out[MASK_XENCONS_IDX(ring.out_prod++, ring.out)] = text[i];
}

static void in_order(void **state)
{
    (void)state;
    put("hello\n", 6);
    pv_console_drain(&domain);
    pv_console_drain(&domain); /* nothing twice */
    assert_int_equal(out_length, 6);
    assert_memory_equal(out, "hello\n", 6);
    assert_int_equal(ring.out_cons, ring.out_prod);
    assert_int_equal(raised, 0);
}

/* Over the end of the ring, and over the end of the indices. */
static void around(void **state)
{
    (void)state;
    ring.out_cons = ring.out_prod = 0xfffffffc;
    for (unsigned i = 0; i < 5000; i++) {
        char c = (char)('a' + i % 26);
        put(&c, 1);
        if (i % 7 == 6)
            pv_console_drain(&domain);
    }
    pv_console_drain(&domain);
    assert_int_equal(out_length, 5000);
    for (unsigned i = 0; i < 5000; i++)
        assert_int_equal(out[i], 'a' + i % 26);
}

/* A guest that waits for room is told when there is. */
static void room(void **state)
{
    char text[sizeof(ring.out)];

    (void)state;
    memset(text, 'x', sizeof(text));
    put(text, sizeof(text));
    pv_console_drain(&domain);
    assert_int_equal(out_length, sizeof(text));
    assert_int_equal(raised, 1);
}

/* Indices that no honest guest has: never more than the ring holds, and the ring works again. */
static void wild_indices(void **state)
{
    static const u32 wild[] = {1, 2048, 2049, 0x7fffffff, 0x80000000, 0xffffffff};

    (void)state;
    for (unsigned i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
        out_length = 0;
        ring.out_cons = 17;
        ring.out_prod = 17 + wild[i];
        pv_console_drain(&domain);
        assert_true(out_length <= sizeof(ring.out));
        assert_int_equal(ring.out_cons, ring.out_prod);
        out_length = 0;
        put("again", 5);
        pv_console_drain(&domain);
        assert_memory_equal(out, "again", 5);
    }
}

static void random_indices(void **state)
{
    (void)state;
    srand(1);
    for (unsigned i = 0; i < 2000; i++) {
        out_length = 0;
        ring.out_cons = (u32)rand() * 3u;
        ring.out_prod = (u32)rand() * 5u;
        u32 waiting = ring.out_prod - ring.out_cons;
        pv_console_drain(&domain);
        assert_int_equal(out_length, waiting > sizeof(ring.out) ? sizeof(ring.out) : waiting);
    }
}

/* The poll's timer fires. */
static void poll(void)
{
    pv.owner = &domain;
    pv_console_input_begin(&domain);
    pv.input_poll.fire(&pv.input_poll, 1);
}

static void typing(void **state)
{
    (void)state;
    typed = "ls\n";
    ring.in_prod = ring.in_cons = 0xffffffff; /* over the end of the indices */
    poll();
    assert_int_equal(raised, 1);
    assert_int_equal(ring.in_prod, 2);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(ring.in[MASK_XENCONS_IDX(0xffffffff + i, ring.in)], "ls\n"[i]);
    poll(); /* nobody typed */
    assert_int_equal(raised, 1);
    assert_int_equal(polls, 4);
}

/* What the ring has no room for stays in the machine, whatever the guest says that it has read. */
static void no_room(void **state)
{
    static char text[4000];

    (void)state;
    memset(text, 'k', sizeof(text) - 1);
    typed = text;
    poll();
    assert_int_equal(typed - text, sizeof(ring.in));
    poll();
    assert_int_equal(typed - text, sizeof(ring.in));
    ring.in_cons = 10;
    poll();
    assert_int_equal(typed - text, sizeof(ring.in) + 10);
    ring.in_cons = ring.in_prod + 1; /* nothing was ever so empty */
    poll();
    assert_int_equal(typed - text, sizeof(ring.in) + 10);
    typed = "";
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(in_order, empty),       cmocka_unit_test_setup(around, empty),
        cmocka_unit_test_setup(room, empty),           cmocka_unit_test_setup(wild_indices, empty),
        cmocka_unit_test_setup(typing, empty),         cmocka_unit_test_setup(no_room, empty),
        cmocka_unit_test_setup(random_indices, empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
