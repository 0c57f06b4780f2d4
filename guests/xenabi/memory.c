/*
 * What concerns memory: page tables, reservations, descriptors.
 */
#include "xenabi.h"

#include <xen/memory.h>

#define OP(name) __HYPERVISOR_##name

static domid_t self = DOMID_SELF, nobody = ABI_NOBODY;
static struct xen_memory_reservation huge = {
    .nr_extents = 1, .extent_order = 20, .domid = DOMID_SELF};
static struct xen_memory_reservation others = {.nr_extents = 1, .domid = ABI_NOBODY};
static struct xen_add_to_physmap mine = {.domid = DOMID_SELF, .space = XENMAPSPACE_shared_info};
static struct xen_add_to_physmap nobodys = {.domid = ABI_NOBODY, .space = XENMAPSPACE_shared_info};
static struct xen_add_to_physmap foreign = {.domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_foreign};
static struct xen_machphys_mapping mapping;
static struct mmu_update nowhere = {.ptr = ABI_NO_FRAME << PAGE_SHIFT};
static struct mmuext_op wild = {.cmd = 77}, flush = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};
static struct mmuext_op pin_nowhere = {.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = ABI_NO_FRAME};
static struct mmuext_op unpin_nowhere = {.cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = ABI_NO_FRAME};
static struct mmuext_op base_nowhere = {.cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = ABI_NO_FRAME};
static struct mmuext_op user_nowhere = {.cmd = MMUEXT_NEW_USER_BASEPTR, .arg1.mfn = ABI_NO_FRAME};
static struct mmuext_op clear_nowhere = {.cmd = MMUEXT_CLEAR_PAGE, .arg1.mfn = ABI_NO_FRAME};
static struct mmuext_op long_ldt = {
    .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = (unsigned long)abi_page, .arg2.nr_ents = 8193};
static struct mmuext_op odd_ldt = {
    .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = (unsigned long)abi_page + 8, .arg2.nr_ents = 1};
static struct mmuext_op far_ldt = {
    .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = ABI_BAD, .arg2.nr_ents = 1};
static struct mmuext_op wild_ldt = {
    .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = ABI_NOT_CANONICAL, .arg2.nr_ents = 1};
static struct mmuext_op no_ldt = {.cmd = MMUEXT_SET_LDT};
static struct mmuext_op super = {.cmd = MMUEXT_MARK_SUPER, .arg1.mfn = ABI_NO_FRAME};
static struct mmuext_op page_flush = {.cmd = MMUEXT_INVLPG_ALL,
                                      .arg1.linear_addr = (unsigned long)abi_page};

static const struct abi_case cases[] = {
    {"mmu_update: none", OP(mmu_update), 0, 0, 0, 0, DOMID_SELF},
    {"mmu_update: bad address", OP(mmu_update), -ABI_EFAULT, ABI_BAD, 1, 0, DOMID_SELF},
    {"mmu_update: nobody's", OP(mmu_update), -ABI_ESRCH, (u64)&nowhere, 1, 0, ABI_NOBODY},
    {"mmu_update: no such frame", OP(mmu_update), -ABI_EINVAL, (u64)&nowhere, 1, 0, DOMID_SELF},
    {"update_va_mapping: the hypervisor's address", OP(update_va_mapping), -ABI_EINVAL, ABI_BAD, 0,
     0, 0},
    {"update_va_mapping_otherdomain: nobody's", OP(update_va_mapping_otherdomain), -ABI_ESRCH,
     (u64)abi_page, 0, 0, ABI_NOBODY},
    {"mmuext_op: bad address", OP(mmuext_op), -ABI_EFAULT, ABI_BAD, 1, 0, DOMID_SELF},
    {"mmuext_op: nobody's", OP(mmuext_op), -ABI_ESRCH, (u64)&flush, 1, 0, ABI_NOBODY},
    {"mmuext_op: no such command", OP(mmuext_op), -ABI_ENOSYS, (u64)&wild, 1, 0, DOMID_SELF},
    {"mmuext_op: flush", OP(mmuext_op), 0, (u64)&flush, 1, 0, DOMID_SELF},
    {"mmuext_op: flush a page", OP(mmuext_op), 0, (u64)&page_flush, 1, 0, DOMID_SELF},
    {"mmuext_op: pin no frame", OP(mmuext_op), -ABI_EINVAL, (u64)&pin_nowhere, 1, 0, DOMID_SELF},
    {"mmuext_op: unpin no frame", OP(mmuext_op), -ABI_EINVAL, (u64)&unpin_nowhere, 1, 0,
     DOMID_SELF},
    {"mmuext_op: no frame as base", OP(mmuext_op), -ABI_EINVAL, (u64)&base_nowhere, 1, 0,
     DOMID_SELF},
    {"mmuext_op: no frame as user's base", OP(mmuext_op), -ABI_EINVAL, (u64)&user_nowhere, 1, 0,
     DOMID_SELF},
    {"mmuext_op: clear no frame", OP(mmuext_op), -ABI_EINVAL, (u64)&clear_nowhere, 1, 0,
     DOMID_SELF},
    {"mmuext_op: an LDT that is too long", OP(mmuext_op), -ABI_EINVAL, (u64)&long_ldt, 1, 0,
     DOMID_SELF},
    {"mmuext_op: an LDT within a page", OP(mmuext_op), -ABI_EINVAL, (u64)&odd_ldt, 1, 0,
     DOMID_SELF},
    {"mmuext_op: an LDT of the hypervisor's", OP(mmuext_op), -ABI_EINVAL, (u64)&far_ldt, 1, 0,
     DOMID_SELF},
    {"mmuext_op: an LDT at no address", OP(mmuext_op), -ABI_EINVAL, (u64)&wild_ldt, 1, 0,
     DOMID_SELF},
    {"mmuext_op: no LDT", OP(mmuext_op), 0, (u64)&no_ldt, 1, 0, DOMID_SELF},
    {"mmuext_op: superpages", OP(mmuext_op), -ABI_EOPNOTSUPP, (u64)&super, 1, 0, DOMID_SELF},
    {"update_descriptor: no such frame", OP(update_descriptor), -ABI_EINVAL,
     ABI_NO_FRAME << PAGE_SHIFT, 0, 0, 0},
    {"memory_op: no such command", OP(memory_op), -ABI_ENOSYS, 60, 0, 0, 0},
    {"memory_op: reservation, bad address", OP(memory_op), -ABI_EFAULT, XENMEM_current_reservation,
     ABI_BAD, 0, 0},
    {"memory_op: reservation of nobody", OP(memory_op), -ABI_ESRCH, XENMEM_current_reservation,
     (u64)&nobody, 0, 0},
    {"memory_op: most memory of nobody", OP(memory_op), -ABI_ESRCH, XENMEM_maximum_reservation,
     (u64)&nobody, 0, 0},
    {"memory_op: decrease, bad address", OP(memory_op), 0, XENMEM_decrease_reservation, ABI_BAD, 0,
     0},
    {"memory_op: decrease, nobody's", OP(memory_op), 0, XENMEM_decrease_reservation, (u64)&others,
     0, 0},
    {"memory_op: increase, too large", OP(memory_op), 0, XENMEM_increase_reservation, (u64)&huge, 0,
     0},
    {"memory_op: populate, too large", OP(memory_op), 0, XENMEM_populate_physmap, (u64)&huge, 0, 0},
    {"memory_op: add to the map, bad address", OP(memory_op), -ABI_EFAULT, XENMEM_add_to_physmap,
     ABI_BAD, 0, 0},
    {"memory_op: add to the map", OP(memory_op), -ABI_EACCES, XENMEM_add_to_physmap, (u64)&mine, 0,
     0},
    {"memory_op: add to nobody's map", OP(memory_op), -ABI_ESRCH, XENMEM_add_to_physmap,
     (u64)&nobodys, 0, 0},
    {"memory_op: add a foreign frame", OP(memory_op), -ABI_ENOSYS, XENMEM_add_to_physmap,
     (u64)&foreign, 0, 0},
    {"memory_op: the M2P", OP(memory_op), 0, XENMEM_machphys_mapping, (u64)&mapping, 0, 0},
    {"memory_op: the M2P, bad address", OP(memory_op), -ABI_EFAULT, XENMEM_machphys_mapping,
     ABI_BAD, 0, 0},
};

