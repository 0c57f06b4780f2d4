/*
 * Page tables: what may become one, what an entry may say, whose frames may be named.
 */
#include "xenabi.h"

#include "kit/pv_paging.h"
#include "kit/space.h"

enum { HYPERVISORS_SLOT = 256 };
#define ENTRY_RO       ENTRY_PRESENT
#define ENTRY_UNCACHED 0x10ULL /* PCD */

static u64 table[512] __attribute__((aligned(4096)));
static u64 other[512] __attribute__((aligned(4096)));

static s64 map(const void *at, u64 entry)
{
    return hypercall3(__HYPERVISOR_update_va_mapping, (u64)at, entry, UVMF_INVLPG);
}

/* Maps a page of the image at its own address. */
static s64 map_own(const void *page, u64 bits)
{
    return map(page, pv_entry_of((u64)page, bits));
}

static s64 ext(u32 command, u64 mfn)
{
    struct mmuext_op op = {.cmd = command, .arg1.mfn = mfn};

    return hypercall4(__HYPERVISOR_mmuext_op, (u64)&op, 1, 0, DOMID_SELF);
}

static s64 update(u64 pointer, u64 value)
{
    struct mmu_update u = {.ptr = pointer, .val = value};

    return hypercall4(__HYPERVISOR_mmu_update, (u64)&u, 1, 0, DOMID_SELF);
}

static u64 *root(void)
{
    return (u64 *)pv_start.pt_base;
}

/* A frame of the hypervisor's: one of the tables by which a guest's kernel reads the M2P. */
static u64 hypervisors_frame(void)
{
    return (root()[HYPERVISORS_SLOT] & ENTRY_ADDRESS) >> PAGE_SHIFT;
}

/* One frame is data, a table, and data again. */
static void check_types(void)
{
    u64 mfn = abi_frame(table), at = mfn << PAGE_SHIFT;

    abi_equal("pin what is mapped writable", -ABI_EINVAL, ext(MMUEXT_PIN_L1_TABLE, mfn));
    abi_equal("it is mapped read-only", 0, map_own(table, ENTRY_RO));
    abi_equal("pin", 0, ext(MMUEXT_PIN_L1_TABLE, mfn));
    abi_equal("pin it twice", -ABI_EINVAL, ext(MMUEXT_PIN_L1_TABLE, mfn));
    abi_equal("pin it at another level", -ABI_EINVAL, ext(MMUEXT_PIN_L2_TABLE, mfn));
    abi_equal("map it writable", -ABI_EBUSY, map_own(table, ENTRY_RW));
    abi_equal("clear it", -ABI_EINVAL, ext(MMUEXT_CLEAR_PAGE, mfn));
    abi_equal("run on it", -ABI_EINVAL, ext(MMUEXT_NEW_BASEPTR, mfn));
    abi_equal("run programs on it", -ABI_EINVAL, ext(MMUEXT_NEW_USER_BASEPTR, mfn));
    abi_equal("a descriptor in it", -ABI_EINVAL, hypercall2(__HYPERVISOR_update_descriptor, at, 0));
    abi_equal("an entry of it", 0, update(at, pv_entry_of((u64)other, ENTRY_RO)));
    abi_equal("an entry of it for itself, writable", -ABI_EBUSY,
              update(at + 8, mfn << PAGE_SHIFT | ENTRY_RW));
    abi_equal("an entry that is not aligned", -ABI_ENOSYS, update(at + 4, 0));
    abi_equal("unpin", 0, ext(MMUEXT_UNPIN_TABLE, mfn));
    abi_equal("it is data again", 0, map_own(table, ENTRY_RW));
    table[0] = 0;
}

/* Pins the table, whose first entry is to be this one: what is wrong with it is the answer. */
static s64 pin_with(u64 entry)
{
    s64 error;

    map_own(table, ENTRY_RW);
    table[0] = entry;
    map_own(table, ENTRY_RO);
    error = ext(MMUEXT_PIN_L1_TABLE, abi_frame(table));
    map_own(table, ENTRY_RW);
    table[0] = 0;
    return error;
}

