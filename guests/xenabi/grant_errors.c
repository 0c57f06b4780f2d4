/*
 * Grants that may not be used, and items of lists that are not what they should be.
 */
#include "xenabi.h"

#include "kit/pv_paging.h"
#include "kit/space.h"

#include <xen/grant_table.h>

#define GR __HYPERVISOR_grant_table_op
enum { REF = 30, OTHER_REF = 31, WRONG_REF = 32, FREE_REF = 33, BEYOND = 1 << 24 };
/* Where the guest has no tables. */
#define NO_TABLE ((void *)0x00007f0000000000ULL)

static grant_entry_v1_t grants[512] __attribute__((aligned(4096)));
static u64 window[2][512] __attribute__((aligned(4096)));

static s64 map_page(const void *at, u64 entry)
{
    return hypercall3(__HYPERVISOR_update_va_mapping, (u64)at, entry, UVMF_INVLPG);
}

static void grant(u32 ref, u16 to, u64 frame, u16 flags)
{
    grants[ref].frame = (u32)frame;
    grants[ref].domid = to;
    __atomic_store_n(&grants[ref].flags, GTF_permit_access | flags, __ATOMIC_SEQ_CST);
}

static int map(u32 ref, u32 flags, const void *at, grant_handle_t *handle)
{
    struct gnttab_map_grant_ref m = {
        .host_addr = (u64)at, .flags = flags, .ref = ref, .dom = pv_self()};

    abi_equal("map_grant_ref", 0, hypercall3(GR, GNTTABOP_map_grant_ref, (u64)&m, 1));
    *handle = m.handle;
    return m.status;
}

static int copy_to(u32 ref)
{
    struct gnttab_copy c = {.source = {.u.gmfn = abi_frame(window[1]), .domid = DOMID_SELF},
                            .dest = {.u.ref = ref, .domid = pv_self()},
                            .len = 8,
                            .flags = GNTCOPY_dest_gref};

    abi_equal("copy", 0, hypercall3(GR, GNTTABOP_copy, (u64)&c, 1));
    return c.status;
}

static void check_wrong_frame(void)
{
    grant_handle_t none;

    grant(WRONG_REF, pv_self(), 0x3ffffff, 0);
    abi_equal("map: no frame", GNTST_bad_page, map(WRONG_REF, GNTMAP_host_map, window, &none));
    abi_equal("copy: no frame", GNTST_bad_page, copy_to(WRONG_REF));
    abi_equal("copy: what is not granted", GNTST_general_error, copy_to(FREE_REF));
    grant(WRONG_REF, ABI_NOBODY, abi_frame(abi_page), 0);
    abi_equal("copy: what is granted to another", GNTST_general_error, copy_to(WRONG_REF));
    abi_equal("map: what is granted to another", GNTST_general_error,
              map(WRONG_REF, GNTMAP_host_map, window, &none));
    grants[WRONG_REF] = (grant_entry_v1_t){0};
}

static int swap(u32 a, u32 b)
{
    struct gnttab_swap_grant_ref s = {.ref_a = a, .ref_b = b};

    abi_equal("swap_grant_ref", 0, hypercall3(GR, GNTTABOP_swap_grant_ref, (u64)&s, 1));
    return s.status;
}

static int replace(grant_handle_t handle, const void *at, const void *by)
{
    struct gnttab_unmap_and_replace u = {
        .host_addr = (u64)at, .new_addr = (u64)by, .handle = handle};

    abi_equal("unmap_and_replace", 0, hypercall3(GR, GNTTABOP_unmap_and_replace, (u64)&u, 1));
    return u.status;
}

static void check_in_use(void)
{
    grant_handle_t handle;

    grant(REF, pv_self(), abi_frame(abi_page), 0);
    abi_equal("swap: beyond the table", GNTST_bad_gntref, swap(REF, BEYOND));
    abi_equal("swap: the first beyond it", GNTST_bad_gntref, swap(BEYOND, REF));
    abi_equal("swap", GNTST_okay, swap(REF, OTHER_REF));
    abi_equal("it is the other's", GTF_permit_access, grants[OTHER_REF].flags);
    abi_equal("map it there", GNTST_okay, map(OTHER_REF, GNTMAP_host_map, window[0], &handle));
    abi_equal("swap: while it is used", GNTST_eagain, swap(OTHER_REF, REF));
    abi_equal("swap: while the second is used", GNTST_eagain, swap(REF, OTHER_REF));
    abi_equal("replace it by what is not there", GNTST_general_error,
              replace(handle, window[0], NO_TABLE));
    abi_equal("replace it", GNTST_okay, replace(handle, window[0], window[1]));
    abi_equal("replace it twice", GNTST_bad_handle, replace(handle, window[0], window[1]));
    abi_equal("the other's place is empty", 0,
              map_page(window[1], pv_entry_of((u64)window[1], ENTRY_RW)));
    abi_equal("back where it was", 0, map_page(window[0], pv_entry_of((u64)window[0], ENTRY_RW)));
    grants[OTHER_REF] = (grant_entry_v1_t){0};
}

static int unmap(grant_handle_t handle, const void *at)
{
    struct gnttab_unmap_grant_ref u = {.host_addr = (u64)at, .handle = handle};

    abi_equal("unmap_grant_ref", 0, hypercall3(GR, GNTTABOP_unmap_grant_ref, (u64)&u, 1));
    return u.status;
}

