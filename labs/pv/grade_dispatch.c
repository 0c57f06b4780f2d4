/*
 * The grader on pv.1: the table of hypercalls, calls that are made again, the items of a multicall.
 */
#include "grade_pv.h"

#include <stdio.h>

#define WHERE_TABLE "pv.1: src/pv/hypercall.c, hypercall_init"
#define WHERE_AGAIN "pv.1: src/pv/hypercall.c, pv_again"
#define WHERE_ITEM  "pv.1: src/pv/multicall.c, make_call"

extern const struct hypercall __start_hypercalls[], __stop_hypercalls[];

/* A call of the grader's own, at a number that Xen has not given away. */
enum { OWN = 59, FIRST_ARGUMENT = 0x1000 };
static u64 seen[6];
static unsigned calls;

static s64 own_call(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
    const u64 arguments[6] = {a, b, c, d, e, f};

    for (unsigned i = 0; i < 6; i++)
        seen[i] = arguments[i];
    calls++;
    return 77;
}
HYPERCALL(OWN, own_call, LC_HC_EVENT_CHANNEL_OP);

static u64 cell_of(u32 counter)
{
    return offsetof(struct domain, ledger.cell) + counter * sizeof(struct ledger_cell);
}

static const struct hypercall *registered(unsigned number)
{
    for (const struct hypercall *h = __start_hypercalls; h < __stop_hypercalls; h++)
        if (h->number == number)
            return h;
    return NULL;
}

void table_filled(void **state)
{
    (void)state;
    world_start();
    hypercall_init();
    for (unsigned i = 0; i < HYPERCALLS; i++) {
        const struct hypercall *h = registered(i);

        GRADE_CASE("slot %u of the table, which %s", i,
                   h ? "a HYPERCALL line names" : "no HYPERCALL line names");
        GRADE_TRUE("the slot has a handler", hypercall_slot[i].handler, WHERE_TABLE);
        if (!hypercall_slot[i].handler)
            return;
        if (h)
            GRADE_TRUE("it is that line's", hypercall_slot[i].handler == h->handler, WHERE_TABLE);
        else
            EXPECT_RESULT("what its handler returns", hypercall_slot[i].handler(0, 0, 0, 0, 0, 0),
                          -ENOSYS, WHERE_TABLE);
        GRADE_EQUAL("the offset of its ledger cell", hypercall_slot[i].cell,
                    cell_of(h ? h->counter : LC_HC_OTHER), WHERE_TABLE);
    }
}

void made_again(void **state)
{
    struct virt_vcpu *x;
    struct regs *r;

    (void)state;
    world_start();
    x = world_vcpu.virt;
    r = &world_vcpu.regs;
    r->rip = 0x5002;
    r->rdx = 3;
    GRADE_CASE("pv_again(v, 26, 0x111, 0x222) behind a `syscall` at 0x5000");
    GRADE_EQUAL("the result, which becomes rax", pv_again(&world_vcpu, 26, 0x111, 0x222), 26,
                WHERE_AGAIN);
    GRADE_EQUAL("rip", r->rip, 0x5000, WHERE_AGAIN);
    GRADE_EQUAL("rdi", r->rdi, 0x111, WHERE_AGAIN);
    GRADE_EQUAL("rsi", r->rsi, 0x222, WHERE_AGAIN);
    GRADE_EQUAL("rdx", r->rdx, 3, WHERE_AGAIN);
    GRADE_TRUE("the run loop is asked for (v->kicked)", world_vcpu.kicked, WHERE_AGAIN);
    GRADE_TRUE("x->again is not set", !x->again, WHERE_AGAIN);

    world_vcpu.kicked = 0;
    x->in_multicall = true;
    GRADE_CASE("pv_again(v, 26, 0x333, 0x444) for an item of a multicall");
    GRADE_EQUAL("the result", pv_again(&world_vcpu, 26, 0x333, 0x444), 0, WHERE_AGAIN);
    GRADE_EQUAL("rip", r->rip, 0x5000, WHERE_AGAIN);
    GRADE_EQUAL("rdi", r->rdi, 0x111, WHERE_AGAIN);
    GRADE_TRUE("x->again is set", x->again, WHERE_AGAIN);
    GRADE_EQUAL("x->again_first", x->again_first, 0x333, WHERE_AGAIN);
    GRADE_EQUAL("x->again_second", x->again_second, 0x444, WHERE_AGAIN);
}

/* What one item of a multicall comes to. */
static s64 item(u64 op)
{
    struct multicall_entry call = {.op = op, .result = 0xbad};

    for (unsigned i = 0; i < 6; i++)
        call.args[i] = FIRST_ARGUMENT + i;
    GRADE_CASE("a multicall with one item, op = %lu", (unsigned long)op);
    EXPECT_RESULT("the multicall's own result",
                  world_call(__HYPERVISOR_multicall, (uintptr_t)&call, 1, 0, 0), 0, WHERE_ITEM);
    return (s64)call.result;
}

void items(void **state)
{
    static const struct {
        u64 op;
        s64 result;
    } refused[] = {{__HYPERVISOR_multicall, -EINVAL},
                   {__HYPERVISOR_iret, -ENOSYS},
                   {HYPERCALL_UNKNOWN, -ENOSYS},
                   {HYPERCALLS, -ENOSYS},
                   {HYPERCALLS + 1, -ENOSYS},
                   {1ULL << 32 | OWN, -ENOSYS},
                   {~0ULL, -ENOSYS}};

    (void)state;
    world_start();
    for (unsigned i = 0; i < HYPERCALLS; i++)
        hypercall_slot[i].handler = own_call;
    GRADE_EQUAL("the item's result", item(OWN), 77, WHERE_ITEM);
    GRADE_EQUAL("calls of the handler", calls, 1, WHERE_ITEM);
    for (unsigned i = 0; i < 6; i++) {
        char what[40];
        snprintf(what, sizeof(what), "the handler's argument %u", i + 1);
        GRADE_EQUAL(what, seen[i], FIRST_ARGUMENT + i, WHERE_ITEM);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(refused); i++) {
        EXPECT_RESULT("the item's result", item(refused[i].op), refused[i].result, WHERE_ITEM);
        GRADE_EQUAL("calls of a handler", calls, 1, WHERE_ITEM);
    }
}
