/*
 * chaos: a domain that nobody can trust. Its first lives end in triple faults, one after the other;
 * in each of the next it runs, in ring 0, code made of random numbers, and goes on after each trap;
 * its last life ends well, if the code did not power it off. Whatever the code does, the guest
 * has nothing to complain about: the hypervisor and the domains beside it do (tests/boot/chaos.py).
 *
 * An NMI from the 8254, through the IOAPIC, ends code that would run for ever with interrupts off.
 * Code can spoil that, too: such a life the hypervisor ends (life_ms= in its configuration).
 *
 * Arguments: seed=N triples=N (lives) lives=N (of random code) runs=N (of code, in a life) real (it
 * is 16-bit code, and runs in real mode).
 */
#include "chaos/chaos.h"

#include "kit/kit.h"

#include "public/trivisor.h"

const char guest_name[] = "chaos";

#define APIC_BASE   0xfee00000ULL
#define IOAPIC_BASE 0xfec00000ULL
enum ioapic {
    IOAPIC_SELECT = 0,
    IOAPIC_WINDOW = 0x10,
    TABLE_2 = 0x14,
    TABLE_8 = 0x20,
    DELIVER_NMI = 4 << 8
};
enum apic { APIC_SVR = 0xf0, SVR_ENABLED = 0x1ff, APIC_TPR = 0x80, MSR_APIC_BASE = 0x1b };
enum pit {
    PIT_0 = 0x40,
    PIT_COMMAND = 0x43,
    PIT_RATE_0 = 0x34,
    PIT_COUNT = 1193,
    PIT_STOP = 0x30
}; /* 1 ms */
enum uart { UART_LINE = 0x3fb, UART_8N1 = 3 };
enum defaults { TRIPLES = 20, LIVES = 40, RUNS = 512, ANNOUNCE = 64 };

static u64 state;
static u64 cr0, cr4, apic_base;
static u8 code[CODE_BYTES] __attribute__((aligned(4096)));

u64 chaos_next(void)
{
    u64 z = state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static void ioapic_put(u32 reg, u32 value)
{
    *(volatile u32 *)(IOAPIC_BASE + IOAPIC_SELECT) = reg;
    *(volatile u32 *)(IOAPIC_BASE + IOAPIC_WINDOW) = value;
}

/* What the code may have changed, and the next needs. */
static void repair(void)
{
    u64 none = 0;

    chaos_tables();
    write_cr0(cr0);
    write_cr4(cr4);
    __asm__ volatile("mov %0, %%dr7" : : "r"(none));
    wrmsr(MSR_APIC_BASE, apic_base);
    *(volatile u32 *)(APIC_BASE + APIC_SVR) = SVR_ENABLED;
    *(volatile u32 *)(APIC_BASE + APIC_TPR) = 0xff;
    out8(PIT_COMMAND, PIT_RATE_0);
    out8(PIT_0, PIT_COUNT & 0xff);
    out8(PIT_0, PIT_COUNT >> 8);
    ioapic_put(TABLE_2 + 1, 0);
    ioapic_put(TABLE_2, DELIVER_NMI);
    ioapic_put(TABLE_8 + 1, 0);
    ioapic_put(TABLE_8, DELIVER_NMI);
    out8(UART_LINE, UART_8N1);
}

static void random_life(u64 runs, bool real)
{
    struct start start;

    chaos_tr();
    for (u64 i = 0; i < runs; i++) {
        repair();
        if (i % ANNOUNCE == 0)
            print("run %lu\n", i);
        if (real) {
            out8(PIT_COMMAND, PIT_STOP);
            chaos_real();
            continue;
        }
        chaos_make(code, &start);
        chaos_run(&start);
    }
    repair();
    platform->trivisor(TRIVISOR_CHECK, 0, 0);
}

void guest_main(void)
{
    u64 seed = boot_number("seed", 1), triples = boot_number("triples", TRIPLES);
    u64 lives = boot_number("lives", LIVES), life;

    if (!platform->trivisor || platform->pv) {
        figure_none("lives", "it is for full virtualization under Trivisor");
        return;
    }
    cli();
    life = (u64)platform->trivisor(TRIVISOR_LIFE, 0, 0);
    platform->trivisor(TRIVISOR_CHECK, 0, 0);
    if (life > triples + lives) {
        figure_value("lives", life, "count");
        return;
    }
    platform->trivisor(TRIVISOR_EXPECT,
                       life <= triples ? TRIVISOR_EXPECT_CRASH : TRIVISOR_EXPECT_ANY, 0);
    cr0 = read_cr0();
    cr4 = read_cr4();
    apic_base = rdmsr(MSR_APIC_BASE);
    state = seed << 32 | life;
    if (life > triples)
        random_life(boot_number("runs", RUNS), boot_has_argument("real"));
    chaos_triple_fault();
}
