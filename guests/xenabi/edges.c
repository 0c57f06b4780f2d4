/*
 * The edges of what Xen takes: two errors in one call, the largest and the smallest number, the
 * upper half of a register that is not looked at, lists of length 0 at bad addresses.
 */
#include "xenabi.h"

#include "kit/insn.h"
#include "kit/pv_paging.h"
#include "kit/space.h"
#include "kit/user.h"

#include <xen/features.h>
#include <xen/physdev.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#define OP(name) __HYPERVISOR_##name
/* Of user mode's addresses: the hypervisor may look there, but nothing is mapped. */
#define NOWHERE 0x00007f0000000000ULL
#define LAST_LOW                                                                                   \
    0x00007ffffffffff8ULL      /* the last word before the addresses that are not canonical */
#define HIGH_HALF (1ULL << 32) /* of a register whose lower half counts */

enum { GATES = 600, GATE_VECTOR = 201 };
static struct trap_info gates[GATES];
static struct space other;
static u64 ldt[512] __attribute__((aligned(4096)));
static struct mmuext_op ldt_wild = {
    .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = ABI_NOT_CANONICAL, .arg2.nr_ents = 1};
static struct mmuext_op ldt_last = {
    .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = LAST_LOW & ~0xfffULL, .arg2.nr_ents = 8192};
static struct mmuext_op ldt_odd = {
    .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = 0x1001, .arg2.nr_ents = 1};
static struct mmuext_op ldt_none = {.cmd = MMUEXT_SET_LDT, .arg1.linear_addr = 0x1001};
static struct mmuext_op flush_bad = {.cmd = MMUEXT_TLB_FLUSH_MULTI},
                        page_bad = {.cmd = MMUEXT_INVLPG_MULTI},
                        page_high = {.cmd = MMUEXT_INVLPG_LOCAL, .arg1.linear_addr = ABI_BAD};
static struct vcpu_register_runstate_memory_area state_wild = {.addr.p = ABI_NOT_CANONICAL},
                                                 state_last = {.addr.p = LAST_LOW}, state_none;
static struct vcpu_register_time_memory_area time_wild = {.addr.p = ABI_NOT_CANONICAL};
static struct physdev_set_iobitmap wild_ports = {.nr_ports = 8}, bad_ports, no_ports;
static struct vcpu_set_periodic_timer shortest = {.period_ns = 1000000},
                                      too_short = {.period_ns = 999999},
                                      longest = {.period_ns = (1ULL << 62) - 1},
                                      too_long = {.period_ns = 1ULL << 62};
static struct xen_feature_info no_more = {.submap_idx = 1};

