/*
 * Full virtualization: attacks on memory. The guest may write anything into its own page tables;
 * what counts is what it then reaches. Where there is no memory, reads are all ones and writes are
 * lost, as on a bare machine.
 */
#include "hostile/attack.h"

#include "kit/kit.h"

/* SDM, "4-Level Paging": entries. */
#define ENTRY_P    (1ULL << 0)
#define ENTRY_W    (1ULL << 1)
#define ENTRY_U    (1ULL << 2)
#define ENTRY_PS   (1ULL << 7)
#define ENTRY_RSVD (1ULL << 51) /* beyond every processor's physical addresses */
#define TABLE      (ENTRY_P | ENTRY_W | ENTRY_U)

enum error_codes { ERROR_WRITE = 2, ERROR_RESERVED = 9, ERROR_RESERVED_WRITE = 11 };

/* L4 slot 200 is the playground. */
enum { SLOT = 200 };
#define PLAYGROUND     ((u64)SLOT << 39)
#define HYPERVISOR_AT  0xffff828000000000ULL /* its image */
#define DIRECT_MAP_AT  0xffff830000000000ULL
#define NOBODYS_MEMORY 0x3000000000ULL /* 192 GiB */
#define ALL_ONES       0xffffffffffffffffULL

static u64 l3[512] __attribute__((aligned(4096)));
static u64 l2[512] __attribute__((aligned(4096)));
static u64 l1[512] __attribute__((aligned(4096)));
static volatile u64 page[512] __attribute__((aligned(4096)));

static u64 *l4(void)
{
    return (u64 *)(read_cr3() & ~0xfffULL);
}

/* The playground's first page becomes `entry` at the lowest level. */
static volatile u64 *play(u64 entry)
{
    l1[0] = entry;
    l2[0] = (u64)l1 | TABLE;
    l3[0] = (u64)l2 | TABLE;
    l4()[SLOT] = (u64)l3 | TABLE;
    write_cr3(read_cr3());
    return (volatile u64 *)PLAYGROUND;
}

static s64 read_hypervisor(void)
{
    return (s64) * (volatile u64 *)HYPERVISOR_AT;
}
static s64 write_hypervisor(void)
{
    *(volatile u64 *)HYPERVISOR_AT = 0;
    return 0;
}
static s64 read_direct_map(void)
{
    return (s64) * (volatile u64 *)DIRECT_MAP_AT;
}
static s64 write_direct_map(void)
{
    *(volatile u64 *)DIRECT_MAP_AT = 0;
    return 0;
}

/* The same addresses, mapped by the guest itself: its own memory, not the hypervisor's. */
static s64 map_over_hypervisor(void)
{
    enum { HYPERVISOR_SLOT = 261 };
    u64 saved = l4()[HYPERVISOR_SLOT];

    page[0] = 0x1234;
    l1[0] = (u64)page | TABLE;
    l2[0] = (u64)l1 | TABLE;
    l3[0] = (u64)l2 | TABLE;
    l4()[HYPERVISOR_SLOT] = (u64)l3 | TABLE;
    write_cr3(read_cr3());
    *(volatile u64 *)HYPERVISOR_AT = *(volatile u64 *)HYPERVISOR_AT + 1;
    l4()[HYPERVISOR_SLOT] = saved;
    write_cr3(read_cr3());
    return (s64)page[0];
}

static s64 read_nobodys_memory(void)
{
    return (s64)*play(NOBODYS_MEMORY | TABLE);
}
static s64 write_nobodys_memory(void)
{
    volatile u64 *at = play(NOBODYS_MEMORY | TABLE);

    *at = 0x5555;
    return (s64)*at;
}
/* The first bytes behind the domain's own memory. */
static s64 read_behind_memory(void)
{
    return (s64)*play(boot_info.free_end | TABLE);
}
static s64 reserved_bit(void)
{
    return (s64)*play((u64)page | TABLE | ENTRY_RSVD);
}
static s64 reserved_bit_write(void)
{
    *play((u64)page | TABLE | ENTRY_RSVD) = 1;
    return 0;
}
static s64 unaligned_large_page(void)
{
    volatile u64 *at = play(0);

    l2[0] = (1ULL << 13) | TABLE | ENTRY_PS;
    write_cr3(read_cr3());
    return (s64)*at;
}

