/* The ATA disk as a driver without DMA uses it. Source: ATA/ATAPI-6, "Command Descriptions". */
#ifndef DISK_H
#define DISK_H

#include "kit/kit.h"

enum disk_sizes { SECTOR = 512, SECTOR_WORDS = SECTOR / 4, SECTORS = 2016, HEADS = 16, TRACK = 63 };
enum ata_ports {
    ATA_DATA = 0x1f0,
    ATA_ERROR = 0x1f1,
    ATA_COUNT = 0x1f2,
    ATA_LOW = 0x1f3,
    ATA_MID = 0x1f4,
    ATA_HIGH = 0x1f5,
    ATA_DEVICE = 0x1f6,
    ATA_COMMAND = 0x1f7, /* status when read, which ends the interrupt */
    ATA_CONTROL = 0x3f6, /* status when read, without that */
};
enum ata_bits {
    STATUS_ERROR = 1 << 0,
    STATUS_DRQ = 1 << 3,
    STATUS_READY = 1 << 6,
    STATUS_BUSY = 1 << 7,
    ERROR_NO_ID = 1 << 4,
    DEVICE_CHS = 0xa0,
    DEVICE_LBA = 0xe0,
    DEVICE_SECOND = 0x10,
    CONTROL_NO_INTERRUPT = 1 << 1,
    CONTROL_RESET = 1 << 2,
};
enum ata_commands {
    READ_SECTORS = 0x20,
    WRITE_SECTORS = 0x30,
    VERIFY_SECTORS = 0x40,
    FLUSH = 0xe7,
    IDENTIFY = 0xec,
};

/* driver.c. Status once the disk is not busy. */
u8 disk_wait(void);
/* Gives a command for sectors from lba; 256 are a count of 0. */
void disk_command(u8 command, u32 lba, unsigned sectors);
/* The same with the place said as cylinder, head and sector. */
void disk_command_chs(u8 command, unsigned cylinder, unsigned head, unsigned sector,
                      unsigned sectors);
/* Moves a sector, words of 16 bits; false: the disk did not ask for it. */
bool disk_get(u32 *sector);
bool disk_put(const u32 *sector);

/* lines.c: its interrupt, as an edge and as a level at the IOAPIC. */
void check_interrupts(void);
/* figures.c */
void measure_disk(void);

static inline void insw(u16 port, void *to, u64 count)
{
    __asm__ volatile("rep insw" : "+D"(to), "+c"(count) : "d"(port) : "memory");
}
static inline void insw_once(u16 port, void *to)
{
    __asm__ volatile("insw" : "+D"(to) : "d"(port) : "memory");
}
static inline void insd(u16 port, void *to, u64 count)
{
    __asm__ volatile("rep insl" : "+D"(to), "+c"(count) : "d"(port) : "memory");
}
static inline void outsw(u16 port, const void *from, u64 count)
{
    __asm__ volatile("rep outsw" : "+S"(from), "+c"(count) : "d"(port) : "memory");
}
static inline u16 in16(u16 port)
{
    u16 value;

    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

#endif
