/*
 * The slice clock of processors without a preemption timer: channel 0 of the PIT, in one-shot mode,
 * whose interrupt the I/O APIC delivers as an NMI. NMI exiting makes it end the guest's turn
 * whatever the guest does with its interrupt flag.
 *
 * An NMI that arrives in the hypervisor itself may come between the run loop's last look at the
 * clock and the entry: the guest would then run with no clock at all. So its handler arms the PIT
 * again, for a moment later; until an NMI finds the guest.
 * Sources: 82C54 data sheet, "Mode 0"; 82093AA data sheet, "I/O Redirection Table Registers".
 */
#include "boot_steps.h"
#include "host_trap.h"
#include "insn.h"
#include "layout.h"
#include "local_apic.h"
#include "timer.h"
#include "vmx.h"

enum pit {
    PIT_HZ = 1193182,
    PIT_CHANNEL0 = 0x40,
    PIT_COMMAND = 0x43,
    PIT_CHANNEL0_ONESHOT = 0x30, /* low then high byte, mode 0 */
    PIT_MAX_COUNT = 0xffff,
};

#define IOAPIC_BASE 0xfec00000ULL
enum ioapic {
    IOAPIC_SELECT = 0x00,
    IOAPIC_WINDOW = 0x10,
    IOAPIC_REDIRECTION = 0x10, /* two registers a pin */
    IOAPIC_PIT_PIN = 2,
    REDIRECTION_NMI = 4 << 8, /* delivery mode; edge, active high, physical, not masked */
    REDIRECTION_DESTINATION_SHIFT = 24,
};

/* How much later an NMI comes again that found the hypervisor, and the least count at all: long
 * enough to leave this file, and to enter the guest. 54 us. */
enum { LEAST_COUNT = 64 };

static u64 armed;            /* the TSC for which the PIT counts, 0: none */
static volatile bool wanted; /* a vcpu is loaded, and may be entered at any moment */
static volatile bool arming; /* the PIT is being programmed: an NMI now is an old one's */

static void ioapic_write(u32 reg, u32 value)
{
    char *base = mpa_to_va(mpa_of(IOAPIC_BASE));

    *(volatile u32 *)(base + IOAPIC_SELECT) = reg;
    *(volatile u32 *)(base + IOAPIC_WINDOW) = value;
}

void vmx_slice_expired(void)
{
    armed = 0;
}

static void pit_start(u16 count)
{
    outb(PIT_COMMAND, PIT_CHANNEL0_ONESHOT);
    outb(PIT_CHANNEL0, (u8)count);
    outb(PIT_CHANNEL0, (u8)(count >> 8));
}

/* Between any two instructions of the hypervisor's: nothing but this file's data and the PIT is
 * touched. */
static void found_hypervisor(void)
{
    armed = 0;
    if (wanted && !arming)
        pit_start(LEAST_COUNT);
}

void vmx_slice_init(void)
{
    u32 pin = IOAPIC_REDIRECTION + 2 * IOAPIC_PIT_PIN;

    map_device(IOAPIC_BASE, PAGE_SIZE);
    host_set_nmi_handler(found_hypervisor);
    outb(PIT_COMMAND, PIT_CHANNEL0_ONESHOT); /* no count yet: the old one no longer interrupts */
    ioapic_write(pin + 1, (u32)local_apic_id() << REDIRECTION_DESTINATION_SHIFT);
    ioapic_write(pin, REDIRECTION_NMI);
}

void vmx_slice_off(void)
{
    wanted = false;
}

void vmx_slice_arm(u64 until)
{
    if (until == armed)
        return;
    u64 now = rdtsc();
    u64 left = until > now ? until - now : 0;
    /* Rounded up, so that it never comes before `until`; a longer wait is cut into pieces: the
     * NMI then finds that nothing is due, and the next entry arms again. */
    u64 count = MIN(left, tsc_khz * 100) * PIT_HZ / (tsc_khz * 1000) + 1;
    bool all = count <= PIT_MAX_COUNT;
    count = MAX(MIN(count, PIT_MAX_COUNT), LEAST_COUNT);
    arming = wanted = true;
    pit_start((u16)count);
    arming = false;
    armed = all ? until : 0;
}