/* A table where there is no memory reads as all ones, reserved bits included. */
static s64 table_outside_memory(void)
{
    volatile u64 *at = play(0);

    l2[0] = NOBODYS_MEMORY | TABLE;
    write_cr3(read_cr3());
    return (s64)*at;
}
static s64 table_is_a_device(void)
{
    volatile u64 *at = play(0);

    l2[0] = 0xfee00000 | TABLE;
    write_cr3(read_cr3());
    return (s64)*at;
}

/* The tables as data: an L4 entry that points to the L4 itself. */
static s64 recursive_map(void)
{
    u64 *table = l4(), result;

    table[SLOT] = (u64)table | TABLE;
    write_cr3(read_cr3());
    volatile u64 *self =
        (volatile u64 *)(PLAYGROUND | (u64)SLOT << 30 | (u64)SLOT << 21 | (u64)SLOT << 12);
    result = self[SLOT] & ~0xfffULL;
    self[SLOT + 1] = (u64)l3 | TABLE; /* a write through the map is a change of the table */
    l3[0] = (u64)l2 | TABLE;
    l2[0] = (u64)l1 | TABLE;
    l1[0] = (u64)page | TABLE;
    page[1] = 0x77;
    bool reached = ((volatile u64 *)((u64)(SLOT + 1) << 39))[1] == 0x77;
    self[SLOT + 1] = 0;
    self[SLOT] = 0;
    write_cr3(read_cr3());
    return result == (u64)table && reached;
}

/* A writable mapping of a page table, made before and after it becomes one. */
static s64 two_faces(void)
{
    volatile u64 *at = play((u64)l1 | TABLE); /* maps its own table */

    page[2] = 0x99;
    at[1] = (u64)page | TABLE;
    u64 seen = ((volatile u64 *)(PLAYGROUND + PAGE_SIZE))[2];
    at[1] = 0;
    invlpg(PLAYGROUND + PAGE_SIZE);
    return (s64)seen;
}

/* Through a stale mapping the guest must never see memory that has been taken from it: after
 * INVLPG the new frame shows. */
static s64 change_and_invlpg(void)
{
    volatile u64 *at = play((u64)page | TABLE);
    u64 first;

    page[0] = 1;
    l1[511] = 0x4242;
    first = *at;
    l1[0] = (u64)l1 | TABLE;
    invlpg(PLAYGROUND);
    return (s64)(first == 1 && at[511] == 0x4242);
}

static s64 cr3_beyond_addresses(void)
{
    write_cr3(ENTRY_RSVD);
    return 0;
}
static s64 cr3_outside_memory(void)
{
    write_cr3(NOBODYS_MEMORY);
    return 0;
}

/* Events that cannot be delivered: the descriptor, or the stack, is where there is no memory. */
static s64 idt_outside_memory(void)
{
    struct table_register nowhere = {.limit = 0xfff, .base = PLAYGROUND};

    play(NOBODYS_MEMORY | TABLE);
    lidt(&nowhere);
    __asm__ volatile("int3");
    return 0;
}
static s64 stack_outside_memory(void)
{
    play(NOBODYS_MEMORY | TABLE);
    __asm__ volatile("mov %0, %%rsp\n int3" : : "r"(PLAYGROUND + 0x800) : "memory");
    return 0;
}

#define ATTEMPT(f)                                                                                 \
    static struct outcome try_##f(void)                                                            \
    {                                                                                              \
        return probe(f);                                                                           \
    }
