// sources: src/pv/xenstore_tree.c src/pv/xenstore_ops.c src/pv/xenstore_message.c
// sources: src/pv/xenstore_ring.c src/core/format.c tests/unit/stub_panic.c
/*
 * XenStore over its ring: what is written is read, watches and transactions, and a guest that
 * breaks the protocol.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "errno.h"
#include "frame.h"
#include "types.h"

#include "../../src/pv/pv.h"
#include "../../src/pv/xenstore.h"

static struct xenstore_domain_interface ring;
static struct pv_domain pv;
static struct domain domain = {.id = 3, .pv = &pv};
struct pcpu host_pcpu;
static unsigned raised, pages;
static struct xsd_sockmsg head; /* the newest answer, and its body */
static char body[XENSTORE_PAYLOAD_MAX + 1];

void *hv_alloc(struct domain *d, size_t size)
{
    (void)d;
    pages++;
    return calloc(1, size);
}
void hv_free(struct domain *d, void *p, size_t size)
{
    (void)d;
    (void)size;
    pages--;
    free(p);
}
void *hv_alloc_pages(struct domain *d, unsigned order)
{
    return hv_alloc(d, PAGE_SIZE << order);
}
void hv_free_pages(struct domain *d, void *p, unsigned order)
{
    hv_free(d, p, PAGE_SIZE << order);
}
static unsigned patience; /* looks at the time until it is up; 0: it never is */
bool sched_time_is_up(void)
{
    return patience && --patience == 0;
}
void pv_port_notify(struct domain *d, u32 port)
{
    assert_ptr_equal(d, &domain);
    assert_int_equal(port, PV_STORE_PORT);
    raised++;
}

static int fresh(void **state)
{
    (void)state;
    memset(&ring, 0, sizeof(ring));
    memset(&pv, 0, sizeof(pv));
    pv.store_ring = &ring;
    domain.config.mem_bytes = 16 << 20;
    strcpy(domain.config.name, "guest");
    raised = 0;
    return 0;
}

static int gone(void **state)
{
    (void)state;
    pv_store_destroy(&domain);
    assert_int_equal(pages, 0);
    return 0;
}

static void put_bytes(const void *from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        while (ring.req_prod - ring.req_cons == sizeof(ring.req))
            pv_store_notify(&domain);
        ring.req[MASK_XENSTORE_IDX(ring.req_prod++)] = ((const char *)from)[i];
    }
}

static void get_bytes(void *to, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (ring.rsp_prod == ring.rsp_cons)
            pv_store_notify(&domain);
        assert_int_not_equal(ring.rsp_prod, ring.rsp_cons);
        ((char *)to)[i] = ring.rsp[MASK_XENSTORE_IDX(ring.rsp_cons++)];
    }
}

static void next_message(void)
{
    get_bytes(&head, sizeof(head));
    assert_true(head.len <= XENSTORE_PAYLOAD_MAX);
    get_bytes(body, head.len);
    body[head.len] = 0;
}

/* Sends a request whose body is `text`, of `len` bytes, and takes its answer. */
static void ask(u32 type, u32 tx, const char *text, size_t len)
{
    static u32 id;
    struct xsd_sockmsg m = {.type = type, .req_id = ++id, .tx_id = tx, .len = (u32)len};

    put_bytes(&m, sizeof(m));
    put_bytes(text, len);
    pv_store_notify(&domain);
    next_message();
    if (head.type != XS_WATCH_EVENT)
        assert_int_equal(head.req_id, id);
}
#define ASK(type, tx, text) ask(type, tx, text, sizeof(text))

static void expect(const char *text)
{
    assert_int_not_equal(head.type, XS_ERROR);
    assert_string_equal(body, text);
}

static void expect_error(const char *name)
{
    assert_int_equal(head.type, XS_ERROR);
    assert_string_equal(body, name);
}

static void nothing_more(void)
{
    pv_store_notify(&domain);
    assert_int_equal(ring.rsp_prod, ring.rsp_cons);
}

