/*
 * VMASST_TYPE_writable_pagetables: a store to a level-1 table that is in use is carried out as an
 * update of the entry; one that no update would do, or without the assist, is a page fault.
 */
#include "pv_check.h"

#include "kit/hypercall.h"
#include "kit/pv.h"
#include "kit/trap.h"

enum { STORE_BYTES = 3, ENTRY_OWN = 1 << 9 };
#define ENTRY_SOFTWARE  (1ULL << 9)
#define ENTRY_GLOBAL    (1ULL << 8)
#define ENTRY_ELSEWHERE 0x000ffffffffff000ULL /* no machine has so much memory */

static u64 table[512] __attribute__((aligned(PAGE_SIZE)));
static u64 data[512] __attribute__((aligned(PAGE_SIZE)));
static unsigned faults;
static u64 fault_error;

static struct trap_frame *skip_store(struct trap_frame *f)
{
    faults++;
    fault_error = f->error;
    f->rip += STORE_BYTES;
    return f;
}

/* One instruction of STORE_BYTES. */
static void store(volatile u64 *to, u64 value)
{
    __asm__ volatile("movq %%rax, (%%rdi)" : : "D"(to), "a"(value) : "memory");
}

static s64 assist(unsigned command)
{
    return hypercall2(__HYPERVISOR_vm_assist, command, VMASST_TYPE_writable_pagetables);
}

/* An entry as it was stored: Xen marks those of user pages global. */
static u64 stored(void)
{
    return table[1] & ~ENTRY_GLOBAL;
}

static void check_refused(const char *what, u64 value)
{
    u64 before = table[1];

    faults = 0;
    store(&table[1], value);
    check_equal(what, 1, faults);
    check_equal("a write to what is there", FAULT_PRESENT | FAULT_WRITE, fault_error);
    check_equal("nothing changed", before, table[1]);
}

/* Xen 4.17 was seen to carry the store out for its first domain without the assist, too. */
static void check_unassisted(u64 entry)
{
    if (pv_is_trivisor()) {
        check_refused("without the assist a store faults", entry);
        return;
    }
    store(&table[1], entry);
    check("a store without the assist does it or faults", faults || stored() == entry);
}

static void check_stores(u64 entry)
{
    u64 old = 0;

    store(&table[1], entry);
    check_equal("a store is an update", entry | ENTRY_WRITABLE, stored());
    old = __atomic_exchange_n(&table[1], entry | ENTRY_OWN, __ATOMIC_SEQ_CST);
    check_equal("XCHG gives the old entry", entry, old & ~ENTRY_GLOBAL);
    check_equal("and leaves the new one", entry | ENTRY_OWN, stored());
    old = 0;
    check("CMPXCHG with another entry",
          !__atomic_compare_exchange_n(&table[1], &old, 0, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST));
    check_equal("tells what is there", entry | ENTRY_OWN, old & ~ENTRY_GLOBAL);
    check("CMPXCHG with the right one",
          __atomic_compare_exchange_n(&table[1], &old, entry, false, __ATOMIC_SEQ_CST,
                                      __ATOMIC_SEQ_CST));
    __atomic_fetch_or(&table[1], ENTRY_SOFTWARE, __ATOMIC_SEQ_CST);
    check_equal("OR", entry | ENTRY_SOFTWARE, stored());
    ((volatile u8 *)&table[1])[1] = (u8)(entry >> 8);
    check_equal("a store of one byte", entry, stored());
}

void pv_check_tables(void)
{
    u64 frame = pv_machine((u64)table) >> PAGE_SHIFT;
    u64 entry = pv_machine((u64)data) | ENTRY_WRITABLE;

    trap_handle(TRAP_PAGE_FAULT, skip_store);
    check_equal("a table, read-only", 0,
                (u64)pv_check_map(table, frame << PAGE_SHIFT | ENTRY_READ_ONLY));
    check_equal("in use", 0, (u64)pv_check_ext(MMUEXT_PIN_L1_TABLE, frame, 0));
    check_unassisted(entry);
    check_equal("the assist", 0, (u64)assist(VMASST_CMD_enable));
    faults = 0;
    check_stores(entry);
    check_equal("all of them without a fault", 0, faults);
    check_refused("an entry for no memory of its own", ENTRY_ELSEWHERE | ENTRY_WRITABLE);
    check_refused("an entry that maps a table writable", frame << PAGE_SHIFT | ENTRY_WRITABLE);
    store(&table[1], 0);
    check_equal("cleared", 0, table[1]);
    check_equal("without the assist again", 0, (u64)assist(VMASST_CMD_disable));
    check_unassisted(entry);
    check_equal("no longer in use", 0, (u64)pv_check_ext(MMUEXT_UNPIN_TABLE, frame, 0));
    check_equal("memory again", 0, (u64)pv_check_map(table, frame << PAGE_SHIFT | ENTRY_WRITABLE));
    trap_handle(TRAP_PAGE_FAULT, NULL);
}