/* Its entry is elsewhere, is not there, is another one. */
static void check_wrong_unmaps(void)
{
    u64 own = abi_frame(abi_page) << PAGE_SHIFT;
    grant_handle_t handle;

    grant(REF, pv_self(), abi_frame(abi_page), 0);
    abi_equal("map it", GNTST_okay, map(REF, GNTMAP_host_map, window[0], &handle));
    abi_equal("unmap: where no table is", GNTST_general_error, unmap(handle, NO_TABLE));
    abi_equal("unmap: where another is", GNTST_general_error, unmap(handle, window[1]));
    abi_equal("its entry is taken away", 0, map_page(window[0], 0));
    abi_equal("unmap: where nothing is", GNTST_general_error, unmap(handle, window[0]));
    abi_equal("one that may not write", 0, map_page(window[0], own | ENTRY_PRESENT));
    abi_equal("unmap: where it may not be written", GNTST_general_error, unmap(handle, window[0]));
    abi_equal("one that may", 0, map_page(window[0], own | ENTRY_RW));
    abi_equal("unmap: where it is", GNTST_okay, unmap(handle, window[0]));
    abi_equal("as before", 0, map_page(window[0], pv_entry_of((u64)window[0], ENTRY_RW)));
    grants[REF] = (grant_entry_v1_t){0};
}

/* One grant can be used so many times at once. */
static void check_uses(void)
{
    enum { MORE = 200 };
    static u8 places[MORE][PAGE_SIZE] __attribute__((aligned(4096)));
    static grant_handle_t handle[MORE];
    unsigned uses = 0;
    int status = 0;

    grant(REF, pv_self(), abi_frame(abi_page), 0);
    while (uses < MORE && !(status = map(REF, GNTMAP_host_map, places[uses], &handle[uses])))
        uses++;
    abi_equal("map: once too often", GNTST_general_error, status);
    abi_equal("so often it can be used", 128, uses);
    while (uses-- > 0) {
        struct gnttab_unmap_grant_ref u = {.host_addr = (u64)places[uses], .handle = handle[uses]};
        hypercall3(GR, GNTTABOP_unmap_grant_ref, (u64)&u, 1);
        check_quietly(u.status == GNTST_okay);
        map_page(places[uses], pv_entry_of((u64)places[uses], ENTRY_RW));
    }
    check_quiet_end("each is unmapped");
    abi_equal("it is not marked any more", GTF_permit_access, grants[REF].flags);
    grants[REF] = (grant_entry_v1_t){0};
}

/* Each mapping has a handle, and overwrites the one before. (Xen's domain 0 may have more.) */
static void check_handles(void)
{
    enum { MORE = 5000, USES = 128, FIRST_REF = 64 };
    struct gnttab_map_grant_ref m = {
        .host_addr = (u64)window, .flags = GNTMAP_host_map, .dom = pv_self()};
    unsigned made = 0;

    for (; made < MORE; made++) {
        m.ref = FIRST_REF + made / USES;
        grant(m.ref, m.dom, abi_frame(abi_page), 0);
        if (hypercall3(GR, GNTTABOP_map_grant_ref, (u64)&m, 1) || m.status)
            break;
    }
    abi_equal("map: no handle is left", GNTST_no_space, m.status);
    m.flags = GNTMAP_device_map;
    abi_equal("map_grant_ref", 0, hypercall3(GR, GNTTABOP_map_grant_ref, (u64)&m, 1));
    abi_equal("map: nor one for a device", GNTST_no_space, m.status);
}

static void check_versions(void)
{
    struct gnttab_get_version mine = {.dom = DOMID_SELF}, nobodys = {.dom = ABI_NOBODY};
    struct gnttab_set_version first = {.version = 1};

    abi_equal("version 1", 0, hypercall3(GR, GNTTABOP_set_version, (u64)&first, 1));
    abi_equal("get_version", 0, hypercall3(GR, GNTTABOP_get_version, (u64)&mine, 1));
    abi_equal("it is the first", 1, mine.version);
    abi_equal("get_version: nobody's", -ABI_ESRCH,
              hypercall3(GR, GNTTABOP_get_version, (u64)&nobodys, 1));
    abi_equal("set_version: bad address", -ABI_EFAULT,
              hypercall3(GR, GNTTABOP_set_version, ABI_BAD, 1));
    abi_equal("get_version: bad address", -ABI_EFAULT,
              hypercall3(GR, GNTTABOP_get_version, ABI_BAD, 1));
    abi_equal("swap: bad address", -ABI_EFAULT,
              hypercall3(GR, GNTTABOP_swap_grant_ref, ABI_BAD, 1));
    abi_equal("replace: bad address", -ABI_EFAULT,
              hypercall3(GR, GNTTABOP_unmap_and_replace, ABI_BAD, 1));
    abi_equal("setup: bad address", -ABI_EFAULT, hypercall3(GR, GNTTABOP_setup_table, ABI_BAD, 1));
    abi_equal("size: bad address", -ABI_EFAULT, hypercall3(GR, GNTTABOP_query_size, ABI_BAD, 1));
}

void abi_grant_errors(void)
{
    check_versions();
    if (abi_show_grants(grants))
        return;
    check_wrong_frame();
    check_in_use();
    check_wrong_unmaps();
    check_uses();
    if (pv_is_trivisor())
        check_handles();
    abi_equal("the table is away", 0, map_page(grants, pv_entry_of((u64)grants, ENTRY_RW)));
}