static void values(void **state)
{
    (void)state;
    ASK(XS_READ, 0, "name");
    expect("guest");
    ASK(XS_READ, 0, "/local/domain/3/memory/target");
    expect("16384");
    ask(XS_WRITE, 0, "data/a/b\0hello", 14);
    expect("OK");
    ASK(XS_READ, 0, "data/a/b");
    expect("hello");
    ask(XS_WRITE, 0, "data/a/b\0no", 11);
    ASK(XS_READ, 0, "data/a/b");
    expect("no");
    ASK(XS_DIRECTORY, 0, "data");
    expect("a");
    ASK(XS_DIRECTORY, 0, "/");
    expect("local");
    ASK(XS_RM, 0, "data/a");
    expect("OK");
    ASK(XS_READ, 0, "data/a/b");
    expect_error("ENOENT");
    ASK(XS_RM, 0, "data/a"); /* it is as it should be */
    expect("OK");
    ASK(XS_RM, 0, "data/a/b");
    expect_error("ENOENT");
    ASK(XS_GET_DOMAIN_PATH, 0, "3");
    expect("/local/domain/3");
    assert_true(raised > 0);
}

static void refusals(void **state)
{
    (void)state;
    ask(XS_WRITE, 0, "/tool/x\0y", 9);
    expect_error("EACCES");
    ask(XS_WRITE, 0, "/local/domain/33\0y", 18); /* not below its home */
    expect_error("EACCES");
    ASK(XS_RM, 0, "/local/domain/3");
    expect_error("EACCES");
    ASK(XS_READ, 0, "a//b");
    expect_error("EINVAL");
    ASK(XS_READ, 0, "a b");
    expect_error("EINVAL");
    ask(XS_READ, 0, "name", 4); /* without its end */
    expect_error("EINVAL");
    ASK(XS_READ, 77, "name");
    expect_error("ENOENT");
    ASK(XS_INTRODUCE, 0, "1");
    expect_error("EACCES");
    ASK(12345, 0, "name");
    expect_error("ENOSYS");
}

static void watches(void **state)
{
    (void)state;
    ask(XS_WATCH, 0, "device\0tok", 11);
    expect("OK");
    next_message(); /* at once */
    assert_int_equal(head.type, XS_WATCH_EVENT);
    assert_memory_equal(body, "device\0tok", 11);
    ask(XS_WATCH, 0, "device\0tok", 11);
    expect_error("EEXIST");
    ask(XS_WRITE, 0, "device/vif\0x", 12);
    expect("OK");
    next_message();
    assert_memory_equal(body, "device/vif\0tok", 15);
    ask(XS_WRITE, 0, "devices\0x", 9); /* another name that begins so */
    expect("OK");
    nothing_more();
    ask(XS_UNWATCH, 0, "device\0tok", 11);
    expect("OK");
    ask(XS_WRITE, 0, "device/vif\0y", 12);
    expect("OK");
    nothing_more();
}

static u32 begin(void)
{
    ask(XS_TRANSACTION_START, 0, "", 1);
    return (u32)atoi(body);
}

/* Who watches a node hears of its end, too, when one above it is removed; once. */
static void removal_is_heard_below(void **state)
{
    static const bool in_transaction[] = {false, true};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(in_transaction); i++) {
        ask(XS_WRITE, 0, "device/vif/0\0x", 14);
        ask(XS_WATCH, 0, "device/vif/0\0tok", 17);
        next_message();                            /* at once */
        ask(XS_WATCH, 0, "device/vif/1\0tok", 17); /* there is none */
        next_message();
        u32 tx = in_transaction[i] ? begin() : 0;
        ASK(XS_RM, tx, "device/vif");
        expect("OK");
        if (tx)
            ASK(XS_TRANSACTION_END, tx, "T");
        expect("OK");
        next_message();
        assert_int_equal(head.type, XS_WATCH_EVENT);
        assert_memory_equal(body, "device/vif/0\0tok", 17);
        nothing_more();
        ASK(XS_RESET_WATCHES, 0, "");
    }
}

static void transactions(void **state)
{
    u32 one, two;

    (void)state;
    one = begin();
    two = begin();
    ask(XS_TRANSACTION_START, 0, "", 1);
    expect_error("ENOSPC");
    ask(XS_WRITE, one, "data/x\0one", 10);
    expect("OK");
    ASK(XS_READ, 0, "data/x");
    expect_error("ENOENT");
    ASK(XS_READ, one, "data/x");
    expect("one");
    ask(XS_WATCH, 0, "data\0t", 7);
    next_message();
    ASK(XS_TRANSACTION_END, one, "T");
    expect("OK");
    next_message();
    assert_memory_equal(body, "data/x\0t", 9);
    ask(XS_WRITE, two, "data/x\0two", 10);
    ASK(XS_TRANSACTION_END, two, "T");
    expect_error("EAGAIN");
    ASK(XS_READ, 0, "data/x");
    expect("one");
    one = begin();
    ASK(XS_RM, one, "data/x");
    ASK(XS_TRANSACTION_END, one, "F");
    expect("OK");
    ASK(XS_READ, 0, "data/x");
    expect("one");
    begin(); /* left open: destroyed with the store */
}

