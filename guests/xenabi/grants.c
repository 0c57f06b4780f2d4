/*
 * Grants: the table, and mappings of its own frames by grant.
 */
#include "xenabi.h"

#include "kit/space.h"

#include <xen/grant_table.h>

#define GR __HYPERVISOR_grant_table_op
enum { REF = 20, READ_ONLY_REF = 21, WRITABLE = 7 };

static u64 table_page[512] __attribute__((aligned(4096)));
static u64 window[512] __attribute__((aligned(4096)));
static struct gnttab_setup_table nobodys_table = {.dom = ABI_NOBODY, .nr_frames = 1};
static struct gnttab_query_size nobodys_size = {.dom = ABI_NOBODY};
static struct gnttab_set_version third = {.version = 3};

static const struct abi_case cases[] = {
    {"no such grant operation", GR, -ABI_ENOSYS, 60, 0, 0, 0},
    {"grants: too many items", GR, -ABI_EINVAL, GNTTABOP_map_grant_ref, 0, 0x80000000, 0},
    {"map: bad address", GR, -ABI_EFAULT, GNTTABOP_map_grant_ref, ABI_BAD, 1, 0},
    {"unmap: bad address", GR, -ABI_EFAULT, GNTTABOP_unmap_grant_ref, ABI_BAD, 1, 0},
    {"copy: bad address", GR, -ABI_EFAULT, GNTTABOP_copy, ABI_BAD, 1, 0},
    {"map: nothing", GR, 0, GNTTABOP_map_grant_ref, 0, 0, 0},
    {"setup: two at once", GR, -ABI_EINVAL, GNTTABOP_setup_table, (u64)&nobodys_table, 2, 0},
    {"size: two at once", GR, -ABI_EINVAL, GNTTABOP_query_size, (u64)&nobodys_size, 2, 0},
    {"version 3", GR, -ABI_EINVAL, GNTTABOP_set_version, (u64)&third, 1, 0},
};

s64 abi_show_grants(const void *at)
{
    xen_pfn_t frame = 0;
    struct gnttab_setup_table s = {.dom = DOMID_SELF, .nr_frames = 1};

    set_xen_guest_handle(s.frame_list, &frame);
    hypercall3(GR, GNTTABOP_setup_table, (u64)&s, 1);
    return hypercall3(__HYPERVISOR_update_va_mapping, (u64)at, frame << PAGE_SHIFT | ENTRY_RW,
                      UVMF_INVLPG);
}

static grant_entry_v1_t *entry(unsigned ref)
{
    return (grant_entry_v1_t *)table_page + ref;
}

static int map_grant(u16 dom, u32 ref, u32 flags, const void *at, grant_handle_t *handle)
{
    struct gnttab_map_grant_ref m = {.host_addr = (u64)at, .flags = flags, .ref = ref, .dom = dom};

    abi_equal("map_grant_ref", 0, hypercall3(GR, GNTTABOP_map_grant_ref, (u64)&m, 1));
    *handle = m.handle;
    return m.status;
}

static int unmap_grant(const void *at, grant_handle_t handle)
{
    struct gnttab_unmap_grant_ref u = {.host_addr = (u64)at, .handle = handle};

    abi_equal("unmap_grant_ref", 0, hypercall3(GR, GNTTABOP_unmap_grant_ref, (u64)&u, 1));
    return u.status;
}

static bool set_up(void)
{
    xen_pfn_t frame = 0;
    struct gnttab_setup_table s = {.dom = DOMID_SELF, .nr_frames = 1};
    struct gnttab_query_size q = {.dom = DOMID_SELF};

    set_xen_guest_handle(s.frame_list, &frame);
    abi_equal("setup_table", 0, hypercall3(GR, GNTTABOP_setup_table, (u64)&s, 1));
    abi_equal("its status", GNTST_okay, s.status);
    abi_equal("query_size", 0, hypercall3(GR, GNTTABOP_query_size, (u64)&q, 1));
    check("there is one frame, and there may be more", q.nr_frames >= 1 && q.max_nr_frames > 1);
    s.nr_frames = q.max_nr_frames + 1;
    hypercall3(GR, GNTTABOP_setup_table, (u64)&s, 1);
    abi_equal("setup_table: too many frames", GNTST_general_error, s.status);
    hypercall3(GR, GNTTABOP_setup_table, (u64)&nobodys_table, 1);
    abi_equal("setup_table: nobody's", GNTST_bad_domain, nobodys_table.status);
    return check_equal("the table is mapped", 0,
                       (u64)hypercall3(__HYPERVISOR_update_va_mapping, (u64)table_page,
                                       frame << PAGE_SHIFT | WRITABLE, UVMF_INVLPG));
}

