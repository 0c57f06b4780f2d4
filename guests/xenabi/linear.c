/*
 * A recursive slot of the L4, by which a kernel finds its page tables in its own address space, as
 * NetBSD's does: an entry that leads to the L4 itself, read-only, and one that leads to another L4.
 */
#include "xenabi.h"

#include <xen/memory.h>
#include <xen/version.h>

#define OP(name) __HYPERVISOR_##name

enum { SLOT = 300, OTHER_SLOT = 301, READ_ONLY = 5, TABLE = 7, LEVELS = 4, INDEX_BITS = 9 };

static u64 other_l4[512] __attribute__((aligned(4096)));
static u64 third_l4[512] __attribute__((aligned(4096)));

static u64 *root(void)
{
    return (u64 *)pv_start.pt_base;
}

static s64 set_entry(const u64 *at, u64 value)
{
    struct mmu_update u = {.ptr = pv_machine((u64)at), .val = value};

    return hypercall4(OP(mmu_update), (u64)&u, 1, 0, DOMID_SELF);
}

static s64 ext(unsigned command, u64 frame)
{
    struct mmuext_op op = {.cmd = command, .arg1.mfn = frame};

    return hypercall4(OP(mmuext_op), (u64)&op, 1, 0, DOMID_SELF);
}

/* Where the table of this level that maps va appears: each level above the last shifts va's indices
 * down by one and puts the slot in front. */
static u64 *window(u64 va, unsigned level)
{
    u64 at = va & 0xfffffffff000ULL;

    for (unsigned i = 0; i < level; i++)
        at = (u64)SLOT << 39 | (at >> INDEX_BITS & ~0xfffULL);
    return (u64 *)(at | 0xffff000000000000ULL);
}

/* The tables that map a page of its own: through the slot, and at their own addresses. */
static void check_tables(void)
{
    u64 va = (u64)abi_page, *table = root();

    for (unsigned level = LEVELS; level > 0; level--) {
        const volatile u64 *seen = window(va, level);
        bool same = true;

        for (unsigned i = 0; i < 512; i++)
            same &= i - 256 < 16 || seen[i] == ((volatile u64 *)table)[i];
        check_equal("a table through the slot", true, same);
        table = (u64 *)platform->entry_pa(table[va >> (12 + INDEX_BITS * (level - 1)) & 511]);
    }
    abi_equal("the page through the tables", (s64)abi_page, (s64)table);
}

/* A word of a table's as a hypercall's argument: the hypervisor reads it there, and writes nothing.
 */
static void check_arguments(void)
{
    u64 *l1 = root(), *seen = window((u64)abi_page, 1);
    s64 here, there;
    domid_t self = DOMID_SELF; /* as an entry: of no page */

    for (unsigned level = LEVELS; level > 1; level--)
        l1 = (u64 *)platform->entry_pa(l1[(u64)abi_page >> (12 + INDEX_BITS * (level - 1)) & 511]);
    abi_equal("an entry of no page", 0, set_entry(&l1[511], self));
    here = hypercall2(OP(memory_op), XENMEM_current_reservation, (u64)&self);
    there = hypercall2(OP(memory_op), XENMEM_current_reservation, (u64)&seen[511]);
    check_equal("an argument through the slot", true, here > 0 && here == there);
    abi_equal("a result through the slot", -ABI_EFAULT,
              hypercall2(OP(xen_version), XENVER_extraversion, (u64)&seen[510]));
    abi_equal("an entry of no page taken away", 0, set_entry(&l1[511], 0));
}

static void make_l4(u64 here)
{
    u64 entry = pv_machine(here);

    abi_equal("read-only", 0,
              hypercall3(OP(update_va_mapping), here, entry | READ_ONLY, UVMF_INVLPG));
    abi_equal("pinned", 0, ext(MMUEXT_PIN_L4_TABLE, entry >> PAGE_SHIFT));
}

static void make_page(u64 here)
{
    u64 entry = pv_machine(here);

    abi_equal("unpinned", 0, ext(MMUEXT_UNPIN_TABLE, entry >> PAGE_SHIFT));
    abi_equal("writable", 0, hypercall3(OP(update_va_mapping), here, entry | TABLE, UVMF_INVLPG));
}

/* How many there may be, here: Xen counts further. */
static void check_limits(u64 other, u64 third)
{
    enum { MOST = 127 };
    const u64 *free = &root()[OTHER_SLOT + 1];
    u64 made = 0;

    while (made < MOST && !set_entry(&free[made], other | READ_ONLY))
        made++;
    check_equal("so many lead to another", MOST, made);
    abi_equal("to another once too often", -ABI_EINVAL, set_entry(&free[made], other | READ_ONLY));
    abi_equal("to a third, the last", 0, set_entry(&free[made], third | READ_ONLY));
    abi_equal("one too many in a table", -ABI_EINVAL,
              set_entry(&free[made + 1], third | READ_ONLY));
    for (unsigned i = 0; i <= made; i++)
        check_quietly(!set_entry(&free[i], 0));
    check_quiet_end("each is taken away");
}

/* Another L4, which must be one: a page that is none yet would become an L3. */
static void check_other(void)
{
    u64 entry = pv_machine((u64)other_l4), third = pv_machine((u64)third_l4);
    u64 l3 = root()[(u64)abi_page >> 39 & 511] & ~0xfffULL;
    u64 l2 = *(u64 *)platform->entry_pa(l3) & ~0xfffULL;

    abi_equal("a page that is mapped writable", -ABI_EINVAL,
              set_entry(&root()[OTHER_SLOT], entry | READ_ONLY));
    abi_equal("an L2", -ABI_EINVAL, set_entry(&root()[OTHER_SLOT], l2 | READ_ONLY));
    make_l4((u64)other_l4);
    make_l4((u64)third_l4);
    abi_equal("writable, to another", -ABI_EINVAL, set_entry(&root()[OTHER_SLOT], entry | TABLE));
    abi_equal("to another", 0, set_entry(&root()[OTHER_SLOT], entry | READ_ONLY));
    abi_equal("two deep", -ABI_EINVAL,
              set_entry(&other_l4[SLOT], pv_machine((u64)root()) | READ_ONLY));
    abi_equal("on to a third", -ABI_EINVAL, set_entry(&other_l4[SLOT], third | READ_ONLY));
    abi_equal("to another, gone", 0, set_entry(&root()[OTHER_SLOT], 0));
    if (pv_is_trivisor())
        check_limits(entry, third);
    make_page((u64)other_l4);
    make_page((u64)third_l4);
}

void abi_linear(void)
{
    u64 entry = pv_machine((u64)root());

    abi_equal("a writable recursive entry", -ABI_EINVAL, set_entry(&root()[SLOT], entry | TABLE));
    abi_equal("in a slot of the hypervisor's", -ABI_EINVAL,
              set_entry(&root()[262], entry | READ_ONLY));
    abi_equal("a recursive entry", 0, set_entry(&root()[SLOT], entry | READ_ONLY));
    check_tables();
    check_arguments();
    check_other();
    abi_equal("a recursive entry, gone", 0, set_entry(&root()[SLOT], 0));
}
