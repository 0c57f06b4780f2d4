/*
 * Paravirtualization: attacks on memory. No sequence of calls may let the guest write a page table
 * that is in use, or map a frame that is not its own.
 */
#include "hostile/attack.h"
#include "hostile/pv_attack.h"

#include "kit/hypercall.h"
#include "kit/kit.h"
#include "kit/pv.h"

#include <xen/memory.h>
#include <xen/xen.h>

#define HYPERVISOR_IMAGE 0xffff828000210000ULL
#define DIRECT_MAP       0xffff830000000000ULL
#define M2P_AT           MACH2PHYS_VIRT_START

enum error_codes { PRESENT = 1, PRESENT_WRITE = 3 };
enum entry_bits {
    ENTRY_P = 1,
    ENTRY_W = 2,
    ENTRY_U = 4,
    ENTRY_PWT = 8,
    ENTRY_PCD = 0x10,
    ENTRY_PAT = 0x80, /* of an L1 */
    ENTRY_PS = 0x80,  /* of any other */
    TABLE = 7,
    READ_ONLY = 5
};

/* Frame 0x100 is the first MiB: the machine's, never a domain's. Some frame that does not exist. */
enum frames { MACHINE_FRAME = 0xb8 };
#define NO_FRAME 0x3ffffffffULL

static u8 page[PAGE_SIZE] __attribute__((aligned(4096)));
static u8 other[PAGE_SIZE] __attribute__((aligned(4096)));

static u64 mfn(const void *p)
{
    return pv_machine((u64)p) >> PAGE_SHIFT;
}
/* The tables that the domain builder made: the L4, then the others. */
static u64 *root_table(void)
{
    return (u64 *)pv_start.pt_base;
}
/* A level-1 table of the builder's. */
static u64 *level1_table(void)
{
    u64 *table = root_table();

    for (unsigned level = 4; level > 1; level--)
        table = (u64 *)platform->entry_pa(table[0]);
    return table;
}

s64 pv_map(const void *at, u64 machine_entry)
{
    return hypercall3(__HYPERVISOR_update_va_mapping, (u64)at, machine_entry, UVMF_INVLPG);
}
s64 pv_update(u64 pointer, u64 value, u64 domain)
{
    struct mmu_update u = {.ptr = pointer, .val = value};

    return hypercall4(__HYPERVISOR_mmu_update, (u64)&u, 1, 0, domain);
}
s64 pv_ext(unsigned command, u64 frame, u64 second)
{
    struct mmuext_op op = {.cmd = command};

    op.arg1.mfn = frame;
    op.arg2.src_mfn = second;
    return hypercall4(__HYPERVISOR_mmuext_op, (u64)&op, 1, 0, DOMID_SELF);
}

static s64 read_image(void)
{
    return *(volatile u8 *)HYPERVISOR_IMAGE;
}
static s64 write_image(void)
{
    *(volatile u8 *)HYPERVISOR_IMAGE = 0;
    return 0;
}
static s64 read_direct_map(void)
{
    return *(volatile u8 *)DIRECT_MAP;
}
static s64 write_direct_map(void)
{
    *(volatile u8 *)DIRECT_MAP = 0;
    return 0;
}
static s64 write_m2p(void)
{
    *(volatile u64 *)M2P_AT = 0;
    return 0;
}
static s64 read_m2p(void)
{
    return ((volatile u64 *)M2P_AT)[mfn(page)] == (u64)page >> PAGE_SHIFT;
}
static s64 write_table(void)
{
    *(volatile u64 *)root_table() = 0;
    return 0;
}

