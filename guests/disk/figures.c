/*
 * What a sector costs: its data alone, moved a word at a time and by strings, and the whole
 * command. Natively the disk's own time is in the latter.
 */
#include "disk/disk.h"

enum { PLACE = 20, REPEATS = 9 };

static u32 sector[SECTOR_WORDS];

/* A command up to the moment when its data can be moved. */
static void ask(void)
{
    disk_command(READ_SECTORS, PLACE, 1);
    disk_wait();
}
static void ask_to_write(void)
{
    disk_command(WRITE_SECTORS, PLACE, 1);
    disk_wait();
}
static void finished(void)
{
    disk_wait();
}

static void do_in(void)
{
    u16 *to = (u16 *)sector;

    for (unsigned i = 0; i < SECTOR / 2; i++)
        to[i] = in16(ATA_DATA);
}
static void do_insw(void)
{
    insw(ATA_DATA, sector, SECTOR / 2);
}
static void do_insd(void)
{
    insd(ATA_DATA, sector, SECTOR / 4);
}
static void do_outsw(void)
{
    outsw(ATA_DATA, sector, SECTOR / 2);
}
static void do_read(void)
{
    disk_command(READ_SECTORS, PLACE, 1);
    disk_get(sector);
}
static void do_write(void)
{
    disk_command(WRITE_SECTORS, PLACE, 1);
    disk_put(sector);
    disk_wait();
}

void measure_disk(void)
{
    out8(ATA_CONTROL, CONTROL_NO_INTERRUPT);
    figure(&(struct figure){
        .name = "data_in", .op = do_in, .before = ask, .after = finished, .n = REPEATS});
    figure(&(struct figure){
        .name = "data_insw", .op = do_insw, .before = ask, .after = finished, .n = REPEATS});
    figure(&(struct figure){
        .name = "data_insd", .op = do_insd, .before = ask, .after = finished, .n = REPEATS});
    figure(&(struct figure){.name = "data_outsw",
                            .op = do_outsw,
                            .before = ask_to_write,
                            .after = finished,
                            .n = REPEATS});
    figure(&(struct figure){.name = "read_sector", .op = do_read, .n = REPEATS});
    figure(&(struct figure){.name = "write_sector", .op = do_write, .n = REPEATS});
}