static const struct abi_case cases[] = {
    {"set_debugreg: a port, though another is on", OP(set_debugreg), -ABI_EPERM, 7, 0x200001, 0, 0},
    {"set_debugreg: the last low address", OP(set_debugreg), 0, 0, LAST_LOW, 0, 0},
    {"set_debugreg: not canonical", OP(set_debugreg), -ABI_EPERM, 0, ABI_NOT_CANONICAL, 0, 0},
    {"set_debugreg: the last address", OP(set_debugreg), 0, 0, ~0ULL, 0, 0},
    {"set_debugreg: address 0", OP(set_debugreg), 0, 0, 0, 0, 0},
    {"set_debugreg: no status", OP(set_debugreg), 0, 6, 0, 0, 0},
    {"get_debugreg: what is fixed in it", OP(get_debugreg), 0xffff0ff0, 6, 0, 0, 0},
    {"get_debugreg: the upper half", OP(get_debugreg), 0, HIGH_HALF, 0, 0, 0},
    {"set_gdt: no frames at a bad address", OP(set_gdt), 0, ABI_BAD, 0, 0, 0},
    {"vm_assist: neither", OP(vm_assist), -ABI_EINVAL, 99, 60, 0, 0},
    {"xen_version: no second word of features", OP(xen_version), -ABI_EINVAL, XENVER_get_features,
     (u64)&no_more, 0, 0},
    {"xen_version: the upper half", OP(xen_version), 4096, HIGH_HALF | XENVER_pagesize, 0, 0, 0},
    {"console_io: nothing from a bad address", OP(console_io), 0, CONSOLEIO_write, 0, ABI_BAD, 0},
    {"console_io: the upper half", OP(console_io), -ABI_EFAULT, HIGH_HALF << 8 | CONSOLEIO_write, 4,
     ABI_BAD, 0},
    {"LDT: not canonical", OP(mmuext_op), -ABI_EINVAL, (u64)&ldt_wild, 1, 0, DOMID_SELF},
    {"LDT: unaligned", OP(mmuext_op), -ABI_EINVAL, (u64)&ldt_odd, 1, 0, DOMID_SELF},
    {"LDT: beyond the last low address", OP(mmuext_op), 0, (u64)&ldt_last, 1, 0, DOMID_SELF},
    {"LDT: none, its address does not matter", OP(mmuext_op), 0, (u64)&ldt_none, 1, 0, DOMID_SELF},
    {"flush: whose, is not there", OP(mmuext_op), -ABI_EINVAL, (u64)&flush_bad, 1, 0, DOMID_SELF},
    {"flush a page: whose, is not there", OP(mmuext_op), -ABI_EINVAL, (u64)&page_bad, 1, 0,
     DOMID_SELF},
    {"flush a page of the hypervisor's", OP(mmuext_op), 0, (u64)&page_high, 1, 0, DOMID_SELF},
    {"mmuext_op: none, at a bad address", OP(mmuext_op), -ABI_EFAULT, ABI_BAD, 0, 0, DOMID_SELF},
    {"mmuext_op: bad address before nobody", OP(mmuext_op), -ABI_EFAULT, ABI_BAD, 0, 0, ABI_NOBODY},
    {"mmu_update: none, at a bad address", OP(mmu_update), -ABI_EFAULT, ABI_BAD, 0, 0, DOMID_SELF},
    {"mmu_update: bad address before nobody", OP(mmu_update), -ABI_EFAULT, ABI_BAD, 0, 0,
     ABI_NOBODY},
    {"multicall: none, at a bad address", OP(multicall), -ABI_EFAULT, ABI_BAD, 0, 0, 0},
    {"multicall: the upper half", OP(multicall), 0, NOWHERE, HIGH_HALF, 0, 0},
    {"vcpu_op: neither", OP(vcpu_op), -ABI_ENOENT, 99, 99, 0, 0},
    {"vcpu_op: runstate area, not canonical", OP(vcpu_op), -ABI_EFAULT,
     VCPUOP_register_runstate_memory_area, 0, (u64)&state_wild, 0},
    {"vcpu_op: runstate area, beyond the last low address", OP(vcpu_op), 0,
     VCPUOP_register_runstate_memory_area, 0, (u64)&state_last, 0},
    {"vcpu_op: no runstate area", OP(vcpu_op), 0, VCPUOP_register_runstate_memory_area, 0,
     (u64)&state_none, 0},
    {"vcpu_op: time area, not canonical", OP(vcpu_op), -ABI_EFAULT,
     VCPUOP_register_vcpu_time_memory_area, 0, (u64)&time_wild, 0},
    {"physdev_op: bitmap, not canonical", OP(physdev_op), -ABI_EINVAL, PHYSDEVOP_set_iobitmap,
     (u64)&wild_ports, 0, 0},
    {"physdev_op: bitmap of no port, in the hypervisor", OP(physdev_op), -ABI_EINVAL,
     PHYSDEVOP_set_iobitmap, (u64)&bad_ports, 0, 0},
    {"physdev_op: no bitmap any more", OP(physdev_op), 0, PHYSDEVOP_set_iobitmap, (u64)&no_ports, 0,
     0},
    {"vcpu_op: too short a period", OP(vcpu_op), -ABI_EINVAL, VCPUOP_set_periodic_timer, 0,
     (u64)&too_short, 0},
    {"vcpu_op: the shortest period", OP(vcpu_op), 0, VCPUOP_set_periodic_timer, 0, (u64)&shortest,
     0},
    {"vcpu_op: the longest period", OP(vcpu_op), 0, VCPUOP_set_periodic_timer, 0, (u64)&longest, 0},
    {"vcpu_op: too long a period", OP(vcpu_op), -ABI_EINVAL, VCPUOP_set_periodic_timer, 0,
     (u64)&too_long, 0},
    {"vcpu_op: no period", OP(vcpu_op), 0, VCPUOP_stop_periodic_timer, 0, 0, 0},
};