static void check_contents(void)
{
    abi_equal("pin an L1 that maps no frame", -ABI_EPERM,
              pin_with(ABI_NO_FRAME << PAGE_SHIFT | ENTRY_RO));
    abi_equal("pin an L1 that maps the hypervisor's frame", -ABI_EBUSY,
              pin_with(hypervisors_frame() << PAGE_SHIFT | ENTRY_RO));
    abi_equal("pin an L1 that maps itself writable", -ABI_EBUSY,
              pin_with(pv_entry_of((u64)table, ENTRY_RW)));
}

static void check_entries(void)
{
    u64 mfn = abi_frame(table), at = mfn << PAGE_SHIFT;

    abi_equal("map no frame", -ABI_EPERM, map(other, ABI_NO_FRAME << PAGE_SHIFT | ENTRY_RO));
    abi_equal("map a number of ones", -ABI_EINVAL, map(other, ENTRY_ADDRESS | ENTRY_RO));
    abi_equal("map the hypervisor's frame", -ABI_EBUSY,
              map(other, hypervisors_frame() << PAGE_SHIFT | ENTRY_RO));
    abi_equal("map it writable", -ABI_EBUSY,
              map(other, hypervisors_frame() << PAGE_SHIFT | ENTRY_RW));
    abi_equal("the table is read-only", 0, map_own(table, ENTRY_RO));
    abi_equal("it is an L2", 0, ext(MMUEXT_PIN_L2_TABLE, mfn));
    abi_equal("an L2's entry for 2 MiB", -ABI_EINVAL,
              update(at, pv_entry_of(0, ENTRY_RO | ENTRY_LARGE)));
    abi_equal("an L2's entry, uncached", -ABI_EINVAL,
              update(at, pv_entry_of((u64)other, ENTRY_RO | ENTRY_UNCACHED)));
    abi_equal("an L2's entry for what is mapped writable", -ABI_EINVAL,
              update(at, pv_entry_of((u64)other, ENTRY_RO)));
    abi_equal("the same, writable", -ABI_EINVAL, update(at, pv_entry_of((u64)other, ENTRY_RW)));
    abi_equal("an L2's entry for no frame", -ABI_EINVAL,
              update(at, ABI_NO_FRAME << PAGE_SHIFT | ENTRY_RO));
    abi_equal("an L2's entry for the hypervisor's frame", -ABI_EINVAL,
              update(at, hypervisors_frame() << PAGE_SHIFT | ENTRY_RO));
    abi_equal("unpin the L2", 0, ext(MMUEXT_UNPIN_TABLE, mfn));
    abi_equal("it is data again", 0, map_own(table, ENTRY_RW));
    abi_equal("the hypervisor's slot of an L4", -ABI_EINVAL,
              update(pv_machine(pv_start.pt_base) + HYPERVISORS_SLOT * 8, 0));
}

/* How memory is cached is not for a domain without devices to say, and in no table above an L1 for
 * anybody. */
static void check_cache(void)
{
    enum { PWT = 8, PCD = 0x10, PAT = 0x80 };
    u64 mfn = abi_frame(table), at = mfn << PAGE_SHIFT,
        entry = *space_entry(&kernel_space, (u64)abi_page, 2, false);

    abi_equal("the page is to be an L2", 0, map_own(table, ENTRY_RO));
    abi_equal("it is one", 0, ext(MMUEXT_PIN_L2_TABLE, mfn));
    abi_equal("an L2's entry", 0, update(at, entry));
    abi_equal("an L2's entry with PCD", -ABI_EINVAL, update(at, entry | PCD));
    abi_equal("an L2's entry with PWT", -ABI_EINVAL, update(at, entry | PWT));
    abi_equal("it is gone", 0, update(at, 0));
    abi_equal("it is no L2", 0, ext(MMUEXT_UNPIN_TABLE, mfn));
    abi_equal("but data", 0, map_own(table, ENTRY_RW));
    if (!pv_is_trivisor())
        return; /* the first domain has the machine's devices */
    abi_equal("an L1's entry with PCD", -ABI_EINVAL, map_own(other, ENTRY_RW | PCD));
    abi_equal("an L1's entry with PWT", -ABI_EINVAL, map_own(other, ENTRY_RW | PWT));
    abi_equal("an L1's entry with PAT", -ABI_EINVAL, map_own(other, ENTRY_RW | PAT));
    abi_equal("to pin such an L1", -ABI_EINVAL, pin_with(pv_entry_of((u64)other, ENTRY_RO | PCD)));
}

