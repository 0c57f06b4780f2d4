/*
 * The least driver: the processor waits for the disk, and moves all data itself (PIO).
 */
#include "disk/disk.h"

#define LONGEST 100000000 /* ticks that a disk may be busy: a native one moves its arm */

u8 disk_wait(void)
{
    u64 start = rdtsc();
    u8 status;

    do
        status = in8(ATA_COMMAND);
    while (status & STATUS_BUSY && rdtsc() - start < LONGEST);
    return status;
}

static void give(u8 command, u8 device, u8 low, u8 mid, u8 high, unsigned sectors)
{
    disk_wait();
    out8(ATA_DEVICE, device);
    out8(ATA_COUNT, (u8)sectors);
    out8(ATA_LOW, low);
    out8(ATA_MID, mid);
    out8(ATA_HIGH, high);
    out8(ATA_COMMAND, command);
}

void disk_command(u8 command, u32 lba, unsigned sectors)
{
    give(command, (u8)(DEVICE_LBA | lba >> 24), (u8)lba, (u8)(lba >> 8), (u8)(lba >> 16), sectors);
}

void disk_command_chs(u8 command, unsigned cylinder, unsigned head, unsigned sector,
                      unsigned sectors)
{
    give(command, (u8)(DEVICE_CHS | head), (u8)sector, (u8)cylinder, (u8)(cylinder >> 8), sectors);
}

static bool wants_data(void)
{
    return (disk_wait() & (STATUS_DRQ | STATUS_ERROR)) == STATUS_DRQ;
}

bool disk_get(u32 *sector)
{
    if (!wants_data())
        return false;
    insw(ATA_DATA, sector, SECTOR / 2);
    return true;
}

bool disk_put(const u32 *sector)
{
    if (!wants_data())
        return false;
    outsw(ATA_DATA, sector, SECTOR / 2);
    return true;
}
