/*
 * An ATA disk at the ports of the first channel, its data moved by the processor (PIO). Source:
 * ATA/ATAPI-6, "Register Descriptions", "Command Descriptions".
 */
#ifndef ATA_H
#define ATA_H

#include "types.h"

struct domain;

enum ata_limits { ATA_SECTOR = 512 };

/* What the data port does now. */
enum ata_phase { ATA_IDLE, ATA_TO_GUEST, ATA_FROM_GUEST };

struct ata {
    struct domain *domain;             /* whose */
    u8 *image;                         /* the disk's bytes */
    u32 sectors;                       /* how many it has, below 2^28 */
    u8 feature, count, low, mid, high; /* task file, as written */
    u8 device;                         /* LBA, which drive, head */
    u8 status, error;                  /* as read */
    u8 control;                        /* device control: interrupt off, reset */
    bool interrupt;                    /* INTRQ is wanted */
    u8 phase;                          /* enum ata_phase */
    u16 at;                            /* next byte of buffer, below ATA_SECTOR while it moves */
    u32 next;                          /* the sector that is moved next */
    u32 left;                          /* sectors of the command, the one in buffer included */
    u8 buffer[ATA_SECTOR];             /* the sector that is being moved */
};

/* A disk over `bytes` bytes at image; what is no whole sector is left out. */
void ata_init(struct ata *a, struct domain *d, u8 *image, u64 bytes);
/* The data port, 0x1f0: 1, 2 or 4 bytes. */
u32 ata_read_data(struct ata *a, unsigned size);
void ata_write_data(struct ata *a, unsigned size, u32 value);
/* The others, 0x1f1 to 0x1f7 and 0x3f6, a byte. */
u8 ata_read(struct ata *a, u16 port);
void ata_write(struct ata *a, u16 port, u8 value);

#endif