static void check_map(u16 self)
{
    grant_handle_t handle, second, none;

    *entry(REF) = (grant_entry_v1_t){
        .domid = self, .frame = (u32)abi_frame(abi_page), .flags = GTF_permit_access};
    *entry(READ_ONLY_REF) = (grant_entry_v1_t){.domid = self,
                                               .frame = (u32)abi_frame(abi_page),
                                               .flags = GTF_permit_access | GTF_readonly};
    abi_equal("map: no flags", GNTST_bad_gntref, map_grant(self, REF, 0, window, &none));
    abi_equal("map: nobody's", GNTST_bad_domain,
              map_grant(ABI_NOBODY, REF, GNTMAP_host_map, window, &none));
    abi_equal("map: beyond the table", GNTST_bad_gntref,
              map_grant(self, 1 << 24, GNTMAP_host_map, window, &none));
    abi_equal("map: what is not granted", GNTST_general_error,
              map_grant(self, REF + 9, GNTMAP_host_map, window, &none));
    abi_equal("map: writable, of a read-only one", GNTST_general_error,
              map_grant(self, READ_ONLY_REF, GNTMAP_host_map, window, &none));
    abi_equal("map: where no table is", GNTST_general_error,
              map_grant(self, REF, GNTMAP_host_map, (void *)0x7f0000000000, &none));
    abi_equal("map", GNTST_okay, map_grant(self, REF, GNTMAP_host_map, window, &handle));
    ((volatile u64 *)abi_page)[7] = 5;
    abi_equal("it is the page", 5, (s64)((volatile u64 *)window)[7]);
    abi_equal("it is marked", GTF_permit_access | GTF_reading | GTF_writing, entry(REF)->flags);
    abi_equal("unmap: where it is not", GNTST_general_error, unmap_grant(table_page, handle));
    abi_equal("unmap: no such handle", GNTST_bad_handle, unmap_grant(window, 1 << 24));
    abi_equal("unmap", GNTST_okay, unmap_grant(window, handle));
    abi_equal("it is not marked", GTF_permit_access, entry(REF)->flags);
    abi_equal("unmap: twice", GNTST_bad_handle, unmap_grant(window, handle));
    abi_equal("map: read-only", GNTST_okay,
              map_grant(self, READ_ONLY_REF, GNTMAP_host_map | GNTMAP_readonly, window, &second));
    abi_equal("it is marked as read", GTF_permit_access | GTF_readonly | GTF_reading,
              entry(READ_ONLY_REF)->flags);
    abi_equal("unmap it", GNTST_okay, unmap_grant(window, second));
}

static int copy(struct gnttab_copy c)
{
    abi_equal("copy", 0, hypercall3(GR, GNTTABOP_copy, (u64)&c, 1));
    return c.status;
}

static void check_copy(u16 self)
{
    static u64 from[512] __attribute__((aligned(4096)));
    struct gnttab_copy c = {
        .source = {.u.gmfn = abi_frame(from), .domid = DOMID_SELF, .offset = 16},
        .dest = {.u.ref = REF, .domid = self, .offset = 32},
        .len = 8,
        .flags = GNTCOPY_dest_gref,
    };

    from[2] = 99;
    abi_equal("copy: to a grant", GNTST_okay, copy(c));
    abi_equal("it arrives", 99, (s64)abi_page[4]);
    c.len = 4090;
    abi_equal("copy: across the end", GNTST_bad_copy_arg, copy(c));
    c.len = 8;
    c.dest.offset = 4090;
    abi_equal("copy: across the other's end", GNTST_bad_copy_arg, copy(c));
    c.dest.offset = 32;
    c.dest.u.ref = READ_ONLY_REF;
    abi_equal("copy: to a read-only grant", GNTST_general_error, copy(c));
    c.dest.u.ref = 1 << 24;
    abi_equal("copy: beyond the table", GNTST_bad_gntref, copy(c));
    c.dest.domid = ABI_NOBODY;
    abi_equal("copy: nobody's", GNTST_bad_domain, copy(c));
    c.flags = 0;
    c.dest.domid = self;
    abi_equal("copy: another's frame by number", GNTST_permission_denied, copy(c));
    c.dest.domid = DOMID_SELF;
    c.dest.u.gmfn = abi_frame((void *)pv_start.pt_base);
    abi_equal("copy: onto a page table", GNTST_general_error, copy(c));
    c.dest.u.gmfn = ABI_NO_FRAME;
    abi_equal("copy: to no frame", GNTST_bad_page, copy(c));
}

void abi_grants(void)
{
    u16 self = pv_self();

    abi_run(cases, ARRAY_SIZE(cases));
    if (!set_up())
        return;
    check_map(self);
    check_copy(self);
    *entry(REF) = *entry(READ_ONLY_REF) = (grant_entry_v1_t){0};
}