ATTEMPT(read_hypervisor)
ATTEMPT(write_hypervisor)
ATTEMPT(read_direct_map)
ATTEMPT(write_direct_map)
ATTEMPT(map_over_hypervisor)
ATTEMPT(read_nobodys_memory)
ATTEMPT(write_nobodys_memory)
ATTEMPT(read_behind_memory)
ATTEMPT(reserved_bit)
ATTEMPT(reserved_bit_write)
ATTEMPT(unaligned_large_page)
ATTEMPT(table_outside_memory)
ATTEMPT(table_is_a_device)
ATTEMPT(recursive_map)
ATTEMPT(two_faces)
ATTEMPT(change_and_invlpg)
ATTEMPT(cr3_beyond_addresses)
ATTEMPT(cr3_outside_memory)
ATTEMPT(idt_outside_memory)
ATTEMPT(stack_outside_memory)

static const struct attack attacks[] = {
    {"read the hypervisor's image", SURVIVES, try_read_hypervisor, FAULTS(TRAP_PAGE_FAULT, 0), 0},
    {"write the hypervisor's image", SURVIVES, try_write_hypervisor,
     FAULTS(TRAP_PAGE_FAULT, ERROR_WRITE), 0},
    {"read the direct map", SURVIVES, try_read_direct_map, FAULTS(TRAP_PAGE_FAULT, 0), 0},
    {"write the direct map", SURVIVES, try_write_direct_map, FAULTS(TRAP_PAGE_FAULT, ERROR_WRITE),
     0},
    {"map own memory at the hypervisor's addresses", SURVIVES, try_map_over_hypervisor,
     RETURNS(0x1235), 0},
    {"read memory that is nobody's", SURVIVES, try_read_nobodys_memory, RETURNS((s64)ALL_ONES), 0},
    {"write memory that is nobody's", SURVIVES, try_write_nobodys_memory, RETURNS((s64)ALL_ONES),
     0},
    {"read behind the own memory", SURVIVES, try_read_behind_memory, RETURNS((s64)ALL_ONES), 0},
    {"a reserved bit in an entry, read", SURVIVES, try_reserved_bit,
     FAULTS(TRAP_PAGE_FAULT, ERROR_RESERVED), 0},
    {"a reserved bit in an entry, write", SURVIVES, try_reserved_bit_write,
     FAULTS(TRAP_PAGE_FAULT, ERROR_RESERVED_WRITE), 0},
    {"a large page that is not aligned", SURVIVES, try_unaligned_large_page,
     FAULTS(TRAP_PAGE_FAULT, ERROR_RESERVED), 0},
    {"a page table where there is no memory", SURVIVES, try_table_outside_memory,
     FAULTS(TRAP_PAGE_FAULT, ERROR_RESERVED), 0},
    {"a page table in a device", SURVIVES, try_table_is_a_device,
     FAULTS(TRAP_PAGE_FAULT, ERROR_RESERVED), 0},
    {"a table that maps itself", SURVIVES, try_recursive_map, RETURNS(1), 0},
    {"a page table written through another mapping", SURVIVES, try_two_faces, RETURNS(0x99), 0},
    {"a mapping changed, then INVLPG", SURVIVES, try_change_and_invlpg, RETURNS(1), 0},
    {"CR3 beyond physical addresses", SURVIVES, try_cr3_beyond_addresses,
     FAULTS(TRAP_GENERAL_PROTECTION, 0), 0},
    {"an IDT where there is no memory",
     KILLED,
     try_idt_outside_memory,
     {0},
     "delivered where there is no memory"},
    {"a stack where there is no memory",
     KILLED,
     try_stack_outside_memory,
     {0},
     "delivered where there is no memory"},
    {"CR3 where there is no memory", CRASHES, try_cr3_outside_memory, {0}, "triple fault"},
};
const struct attack_list full_memory_attacks = {attacks, ARRAY_SIZE(attacks)};