static s64 map_machine_frame(void)
{
    return pv_map(page, (u64)MACHINE_FRAME << PAGE_SHIFT | TABLE);
}
static s64 map_machine_frame_read_only(void)
{
    return pv_map(page, (u64)MACHINE_FRAME << PAGE_SHIFT | READ_ONLY);
}
static s64 map_no_frame(void)
{
    return pv_map(page, NO_FRAME << PAGE_SHIFT | TABLE);
}
static s64 map_hypervisors_frame(void)
{
    return pv_map(page, 1ULL << 21 | TABLE); /* its image is loaded at 2 MiB */
}
static s64 map_reserved_bit(void)
{
    return pv_map(page, pv_machine((u64)page) | TABLE | 1ULL << 51);
}
/* What a former owner left may be in memory while the zeroes that cover it are in the cache. */
static s64 map_past_the_cache(void)
{
    static const u64 attributes[] = {ENTRY_PWT, ENTRY_PCD, ENTRY_PAT, ENTRY_PWT | ENTRY_PCD};
    s64 refused = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(attributes); i++)
        refused += pv_map(page, pv_machine((u64)page) | TABLE | attributes[i]) == -PV_EINVAL;
    return refused == ARRAY_SIZE(attributes);
}
static s64 map_table_writable(void)
{
    return pv_map(page, pv_machine((u64)level1_table()) | TABLE);
}
static s64 map_root_writable(void)
{
    return pv_map(page, pv_machine((u64)root_table()) | TABLE);
}
static s64 map_by_update(void)
{
    u64 *table = level1_table();

    return pv_update(pv_machine((u64)&table[511]) | MMU_NORMAL_PT_UPDATE,
                     pv_machine((u64)root_table()) | TABLE, DOMID_SELF);
}
static s64 map_large(void)
{
    u64 *l2 = (u64 *)platform->entry_pa(((u64 *)platform->entry_pa(root_table()[0]))[0]);

    return pv_update(pv_machine((u64)&l2[511]), TABLE | ENTRY_PS, DOMID_SELF);
}
static s64 data_as_table(void)
{
    u64 *l2 = (u64 *)platform->entry_pa(((u64 *)platform->entry_pa(root_table()[0]))[0]);

    return pv_update(pv_machine((u64)&l2[511]), pv_machine((u64)page) | TABLE, DOMID_SELF);
}
static s64 hypervisor_slot(void)
{
    return pv_update(pv_machine((u64)&root_table()[261]), 0, DOMID_SELF);
}
static s64 update_data_frame(void)
{
    return pv_update(pv_machine((u64)page), 1, DOMID_SELF) == 0 && *(volatile u64 *)page == 1;
}
static s64 update_foreign_frame(void)
{
    return pv_update(1ULL << 21, 0, DOMID_SELF);
}
static s64 update_nowhere(void)
{
    return pv_update(NO_FRAME << PAGE_SHIFT, 0, DOMID_SELF);
}
static s64 update_unaligned(void)
{
    return pv_update(pv_machine((u64)level1_table()) + 4, 0, DOMID_SELF);
}
static s64 update_untranslated(void)
{
    return pv_update(pv_machine((u64)page) | MMU_PT_UPDATE_NO_TRANSLATE, 0, DOMID_SELF);
}
static s64 update_for_another(void)
{
    return pv_update(pv_machine((u64)page), 0, DOMID_XEN);
}
static s64 wild_va(void)
{
    return pv_map((void *)HYPERVISOR_IMAGE, pv_machine((u64)page) | TABLE);
}
static s64 va_not_canonical(void)
{
    return pv_map((void *)0x800000000000, pv_machine((u64)page) | TABLE);
}
static s64 va_without_table(void)
{
    return pv_map((void *)0x7f0000000000, pv_machine((u64)page) | TABLE);
}

