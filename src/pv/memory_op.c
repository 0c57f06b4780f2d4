/*
 * memory_op: giving frames back, asking for others, and what memory there is. Source:
 * xen/memory.h.
 *
 * Invariant: a domain never owns more than frames_max; what it gets has been cleared.
 */
#include "memory_op.h"

#include "errno.h"
#include "hypercall.h"
#include "sched.h"

#include <xen/memory.h>

enum memory_op_constants {
    MEMOP_COMMAND = (1 << MEMOP_EXTENT_SHIFT) - 1,
    EXTENTS_MAX = ~0u >> MEMOP_EXTENT_SHIFT, /* of a call */
    RANGE_MAX = 0xffff,                      /* of add_to_physmap */
    NODE_NONE = 0xff,                        /* no node is named */
};

/* A number of bits with which all of the machine's memory is reached says nothing. Of virtual nodes
 * there are none, so XENMEMF_vnode says nothing, too. */
bool memory_flags(u32 flags, u64 *limit)
{
    unsigned bits = XENMEMF_get_address_bits(flags);

    *limit = bits && bits < 64 ? 1ULL << (MAX(bits, PAGE_SHIFT + 1u) - PAGE_SHIFT) : frame_limit();
    return flags & XENMEMF_vnode || !(flags & XENMEMF_exact_node_request) ||
           XENMEMF_get_node(flags) == NODE_NONE;
}

/* An extent for the domain, its numbers from gfn on; false: it may not have so much, or there is
 * not so much. */
static bool populate(struct domain *d, unsigned order, u64 limit, u64 gfn, bool set_gfn, u64 *mfn)
{
    struct frame *f;

    if (d->frames + (1ULL << order) > d->frames_max)
        return false;
    f = frame_alloc_order_below(d->id, order, limit);
    if (!f)
        return false;
    *mfn = frame_mfn(f).v;
    for (u64 i = 0; i < 1ULL << order; i++) {
        page_adopt(d, f + i, set_gfn ? (u32)(gfn + i) : ~0u);
        m2p_set(*mfn + i, set_gfn ? gfn + i : ~0ULL);
    }
    return true;
}

/* As under Xen: of what else refers to the frame, a pin or a mapping, nothing changes. The frame is
 * the domain's until that is gone, and may be given back as often as it likes. */
static bool give_back(struct domain *d, unsigned order, u64 mfn)
{
    for (u64 i = 0; i < 1ULL << order; i++) {
        struct frame *f = page_of(d, mfn + i);

        if (!f || f->flags & FRAME_XEN_HEAP)
            return false;
        m2p_set(mfn + i, ~0ULL);
        if (f->extra16 & PAGE_ALLOCATED)
            page_release(d, f);
    }
    return true;
}

/* Memory on demand is for translated guests. So few bits of an address reach no frame. */
static bool flags_suffice(u32 command, u32 flags, u64 *limit)
{
    unsigned bits = XENMEMF_get_address_bits(flags);

    return memory_flags(flags, limit) && (!bits || bits > PAGE_SHIFT) &&
           !(command == XENMEM_populate_physmap && flags & XENMEMF_populate_on_demand);
}

/* The extent that the list names, or will, at `at`. What is populated stays, as under Xen, even if
 * the guest cannot be told; increase_reservation needs no list. */
static bool one_extent(struct domain *d, u32 command, const struct xen_memory_reservation *r,
                       u64 limit, u64 at)
{
    u64 gfn = 0, mfn;

    if (command != XENMEM_increase_reservation && !pv_copy_from(&gfn, at, sizeof(gfn)))
        return false;
    if (command == XENMEM_decrease_reservation)
        return give_back(d, r->extent_order, gfn);
    if (!populate(d, r->extent_order, limit, gfn, command == XENMEM_populate_physmap, &mfn))
        return false;
    return (command == XENMEM_increase_reservation && !r->extent_start.p) ||
           pv_copy_to(at, &mfn, sizeof(mfn));
}

/* Returns how many extents were done, those before `i` in earlier parts of the call included: what
 * is wrong with the call as a whole does none, and is no error, as under Xen. An extent may be long
 * to clear: the time is asked after each. */
static s64 reservation(struct domain *d, u32 command, u64 i, u64 argument)
{
    struct xen_memory_reservation r;
    u64 list, limit;

    if (!pv_copy_from(&r, argument, sizeof(r)))
        return (s64)i;
    list = (u64)(uintptr_t)r.extent_start.p;
    if (pv_foreign_domain(d, r.domid) || r.extent_order > MEMORY_ORDER_MAX ||
        r.nr_extents > EXTENTS_MAX || !flags_suffice(command, r.mem_flags, &limit) ||
        !pv_address_ok(list))
        return (s64)i;
    for (u64 first = i; i < r.nr_extents; i++) {
        if (i > first && pv_time_is_up_now())
            return pv_again(pv_current(), __HYPERVISOR_memory_op, command | i << MEMOP_EXTENT_SHIFT,
                            argument);
        if (!one_extent(d, command, &r, limit, list + i * sizeof(u64)))
            break;
    }
    return (s64)i;
}

