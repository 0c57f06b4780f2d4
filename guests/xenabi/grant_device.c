/*
 * Grants for a device: the use itself, beside a mapping and without one; each part's end; what the
 * granter can change meanwhile; and the entries that mappings make.
 */
#include "xenabi.h"

#include "kit/pv_paging.h"
#include "kit/space.h"

#include <xen/grant_table.h>

#define GR __HYPERVISOR_grant_table_op
enum { REF = 40, OTHER_REF = 41, TABLE_REF = 42, LOST_REF = 43, UNTOUCHED = 0x7777 };
enum { IN_USE = GTF_permit_access | GTF_reading | GTF_writing, PIN_LIMIT = 128 };
enum { BOTH = GNTMAP_device_map | GNTMAP_host_map };
#define NO_TABLE     0x00007f0000000000ULL /* where the guest has no tables */
#define GUEST_KERNEL (1ULL << 52)          /* Xen's mark of an entry that came without U */
#define ENTRY_GLOBAL (1ULL << 8)

static grant_entry_v1_t grants[512] __attribute__((aligned(4096)));
static u64 page[512] __attribute__((aligned(4096)));
static u64 other[512] __attribute__((aligned(4096)));
static u64 window[2][512] __attribute__((aligned(4096)));
static grant_handle_t given; /* by the last mapping */
static u64 bus;              /* address, too */

static s64 map_page(const void *at, u64 entry)
{
    return hypercall3(__HYPERVISOR_update_va_mapping, (u64)at, entry, UVMF_INVLPG);
}

/* Its own page, where it was. */
static void restore(const void *at)
{
    check_quietly(map_page(at, pv_entry_of((u64)at, ENTRY_RW)) == 0);
}

static void grant(u32 ref, const void *p, u16 flags)
{
    grants[ref].frame = (u32)abi_frame(p);
    grants[ref].domid = pv_self();
    __atomic_store_n(&grants[ref].flags, GTF_permit_access | flags, __ATOMIC_SEQ_CST);
}

static int use(u32 ref, u32 flags, u64 at)
{
    struct gnttab_map_grant_ref m = {.host_addr = at,
                                     .flags = flags,
                                     .ref = ref,
                                     .dom = grants[ref].domid,
                                     .handle = UNTOUCHED,
                                     .dev_bus_addr = UNTOUCHED};

    if (hypercall3(GR, GNTTABOP_map_grant_ref, (u64)&m, 1))
        return 1;
    given = m.handle;
    bus = m.dev_bus_addr;
    return m.status;
}

static int end_use(u64 at, u64 device, grant_handle_t handle)
{
    struct gnttab_unmap_grant_ref u = {.host_addr = at, .dev_bus_addr = device, .handle = handle};

    return hypercall3(GR, GNTTABOP_unmap_grant_ref, (u64)&u, 1) ? 1 : u.status;
}

static void check_device(void)
{
    grant_handle_t handle;
    u64 frame = abi_frame(page) << PAGE_SHIFT;

    grant(REF, page, 0);
    abi_equal("map: for a device", GNTST_okay, use(REF, GNTMAP_device_map, 0));
    handle = given;
    check_equal("its address", frame, bus);
    abi_equal("it is marked", IN_USE, grants[REF].flags);
    abi_equal("unmap: neither address", GNTST_okay, end_use(0, 0, handle));
    abi_equal("unmap: what is not mapped", GNTST_okay, end_use((u64)window[0], 0, handle));
    abi_equal("unmap: another address", GNTST_bad_dev_addr, end_use(0, frame + PAGE_SIZE, handle));
    abi_equal("unmap: within the page", GNTST_bad_dev_addr, end_use(0, frame + 8, handle));
    abi_equal("it is marked still", IN_USE, grants[REF].flags);
    abi_equal("unmap: from the device", GNTST_okay, end_use(0, frame, handle));
    abi_equal("unmap: from it twice", GNTST_bad_handle, end_use(0, frame, handle));
    abi_equal("its marks are gone", GTF_permit_access, grants[REF].flags);
}

static void check_both(void)
{
    grant_handle_t handle;
    u64 frame = abi_frame(page) << PAGE_SHIFT, at = (u64)window[0];

    grant(REF, page, 0);
    abi_equal("map: both", GNTST_okay, use(REF, BOTH, at));
    handle = given;
    check_equal("the address of both", frame, bus);
    abi_equal("unmap: elsewhere, and the device", GNTST_general_error,
              end_use((u64)window[1], frame, handle));
    abi_equal("unmap: there, and another's device", GNTST_bad_dev_addr,
              end_use(at, frame + PAGE_SIZE, handle));
    abi_equal("unmap: there", GNTST_okay, end_use(at, 0, handle));
    abi_equal("unmap: there again", GNTST_okay, end_use(at, 0, handle));
    abi_equal("the device has it still", IN_USE, grants[REF].flags);
    abi_equal("unmap: the device's", GNTST_okay, end_use(at, frame, handle));
    abi_equal("no more marks", GTF_permit_access, grants[REF].flags);
    abi_equal("map: both again", GNTST_okay, use(REF, BOTH, at));
    abi_equal("unmap: the device's first", GNTST_okay, end_use(0, bus, given));
    abi_equal("unmap: then there; the device has none", GNTST_okay, end_use(at, bus + 1, given));
    abi_equal("unmap: the handle is free", GNTST_bad_handle, end_use(at, bus, given));
    abi_equal("map: both once more", GNTST_okay, use(REF, BOTH, at));
    abi_equal("unmap: both", GNTST_okay, end_use(at, bus, given));
    abi_equal("the grant is as it was", GTF_permit_access, grants[REF].flags);
    restore(window[0]);
}