static s64 baseptr_data(void)
{
    return pv_ext(MMUEXT_NEW_BASEPTR, mfn(page), 0);
}
static s64 baseptr_level1(void)
{
    return pv_ext(MMUEXT_NEW_BASEPTR, mfn(level1_table()), 0);
}
static s64 baseptr_hypervisor(void)
{
    return pv_ext(MMUEXT_NEW_BASEPTR, 0x210, 0);
}
static s64 baseptr_nowhere(void)
{
    return pv_ext(MMUEXT_NEW_BASEPTR, NO_FRAME, 0);
}
static s64 user_baseptr_data(void)
{
    return pv_ext(MMUEXT_NEW_USER_BASEPTR, mfn(page), 0);
}
static s64 pin_writable(void)
{
    return pv_ext(MMUEXT_PIN_L1_TABLE, mfn(page), 0);
}
static s64 pin_wrong_level(void)
{
    return pv_ext(MMUEXT_PIN_L3_TABLE, mfn(level1_table()), 0);
}
static s64 pin_nowhere(void)
{
    return pv_ext(MMUEXT_PIN_L1_TABLE, NO_FRAME, 0);
}
static s64 unpin_unpinned(void)
{
    return pv_ext(MMUEXT_UNPIN_TABLE, mfn(page), 0);
}
static s64 unpin_nowhere(void)
{
    return pv_ext(MMUEXT_UNPIN_TABLE, NO_FRAME, 0);
}
static s64 clear_table(void)
{
    return pv_ext(MMUEXT_CLEAR_PAGE, mfn(root_table()), 0);
}
static s64 copy_onto_table(void)
{
    return pv_ext(MMUEXT_COPY_PAGE, mfn(root_table()), mfn(page));
}
static s64 copy_from_hypervisor(void)
{
    return pv_ext(MMUEXT_COPY_PAGE, mfn(page), 0x210);
}

/* A page that becomes a table, is pinned twice, and is written through every mapping that was
 * there before. */
static s64 pin_twice(void)
{
    s64 first, second, writable, unpinned, again;

    memset(other, 0, PAGE_SIZE);
    pv_map(other, pv_machine((u64)other) | READ_ONLY);
    first = pv_ext(MMUEXT_PIN_L1_TABLE, mfn(other), 0);
    second = pv_ext(MMUEXT_PIN_L1_TABLE, mfn(other), 0);
    writable = pv_map(other, pv_machine((u64)other) | TABLE);
    unpinned = pv_ext(MMUEXT_UNPIN_TABLE, mfn(other), 0);
    again = pv_ext(MMUEXT_UNPIN_TABLE, mfn(other), 0);
    pv_map(other, pv_machine((u64)other) | TABLE);
    return first == 0 && second == -PV_EINVAL && writable < 0 && unpinned == 0 &&
           again == -PV_EINVAL;
}
/* A pinned table's frame given back while it is pinned: it is a table as long as it is used as one.
 */
static s64 give_table_back(void)
{
    static u8 table[PAGE_SIZE] __attribute__((aligned(4096)));
    u64 frame = mfn(table);
    struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};
    s64 given;

    set_xen_guest_handle(r.extent_start, &frame);
    pv_map(table, frame << PAGE_SHIFT | READ_ONLY);
    if (pv_ext(MMUEXT_PIN_L1_TABLE, frame, 0))
        return -1;
    given = hypercall2(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, (u64)&r);
    return given == 1 && pv_map(page, frame << PAGE_SHIFT | TABLE) < 0;
}
static s64 give_foreign_back(void)
{
    u64 frame = 0x210;
    struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};

    set_xen_guest_handle(r.extent_start, &frame);
    return hypercall2(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, (u64)&r);
}
static s64 take_too_much(void)
{
    static u64 frames[4];
    struct xen_memory_reservation r = {.nr_extents = 4, .domid = DOMID_SELF};

    set_xen_guest_handle(r.extent_start, frames);
    return hypercall2(__HYPERVISOR_memory_op, XENMEM_increase_reservation, (u64)&r);
}
static s64 reservation_in_hypervisor(void)
{
    return hypercall2(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, HYPERVISOR_IMAGE);
}
static s64 gdt_writable_frame(void)
{
    u64 frame = mfn(page);

    return hypercall2(__HYPERVISOR_set_gdt, (u64)&frame, 512);
}
static s64 gdt_table_frame(void)
{
    u64 frame = mfn(root_table());

    return hypercall2(__HYPERVISOR_set_gdt, (u64)&frame, 512);
}

