/*
 * The rest of a PC's board: CMOS, keyboard controller, PCI's configuration space, ACPI's timer, an
 * edge that comes while the IOAPIC masks it; and each of the ways to reset the machine, one a life
 * of the domain.
 */
#include "devices/devices.h"

#include "public/trivisor.h"

enum kbc {
    KBC_DATA = 0x60,
    KBC_COMMAND = 0x64,
    KBC_FULL = 1,
    KBC_TEST = 0xaa,
    KBC_TEST_PORT = 0xab,
    KBC_READ_OUTPUT = 0xd0,
    KBC_WRITE_OUTPUT = 0xd1,
    KBC_LOOP = 0xd2,
    KBC_RESET = 0xfe,
    KBC_GOOD = 0x55,
    OUTPUT_A20 = 2,
};
enum others {
    PORT_A = 0x92,
    PORT_A_RESET = 1,
    PORT_A_A20 = 2,
    PCI_ADDRESS = 0xcf8,
    PCI_DATA = 0xcfc,
    PCI_RESET = 0xcf9,
    PM_TIMER = 0x608,
    CMOS_FREE = 0x40,
    APIC_ICR_INIT = 0x500 | 1 << 14 | 1 << 18, /* to itself */
};
#define PCI_ENABLE      0x80000000u
#define PCI_HOST_BRIDGE 0x12378086u
#define PM_TIMER_HZ     3579545ULL

static u32 in32(u16 port)
{
    u32 value;

    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
static void out32(u16 port, u32 value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static u8 kbc_answer(u8 command)
{
    enum { LONGEST = 5000000 };

    while (in8(KBC_COMMAND) & KBC_FULL)
        (void)in8(KBC_DATA);
    out8(KBC_COMMAND, command);
    if (command == KBC_LOOP)
        out8(KBC_DATA, 0x5a);
    for (u64 start = rdtsc(); !(in8(KBC_COMMAND) & KBC_FULL) && rdtsc() - start < LONGEST;)
        pause();
    return in8(KBC_DATA);
}

static void check_keyboard_controller(void)
{
    check_equal("keyboard controller: its test", KBC_GOOD, kbc_answer(KBC_TEST));
    check_equal("keyboard controller: its port's test", 0, kbc_answer(KBC_TEST_PORT));
    check("keyboard controller: A20 is on", kbc_answer(KBC_READ_OUTPUT) & OUTPUT_A20);
    check_equal("keyboard controller: what is written comes back", 0x5a, kbc_answer(KBC_LOOP));
}

/* On the bare machine the guest itself, at 1 MiB, would be gone. */
static void check_a20(void)
{
    u8 output = kbc_answer(KBC_READ_OUTPUT);

    out8(KBC_COMMAND, KBC_WRITE_OUTPUT);
    out8(KBC_DATA, output & (u8)~OUTPUT_A20);
    check_equal("A20 off, by the keyboard controller", 0, kbc_answer(KBC_READ_OUTPUT) & OUTPUT_A20);
    out8(KBC_COMMAND, KBC_WRITE_OUTPUT);
    out8(KBC_DATA, output);
    out8(PORT_A, 0);
    check_equal("A20 off, by port A", 0, in8(PORT_A) & PORT_A_A20);
    out8(PORT_A, PORT_A_A20);
    check_equal("A20 on, by port A", PORT_A_A20, in8(PORT_A) & PORT_A_A20);
}

static void check_cmos_and_pci(void)
{
    u8 kept = cmos_get(CMOS_FREE);

    cmos_put(CMOS_FREE, (u8)~kept);
    check_equal("CMOS keeps a byte", (u8)~kept, cmos_get(CMOS_FREE));
    cmos_put(CMOS_FREE, kept);
    out32(PCI_ADDRESS, PCI_ENABLE);
    check_equal("PCI: the host bridge", PCI_HOST_BRIDGE, in32(PCI_DATA));
    out32(PCI_ADDRESS, PCI_ENABLE | 31 << 11);
    check_equal("PCI: nobody is device 31", 0xffffffff, in32(PCI_DATA));
    out32(PCI_ADDRESS, 0);
}

static void check_pm_timer(void)
{
    enum { MS = 4 };
    u64 start = rdtsc(), ticks = (u64)MS * platform->tsc_khz();
    u32 first = in32(PM_TIMER), clocks;

    while (rdtsc() - start < ticks)
        pause();
    clocks = in32(PM_TIMER) - first;
    check("ACPI's timer: 3.58 MHz", clocks * 1000ULL > PM_TIMER_HZ * MS * 98 / 100 &&
                                        clocks * 1000ULL < PM_TIMER_HZ * MS * 102 / 100);
}

/* "Edge-sensitive interrupts signaled on a masked interrupt pin are ignored" (82093AA). */
static volatile unsigned came;
static struct trap_frame *on_pin(struct trap_frame *frame)
{
    came++;
    apic_put(APIC_EOI, 0);
    return frame;
}
static void check_masked_edge(void)
{
    enum { VECTOR = 0x52, UART_PIN = 4, TABLE = 0x10, MASKED = 1 << 16, WAIT = 20000 };
    enum uart { UART_IER = 0x3f9, UART_MCR = 0x3fc, IER_EMPTY = 2, MCR_OUT2 = 0xb, MCR_USUAL = 3 };

    trap_handle(VECTOR, on_pin);
    out8(UART_MCR, MCR_OUT2);
    ioapic_put(TABLE + 2 * UART_PIN + 1, 0);
    for (unsigned masked = 0; masked < 2; masked++) {
        came = 0;
        out8(UART_IER, 0);
        ioapic_put(TABLE + 2 * UART_PIN, masked ? MASKED | VECTOR : VECTOR);
        out8(UART_IER, IER_EMPTY);
        ioapic_put(TABLE + 2 * UART_PIN, VECTOR);
        sti();
        for (u64 start = rdtsc(); rdtsc() - start < WAIT;)
            pause();
        cli();
        check_equal(masked ? "IOAPIC: an edge while it is masked" : "IOAPIC: an edge", !masked,
                    came);
    }
    out8(UART_IER, 0);
    out8(UART_MCR, MCR_USUAL);
    ioapic_put(TABLE + 2 * UART_PIN, MASKED);
    trap_handle(VECTOR, NULL);
}

void check_board(void)
{
    check_keyboard_controller();
    check_cmos_and_pci();
    if (!platform->trivisor)
        return;
    check_a20();
    check_pm_timer();
    check_masked_edge();
}

void check_resets(void)
{
    switch (platform->trivisor(TRIVISOR_LIFE, 0, 0)) {
    case 1:
        out8(KBC_COMMAND, KBC_RESET);
        break;
    case 2:
        out8(PORT_A, PORT_A_A20 | PORT_A_RESET);
        break;
    case 3:
        out8(PCI_RESET, 2);
        out8(PCI_RESET, 6);
        break;
    case 4:
        apic_put(APIC_ICR_LOW, APIC_ICR_INIT);
        break;
    default:
        return;
    }
    check("the machine is reset", false);
}