/* A list of any length: the mistake at its end is found, what stands before it counts. */
static void check_gates(void)
{
    for (unsigned i = 0; i < GATES; i++)
        gates[i] = (struct trap_info){.vector = GATE_VECTOR, .cs = 0xe033, .address = 0x1000};
    gates[GATES - 1].address = 0;
    abi_equal("set_trap_table: longer than the table", 0,
              hypercall2(OP(set_trap_table), (u64)gates, 0));
    gates[GATES - 2].address = ABI_NOT_CANONICAL;
    abi_equal("set_trap_table: the last is not canonical", -ABI_EINVAL,
              hypercall2(OP(set_trap_table), (u64)gates, 0));
}

/* System descriptors that do no harm: of type 0; call gates, which become useless. */
static void check_descriptors(void)
{
    static const struct {
        const char *what; /* the case */
        u64 given, kept;  /* 0: refused */
    } descriptors[] = {
        {"update_descriptor: of type 0", 0x0000800000000000, 0x0000800000000000},
        {"update_descriptor: of type 0, level 3", 0x0000e00000000000, 0x0000e00000000000},
        {"update_descriptor: a call gate", 0x0000ec00e0330000, 0x00008c00e0330000},
        {"update_descriptor: a call gate of level 0", 0x00008c0000080000, 0x00008c00000b0000},
        {"update_descriptor: a call gate to the hypervisor", 0x0000ec00e0080000, 0},
        {"update_descriptor: a call gate with bits", 0x0000ec01e0330000, 0},
        {"update_descriptor: an LDT", 0x0000e20000000000, 0},
        {"update_descriptor: a TSS", 0x0000890000000000, 0},
        {"update_descriptor: not present", 0x00000f0000000000, 0x00000f0000000000},
    };
    u64 at = abi_frame(abi_page) << PAGE_SHIFT;

    for (unsigned i = 0; i < ARRAY_SIZE(descriptors); i++) {
        abi_page[0] = 0;
        abi_equal(descriptors[i].what, descriptors[i].kept ? 0 : -ABI_EINVAL,
                  hypercall2(OP(update_descriptor), at, descriptors[i].given));
        check_equal("what is kept of it", descriptors[i].kept, abi_page[0]);
    }
    abi_page[0] = 0;
}

static u32 features(void)
{
    struct xen_feature_info f = {.submap_idx = 0};

    hypercall2(OP(xen_version), XENVER_get_features, (u64)&f);
    return f.submap & ~(1u << XENFEAT_dom0);
}

static void check_features(void)
{
    u32 all = 1u << XENFEAT_pae_pgdir_above_4gb | 1u << XENFEAT_mmu_pt_update_preserve_ad |
              1u << XENFEAT_highmem_assist | 1u << XENFEAT_gnttab_map_avail_bits |
              1u << XENFEAT_memory_op_vnode_supported | 1u << XENFEAT_direct_mapped;

    check_equal("the features", all, features());
    hypercall2(OP(vm_assist), VMASST_CMD_disable, VMASST_TYPE_pae_extended_cr3);
    check_equal("the features without the extended CR3", all & ~(1u << XENFEAT_pae_pgdir_above_4gb),
                features());
    hypercall2(OP(vm_assist), VMASST_CMD_enable, VMASST_TYPE_pae_extended_cr3);
    check_equal("the features with it again", all, features());
}

/* A list at a bad address leaves the count of what is done as it is; a list that is not there has
 * none done. */
