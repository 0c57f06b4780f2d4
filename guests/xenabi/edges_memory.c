/*
 * The edges of memory_op: what is done of a call that ends early, flags, numbers above a command.
 */
#include "xenabi.h"

#include "kit/pv_paging.h"
#include "kit/space.h"

#include <xen/memory.h>

#define OP(name) __HYPERVISOR_##name
#define NOWHERE  0x00007f0000000000ULL /* of user mode's: nothing is mapped */
enum { SPARE = 8, NUMBER = 100000, GOES_ON = 1 << 6 };

static u64 spare[SPARE][512]
    __attribute__((aligned(4096))); /* given back, so that others may come */
static u64 mapped[512] __attribute__((aligned(4096)));
static u64 table[512] __attribute__((aligned(4096)));
static u64 constant[512] __attribute__((aligned(4096))); /* mapped read-only */
static xen_pfn_t list[2];

static s64 memory(u64 command, const void *argument)
{
    return hypercall2(OP(memory_op), command, (u64)argument);
}

static s64 map(const void *at, u64 entry)
{
    return hypercall3(OP(update_va_mapping), (u64)at, entry, UVMF_INVLPG);
}

static s64 extended(u32 command, u64 mfn)
{
    struct mmuext_op op = {.cmd = command, .arg1.mfn = mfn};

    return hypercall4(OP(mmuext_op), (u64)&op, 1, 0, DOMID_SELF);
}

/* Frames more than at the last call. */
static s64 more(void)
{
    static s64 before;
    domid_t self = DOMID_SELF;
    s64 now = memory(XENMEM_current_reservation, &self), change = now - before;

    before = now;
    return change;
}

static struct xen_memory_reservation one_at(const void *at, u32 flags)
{
    struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF, .mem_flags = flags};

    list[0] = NUMBER;
    set_xen_guest_handle(r.extent_start, (xen_pfn_t *)(u64)at);
    return r;
}

static void make_room(void)
{
    for (unsigned i = 0; i < SPARE; i++) {
        struct xen_memory_reservation r = one_at(list, 0);

        list[0] = abi_frame(spare[i]);
        map(spare[i], 0);
        abi_equal("decrease", 1, memory(XENMEM_decrease_reservation, &r));
    }
    more();
}

/* Lists that cannot be read, or written: what was taken by then stays taken. */
static void check_lists(void)
{
    struct xen_memory_reservation r = one_at((void *)NOWHERE, 0);

    abi_equal("increase: a list that is not there", 0, memory(XENMEM_increase_reservation, &r));
    abi_equal("there is one more", 1, more());
    r = one_at((void *)ABI_BAD, 0);
    abi_equal("increase: a list in the hypervisor", 0, memory(XENMEM_increase_reservation, &r));
    abi_equal("there is none more", 0, more());
    r = one_at(NULL, 0);
    abi_equal("increase: no list", 1, memory(XENMEM_increase_reservation, &r));
    abi_equal("there is another one", 1, more());
    map(constant, pv_entry_of((u64)constant, ENTRY_RW));
    constant[0] = NUMBER;
    map(constant, pv_entry_of((u64)constant, ENTRY_PRESENT));
    r = one_at(constant, 0);
    abi_equal("populate: a list that is not writable", 0, memory(XENMEM_populate_physmap, &r));
    abi_equal("there is one more of these", 1, more());
    r = one_at(list, 0);
    r.nr_extents = 1ULL << 26;
    abi_equal("increase: more than a call may ask for", 0, memory(XENMEM_increase_reservation, &r));
    r.nr_extents = 0;
    abi_equal("increase: none", 0, memory(XENMEM_increase_reservation, &r));
    r.nr_extents = 1;
    abi_equal("increase: beyond the end", 5, memory(XENMEM_increase_reservation | 5 * GOES_ON, &r));
    abi_equal("there is none more of these", 0, more());
}

static void check_flags(void)
{
    struct xen_memory_reservation r = one_at(list, XENMEMF_populate_on_demand);

    abi_equal("populate: on demand", 0, memory(XENMEM_populate_physmap, &r));
    r = one_at(list, XENMEMF_address_bits(12));
    abi_equal("populate: in no frame", 0, memory(XENMEM_populate_physmap, &r));
    r = one_at(list, XENMEMF_address_bits(13));
    abi_equal("populate: in the first frames", 0, memory(XENMEM_populate_physmap, &r));
    abi_equal("there is none", 0, more());
    r = one_at(list, XENMEMF_address_bits(24));
    if (memory(XENMEM_populate_physmap, &r) == 1)
        check("populate: in the first 16 MiB", list[0] < 1u << (24 - PAGE_SHIFT));
    more();
    r = one_at(list, XENMEMF_vnode | XENMEMF_exact_node(0));
    abi_equal("populate: on a virtual node", 1, memory(XENMEM_populate_physmap, &r));
    abi_equal("there is one", 1, more());
    if (!pv_is_trivisor()) /* Xen's domain 0 may name nodes */
        return;
    r = one_at(list, XENMEMF_node(200));
    abi_equal("populate: rather on a node", 1, memory(XENMEM_populate_physmap, &r));
    r = one_at(list, XENMEMF_exact_node(0));
    abi_equal("populate: on a node alone", 0, memory(XENMEM_populate_physmap, &r));
    abi_equal("there is one more", 1, more());
}

