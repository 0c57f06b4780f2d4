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

enum { MEMOP_COMMAND = (1 << MEMOP_EXTENT_SHIFT) - 1 };

bool memory_populate(struct domain *d, unsigned order, u64 gfn, bool set_gfn, u64 *mfn)
{
    struct frame *f;

    if (d->frames + (1ULL << order) > d->frames_max)
        return false;
    f = frame_alloc_order(d->id, order);
    if (!f)
        return false;
    *mfn = frame_mfn(f).v;
    for (u64 i = 0; i < 1ULL << order; i++) {
        page_adopt(d, f + i, set_gfn ? (u32)(gfn + i) : ~0u);
        m2p_set(*mfn + i, set_gfn ? gfn + i : ~0ULL);
    }
    return true;
}

/* A table or descriptor page in use is not taken from under the guest. */
static bool give_back(struct domain *d, unsigned order, u64 mfn)
{
    for (u64 i = 0; i < 1ULL << order; i++) {
        struct frame *f = page_of(d, mfn + i);

        if (!f || !(f->extra16 & PAGE_ALLOCATED) || f->flags & FRAME_XEN_HEAP ||
            (f->type_count && f->type != FT_WRITABLE))
            return false;
        m2p_set(mfn + i, ~0ULL);
        page_release(d, f);
    }
    return true;
}

/* Returns how many extents were done, those before `i` in earlier parts of the call included: what
 * is wrong with the call as a whole does none, and is no error, as under Xen. An extent may be long
 * to clear: the time is asked after each. */
static s64 reservation(struct domain *d, u32 command, u64 i, u64 argument)
{
    struct xen_memory_reservation r;
    u64 list, extent;

    if (!pv_copy_from(&r, argument, sizeof(r)))
        return (s64)i;
    list = (u64)(uintptr_t)r.extent_start.p;
    list += list ? i * sizeof(extent) : 0;
    if (pv_foreign_domain(d, r.domid) || r.extent_order > MEMORY_ORDER_MAX ||
        r.nr_extents > ~0ULL >> MEMOP_EXTENT_SHIFT)
        return (s64)i;
    for (u64 first = i; i < r.nr_extents; i++, list += list ? sizeof(extent) : 0) {
        u64 mfn = 0;
        if (i > first && pv_time_is_up_now())
            return pv_again(pv_current(), __HYPERVISOR_memory_op, command | i << MEMOP_EXTENT_SHIFT,
                            argument);
        bool given = list && pv_copy_from(&extent, list, sizeof(extent));

        if (!given && (command != XENMEM_increase_reservation || list))
            break;
        if (command == XENMEM_decrease_reservation) {
            if (!give_back(d, r.extent_order, extent))
                break;
            continue;
        }
        if (!memory_populate(d, r.extent_order, extent, command == XENMEM_populate_physmap, &mfn))
            break;
        if (list && !pv_copy_to(list, &mfn, sizeof(mfn))) {
            give_back(d, r.extent_order, mfn);
            break;
        }
    }
    return (s64)i;
}

static s64 machphys_mapping(u64 argument)
{
    struct xen_machphys_mapping m = {MACH2PHYS_VIRT_START, MACH2PHYS_VIRT_END, frame_limit() - 1};

    return pv_copy_to(argument, &m, sizeof(m)) ? 0 : -EFAULT;
}

/* One range of RAM from 0 on. */
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
    if (!map.nr_entries)
        return -EINVAL;
    map.nr_entries = 1;
    return pv_copy_to((u64)(uintptr_t)map.buffer.p, &entry, sizeof(entry)) &&
                   pv_copy_to(argument, &map, sizeof(map))
               ? 0
               : -EFAULT;
}

/* What is known of a domain's memory, its number at the argument. */
static s64 of_domain(const struct domain *d, u32 command, u64 argument)
{
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
    default: /* XENMEM_maximum_gpfn */
        return (s64)(d->config.mem_bytes >> PAGE_SHIFT) - 1;
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

static s64 do_memory_op(u64 command, u64 argument)
{
    struct domain *d = pv_current()->domain;
    u64 first = command >> MEMOP_EXTENT_SHIFT;

    command &= MEMOP_COMMAND;
    switch (command) {
    case XENMEM_increase_reservation:
    case XENMEM_decrease_reservation:
    case XENMEM_populate_physmap:
        return reservation(d, (u32)command, first, argument);
    case XENMEM_exchange:
        return memory_exchange(d, argument);
    case XENMEM_maximum_ram_page:
        return (s64)frame_limit() - 1;
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
