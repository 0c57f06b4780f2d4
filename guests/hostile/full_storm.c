/*
 * Full virtualization: many accesses at random, from the seed: device memory with all kinds of
 * instructions, and page tables that are their own pages, at every level at once.
 */
#include "hostile/attack.h"

#include "kit/kit.h"

enum { MMIO_ATTEMPTS = 20000, TABLE_ATTEMPTS = 10000, SLOT = 201, STRING_MOST = 16 };
enum apic {
    APIC_ICR_LOW = 0x300, /* the one register that could reset the machine */
    MSR_APIC_BASE = 0x1b,
    APIC_ENABLED = 1 << 11,
};
#define APIC_BASE   0xfee00000ULL
#define IOAPIC_BASE 0xfec00000ULL
#define NOBODYS     0xfed10000ULL
#define ABOVE_4G    0x140000000ULL

/* SDM, "4-Level Paging": entries. */
#define ENTRY_P    (1ULL << 0)
#define ENTRY_W    (1ULL << 1)
#define ENTRY_AD   (3ULL << 5)
#define ENTRY_PS   (1ULL << 7)
#define ENTRY_RSVD (1ULL << 51)

static u64 buffer[64];

/* One access of some kind to device memory. */
static void touch(u64 at, u64 r)
{
    u64 value = random_next();

    switch (r % 16) {
    case 0:
        *(volatile u8 *)at = (u8)value;
        break;
    case 1:
        *(volatile u16 *)at = (u16)value;
        break;
    case 2:
    case 3:
        *(volatile u32 *)at = (u32)value;
        break;
    case 4:
        *(volatile u64 *)at = value;
        break;
    case 5:
        (void)*(volatile u8 *)at;
        break;
    case 6:
    case 7:
        (void)*(volatile u32 *)at;
        break;
    case 8:
        (void)*(volatile u64 *)at;
        break;
    case 9:
        __asm__ volatile("lock xaddl %1, (%0)" : : "r"(at), "r"((u32)value) : "memory", "cc");
        break;
    case 10:
        __asm__ volatile("lock cmpxchgq %1, (%0)" : : "r"(at), "r"(value) : "rax", "memory", "cc");
        break;
    case 11:
        __asm__ volatile("btsq %1, (%0)" : : "r"(at), "r"(value & 0x3f) : "memory", "cc");
        break;
    case 12:
        __asm__ volatile("movups (%0), %%xmm0; movups %%xmm0, (%1)"
                         :
                         : "r"(at), "r"(buffer)
                         : "memory");
        break;
    case 13: {
        u64 to = (u64)buffer, from = at, count = 1 + value % STRING_MOST;
        __asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
        break;
    }
    case 14: {
        u64 to = at, from = (u64)buffer, count = 1 + value % STRING_MOST;
        __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
        break;
    }
    default: {
        u64 to = at, from = at ^ 0x40, count = 1 + value % STRING_MOST;
        __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
        break;
    }
    }
}

static u64 place(u64 r)
{
    static const u64 base[] = {APIC_BASE, APIC_BASE, IOAPIC_BASE, IOAPIC_BASE, NOBODYS};
    u64 offset = r >> 16 & 0xfff, at = base[(r >> 8) % ARRAY_SIZE(base)];

    if (at == IOAPIC_BASE)
        offset &= 0x3f; /* else it is nobody's mostly */
    if (r & 1)
        offset &= ~(u64)0xf; /* where registers are */
    return at + offset;
}

static u64 target;
static u64 kind;
static s64 touch_target(void)
{
    touch(target, kind);
    return 0;
}

/* The local APIC as after power-on, whatever waits in it; the IOAPIC's pins masked. */
static void calm(void)
{
    u64 base = rdmsr(MSR_APIC_BASE);

    wrmsr(MSR_APIC_BASE, base & ~(u64)APIC_ENABLED);
    wrmsr(MSR_APIC_BASE, base | APIC_ENABLED);
    for (u32 reg = 0x10; reg < 0x40; reg++) {
        *(volatile u32 *)IOAPIC_BASE = reg;
        *(volatile u32 *)(IOAPIC_BASE + 0x10) = reg & 1 ? 0 : 1 << 16;
    }
}

/* What cannot be done is #UD, or the page's end; nothing else may come of it. */
static struct outcome mmio_storm(void)
{
    s64 wrong = 0;

    platform->irq_off();
    for (unsigned i = 0; i < MMIO_ATTEMPTS; i++) {
        u64 r = random_next();

        target = place(r);
        kind = r >> 40;
        if (target < APIC_BASE + APIC_ICR_LOW + 0x10 && target + 0x90 > APIC_BASE + APIC_ICR_LOW)
            continue;
        struct outcome o = probe(touch_target);
        if (o.kind == TRAPPED && o.vector != TRAP_UNDEFINED) {
            print("access %lu to %lx: vector %u\n", kind % 16, target, o.vector);
            wrong++;
        }
    }
    calm();
    platform->timer_init();
    platform->irq_on();
    return returned(wrong);
}

