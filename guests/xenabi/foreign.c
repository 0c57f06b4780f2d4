/*
 * Whom mmu_update and its like may name beside the caller, and what that changes: the fourth
 * argument, whose upper half is the owner of the tables, by its number + 1.
 */
#include "xenabi.h"

#include "kit/pv_paging.h"
#include "kit/space.h"

enum { DONE_BEFORE = 77, UPPER = 16, DEVICE = 0xb8 << PAGE_SHIFT };

static u64 table[512] __attribute__((aligned(4096))); /* an L1 whose entries nobody uses */
static u64 other[512] __attribute__((aligned(4096)));
static u32 done;

static s64 update_list(const void *list, u32 count, u64 foreign)
{
    done = DONE_BEFORE;
    return hypercall4(__HYPERVISOR_mmu_update, (u64)list, count, (u64)&done, foreign);
}

static s64 update(u64 pointer, u64 value, u64 foreign)
{
    struct mmu_update u = {.ptr = pointer, .val = value};

    return update_list(&u, 1, foreign);
}

/* The call's answer, and what it has told of requests done. */
static void expect(const char *what, s64 expected, u32 expected_done, s64 got)
{
    abi_equal(what, expected, got);
    check_equal(what, expected_done, done);
}

static s64 map_own(const void *page, u64 bits)
{
    return hypercall3(__HYPERVISOR_update_va_mapping, (u64)page, pv_entry_of((u64)page, bits),
                      UVMF_INVLPG);
}

static s64 extended(const struct mmuext_op *op)
{
    return hypercall4(__HYPERVISOR_mmuext_op, (u64)op, 1, 0, DOMID_SELF);
}

static s64 pin(u32 command)
{
    struct mmuext_op op = {.cmd = command, .arg1.mfn = abi_frame(table)};

    return extended(&op);
}

/* DOMID_IO: entries for devices' frames, of which there is none to be mapped here. */
static void check_devices(void)
{
    u64 at = pv_machine((u64)table), own = pv_entry_of((u64)other, ENTRY_PRESENT);

    expect("a device's: a page of RAM", -ABI_EBUSY, 0, update(at, own, DOMID_IO));
    expect("a device's: no frame", -ABI_EPERM, 0,
           update(at, ABI_NO_FRAME << PAGE_SHIFT | ENTRY_PRESENT, DOMID_IO));
    expect("a device's: a number of ones", -ABI_EINVAL, 0,
           update(at, ENTRY_ADDRESS | ENTRY_PRESENT, DOMID_IO));
    expect("a device's: not present", 0, 1, update(at, 0x7700, DOMID_IO));
    check_equal("it is stored", 0x7700, *(volatile u64 *)table);
    expect("a page of RAM", 0, 1, update(at, own, DOMID_SELF));
    expect("a device's: what is mapped already", 0, 1, update(at, own | ENTRY_NX, DOMID_IO));
    expect("a device's: the same, writable", -ABI_EBUSY, 0,
           update(at, own | ENTRY_WRITE, DOMID_IO));
    expect("it goes", 0, 1, update(at, 0, DOMID_IO));
    expect("a device's: an L4's entry", -ABI_EINVAL, 0,
           update(pv_machine(pv_start.pt_base) + 255 * sizeof(u64), 0, DOMID_IO));
    expect("a device's: in plain memory", 0, 1, update(pv_machine((u64)other), 5, DOMID_IO));
    check_equal("it is stored there", 5, *(volatile u64 *)other);
    expect("a device's number: RAM's", -ABI_EINVAL, 0,
           update(pv_machine((u64)other) | MMU_MACHPHYS_UPDATE, 0, DOMID_IO));
    expect("a device's number", 0, 1, update(DEVICE | MMU_MACHPHYS_UPDATE, ~0ULL, DOMID_IO));
    expect("a device's number, as its own", -ABI_EINVAL, 0,
           update(DEVICE | MMU_MACHPHYS_UPDATE, ~0ULL, DOMID_SELF));
    expect("a device's number: of no frame", -ABI_EINVAL, 0,
           update(ABI_NO_FRAME << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, 0, DOMID_IO));
}

static void check_owners(void)
{
    u64 at = pv_machine((u64)table), own = (u64)(pv_self() + 1) << UPPER;
    u64 nobody = (u64)(ABI_NOBODY + 1) << UPPER;

    expect("its own tables", 0, 1, update(at, 0, own | DOMID_SELF));
    expect("its own tables, a device's", 0, 1, update(at, 0, own | DOMID_IO));
    expect("its own tables, nobody's frames", -ABI_ESRCH, 0, update(at, 0, own | ABI_NOBODY));
    expect("its own number for frames", -ABI_ESRCH, 0, update(at, 0, pv_self()));
    expect("nobody's tables", -ABI_ESRCH, DONE_BEFORE, update(at, 0, nobody | DOMID_SELF));
    expect("nobody's tables and frames", -ABI_ESRCH, DONE_BEFORE, update(at, 0, nobody));
    expect("tables of itself, as for frames", -ABI_ESRCH, DONE_BEFORE,
           update(at, 0, (u64)(DOMID_SELF + 1) << UPPER | DOMID_SELF));
    expect("tables of devices", -ABI_ESRCH, DONE_BEFORE,
           update(at, 0, (u64)(DOMID_IO + 1) << UPPER | DOMID_SELF));
    expect("a number that no domain has", -ABI_ESRCH, 0, update(at, 0, DOMID_COW));
    expect("no number", -ABI_ESRCH, 0, update(at, 0, DOMID_INVALID));
}

