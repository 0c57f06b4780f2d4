// sources: tests/unit/stub_pv.c tests/unit/stub_panic.c src/pv/foreign.c
// sources: tests/unit/stub_pv_copy.c tests/unit/stub_heap.c
/*
 * Calls that are made again where they left off when time is up: mmu_update and multicall, one in
 * the other; and the page of stubs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "stub_pv.h"

#include "../../src/pv/hypercall.c"
#include "../../src/pv/multicall.c"
#define update mmu_update_one
#include "../../src/pv/mmu_update.c"
#undef update

enum { ITEMS = 100, RIP = 0x1002 };

const struct hypercall hypercalls_start[1];
extern const struct hypercall hypercalls_end[1] __attribute__((alias("hypercalls_start")));
u8 *host_machine_memory;
struct frame *frame_table;
u32 page_flush_count;
static struct frame table_frame = {
    .owner = 1, .type = FT_L1, .type_count = 1, .flags = FRAME_VALIDATED};
static struct virt_vcpu virt;
static struct domain domain = {.id = 1};
static struct vcpu vcpu;
static struct mmu_update list[ITEMS];
static unsigned written, fail_at;

s64 trivisor_op(struct vcpu *v, u64 command, u64 argument, enum ledger_counter own)
{
    (void)v;
    (void)own;
    return (s64)(command + argument);
}

struct frame *frame_of(mfn_t mfn)
{
    return mfn.v == 5 ? &table_frame : NULL;
}

u64 frame_limit(void)
{
    return 8;
}

/* Each entry written takes a while. */
int table_set_entry(struct domain *d, struct frame *f, u64 *p, u64 entry, bool keep_ad)
{
    (void)d;
    (void)f;
    (void)p;
    (void)keep_ad;
    if (written == fail_at)
        return -EBUSY;
    assert_int_equal(entry, written);
    written++;
    stub_pv_now += 10;
    return 0;
}

int table_stranger(u64 entry)
{
    (void)entry;
    return -EPERM;
}

u64 *table_find_l1(const struct domain *d, u64 root, u64 va, struct frame **table)
{
    (void)d;
    (void)root;
    (void)va;
    (void)table;
    return NULL;
}

int page_get_new_type(struct domain *d, struct frame *f, enum frame_type type)
{
    (void)d;
    (void)f;
    (void)type;
    return -EBUSY;
}

void page_put_last_type(struct domain *d, struct frame *f)
{
    (void)d;
    (void)f;
}

void m2p_set(u64 mfn, u64 gfn)
{
    (void)mfn;
    (void)gfn;
}

void tlb_flush_all(void)
{
}

void tlb_flush_page(mfn_t root, u64 gva)
{
    (void)root;
    (void)gva;
}

static s64 slot_mmu_update(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
    (void)e;
    (void)f;
    return do_mmu_update(a, (u32)b, c, (u32)d);
}

static int setup(void **state)
{
    (void)state;
    hypercall_init();
    hypercall_slot[__HYPERVISOR_mmu_update].handler = slot_mmu_update;
    memset(&virt, 0, sizeof(virt));
    vcpu = (struct vcpu){.domain = &domain, .virt = &virt, .regs.rip = RIP};
    host_pcpu.current = &vcpu;
    host_pcpu.until = 300;
    stub_pv_now = 0;
    stub_pv_bad_bytes = 0;
    written = 0;
    fail_at = ~0u;
    for (unsigned i = 0; i < ITEMS; i++)
        list[i] = (struct mmu_update){5 << PAGE_SHIFT | 8 * (i % 512), i};
    return 0;
}

/* The guest executes the call until it is through; each time the clock is set back. */
static s64 until_done(u64 number, u64 first, u64 second, u64 done, unsigned *times)
{
    for (*times = 1;; ++*times) {
        s64 result = number == __HYPERVISOR_mmu_update
                         ? do_mmu_update(first, (u32)second, done, DOMID_SELF)
                         : do_multicall(first, (u32)second);
        if (vcpu.regs.rip == RIP)
            return result;
        assert_int_equal(vcpu.regs.rip, RIP - SYSCALL_BYTES);
        assert_int_equal(result, number);
        assert_int_equal(vcpu.kicked, 1);
        first = vcpu.regs.rdi;
        second = vcpu.regs.rsi;
        vcpu.regs.rip = RIP;
        stub_pv_now = 0;
        assert_true(*times < 100);
    }
}

static void long_update_goes_on(void **state)
{
    (void)state;
    u32 done = 77;
    unsigned times;

    assert_int_equal(until_done(__HYPERVISOR_mmu_update, (u64)(uintptr_t)list, ITEMS,
                                (u64)(uintptr_t)&done, &times),
                     0);
    assert_int_equal(written, ITEMS);
    assert_int_equal(done, ITEMS);
    assert_in_range(times, 2, 8);
}

