/*
 * Full virtualization: attacks on devices: ports and MSRs at random, and odd accesses to the local
 * APIC.
 */
#include "hostile/attack.h"

#include "kit/kit.h"

enum apic { APIC_BASE = 0xfee00000, APIC_ID = 0x20, APIC_PAGE = 4096 };
enum attempts {
    MSR_ATTEMPTS = 50000,
    PORT_STEP = 7,
    WRITE_ATTEMPTS = 50000,
    DEVICE_ATTEMPTS = 100000,
};

/* The ports behind which there is something (docs/devices.md). */
static const struct device_ports {
    u16 first, last;
    bool harmless; /* whatever is written there, this guest goes on, if its interrupts are off */
} device_ports[] = {
    {0x20, 0x21, true},    {0x40, 0x43, true},      {0x60, 0x60, false},  {0x61, 0x61, true},
    {0x64, 0x64, false},   {0x70, 0x71, true},      {0x80, 0x80, true},   {0x92, 0x92, false},
    {0xa0, 0xa1, true},    {0xe9, 0xe9, false},     {0xf4, 0xf7, false},  {0x1f0, 0x1f7, true},
    {0x3f6, 0x3f6, true},  {0x3f8, 0x3ff, false},   {0x4d0, 0x4d1, true}, {0x600, 0x60b, false},
    {0xcf8, 0xcff, false}, {0x8900, 0x8900, false},
};