/* A store that is full says so, and works on. */
static void full(void **state)
{
    char text[600];
    unsigned wrote = 0;

    (void)state;
    memset(text, 'v', sizeof(text));
    for (unsigned i = 0; i < 100; i++) {
        size_t n = (size_t)snprintf(text, 20, "data/n%u", i) + 1;
        ask(XS_WRITE, 0, text, n + 300);
        if (head.type != XS_ERROR)
            wrote++;
        else
            expect_error("ENOSPC");
    }
    assert_in_range(wrote, 10, 30);
    ASK(XS_READ, 0, "name");
    expect("guest");
}

/* What a transaction changed is found in pieces; nothing is lost, nothing comes too early. */
static void in_pieces(void **state)
{
    unsigned broken_off = 0;
    char name[16];

    (void)state;
    ASK(XS_WATCH, 0, "data\0token");
    next_message(); /* the first event */
    ASK(XS_TRANSACTION_START, 0, "");
    u32 tx = (u32)atoi(body);
    for (unsigned i = 0; i < 20; i++) {
        int n = snprintf(name, sizeof(name), "data/%u", i);
        ask(XS_WRITE, tx, name, (size_t)n + 1);
    }
    struct xsd_sockmsg m = {.type = XS_TRANSACTION_END, .tx_id = tx, .len = 2};
    put_bytes(&m, sizeof(m));
    put_bytes("T", 2);
    for (patience = 1; !pv_store_notify(&domain); patience = 1)
        broken_off++;
    patience = 0;
    assert_in_range(broken_off, 20, 100);
    next_message();
    expect("OK");
    for (unsigned i = 0; i < 20; i++) {
        snprintf(name, sizeof(name), "data/%u", i);
        next_message();
        assert_int_equal(head.type, XS_WATCH_EVENT);
        assert_string_equal(body, name);
    }
    nothing_more();
}

/* They are kept, by a node's later values and children, too. */
static void permissions(void **state)
{
    (void)state;
    ASK(XS_WRITE, 0, "data/x\0one");
    ASK(XS_GET_PERMS, 0, "data/x");
    expect("n3");
    ASK(XS_SET_PERMS, 0, "data/x\0n3\0r7");
    expect("OK");
    ASK(XS_WRITE, 0, "data/x\0two");
    ASK(XS_WRITE, 0, "data/x/below\0three");
    ASK(XS_GET_PERMS, 0, "data/x/below");
    assert_int_equal(head.len, 6);
    assert_memory_equal(body, "n3\0r7", 6);
    ASK(XS_READ, 0, "data/x");
    assert_memory_equal(body, "two", 4);
    ASK(XS_SET_PERMS, 0, "data/x\0n4");
    expect_error("EPERM");
    ASK(XS_SET_PERMS, 0, "data/x\0q3");
    expect_error("EINVAL");
    ASK(XS_SET_PERMS, 0, "data/y\0n3");
    expect_error("ENOENT");
}

enum { CHILDREN = 30, CHILD_BYTES = 190 };

static void make_children(unsigned from, unsigned to)
{
    char name[256];

    for (unsigned i = from; i < to; i++) {
        int n = snprintf(name, sizeof(name), "data/child-%02u-%0*u", i, CHILD_BYTES - 10, 0u);
        ask(XS_MKDIR, 0, name, (size_t)n + 1);
        expect("OK");
    }
}

/* More children than one answer holds. */
static void a_long_directory(void **state)
{
    char all[CHILDREN][8];
    unsigned found = 0;
    u32 from = 0;

    (void)state;
    make_children(0, CHILDREN / 2);
    ASK(XS_DIRECTORY, 0, "data");
    assert_int_not_equal(head.type, XS_ERROR);
    assert_int_equal(head.len, CHILDREN / 2 * CHILD_BYTES);
    assert_memory_equal(body + head.len - CHILD_BYTES, "child-14-", 9);
    make_children(CHILDREN / 2, CHILDREN);
    ASK(XS_DIRECTORY, 0, "data");
    expect_error("E2BIG");
    for (bool more = true; more; from += head.len - (u32)strlen(body) - 1) {
        char request[32] = "data";
        int n = snprintf(request + 5, sizeof(request) - 5, "%u", from);

        ask(XS_DIRECTORY_PART, 0, request, 5 + (size_t)n + 1);
        assert_int_not_equal(head.type, XS_ERROR);
        for (const char *c = body + strlen(body) + 1; c < body + head.len; c += strlen(c) + 1) {
            more = *c;
            if (more)
                snprintf(all[found++], sizeof(all[0]), "%.2s", c + 6);
        }
    }
    assert_int_equal(found, CHILDREN);
    assert_string_equal(all[CHILDREN - 1], "29");
    ask(XS_DIRECTORY_PART, 0, "data\0x", 7);
    expect_error("EINVAL");
    ask(XS_DIRECTORY_PART, 0, "data\0", 5);
    expect_error("EINVAL");
}