/* A page of descriptors that the processor may look at. */
static void check_descriptors(void)
{
    u64 mfn = abi_frame(table), at = mfn << PAGE_SHIFT;

    abi_equal("the page is data", 0, map_own(table, ENTRY_RW));
    table[3] = 0x0000ee0000080000;
    abi_equal("it is read-only", 0, map_own(table, ENTRY_RO));
    abi_equal("set_gdt: with a gate", -ABI_EINVAL,
              hypercall2(__HYPERVISOR_set_gdt, (u64)&mfn, 512));
    abi_equal("the gate goes", 0, update(at + 3 * 8, 0));
    abi_equal("set_gdt", 0, hypercall2(__HYPERVISOR_set_gdt, (u64)&mfn, 512));
    abi_equal("mmu_update of a descriptor", -ABI_EINVAL, update(at, 0));
    abi_equal("update_descriptor", 0, hypercall2(__HYPERVISOR_update_descriptor, at, 0));
    abi_equal("set_gdt: none", 0, hypercall2(__HYPERVISOR_set_gdt, 0, 0));
    abi_equal("the page is writable", 0, map_own(table, ENTRY_RW));
}

static void check_strangers(void)
{
    struct mmu_update u = {.ptr = pv_machine((u64)other)};
    u64 mfn = hypervisors_frame();

    abi_equal("update the hypervisor's frame", -ABI_EINVAL, update(mfn << PAGE_SHIFT, 0));
    abi_equal("the M2P of no frame", -ABI_EINVAL,
              update(ABI_NO_FRAME << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, 0));
    abi_equal("the M2P of the hypervisor's frame", -ABI_EINVAL,
              update(mfn << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, 0));
    abi_equal("pin the hypervisor's", -ABI_EINVAL, ext(MMUEXT_PIN_L1_TABLE, mfn));
    abi_equal("unpin the hypervisor's", -ABI_EINVAL, ext(MMUEXT_UNPIN_TABLE, mfn));
    abi_equal("run on the hypervisor's", -ABI_EINVAL, ext(MMUEXT_NEW_BASEPTR, mfn));
    abi_equal("clear the hypervisor's", -ABI_EINVAL, ext(MMUEXT_CLEAR_PAGE, mfn));
    abi_equal("a descriptor in the hypervisor's", -ABI_EINVAL,
              hypercall2(__HYPERVISOR_update_descriptor, mfn << PAGE_SHIFT, 0));
    abi_equal("tables of nobody's", -ABI_ESRCH,
              hypercall4(__HYPERVISOR_mmu_update, (u64)&u, 1, 0,
                         (u64)(ABI_NOBODY + 1) << 16 | DOMID_SELF));
    abi_equal("set_gdt: no frame", -ABI_EINVAL,
              hypercall2(__HYPERVISOR_set_gdt, (u64)(u64[1]){0}, 512));
    abi_equal("set_gdt: the hypervisor's", -ABI_EINVAL,
              hypercall2(__HYPERVISOR_set_gdt, (u64)&mfn, 512));
}

void abi_tables(void)
{
    check_types();
    check_contents();
    check_entries();
    check_cache();
    check_descriptors();
    check_strangers();
}