static s64 machphys_mapping(u64 argument)
{
    struct xen_machphys_mapping m = {MACH2PHYS_VIRT_START, MACH2PHYS_VIRT_END, frame_limit() - 1};

    return pv_copy_to(argument, &m, sizeof(m)) ? 0 : -EFAULT;
}

/* One range of RAM from 0 on, or, if there is no room, none. */
static s64 memory_map(const struct domain *d, u64 argument)
{
    enum { E820_RAM = 1 };
    struct e820_entry {
        u64 addr, size; /* bytes */
        u32 type;       /* E820_RAM */
    } __attribute__((packed)) entry = {0, d->config.mem_bytes, E820_RAM};
    struct xen_memory_map map;

    if (!pv_copy_from(&map, argument, sizeof(map)))
        return -EFAULT;
    map.nr_entries = MIN(map.nr_entries, 1u);
    return (!map.nr_entries || pv_copy_to((u64)(uintptr_t)map.buffer.p, &entry, sizeof(entry))) &&
                   pv_copy_to(argument, &map, sizeof(map))
               ? 0
               : -EFAULT;
}

/* What is known of a domain's memory, its number at the argument. */
static s64 of_domain(const struct domain *d, u32 command, u64 argument)
{
    u64 numbers;
    domid_t id;
    int error;

    if (!pv_copy_from(&id, argument, sizeof(id)))
        return -EFAULT;
    error = pv_foreign_domain(d, id);
    if (error)
        return error;
    switch (command) {
    case XENMEM_current_reservation:
        return (s64)(d->frames - d->pv->xen_frames);
    case XENMEM_maximum_reservation:
        return (s64)(d->frames_max - d->pv->xen_frames);
    default: /* XENMEM_maximum_gpfn: as the guest itself has said */
        numbers = *(volatile const xen_ulong_t *)&d->pv->shared->arch.max_pfn;
        return numbers ? (s64)numbers - 1 : 0;
    }
}

/* For translated guests; shared_info and the grant table have machine frames here. */
static s64 add_to_physmap(const struct domain *d, u64 argument)
{
    struct xen_add_to_physmap a;
    int error;

    if (!pv_copy_from(&a, argument, sizeof(a)))
        return -EFAULT;
    if (a.space == XENMAPSPACE_gmfn_foreign)
        return -ENOSYS;
    error = pv_foreign_domain(d, a.domid);
    return error ? error : -EACCES;
}

/* Only some commands are made again, and have a number above theirs then. 0, or what the others
 * answer to one: those that Xen has for one kind of processor, as if there were no such command. */
static int cannot_go_on(u64 command, u64 first)
{
    const u64 go_on = 1ULL << XENMEM_increase_reservation | 1ULL << XENMEM_decrease_reservation |
                      1ULL << XENMEM_populate_physmap;
    const u64 common = 1ULL << XENMEM_exchange | 1ULL << XENMEM_maximum_ram_page |
                       1ULL << XENMEM_current_reservation | 1ULL << XENMEM_maximum_reservation |
                       1ULL << XENMEM_maximum_gpfn;

    if (command == XENMEM_add_to_physmap)
        return first > RANGE_MAX ? -EDOM : 0;
    if (go_on >> command & 1)
        return 0;
    return common >> command & 1 ? -EINVAL : -ENOSYS;
}

static s64 do_memory_op(u64 command, u64 argument)
{
    struct domain *d = pv_current()->domain;
    u64 first = command >> MEMOP_EXTENT_SHIFT;
    int error;

    command &= MEMOP_COMMAND;
    error = first ? cannot_go_on(command, first) : 0;
    if (error)
        return error;
    switch (command) {
    case XENMEM_increase_reservation:
    case XENMEM_decrease_reservation:
    case XENMEM_populate_physmap:
        return reservation(d, (u32)command, first, argument);
    case XENMEM_exchange:
        return memory_exchange(d, argument);
    case XENMEM_maximum_ram_page:
        return (s64)frame_limit(); /* one more than its name says, as under Xen */
    case XENMEM_current_reservation:
    case XENMEM_maximum_reservation:
    case XENMEM_maximum_gpfn:
        return of_domain(d, (u32)command, argument);
    case XENMEM_machphys_mapping:
        return machphys_mapping(argument);
    case XENMEM_memory_map:
        return memory_map(d, argument);
    case XENMEM_add_to_physmap:
        return add_to_physmap(d, argument);
    default:
        return -ENOSYS;
    }
}
HYPERCALL(__HYPERVISOR_memory_op, do_memory_op, LC_HC_MEMORY_OP);