/* With frames that are only known now. */
static void check_frames(void)
{
    struct mmu_update data = {.ptr = abi_frame(abi_page) << PAGE_SHIFT, .val = 77};
    struct mmuext_op clear = {.cmd = MMUEXT_CLEAR_PAGE, .arg1.mfn = abi_frame(abi_page)};
    struct mmuext_op unpin = {.cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = abi_frame(abi_page)};
    u64 gdt = abi_frame(abi_page), at = abi_frame(abi_page) << PAGE_SHIFT;

    abi_equal("mmu_update: its own number is not foreign", -ABI_ESRCH,
              hypercall4(OP(mmu_update), (u64)&data, 1, 0, pv_self()));
    abi_equal("mmu_update: of data", 0, hypercall4(OP(mmu_update), (u64)&data, 1, 0, DOMID_SELF));
    abi_equal("stored", 77, (s64)abi_page[0]);
    struct mmuext_op copy = {.cmd = MMUEXT_COPY_PAGE, .arg1.mfn = ABI_NO_FRAME};

    copy.arg2.src_mfn = abi_frame(abi_page);
    abi_equal("mmuext_op: copy to no frame", -ABI_EINVAL,
              hypercall4(OP(mmuext_op), (u64)&copy, 1, 0, DOMID_SELF));
    abi_equal("mmuext_op: clear", 0, hypercall4(OP(mmuext_op), (u64)&clear, 1, 0, DOMID_SELF));
    abi_equal("cleared", 0, (s64)abi_page[0]);
    abi_equal("mmuext_op: unpin what is not pinned", -ABI_EINVAL,
              hypercall4(OP(mmuext_op), (u64)&unpin, 1, 0, DOMID_SELF));
    abi_equal("set_gdt: a writable page", -ABI_EINVAL, hypercall2(OP(set_gdt), (u64)&gdt, 512));
    abi_equal("update_descriptor: unaligned", -ABI_EINVAL,
              hypercall2(OP(update_descriptor), at + 4, 0));
    abi_equal("update_descriptor: a gate", -ABI_EINVAL,
              hypercall2(OP(update_descriptor), at, 0x0000ee0000080000));
    abi_equal("update_descriptor: data", 0,
              hypercall2(OP(update_descriptor), at, 0x00cff3000000ffff));
    abi_page[0] = 0;
    check("memory_op: its reservation",
          hypercall2(OP(memory_op), XENMEM_current_reservation, (u64)&self) > 0);
    check("memory_op: its most",
          hypercall2(OP(memory_op), XENMEM_maximum_reservation, (u64)&self) > 0);
    check("memory_op: the highest frame",
          hypercall2(OP(memory_op), XENMEM_maximum_ram_page, 0) > 0);
}

void abi_memory(void)
{
    abi_run(cases, ARRAY_SIZE(cases));
    check_frames();
}