/* A frame in use may be given back, more than once; it goes when its last use does. */
static void check_in_use(void)
{
    struct xen_memory_reservation r = one_at(list, 0);

    list[0] = abi_frame(mapped);
    abi_equal("decrease: what is mapped", 1, memory(XENMEM_decrease_reservation, &r));
    abi_equal("it is not gone", 0, more());
    abi_equal("decrease: the same", 1, memory(XENMEM_decrease_reservation, &r));
    abi_equal("it can be written", 0, ((volatile u64 *)mapped)[0]);
    abi_equal("its mapping goes", 0, map(mapped, 0));
    abi_equal("it is gone", -1, more());
    abi_equal("decrease: what is gone", 0, memory(XENMEM_decrease_reservation, &r));
    map(table, pv_entry_of((u64)table, ENTRY_PRESENT));
    list[0] = abi_frame(table);
    abi_equal("pinned", 0, extended(MMUEXT_PIN_L1_TABLE, list[0]));
    abi_equal("decrease: a table in use", 1, memory(XENMEM_decrease_reservation, &r));
    abi_equal("the table's pin stays", 0, extended(MMUEXT_UNPIN_TABLE, list[0]));
    abi_equal("the table is not gone", 0, more());
    abi_equal("its mapping goes, too", 0, map(table, 0));
    abi_equal("the table is gone", -1, more());
}

/* A number above the command says where to go on; most commands do not. */
static void check_going_on(void)
{
    static const struct {
        const char *what; /* the command */
        u32 command;      /* XENMEM_* */
        s64 expected;     /* its answer */
    } commands[] = {
        {"maximum_ram_page, going on", XENMEM_maximum_ram_page, -ABI_EINVAL},
        {"current_reservation, going on", XENMEM_current_reservation, -ABI_EINVAL},
        {"maximum_reservation, going on", XENMEM_maximum_reservation, -ABI_EINVAL},
        {"maximum_gpfn, going on", XENMEM_maximum_gpfn, -ABI_EINVAL},
        {"exchange, going on", XENMEM_exchange, -ABI_EINVAL},
        {"machphys_mapping, going on", XENMEM_machphys_mapping, -ABI_ENOSYS},
        {"memory_map, going on", XENMEM_memory_map, -ABI_ENOSYS},
        {"add_to_physmap, going on", XENMEM_add_to_physmap, -ABI_EFAULT},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(commands); i++)
        abi_equal(commands[i].what, commands[i].expected,
                  memory(commands[i].command | GOES_ON, (void *)ABI_BAD));
    abi_equal("add_to_physmap, further than a range goes", -ABI_EDOM,
              memory(XENMEM_add_to_physmap | 0x10000 * GOES_ON, (void *)ABI_BAD));
}

static void check_numbers(void)
{
    struct xen_machphys_mapping m;
    domid_t self = DOMID_SELF;
    u64 before = PV_SHARED->arch.max_pfn;

    memory(XENMEM_machphys_mapping, &m);
    check("maximum_ram_page: one more than the last",
          memory(XENMEM_maximum_ram_page, NULL) == (s64)m.max_mfn + 1);
    PV_SHARED->arch.max_pfn = 0;
    abi_equal("maximum_gpfn: it has not said", 0, memory(XENMEM_maximum_gpfn, &self));
    PV_SHARED->arch.max_pfn = 1234;
    abi_equal("maximum_gpfn: what it has said", 1233, memory(XENMEM_maximum_gpfn, &self));
    PV_SHARED->arch.max_pfn = before;
}

static s64 exchange(u64 count, u32 order, void *at)
{
    struct xen_memory_exchange e = {
        .in = {.nr_extents = count, .extent_order = order, .domid = DOMID_SELF},
        .out = {.nr_extents = count, .extent_order = order, .domid = DOMID_SELF}};

    list[0] = ABI_NO_FRAME;
    set_xen_guest_handle(e.in.extent_start, list);
    set_xen_guest_handle(e.out.extent_start, list);
    memcpy(at, &e, sizeof(e));
    if (at == constant)
        map(constant, pv_entry_of((u64)constant, ENTRY_PRESENT));
    return memory(XENMEM_exchange, at);
}

static void check_exchange(void)
{
    struct xen_memory_exchange e;

    abi_equal("exchange: none", 0, exchange(0, 0, &e));
    abi_equal("exchange: of many the first is none", -ABI_EINVAL, exchange(1ULL << 60, 0, &e));
    abi_equal("exchange: longer than a list can be", -ABI_EFAULT, exchange(1ULL << 62, 0, &e));
    map(constant, pv_entry_of((u64)constant, ENTRY_RW));
    abi_equal("exchange: too large, and no room to say so", -ABI_EFAULT, exchange(1, 40, constant));
    map(constant, pv_entry_of((u64)constant, ENTRY_RW));
}

void abi_edges_memory(void)
{
    make_room();
    check_lists();
    check_flags();
    check_in_use();
    check_going_on();
    check_numbers();
    check_exchange();
}