static const u64 *entry_of(const void *at)
{
    return space_entry(&kernel_space, (u64)at, 1, false);
}

static int replace(u64 at, u64 by, grant_handle_t handle)
{
    struct gnttab_unmap_and_replace u = {.host_addr = at, .new_addr = by, .handle = handle};

    return hypercall3(GR, GNTTABOP_unmap_and_replace, (u64)&u, 1) ? 1 : u.status;
}

static int swap(u32 a, u32 b)
{
    struct gnttab_swap_grant_ref s = {.ref_a = a, .ref_b = b};

    return hypercall3(GR, GNTTABOP_swap_grant_ref, (u64)&s, 1) ? 1 : s.status;
}

/* Nothing of a mapping that is refused is left; what is used stays what it is. */
static void check_refused(void)
{
    grant(REF, page, 0);
    abi_equal("map: both, where no table is", GNTST_general_error, use(REF, BOTH, NO_TABLE));
    abi_equal("its handle is not touched", UNTOUCHED, given);
    abi_equal("nor its address", UNTOUCHED, (s64)bus);
    abi_equal("and it is not marked", GTF_permit_access, grants[REF].flags);
    grant(TABLE_REF, (const void *)pv_start.pt_base, 0);
    abi_equal("map: a page table, for a device", GNTST_general_error,
              use(TABLE_REF, GNTMAP_device_map, 0));
    abi_equal("map: to be read by it", GNTST_okay,
              use(TABLE_REF, GNTMAP_device_map | GNTMAP_readonly, 0));
    abi_equal("it is marked as read", GTF_permit_access | GTF_reading, grants[TABLE_REF].flags);
    abi_equal("unmap it", GNTST_okay, end_use(0, bus, given));
    grant(REF, page, GTF_sub_page);
    abi_equal("map: a part of a page", GNTST_general_error, use(REF, GNTMAP_device_map, 0));
    grant(REF, page, GTF_readonly);
    abi_equal("map: for a device, what is read-only", GNTST_general_error,
              use(REF, GNTMAP_device_map, 0));
}

/* What is offered in an entry's place is taken first; a use whose entry is lost stays. */
static void check_replace(void)
{
    grant(LOST_REF, other, 0);
    abi_equal("map: both, to replace one", GNTST_okay, use(LOST_REF, BOTH, (u64)window[0]));
    abi_equal("replace it elsewhere", GNTST_general_error,
              replace((u64)page, (u64)window[1], given));
    check_equal("what was to replace it is lost", 0, *entry_of(window[1]));
    abi_equal("replace it by itself", GNTST_general_error,
              replace((u64)window[0], (u64)window[0], given));
    check_equal("it is lost itself", 0, *entry_of(window[0]));
    abi_equal("its device is not", GNTST_okay, end_use(0, bus, given));
    abi_equal("nor that it is used", IN_USE, grants[LOST_REF].flags);
    restore(window[0]);
    restore(window[1]);
    grant(REF, page, 0);
    abi_equal("map: both of another", GNTST_okay, use(REF, BOTH, (u64)window[0]));
    abi_equal("replace one", GNTST_okay, replace((u64)window[0], (u64)window[1], given));
    check_equal("by what was there", abi_frame(window[1]) << PAGE_SHIFT,
                *entry_of(window[0]) & ENTRY_ADDRESS);
    abi_equal("swap: while the device uses it", GNTST_eagain, swap(REF, OTHER_REF));
    abi_equal("unmap: the rest of it", GNTST_okay, end_use(0, bus, given));
    restore(window[0]);
    restore(window[1]);
}

static s64 pin(const void *table)
{
    struct mmuext_op op = {.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = abi_frame(table)};
    s64 result = hypercall4(__HYPERVISOR_mmuext_op, (u64)&op, 1, 0, DOMID_SELF);

    op.cmd = MMUEXT_UNPIN_TABLE;
    if (!result)
        hypercall4(__HYPERVISOR_mmuext_op, (u64)&op, 1, 0, DOMID_SELF);
    return result;
}

static int copy_to(u32 ref)
{
    struct gnttab_copy c = {.source = {.u.gmfn = abi_frame(window[0]), .domid = DOMID_SELF},
                            .dest = {.u.ref = ref, .domid = pv_self()},
                            .len = 8,
                            .flags = GNTCOPY_dest_gref};

    return hypercall3(GR, GNTTABOP_copy, (u64)&c, 1) ? 1 : c.status;
}