ATTEMPT(read_image)
ATTEMPT(write_image)
ATTEMPT(read_direct_map)
ATTEMPT(write_direct_map)
ATTEMPT(write_m2p)
ATTEMPT(read_m2p)
ATTEMPT(write_table)
ATTEMPT(map_machine_frame)
ATTEMPT(map_machine_frame_read_only)
ATTEMPT(map_no_frame)
ATTEMPT(map_hypervisors_frame)
ATTEMPT(map_reserved_bit)
ATTEMPT(map_past_the_cache)
ATTEMPT(map_table_writable)
ATTEMPT(map_root_writable)
ATTEMPT(map_by_update)
ATTEMPT(map_large)
ATTEMPT(data_as_table)
ATTEMPT(hypervisor_slot)
ATTEMPT(update_data_frame)
ATTEMPT(update_foreign_frame)
ATTEMPT(update_nowhere)
ATTEMPT(update_unaligned)
ATTEMPT(update_untranslated)
ATTEMPT(update_for_another)
ATTEMPT(wild_va)
ATTEMPT(va_not_canonical)
ATTEMPT(va_without_table)
ATTEMPT(baseptr_data)
ATTEMPT(baseptr_level1)
ATTEMPT(baseptr_hypervisor)
ATTEMPT(baseptr_nowhere)
ATTEMPT(user_baseptr_data)
ATTEMPT(pin_writable)
ATTEMPT(pin_wrong_level)
ATTEMPT(pin_nowhere)
ATTEMPT(unpin_unpinned)
ATTEMPT(unpin_nowhere)
ATTEMPT(clear_table)
ATTEMPT(copy_onto_table)
ATTEMPT(copy_from_hypervisor)
ATTEMPT(pin_twice)
ATTEMPT(give_table_back)
ATTEMPT(give_foreign_back)
ATTEMPT(take_too_much)
ATTEMPT(reservation_in_hypervisor)
ATTEMPT(gdt_writable_frame)
ATTEMPT(gdt_table_frame)