static void check_counts(void)
{
    static const u8 calls[] = {OP(mmu_update), OP(mmuext_op)};
    u32 done;

    for (unsigned i = 0; i < ARRAY_SIZE(calls); i++) {
        done = 77;
        abi_equal("a list at a bad address", -ABI_EFAULT,
                  hypercall4(calls[i], ABI_BAD, 1, (u64)&done, DOMID_SELF));
        check_equal("its count stays", 77, done);
        abi_equal("a list that is not there", -ABI_EFAULT,
                  hypercall4(calls[i], NOWHERE, 1, (u64)&done, DOMID_SELF));
        check_equal("none is done", 0, done);
        done = 77;
        abi_equal("the end of a call that is made again", 0,
                  hypercall4(calls[i], NOWHERE, 1u << 31, (u64)&done, DOMID_SELF));
        check_equal("no more is done", 77, done);
    }
}

/* Whose translations go: the mask is read once the entry is made. */
static void check_flush_masks(void)
{
    u64 entry = pv_entry_of((u64)abi_page, ENTRY_RW), mask = 1, at = (u64)abi_page;

    abi_equal("update_va_mapping: all vcpus", 0,
              hypercall3(OP(update_va_mapping), at, entry, UVMF_TLB_FLUSH | UVMF_ALL));
    abi_equal("update_va_mapping: some vcpus", 0,
              hypercall3(OP(update_va_mapping), at, entry, UVMF_INVLPG | (u64)&mask));
    abi_equal("update_va_mapping: vcpus in the hypervisor", -ABI_EFAULT,
              hypercall3(OP(update_va_mapping), at, entry, UVMF_TLB_FLUSH | ABI_BAD));
    abi_equal("update_va_mapping: vcpus that are not there", -ABI_EFAULT,
              hypercall3(OP(update_va_mapping), at, entry, UVMF_INVLPG | NOWHERE));
    abi_equal("update_va_mapping: nothing is flushed, for whom does not matter", 0,
              hypercall3(OP(update_va_mapping), at, entry, ABI_BAD));
}

/* The LDT's pages are held from their first use, until another root is loaded, whose pages they are
 * then. */
static void check_ldt_and_root(void)
{
    enum { DATA_0 = 7 }; /* entry 0 of the LDT, level 3 */
    struct mmuext_op set = {.cmd = MMUEXT_SET_LDT, .arg1.linear_addr = (u64)ldt, .arg2.nr_ents = 1};
    u64 at = (u64)ldt;

    user_space_create(&other);
    ldt[0] = 0x00cff3000000ffff;
    hypercall3(OP(update_va_mapping), at, pv_entry_of(at, ENTRY_PRESENT), UVMF_INVLPG);
    abi_equal("an LDT", 0, hypercall4(OP(mmuext_op), (u64)&set, 1, 0, DOMID_SELF));
    __asm__ volatile("mov %0, %%fs" : : "r"(DATA_0));
    __asm__ volatile("mov %0, %%fs" : : "r"(0));
    check("its page is held",
          hypercall3(OP(update_va_mapping), at, pv_entry_of(at, ENTRY_RW), UVMF_INVLPG) < 0);
    platform->space_load(&other);
    platform->space_load(&kernel_space);
    abi_equal("after another root it is not", 0,
              hypercall3(OP(update_va_mapping), at, pv_entry_of(at, ENTRY_RW), UVMF_INVLPG));
    set.arg2.nr_ents = 0;
    hypercall4(OP(mmuext_op), (u64)&set, 1, 0, DOMID_SELF);
    ldt[0] = 0;
}

void abi_edges(void)
{
    set_xen_guest_handle(wild_ports.bitmap, (uint8_t *)ABI_NOT_CANONICAL);
    set_xen_guest_handle(bad_ports.bitmap, (uint8_t *)ABI_BAD);
    flush_bad.arg2.vcpumask.p = page_bad.arg2.vcpumask.p = (void *)NOWHERE;
    abi_run(cases, ARRAY_SIZE(cases));
    check_gates();
    check_descriptors();
    check_features();
    check_counts();
    check_flush_masks();
    check_ldt_and_root();
}