static void failure_after_going_on(void **state)
{
    (void)state;
    u32 done = 0;
    unsigned times;

    fail_at = 70;
    assert_int_equal(until_done(__HYPERVISOR_mmu_update, (u64)(uintptr_t)list, ITEMS,
                                (u64)(uintptr_t)&done, &times),
                     -EBUSY);
    assert_int_equal(done, 70);
    assert_true(times > 1);
}

static void long_update_in_a_multicall(void **state)
{
    (void)state;
    u32 done = 0;
    unsigned times;
    struct multicall_entry calls[3] = {
        {.op = __HYPERVISOR_mmu_update,
         .args = {(u64)(uintptr_t)list, ITEMS, (u64)(uintptr_t)&done, DOMID_SELF}},
        {.op = __HYPERVISOR_multicall, .result = 5},
        {.op = 62, .result = 5},
    };

    assert_int_equal(until_done(__HYPERVISOR_multicall, (u64)(uintptr_t)calls, 3, 0, &times), 0);
    assert_int_equal(written, ITEMS);
    assert_int_equal(done, ITEMS);
    assert_int_equal(calls[0].result, 0);
    assert_int_equal((s64)calls[1].result, -EINVAL);
    assert_int_equal((s64)calls[2].result, -ENOSYS);
    assert_in_range(times, 2, 8);
    assert_false(virt.in_multicall || virt.again);
}

static void many_items(void **state)
{
    (void)state;
    static struct multicall_entry calls[ITEMS];
    unsigned times;

    for (unsigned i = 0; i < ITEMS; i++)
        calls[i] = (struct multicall_entry){.op = __HYPERVISOR_mmu_update,
                                            .args = {(u64)(uintptr_t)&list[i], 1, 0, DOMID_SELF}};
    assert_int_equal(until_done(__HYPERVISOR_multicall, (u64)(uintptr_t)calls, ITEMS, 0, &times),
                     0);
    assert_int_equal(written, ITEMS);
    assert_true(times > 1);
}

static void wild_lists(void **state)
{
    (void)state;
    assert_int_equal(do_multicall(HYPERVISOR_VIRT_START, 1), -EFAULT);
    assert_int_equal(do_multicall(HYPERVISOR_VIRT_START - 64, 2), -EFAULT);
    assert_int_equal(do_multicall(HYPERVISOR_VIRT_START, 0), -EFAULT);
    assert_int_equal(do_mmu_update(HYPERVISOR_VIRT_START, 1, 0, DOMID_SELF), -EFAULT);
    assert_int_equal(do_mmu_update((u64)(uintptr_t)list, 1, 0, 0), -ESRCH);
    assert_int_equal(do_mmu_update((u64)(uintptr_t)list, 1, 0, domain.id), -ESRCH);
    assert_int_equal(do_mmu_update((u64)(uintptr_t)list, 1, 0, DOMID_XEN), -EPERM);
    assert_int_equal(do_mmu_update((u64)(uintptr_t)list, 1, 0, DOMID_SELF | 7 << 16), -ESRCH);
    assert_int_equal(do_update_va_mapping_otherdomain(0, 0, 0, 0), -ESRCH);
    list[0].ptr = 6 << PAGE_SHIFT;
    assert_int_equal(do_mmu_update((u64)(uintptr_t)list, 1, 0, DOMID_SELF), -EINVAL);
    list[0].ptr = 9 << PAGE_SHIFT;
    assert_int_equal(do_mmu_update((u64)(uintptr_t)list, 1, 0, DOMID_SELF), -EINVAL);
    list[0].ptr = (5 << PAGE_SHIFT) + 4;
    assert_int_equal(do_mmu_update((u64)(uintptr_t)list, 1, 0, DOMID_SELF), -ENOSYS);
}

static void stubs(void **state)
{
    (void)state;
    static u8 page[PAGE_SIZE];

    hypercall_page_fill(page);
    for (u32 i = 0; i < PAGE_SIZE / 32; i++) {
        unsigned at = i == __HYPERVISOR_iret ? 5 : 4;
        u32 number;

        memcpy(&number, page + 32 * i + at, sizeof(number));
        assert_int_equal(number, i);
        assert_int_equal(page[32 * i + at - 1], 0xb8); /* mov eax, n */
        assert_int_equal(page[32 * i + at + 4], 0x0f); /* syscall */
        assert_int_equal(page[32 * i + at + 5], 0x05);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(long_update_goes_on, setup),
        cmocka_unit_test_setup(failure_after_going_on, setup),
        cmocka_unit_test_setup(long_update_in_a_multicall, setup),
        cmocka_unit_test_setup(many_items, setup),
        cmocka_unit_test_setup(wild_lists, setup),
        cmocka_unit_test_setup(stubs, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