#define PF(e) FAULTS(TRAP_PAGE_FAULT, e)
static const struct attack attacks[] = {
    {"read the hypervisor's image", SURVIVES, try_read_image, PF(PRESENT), 0},
    {"write the hypervisor's image", SURVIVES, try_write_image, PF(PRESENT_WRITE), 0},
    {"read the direct map", SURVIVES, try_read_direct_map, PF(PRESENT), 0},
    {"write the direct map", SURVIVES, try_write_direct_map, PF(PRESENT_WRITE), 0},
    {"write the machine-to-physical table", SURVIVES, try_write_m2p, PF(PRESENT_WRITE), 0},
    {"read the machine-to-physical table", SURVIVES, try_read_m2p, RETURNS(1), 0},
    {"write a page table directly", SURVIVES, try_write_table, PF(PRESENT_WRITE), 0},
    {"map a device's frame", SURVIVES, try_map_machine_frame, RETURNS(-PV_EPERM), 0},
    {"map a device's frame read-only", SURVIVES, try_map_machine_frame_read_only,
     RETURNS(-PV_EPERM), 0},
    {"map a frame that does not exist", SURVIVES, try_map_no_frame, RETURNS(-PV_EPERM), 0},
    {"map a frame of the hypervisor's", SURVIVES, try_map_hypervisors_frame, RETURNS(-PV_EBUSY), 0},
    {"map with a reserved bit", SURVIVES, try_map_reserved_bit, RETURNS(-PV_EPERM), 0},
    {"map memory past the cache", SURVIVES, try_map_past_the_cache, RETURNS(1), 0},
    {"map a live L1 table writable", SURVIVES, try_map_table_writable, RETURNS(-PV_EBUSY), 0},
    {"map the L4 table writable", SURVIVES, try_map_root_writable, RETURNS(-PV_EBUSY), 0},
    {"map the L4 table writable by mmu_update", SURVIVES, try_map_by_update, RETURNS(-PV_EBUSY), 0},
    {"a 2 MiB page", SURVIVES, try_map_large, RETURNS(-PV_EINVAL), 0},
    {"a writable page as a page table", SURVIVES, try_data_as_table, RETURNS(-PV_EINVAL), 0},
    {"the hypervisor's slot of the L4", SURVIVES, try_hypervisor_slot, RETURNS(-PV_EINVAL), 0},
    {"mmu_update of a page of data", SURVIVES, try_update_data_frame, RETURNS(1), 0},
    {"mmu_update of a frame of the hypervisor's", SURVIVES, try_update_foreign_frame,
     RETURNS(-PV_EINVAL), 0},
    {"mmu_update of a frame that does not exist", SURVIVES, try_update_nowhere, RETURNS(-PV_EINVAL),
     0},
    {"mmu_update, unaligned", SURVIVES, try_update_unaligned, RETURNS(-PV_ENOSYS), 0},
    {"mmu_update, untranslated, of a page of data", SURVIVES, try_update_untranslated, RETURNS(0),
     0},
    {"mmu_update for another domain", SURVIVES, try_update_for_another, RETURNS(-PV_EPERM), 0},
    {"update_va_mapping of the hypervisor's address", SURVIVES, try_wild_va, RETURNS(-PV_EINVAL),
     0},
    {"update_va_mapping, not canonical", SURVIVES, try_va_not_canonical, RETURNS(-PV_EINVAL), 0},
    {"update_va_mapping without a table", SURVIVES, try_va_without_table, RETURNS(-PV_EINVAL), 0},
    {"a page of data as L4", SURVIVES, try_baseptr_data, RETURNS(-PV_EINVAL), 0},
    {"an L1 table as L4", SURVIVES, try_baseptr_level1, RETURNS(-PV_EINVAL), 0},
    {"a frame of the hypervisor's as L4", SURVIVES, try_baseptr_hypervisor, RETURNS(-PV_EINVAL), 0},
    {"a frame that does not exist as L4", SURVIVES, try_baseptr_nowhere, RETURNS(-PV_EINVAL), 0},
    {"a page of data as the user's L4", SURVIVES, try_user_baseptr_data, RETURNS(-PV_EINVAL), 0},
    {"pin a writable page", SURVIVES, try_pin_writable, RETURNS(-PV_EINVAL), 0},
    {"pin a table at the wrong level", SURVIVES, try_pin_wrong_level, RETURNS(-PV_EINVAL), 0},
    {"pin a frame that does not exist", SURVIVES, try_pin_nowhere, RETURNS(-PV_EINVAL), 0},
    {"unpin what is not pinned", SURVIVES, try_unpin_unpinned, RETURNS(-PV_EINVAL), 0},
    {"unpin a frame that does not exist", SURVIVES, try_unpin_nowhere, RETURNS(-PV_EINVAL), 0},
    {"clear a page table", SURVIVES, try_clear_table, RETURNS(-PV_EINVAL), 0},
    {"copy over a page table", SURVIVES, try_copy_onto_table, RETURNS(-PV_EINVAL), 0},
    {"copy a frame of the hypervisor's", SURVIVES, try_copy_from_hypervisor, RETURNS(-PV_EINVAL),
     0},
    {"pin and unpin twice", SURVIVES, try_pin_twice, RETURNS(1), 0},
    {"give a table's frame back", SURVIVES, try_give_table_back, RETURNS(1), 0},
    {"give a frame of the hypervisor's back", SURVIVES, try_give_foreign_back, RETURNS(0), 0},
    {"take more memory than allowed", SURVIVES, try_take_too_much, RETURNS(0), 0},
    {"a reservation at the hypervisor's address", SURVIVES, try_reservation_in_hypervisor,
     RETURNS(0), 0},
    {"a writable page as descriptor table", SURVIVES, try_gdt_writable_frame, RETURNS(-PV_EINVAL),
     0},
    {"a page table as descriptor table", SURVIVES, try_gdt_table_frame, RETURNS(-PV_EINVAL), 0},
};
const struct attack_list pv_memory_attacks = {attacks, ARRAY_SIZE(attacks)};
