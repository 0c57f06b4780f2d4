/*
 * disk: an ATA disk, natively the emulator's and under full virtualization the hypervisor's
 * (src/io/ata.c), identified, read, written and measured. Its content was made by the build:
 * word i of sector s is expected(s, i) (tools/lib/disk.py).
 */
#include "disk/disk.h"

const char guest_name[] = "disk";

enum identify {
    ID_CYLINDERS = 1,
    ID_HEADS = 3,
    ID_TRACK = 6,
    ID_CAPABILITIES = 49,
    ID_SECTORS = 60
};
enum places { WRITTEN = 100, WRITTEN_SECTORS = 4, MANY = 256, ID_HAS_LBA = 1 << 9 };

static u32 sector[SECTOR_WORDS];

static u32 expected(u32 lba, u32 i)
{
    return lba * 0x9e3779b1u + i * 0x85ebca6bu;
}

/* A sector that was read as the build, or fill, made it. */
static bool is_sector(u32 lba, u32 salt)
{
    for (u32 i = 0; i < SECTOR_WORDS; i++)
        if (sector[i] != (expected(lba, i) ^ salt))
            return false;
    return true;
}

static bool read_is(u32 lba, u32 salt)
{
    disk_command(READ_SECTORS, lba, 1);
    return disk_get(sector) && is_sector(lba, salt);
}

static void check_identity(void)
{
    const u16 *word = (const u16 *)sector;

    disk_command(IDENTIFY, 0, 1);
    if (!check("IDENTIFY DEVICE has data", disk_get(sector)))
        return;
    check_equal("cylinders", SECTORS / HEADS / TRACK, word[ID_CYLINDERS]);
    check_equal("heads", HEADS, word[ID_HEADS]);
    check_equal("sectors of a track", TRACK, word[ID_TRACK]);
    check_equal("sectors", SECTORS, word[ID_SECTORS] | (u32)word[ID_SECTORS + 1] << 16);
    check("it has LBA", word[ID_CAPABILITIES] & ID_HAS_LBA);
}

static void check_reading(void)
{
    static const u32 places[] = {0, 1, TRACK, SECTORS / 2, SECTORS - 1};
    unsigned right = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(places); i++)
        check("a sector by LBA", read_is(places[i], 0));
    disk_command_chs(READ_SECTORS, 1, 0, 1, 1);
    check("cylinder 1, head 0, sector 1", disk_get(sector) && is_sector(HEADS * TRACK, 0));
    disk_command_chs(READ_SECTORS, 0, 5, 7, 1);
    check("cylinder 0, head 5, sector 7", disk_get(sector) && is_sector(5 * TRACK + 6, 0));
    disk_command(READ_SECTORS, 300, 0);
    for (u32 i = 0; i < MANY && disk_get(sector); i++)
        right += is_sector(300 + i, 0);
    check_equal("256 sectors in one command", MANY, right);
    check_equal("and no more", 0, disk_wait() & (STATUS_DRQ | STATUS_ERROR));
}

/* The data by other instructions: one INS a word, and a REP INS whose words cross a page's end. */
static void check_strings(void)
{
    static u8 pages[2 * PAGE_SIZE] __attribute__((aligned(4096)));
    u8 *across = pages + PAGE_SIZE - SECTOR / 2 - 1;
    u16 *to = (u16 *)sector;

    disk_command(READ_SECTORS, 9, 1);
    disk_wait();
    for (unsigned i = 0; i < SECTOR / 2; i++)
        insw_once(ATA_DATA, to + i);
    check("a sector by INS without REP", is_sector(9, 0));
    disk_command(READ_SECTORS, 10, 1);
    disk_wait();
    insw(ATA_DATA, across, SECTOR / 2);
    memcpy(sector, across, SECTOR);
    check("a sector across two pages", is_sector(10, 0));
    check_equal("and nothing before it", 0, across[-1]);
    check_equal("nor behind it", 0, across[SECTOR]);
}

static void check_writing(void)
{
    const u32 salt = 0x5a5a5a5a;

    disk_command(WRITE_SECTORS, WRITTEN, WRITTEN_SECTORS);
    for (u32 lba = WRITTEN; lba < WRITTEN + WRITTEN_SECTORS; lba++) {
        for (u32 i = 0; i < SECTOR_WORDS; i++)
            sector[i] = expected(lba, i) ^ salt;
        check("a sector is asked for", disk_put(sector));
    }
    check_equal("written without error", STATUS_READY,
                disk_wait() & (STATUS_READY | STATUS_ERROR | STATUS_DRQ));
    disk_command(FLUSH, 0, 0);
    check_equal("FLUSH CACHE", STATUS_READY, disk_wait() & (STATUS_READY | STATUS_ERROR));
    check("the sector before is as it was", read_is(WRITTEN - 1, 0));
    for (u32 lba = WRITTEN; lba < WRITTEN + WRITTEN_SECTORS; lba++)
        check("what was written is read", read_is(lba, salt));
    check("the sector behind is as it was", read_is(WRITTEN + WRITTEN_SECTORS, 0));
}

static void check_errors(void)
{
    disk_command(READ_SECTORS, SECTORS, 1);
    check("a sector that is not there", disk_wait() & STATUS_ERROR);
    if (platform->trivisor) /* Bochs says that the command was aborted */
        check_equal("... ID not found", ERROR_NO_ID, in8(ATA_ERROR));
    disk_command(READ_SECTORS, SECTORS - 1, 2);
    check("the last one", disk_get(sector) && is_sector(SECTORS - 1, 0));
    check("... and the next", disk_wait() & STATUS_ERROR);
    out8(ATA_DEVICE, DEVICE_LBA | DEVICE_SECOND);
    check_equal("there is no second drive", 0, in8(ATA_CONTROL));
    out8(ATA_DEVICE, DEVICE_LBA);
    check("after an error it goes on", read_is(7, 0));
}

static void check_reset(void)
{
    out8(ATA_CONTROL, CONTROL_NO_INTERRUPT | CONTROL_RESET);
    out8(ATA_CONTROL, CONTROL_NO_INTERRUPT);
    disk_wait();
    check_equal("after a reset: count", 1, in8(ATA_COUNT));
    check_equal("after a reset: low", 1, in8(ATA_LOW));
    check_equal("after a reset: a disk's signature", 0, in8(ATA_MID) | in8(ATA_HIGH));
    check("after a reset it goes on", read_is(8, 0));
}

void guest_main(void)
{
    if (not_for_pv())
        return;
    out8(ATA_CONTROL, CONTROL_NO_INTERRUPT);
    check_identity();
    check_reading();
    check_strings();
    check_writing();
    check_errors();
    check_reset();
    check_interrupts();
    measure_disk();
}