/* A grant in use stays what it was, whatever its owner makes of the entry. */
static void check_changed(void)
{
    grant_handle_t first, second;
    u64 frame = abi_frame(page) << PAGE_SHIFT;

    memset(page, 0, sizeof(page));
    memset(other, 0, sizeof(other));
    window[0][0] = 5;
    grant(REF, page, 0);
    abi_equal("map: what will change", GNTST_okay, use(REF, GNTMAP_device_map, 0));
    first = given;
    check_quietly(map_page(page, pv_entry_of((u64)page, ENTRY_PRESENT)) == 0);
    abi_equal("a page table of what a device writes to", -ABI_EINVAL, pin(page));
    restore(page);
    grants[REF] = (grant_entry_v1_t){.frame = (u32)abi_frame(other), .domid = pv_self()};
    abi_equal("map: it has changed", GNTST_okay, use(REF, GNTMAP_device_map, 0));
    second = given;
    check_equal("it is the same page", frame, bus);
    abi_equal("copy: to it", GNTST_okay, copy_to(REF));
    abi_equal("it arrives", 5, (s64)page[0]);
    abi_equal("and not there", 0, (s64)other[0]);
    abi_equal("unmap: the second", GNTST_okay, end_use(0, frame, second));
    abi_equal("unmap: the first", GNTST_okay, end_use(0, frame, first));
    abi_equal("nothing is in its entry", 0, grants[REF].flags);
    page[0] = 0;
    check_quietly(map_page(page, pv_entry_of((u64)page, ENTRY_PRESENT)) == 0);
    abi_equal("now it can be a page table", 0, pin(page));
    restore(page);
    grant(REF, page, 0);
    abi_equal("map: to be read", GNTST_okay, use(REF, GNTMAP_device_map | GNTMAP_readonly, 0));
    first = given;
    grants[REF].flags |= GTF_readonly;
    abi_equal("map: to be written, which has ended", GNTST_general_error,
              use(REF, GNTMAP_device_map, 0));
    abi_equal("unmap: the reader's", GNTST_okay, end_use(0, frame, first));
}

/* A device can use it so often, and others beside it. */
static void check_uses(u32 kind)
{
    enum { MORE = 200 };
    static grant_handle_t handle[MORE];
    unsigned uses = 0;
    int status = 0;

    grant(REF, page, 0);
    while (uses < MORE && !(status = use(REF, kind, 0)))
        handle[uses++] = given;
    abi_equal("map: for a device once too often", GNTST_general_error, status);
    abi_equal("so often a device can use it", PIN_LIMIT, uses);
    abi_equal("map: both, of which one is too much", GNTST_general_error,
              use(REF, kind | GNTMAP_host_map, (u64)window[0]));
    abi_equal("map: not for a device", GNTST_okay, use(REF, kind ^ BOTH, (u64)window[0]));
    abi_equal("unmap it", GNTST_okay, end_use((u64)window[0], 0, given));
    abi_equal("map: for a device, the other way", GNTST_okay, use(REF, kind ^ GNTMAP_readonly, 0));
    abi_equal("unmap: that", GNTST_okay, end_use(0, bus, given));
    while (uses-- > 0)
        check_quietly(end_use(0, abi_frame(page) << PAGE_SHIFT, handle[uses]) == GNTST_okay);
    abi_equal("no use is left", GTF_permit_access, grants[REF].flags);
    restore(window[0]);
}

/* The entry that a mapping with these flags makes, without its frame. */
static u64 entry_by(u32 flags)
{
    u64 got;

    check_quietly(use(REF, GNTMAP_host_map | flags, (u64)window[0]) == GNTST_okay);
    got = *entry_of(window[0]) & ~ENTRY_ADDRESS;
    check_quietly(end_use((u64)window[0], 0, given) == GNTST_okay);
    return got;
}

static void check_entries(void)
{
    enum { MINE = 5, AVAIL_SHIFT = 9 };
    u64 all = ENTRY_PRESENT | ENTRY_USER | ENTRY_ACCESSED | ENTRY_DIRTY | ENTRY_NX;

    grant(REF, page, 0);
    check_equal("the entry of a mapping", all | ENTRY_WRITE | GUEST_KERNEL, entry_by(0));
    check_equal("of a read-only one", all | GUEST_KERNEL, entry_by(GNTMAP_readonly));
    check_equal("of a program's", all | ENTRY_WRITE | ENTRY_GLOBAL,
                entry_by(GNTMAP_application_map));
    check_equal("with bits of the guest's", all | GUEST_KERNEL | MINE << AVAIL_SHIFT,
                entry_by(GNTMAP_readonly | MINE << _GNTMAP_guest_avail0));
    restore(window[0]);
}

void abi_grant_device(void)
{
    if (abi_show_grants(grants))
        return;
    check_device();
    check_both();
    check_refused();
    check_replace();
    check_changed();
    check_uses(GNTMAP_device_map);
    check_uses(GNTMAP_device_map | GNTMAP_readonly);
    check_entries();
    check_quiet_end("what is between");
    grants[REF] = grants[TABLE_REF] = (grant_entry_v1_t){0};
    abi_equal("the table is away", 0, map_page(grants, pv_entry_of((u64)grants, ENTRY_RW)));
}
