/*
 * IRQ 14 through the IOAPIC. The disk keeps its line up until its status is read: as an edge that
 * is one interrupt, as a level one after each end of interrupt.
 */
#include "disk/disk.h"

enum { VECTOR = 0x51, PIN = 14, AGAIN = 3, WAIT_TICKS = 20000000, QUIET_TICKS = 2000000 };
enum ioapic {
    SELECT = 0,
    WINDOW = 0x10,
    TABLE = 0x10,
    LEVEL = 1 << 15,
    MASKED = 1 << 16,
    REMOTE_IRR = 1 << 14
};
enum apic { APIC_EOI = 0xb0 };
#define APIC_BASE   0xfee00000ULL
#define IOAPIC_BASE 0xfec00000ULL

static volatile unsigned came, served_at;
static u32 sector[SECTOR_WORDS];

static u32 entry(void)
{
    *(volatile u32 *)(IOAPIC_BASE + SELECT) = TABLE + 2 * PIN;
    return *(volatile u32 *)(IOAPIC_BASE + WINDOW);
}
static void set_entry(u32 value)
{
    *(volatile u32 *)(IOAPIC_BASE + SELECT) = TABLE + 2 * PIN + 1;
    *(volatile u32 *)(IOAPIC_BASE + WINDOW) = 0; /* to processor 0 */
    *(volatile u32 *)(IOAPIC_BASE + SELECT) = TABLE + 2 * PIN;
    *(volatile u32 *)(IOAPIC_BASE + WINDOW) = value;
}

static struct trap_frame *on_disk(struct trap_frame *frame)
{
    if (++came == served_at)
        (void)in8(ATA_COMMAND); /* the line goes down */
    *(volatile u32 *)(APIC_BASE + APIC_EOI) = 0;
    return frame;
}

/* Reads a sector; how many interrupts there were when `serve` of them had been waited for. */
static unsigned interrupts(u32 mode, u8 control, unsigned serve, unsigned wait_for)
{
    u64 start;

    out8(ATA_CONTROL, control);
    (void)in8(ATA_COMMAND);
    came = 0;
    served_at = serve;
    set_entry(mode | VECTOR);
    disk_command(READ_SECTORS, 5, 1);
    start = rdtsc();
    platform->irq_on();
    while (came < wait_for && rdtsc() - start < WAIT_TICKS)
        pause();
    for (start = rdtsc(); rdtsc() - start < QUIET_TICKS;)
        pause(); /* one too many would come now */
    platform->irq_off();
    set_entry(MASKED | VECTOR);
    check("the sector is there", disk_get(sector));
    return came;
}

void check_interrupts(void)
{
    trap_handle(VECTOR, on_disk);
    platform->irq_off();
    check_equal("an edge: one interrupt, though the line stays up", 1, interrupts(0, 0, AGAIN, 1));
    check_equal("interrupts off at the disk: none", 0, interrupts(0, CONTROL_NO_INTERRUPT, 1, 1));
    if (platform->trivisor) { /* Bochs' own does not look at the line again at the end */
        check_equal("a level: one after each end, until the disk is served", AGAIN,
                    interrupts(LEVEL, 0, AGAIN, AGAIN));
        check_equal("a level: no more is being served", 0, entry() & REMOTE_IRR);
    }
    trap_handle(VECTOR, NULL);
}