/*
 * Three pages that are tables of all levels and data. Every entry leads to one of them, to a page
 * that is only ever read-only, or nowhere; large pages are read-only, too. So all that an access
 * can do is to fault, or to read, or to change the three.
 */
enum { TABLES = 3 };
static u64 table[TABLES][512] __attribute__((aligned(4096)));
static u64 witness[512] __attribute__((aligned(4096)));

static u64 random_entry(void)
{
    u64 r = random_next(), own = (u64)table[r % TABLES];

    switch (r >> 8 & 15) {
    case 0:
        return 0;
    case 1:
        return (u64)witness | ENTRY_P;
    case 2:
        return own | ENTRY_P | ENTRY_W | ENTRY_RSVD;
    case 3:
        return APIC_BASE | ENTRY_P | ENTRY_W;
    case 4:
        return ABOVE_4G | ENTRY_P | ENTRY_W;
    case 5:
        return ENTRY_P | ENTRY_PS | (r >> 16 & 7) << 21;
    case 6:
        return own | ENTRY_P;
    default:
        return own | ENTRY_P | ENTRY_W;
    }
}

/* An address in the slot: few entries of each table are in use. */
static u64 random_address(void)
{
    u64 r = random_next();

    return (u64)SLOT << 39 | (r & 7) << 30 | (r >> 8 & 7) << 21 | (r >> 16 & 7) << 12 |
           (r >> 24 & 7) << 3;
}

static u64 new_value;
static s64 read_there(void)
{
    return (s64)(*(volatile u64 *)target & ~ENTRY_AD);
}
static s64 write_there(void)
{
    *(volatile u64 *)target = new_value;
    return 0;
}

/* All of it in one number, the same whatever the mode: the tables say what must happen. */
static u64 summary;

static struct outcome tables_in_themselves(void)
{
    u64 *l4 = (u64 *)(read_cr3() & ~0xfffULL);

    for (unsigned i = 0; i < 512; i++)
        witness[i] = 2 * i;
    l4[SLOT] = (u64)table[0] | ENTRY_P | ENTRY_W;
    for (unsigned i = 0; i < TABLE_ATTEMPTS; i++) {
        u64 r = random_next();

        if (r % 4 == 0)
            table[(r >> 8) % TABLES][r >> 16 & 7] = random_entry();
        write_cr3(read_cr3());
        target = random_address();
        new_value = random_entry();
        struct outcome o = probe(r & 1 << 20 ? write_there : read_there);
        summary = (summary << 7 | summary >> 57) + (u64)o.value + o.error + o.vector;
    }
    l4[SLOT] = 0;
    write_cr3(read_cr3());
    for (unsigned i = 0; i < 512; i++)
        if (witness[i] != 2 * i)
            return returned(1 + i);
    print("page tables in themselves: what was found comes to %lx\n", summary);
    return returned(0);
}

/* A table of each level where there is none: its entries read as ones, reserved bits and all. */
static s64 touch_playground(void)
{
    return kind ? write_there() : read_there();
}
static struct outcome tables_in_devices(void)
{
    static const u64 where[] = {APIC_BASE, IOAPIC_BASE, NOBODYS, ABOVE_4G};
    u64 *l4 = (u64 *)(read_cr3() & ~0xfffULL);
    s64 wrong = 0;

    for (unsigned i = 0; i < 3 * 2 * ARRAY_SIZE(where); i++) {
        unsigned level = i % 3; /* how many tables come before */

        kind = i / 3 % 2;
        for (unsigned t = 0; t < 2; t++)
            table[t][0] = (u64)table[t + 1] | ENTRY_P | ENTRY_W;
        l4[SLOT] = (u64)table[0] | ENTRY_P | ENTRY_W;
        *(level ? &table[level - 1][0] : &l4[SLOT]) = where[i / 6] | ENTRY_P | ENTRY_W;
        write_cr3(read_cr3());
        target = (u64)SLOT << 39;
        struct outcome o = probe(touch_playground);
        if (o.kind != TRAPPED || o.vector != TRAP_PAGE_FAULT || o.error != (kind ? 11u : 9u)) {
            print("table %u at %lx: vector %u, error %lx\n", level, where[i / 6], o.vector,
                  o.error);
            wrong++;
        }
    }
    l4[SLOT] = 0;
    write_cr3(read_cr3());
    return returned(wrong);
}

static s64 cr3_in_device(void)
{
    write_cr3(APIC_BASE);
    return 0;
}
static struct outcome try_cr3_in_device(void)
{
    return probe(cr3_in_device);
}

static const struct attack attacks[] = {
    {"device memory at random", SURVIVES, mmio_storm, RETURNS(0), 0},
    {"page tables in device memory", SURVIVES, tables_in_devices, RETURNS(0), 0},
    {"page tables in themselves, at random", SURVIVES, tables_in_themselves, RETURNS(0), 0},
    {"CR3 in device memory", CRASHES, try_cr3_in_device, {0}, "triple fault"},
};
const struct attack_list full_storm_attacks = {attacks, ARRAY_SIZE(attacks)};