static u32 in32(u16 port)
{
    u32 value;

    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
static u64 read_rflags(void)
{
    u64 value;

    __asm__ volatile("pushfq; popq %0" : "=r"(value));
    return value;
}
static void out32(u16 port, u32 value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static bool is_real(unsigned port)
{
    for (unsigned i = 0; i < ARRAY_SIZE(device_ports); i++)
        if (port + 3 >= device_ports[i].first && port <= device_ports[i].last)
            return true;
    return false;
}

/* Ports that are nobody's read as ones and take what is written. Returns how many did not. */
static s64 random_ports(void)
{
    s64 wrong = 0;

    for (unsigned port = 0; port < 0x10000; port += 1 + random_next() % PORT_STEP) {
        if (is_real(port))
            continue;
        out8((u16)port, (u8)random_next());
        out32((u16)port, (u32)random_next());
        if (in8((u16)port) != 0xff || in32((u16)port) != 0xffffffff)
            wrong++;
    }
    return wrong;
}

/* Anything to any register of the devices, with interrupts off; then the 8259s are masked, and the
 * timers stopped. */
static s64 random_devices(void)
{
    u64 flags = read_rflags();

    cli();
    for (unsigned i = 0; i < DEVICE_ATTEMPTS; i++) {
        u64 r = random_next();
        const struct device_ports *d = &device_ports[r % ARRAY_SIZE(device_ports)];
        u16 port = (u16)(d->first + (r >> 16) % (d->last - d->first + 1u));
        if (!d->harmless)
            continue;
        if (r & 1u << 8)
            out8(port, (u8)(r >> 24));
        else if (r & 1u << 9)
            (void)in8(port);
        else if (r & 1u << 10)
            out32(port, (u32)(r >> 32));
        else
            (void)in32(port);
    }
    out8(0x20, 0x11);
    out8(0xa0, 0x11);
    for (unsigned i = 0; i < 3; i++) {
        out8(0x21, 0x01);
        out8(0xa1, 0x01);
    }
    out8(0x21, 0xff);
    out8(0xa1, 0xff);
    if (flags & 1 << 9) /* IF */
        sti();
    return in8(0x21) + in8(0xa1);
}

/* MSRs at random: a value or #GP(0), nothing else. Returns how many ended otherwise. */
static u32 msr;
static u64 msr_value;
static s64 read_msr(void)
{
    rdmsr(msr);
    return 0;
}
static s64 write_msr(void)
{
    wrmsr(msr, msr_value);
    return 0;
}
static bool acceptable(struct outcome o)
{
    return o.kind == VALUE || (o.vector == TRAP_GENERAL_PROTECTION && o.error == 0);
}
static u32 random_msr(void)
{
    static const u32 base[] = {0, 0xc0000000, 0xc0010000, 0x400, 0x800, 0x4b564d00};
    u64 r = random_next();

    if (r % 8 == 0)
        return (u32)(r >> 32);
    return base[(r >> 8) % ARRAY_SIZE(base)] + (u32)(r >> 32) % 0x500;
}
static struct outcome random_msr_reads(void)
{
    s64 wrong = 0;

    for (unsigned i = 0; i < MSR_ATTEMPTS; i++) {
        msr = random_msr();
        struct outcome o = probe(read_msr);
        if (!acceptable(o)) {
            print("MSR %x: vector %u\n", msr, o.vector);
            wrong++;
        }
    }
    return returned(wrong);
}
/* Those that the guest runs on it leaves alone: it would only harm itself. */
static bool own(u32 number)
{
    return number >= 0xc0000080 && number <= 0xc0000103;
}
static struct outcome random_msr_writes(void)
{
    s64 wrong = 0;

    for (unsigned i = 0; i < WRITE_ATTEMPTS; i++) {
        msr = random_msr();
        msr_value = random_next() >> (random_next() & 63);
        if (own(msr))
            continue;
        struct outcome o = probe(write_msr);
        if (!acceptable(o)) {
            print("MSR %x: vector %u\n", msr, o.vector);
            wrong++;
        }
    }
    return returned(wrong);
}

/* Every register of the local APIC's page at every alignment and size that stays in it. */
static s64 odd_apic_reads(void)
{
    for (unsigned at = 0; at < APIC_PAGE - 8; at += 1 + random_next() % 5) {
        (void)*(volatile u8 *)(u64)(APIC_BASE + at);
        (void)*(volatile u16 *)(u64)(APIC_BASE + at);
        (void)*(volatile u32 *)(u64)(APIC_BASE + at);
        (void)*(volatile u64 *)(u64)(APIC_BASE + at);
    }
    return *(volatile u32 *)(u64)(APIC_BASE + APIC_ID);
}
static s64 across_the_apic(void)
{
    *(volatile u64 *)(u64)(APIC_BASE + APIC_PAGE - 4) = 0;
    return 0;
}
static s64 run_the_apic(void)
{
    ((void (*)(void))(u64)APIC_BASE)();
    return 0;
}
static s64 vector_store_to_apic(void)
{
    __asm__ volatile("movups %%xmm0, (%0)" : : "r"((u64)APIC_BASE) : "memory");
    return 0;
}
/* Arithmetic with devices' memory is not emulated. */
static s64 vector_add_of_apic(void)
{
    __asm__ volatile("paddd (%0), %%xmm0" : : "r"((u64)APIC_BASE) : "memory");
    return 0;
}

static struct outcome try_random_ports(void)
{
    return probe(random_ports);
}
static struct outcome try_random_devices(void)
{
    return probe(random_devices);
}
static struct outcome try_odd_apic_reads(void)
{
    return probe(odd_apic_reads);
}
static struct outcome try_across_the_apic(void)
{
    return probe(across_the_apic);
}
static struct outcome try_run_the_apic(void)
{
    return probe(run_the_apic);
}
static struct outcome try_vector_store(void)
{
    return probe(vector_store_to_apic);
}
static struct outcome try_vector_add(void)
{
    return probe(vector_add_of_apic);
}

enum { INVALID_OPCODE = 6 }; /* #UD: what cannot be emulated */
static const struct attack attacks[] = {
    {"ports at random", SURVIVES, try_random_ports, RETURNS(0), 0},
    {"devices at random", SURVIVES, try_random_devices, RETURNS(2 * 0xff), 0},
    {"reading MSRs at random", SURVIVES, random_msr_reads, RETURNS(0), 0},
    {"writing MSRs at random", SURVIVES, random_msr_writes, RETURNS(0), 0},
    {"reading the local APIC oddly", SURVIVES, try_odd_apic_reads, RETURNS(0), 0},
    {"a store across the local APIC's end", SURVIVES, try_across_the_apic, RETURNS(0), 0},
    {"running the local APIC as code", SURVIVES, try_run_the_apic, FAULTS(INVALID_OPCODE, 0), 0},
    {"a vector store to the local APIC", SURVIVES, try_vector_store, RETURNS(0), 0},
    {"a vector addition of the local APIC", SURVIVES, try_vector_add, FAULTS(INVALID_OPCODE, 0), 0},
};
const struct attack_list full_device_attacks = {attacks, ARRAY_SIZE(attacks)};