/* Whatever is in the ring: no byte outside it is touched, and the guest is told. */
static void hostile_ring(void **state)
{
    struct xsd_sockmsg huge = {.type = XS_READ, .len = XENSTORE_PAYLOAD_MAX + 1};

    (void)state;
    ring.req_prod = sizeof(ring.req) + 1;
    pv_store_notify(&domain);
    assert_int_equal(ring.error, XENSTORE_ERROR_RINGIDX);
    pv_store_destroy(&domain);
    memset(&ring, 0, sizeof(ring));
    ring.rsp_prod = 1;
    ring.rsp_cons = 2;
    put_bytes(&huge, 5); /* half a head is waited for */
    pv_store_notify(&domain);
    assert_int_equal(ring.error, XENSTORE_ERROR_RINGIDX);
    pv_store_destroy(&domain);
    memset(&ring, 0, sizeof(ring));
    put_bytes(&huge, sizeof(huge));
    pv_store_notify(&domain);
    assert_int_equal(ring.error, XENSTORE_ERROR_PROTO);
    pv_store_notify(&domain); /* and nothing more */
}

/* From whatever state, with answers waiting and half a request read. */
static void reconnection(void **state)
{
    (void)state;
    ASK(XS_WATCH, 0, "data\0token");
    expect("OK");
    next_message();
    ASK(XS_TRANSACTION_START, 0, "");
    ASK(XS_WRITE, 0, "data/kept\0yes");
    put_bytes("half", 4);
    ring.rsp_cons = ring.rsp_prod + 1;
    pv_store_notify(&domain);
    assert_int_equal(ring.error, XENSTORE_ERROR_RINGIDX);
    raised = 0;
    ring.connection = XENSTORE_RECONNECT;
    pv_store_notify(&domain);
    assert_true(raised == 1 && ring.connection == XENSTORE_CONNECTED && !ring.error);
    assert_true(!ring.req_prod && !ring.req_cons && !ring.rsp_prod && !ring.rsp_cons);
    ASK(XS_READ, 0, "data/kept");
    expect("yes");
    ASK(XS_WRITE, 0, "data/x\0");
    expect("OK");
    nothing_more();
    ASK(XS_READ, 1, "data/x");
    expect_error("ENOENT");
}

/* Random bytes as requests, with lengths that can be. */
static void random_requests(void **state)
{
    static const char letters[] = "ab/\0name@data device";
    u32 seed = 1;

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        char text[64];
        size_t n;

        seed = seed * 1664525 + 1013904223;
        n = seed >> 8 & 63;
        for (size_t k = 0; k < n; k++) {
            seed = seed * 1664525 + 1013904223;
            text[k] = letters[(seed >> 16) % (sizeof(letters) - 1)];
        }
        ask(seed >> 24 & 31, seed >> 20 & 3, text, n);
        ring.rsp_cons = ring.rsp_prod; /* watch events are not looked at */
        do {
            ring.rsp_cons = ring.rsp_prod;
            pv_store_notify(&domain);
        } while (ring.rsp_cons != ring.rsp_prod);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values, fresh, gone),
        cmocka_unit_test_setup_teardown(refusals, fresh, gone),
        cmocka_unit_test_setup_teardown(watches, fresh, gone),
        cmocka_unit_test_setup_teardown(removal_is_heard_below, fresh, gone),
        cmocka_unit_test_setup_teardown(in_pieces, fresh, gone),
        cmocka_unit_test_setup_teardown(permissions, fresh, gone),
        cmocka_unit_test_setup_teardown(a_long_directory, fresh, gone),
        cmocka_unit_test_setup_teardown(transactions, fresh, gone),
        cmocka_unit_test_setup_teardown(full, fresh, gone),
        cmocka_unit_test_setup_teardown(hostile_ring, fresh, gone),
        cmocka_unit_test_setup_teardown(reconnection, fresh, gone),
        cmocka_unit_test_setup_teardown(random_requests, fresh, gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