/* What is wrong with the list itself is said first; what the caller may not name, last. */
static void check_order(void)
{
    u64 at = pv_machine((u64)table);

    expect("nobody's: bad address", -ABI_EFAULT, DONE_BEFORE,
           update_list((void *)ABI_BAD, 1, ABI_NOBODY));
    expect("bad address of none", -ABI_EFAULT, DONE_BEFORE,
           update_list((void *)ABI_BAD, 0, DOMID_SELF));
    expect("no address of none", -ABI_EFAULT, DONE_BEFORE,
           update_list((void *)ABI_NOT_CANONICAL, 0, DOMID_SELF));
    expect("nobody's: none", -ABI_ESRCH, 0, update_list(NULL, 0, ABI_NOBODY));
    expect("the hypervisor's: none", 0, 0, update_list(NULL, 0, DOMID_XEN));
    expect("the hypervisor's: no such command", -ABI_ENOSYS, 0, update(at + 5, 0, DOMID_XEN));
    expect("a device's: no such command", -ABI_ENOSYS, 0, update(at + 5, 0, DOMID_IO));
}

static void check_extended(void)
{
    struct mmuext_op flush = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};

    abi_equal("mmuext_op: flush devices", -ABI_EPERM,
              hypercall4(__HYPERVISOR_mmuext_op, (u64)&flush, 1, 0, DOMID_IO));
    abi_equal("mmuext_op: flush the hypervisor", -ABI_EPERM,
              hypercall4(__HYPERVISOR_mmuext_op, (u64)&flush, 1, 0, DOMID_XEN));
    abi_equal("mmuext_op: its own number is not foreign", -ABI_ESRCH,
              hypercall4(__HYPERVISOR_mmuext_op, (u64)&flush, 1, 0, pv_self()));
    abi_equal("mmuext_op: nobody's, bad address", -ABI_EFAULT,
              hypercall4(__HYPERVISOR_mmuext_op, ABI_BAD, 1, 0, ABI_NOBODY));
    abi_equal("mmuext_op: none at a bad address", -ABI_EFAULT,
              hypercall4(__HYPERVISOR_mmuext_op, ABI_BAD, 0, 0, DOMID_SELF));
}

/* The entry that maps this address. */
static u64 entry_of(u64 va)
{
    enum { LEVELS = 4, INDEX_BITS = 9 };
    u64 table_at = pv_start.pt_base, entry = 0;

    for (unsigned level = LEVELS; level > 0; level--) {
        entry = ((volatile u64 *)table_at)[va >> (12 + INDEX_BITS * (level - 1)) & 511];
        table_at = pv_entry_pa(entry);
    }
    return entry;
}

/* The vcpus whose TLBs are to forget. */
static void check_vcpus(void)
{
    static const u64 first = 1;
    struct mmuext_op all = {.cmd = MMUEXT_TLB_FLUSH_MULTI};
    struct mmuext_op page = {.cmd = MMUEXT_INVLPG_MULTI, .arg1.linear_addr = (u64)other};
    u64 entry = pv_entry_of((u64)other, ENTRY_RW);

    abi_equal("update_va_mapping: vcpus that cannot be read", -ABI_EFAULT,
              hypercall3(__HYPERVISOR_update_va_mapping, (u64)other, entry | ENTRY_NX,
                         ABI_BAD | UVMF_TLB_FLUSH));
    check("it is changed all the same", entry_of((u64)other) >> 63);
    abi_equal("update_va_mapping: the same, a page", -ABI_EFAULT,
              hypercall3(__HYPERVISOR_update_va_mapping, (u64)other, entry, ABI_BAD | UVMF_INVLPG));
    abi_equal("update_va_mapping: the same, no flush", 0,
              hypercall3(__HYPERVISOR_update_va_mapping, (u64)other, entry, ABI_BAD));
    abi_equal("update_va_mapping: the first vcpu", 0,
              hypercall3(__HYPERVISOR_update_va_mapping, (u64)other, entry,
                         (u64)&first | UVMF_TLB_FLUSH));
    abi_equal(
        "update_va_mapping: all vcpus", 0,
        hypercall3(__HYPERVISOR_update_va_mapping, (u64)other, entry, UVMF_ALL | UVMF_INVLPG));
    set_xen_guest_handle(all.arg2.vcpumask, (void *)ABI_BAD);
    set_xen_guest_handle(page.arg2.vcpumask, (void *)ABI_BAD);
    abi_equal("mmuext_op: flush, vcpus that cannot be read", -ABI_EINVAL, extended(&all));
    abi_equal("mmuext_op: flush a page, vcpus that cannot be read", -ABI_EINVAL, extended(&page));
    set_xen_guest_handle(all.arg2.vcpumask, &first);
    set_xen_guest_handle(page.arg2.vcpumask, &first);
    abi_equal("mmuext_op: flush the first vcpu's", 0, extended(&all));
    abi_equal("mmuext_op: flush a page of the first vcpu's", 0, extended(&page));
    page.arg1.linear_addr = ABI_BAD;
    abi_equal("mmuext_op: flush a page of the hypervisor's", 0, extended(&page));
}

void abi_foreign(void)
{
    abi_equal("the table is read-only", 0, map_own(table, ENTRY_PRESENT));
    abi_equal("it is an L1", 0, pin(MMUEXT_PIN_L1_TABLE));
    check_devices();
    check_owners();
    check_order();
    check_extended();
    check_vcpus();
    abi_equal("unpin the L1", 0, pin(MMUEXT_UNPIN_TABLE));
    abi_equal("it is data again", 0, map_own(table, ENTRY_RW));
}
