/*
 * 100,000 calls of the hypervisor at random from a fixed seed. Each thousand is announced with the
 * generator's state, so that the call after which something went wrong can be made again:
 * its number is in the log, and its state follows from the thousand's.
 */
#include "hostile/attack.h"
#include "hostile/random_calls.h"

#include "kit/kit.h"

#include "public/trivisor.h"

enum { CALLS = 100000, ANNOUNCE = 1000 };

/* A recount after each thousand, not more often: it looks at all memory. */
static s64 recounted(unsigned i)
{
    return i % ANNOUNCE == ANNOUNCE - 1 ? platform->trivisor(TRIVISOR_CHECK, 0, 0) : 0;
}

static s64 call_full(void)
{
    u64 number = random_next() % 4 ? TRIVISOR_HYPERCALL : random_next() >> (random_next() & 63);
    u64 command = random_next() % 2 ? random_next() % 9 : random_next();

    /* These look at all memory: announce() and recounted() make them. */
    if (command == TRIVISOR_CHECK || command == TRIVISOR_DIRTY_START ||
        command == TRIVISOR_DIRTY_STOP)
        command = TRIVISOR_NULL;
    return vmcall(number, command, random_argument(), random_argument());
}

u64 random_argument(void)
{
    static const u64 interesting[] = {
        0,
        1,
        2,
        7,
        64,
        511,
        512,
        4095,
        4096,
        0x100000,
        0x7fffffff,
        0x80000000,
        0xffffffff,
        0x100000000,
        0x7fffffffffff,
        0x7ffffffff000,
        0x800000000000,
        0xffff800000000000,
        0xffff828000000000,
        0xffff830000000000,
        0xffff880000000000,
        0xffffffffffffffff,
        0x7fffffffffffffff,
        0x8000000000000000,
    };
    u64 r = random_next();

    switch (r % 4) {
    case 0:
        return interesting[(r >> 8) % ARRAY_SIZE(interesting)];
    case 1:
        return interesting[(r >> 8) % ARRAY_SIZE(interesting)] + ((r >> 16) % 17) - 8;
    case 2:
        return random_next() >> (r >> 8 & 63);
    default:
        return random_place();
    }
}

static u8 scratch[2 * PAGE_SIZE] __attribute__((aligned(4096)));

u64 random_place(void)
{
    return (u64)scratch + random_next() % sizeof(scratch);
}

/* Every second thousand is made with the dirty log on, where there is one. */
static void announce(unsigned i)
{
    print("calls from %u, state %lx\n", i, random_state);
    platform->trivisor(i / ANNOUNCE % 2 ? TRIVISOR_DIRTY_START : TRIVISOR_DIRTY_STOP, 0, 0);
}

static s64 random_calls(void)
{
    s64 violations = 0;

    for (unsigned i = 0; i < CALLS; i++) {
        if (i % ANNOUNCE == 0)
            announce(i);
        if (platform->pv)
            random_call_pv(i);
        else
            call_full();
        violations += recounted(i) > 0;
    }
    platform->trivisor(TRIVISOR_EXPECT, TRIVISOR_EXPECT_NONE, 0);
    return violations;
}

static struct outcome try_random_calls(void)
{
    return probe(random_calls);
}

static const struct attack attacks[] = {
    {"100,000 calls at random", SURVIVES, try_random_calls, RETURNS(0), 0},
};
const struct attack_list random_attacks = {attacks, ARRAY_SIZE(attacks)};
