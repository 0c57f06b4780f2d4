/*
 * The ATA disk. A sector moves between the guest and `buffer`, and whole between `buffer` and the
 * image; commands are done at once.
 *
 * Invariants: `next` is checked against `sectors` before each move to or from the image; while
 * phase is not ATA_IDLE, DRQ is set and at < ATA_SECTOR. There is no second drive: its registers
 * read 0, and its commands are lost.
 */
#include "ata.h"

#include "boot.h"
#include "bytes.h"
#include "bytes_at.h"
#include "devices.h"
#include "domain.h"
#include "errno.h"
#include "io_space.h"
#include "irq.h"

#include <string.h>

enum ata_ports {
    ATA_DATA = 0x1f0,
    ATA_FEATURE = 0x1f1, /* error when read */
    ATA_COUNT = 0x1f2,
    ATA_LOW = 0x1f3,
    ATA_MID = 0x1f4,
    ATA_HIGH = 0x1f5,
    ATA_DEVICE = 0x1f6,
    ATA_COMMAND = 0x1f7, /* status when read */
    ATA_PORTS = 8,
    ATA_CONTROL = 0x3f6, /* alternate status when read */
};
enum ata_bits {
    STATUS_ERROR = 1 << 0,
    STATUS_DRQ = 1 << 3,
    STATUS_SEEK_DONE = 1 << 4,
    STATUS_READY = 1 << 6,
    STATUS_IDLE = STATUS_READY | STATUS_SEEK_DONE,
    ERROR_ABORTED = 1 << 2,
    ERROR_NO_ID = 1 << 4,
    DIAGNOSTIC_GOOD = 1,
    DEVICE_HEAD = 0xf,
    DEVICE_SECOND = 1 << 4,
    DEVICE_LBA = 1 << 6,
    DEVICE_FIXED = 0xa0,
    CONTROL_NO_INTERRUPT = 1 << 1,
    CONTROL_RESET = 1 << 2,
};
enum ata_commands {
    RECALIBRATE = 0x10,
    READ_SECTORS = 0x20, /* and 0x21, without retries */
    WRITE_SECTORS = 0x30,
    VERIFY_SECTORS = 0x40,
    SEEK = 0x70,
    DIAGNOSTIC = 0x90,
    SET_GEOMETRY = 0x91,
    STANDBY_NOW = 0xe0,
    IDLE_NOW = 0xe1,
    CHECK_POWER = 0xe5,
    FLUSH = 0xe7,
    IDENTIFY = 0xec,
    SET_FEATURES = 0xef,
    POWER_ACTIVE = 0xff,
    NO_RETRY = 1,
};
enum ata_geometry { HEADS = 16, TRACK = 63, MOST_CYLINDERS = 16383, MOST_SECTORS = (1 << 28) - 1 };
/* "IDENTIFY DEVICE": words */
enum identify_words {
    ID_CONFIGURATION = 0,
    ID_CYLINDERS = 1,
    ID_HEADS = 3,
    ID_TRACK = 6,
    ID_SERIAL = 10,
    ID_FIRMWARE = 23,
    ID_MODEL = 27,
    ID_CAPABILITIES = 49,
    ID_VALID = 53,
    ID_NOW_CYLINDERS = 54,
    ID_NOW_HEADS = 55,
    ID_NOW_TRACK = 56,
    ID_NOW_SECTORS = 57,
    ID_LBA_SECTORS = 60,
    ID_VERSION = 80,
    ID_FIXED_DISK = 0x40,
    ID_HAS_LBA = 1 << 9,
    ID_ATA_4 = 1 << 4,
};

/* What a reset leaves in the task file: the signature of a disk. */
static void set_signature(struct ata *a)
{
    a->phase = ATA_IDLE;
    a->count = a->low = 1;
    a->mid = a->high = a->device = 0;
    a->error = DIAGNOSTIC_GOOD;
    a->status = STATUS_IDLE;
    a->interrupt = false;
}

void ata_init(struct ata *a, struct domain *d, u8 *image, u64 bytes)
{
    *a = (struct ata){.domain = d, .image = image};
    a->sectors = (u32)MIN(bytes / ATA_SECTOR, (u64)MOST_SECTORS);
    set_signature(a);
}

static void update(struct ata *a)
{
    irq_set(a->domain, IRQ_ATA, a->interrupt && !(a->control & CONTROL_NO_INTERRUPT));
}

static void finish(struct ata *a, u8 error)
{
    a->phase = ATA_IDLE;
    a->error = error;
    a->status = STATUS_IDLE | (error ? STATUS_ERROR : 0);
    a->interrupt = true;
}

static void ask(struct ata *a, enum ata_phase phase, bool interrupt)
{
    a->phase = phase;
    a->at = 0;
    a->status = STATUS_IDLE | STATUS_DRQ;
    a->interrupt = interrupt;
}

static u32 cylinders(const struct ata *a)
{
    return MIN(a->sectors / (HEADS * TRACK), (u32)MOST_CYLINDERS);
}

/* The sector that the task file names; past the end if there is no such one. */
static u32 address(const struct ata *a)
{
    u32 head = a->device & DEVICE_HEAD;

    if (a->device & DEVICE_LBA)
        return head << 24 | (u32)a->high << 16 | (u32)a->mid << 8 | a->low;
    if (!a->low || a->low > TRACK)
        return ~0u;
    return (((u32)a->high << 8 | a->mid) * HEADS + head) * TRACK + a->low - 1;
}

/* The sector that is moved next goes to the guest. */
static void load_sector(struct ata *a)
{
    if (a->next >= a->sectors) {
        finish(a, ERROR_NO_ID);
        return;
    }
    memcpy(a->buffer, a->image + (u64)a->next * ATA_SECTOR, ATA_SECTOR);
    a->next++;
    ask(a, ATA_TO_GUEST, true);
}

static void store_sector(struct ata *a)
{
    if (a->next >= a->sectors) {
        finish(a, ERROR_NO_ID);
        return;
    }
    memcpy(a->image + (u64)a->next * ATA_SECTOR, a->buffer, ATA_SECTOR);
    a->next++;
    if (--a->left)
        ask(a, ATA_FROM_GUEST, true);
    else
        finish(a, 0);
}

/* The guest has moved the last byte of the buffer. */
static void sector_moved(struct ata *a)
{
    if (a->phase == ATA_FROM_GUEST) {
        store_sector(a);
    } else if (--a->left) {
        load_sector(a);
    } else {
        a->phase = ATA_IDLE; /* what was read last needs no interrupt of its own */
        a->status = STATUS_IDLE;
    }
    update(a);
}

static void put_word(struct ata *a, unsigned word, u32 value)
{
    a->buffer[2 * word] = (u8)value;
    a->buffer[2 * word + 1] = (u8)(value >> 8);
}

/* Text has its bytes swapped in each word, and blanks at its end. */
static void put_text(struct ata *a, unsigned word, const char *text, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        a->buffer[(2 * word + i) ^ 1] = (u8)(*text ? *text++ : ' ');
}

static void identify(struct ata *a)
{
    u32 in_tracks = cylinders(a) * HEADS * TRACK;

    memset(a->buffer, 0, sizeof(a->buffer));
    put_word(a, ID_CONFIGURATION, ID_FIXED_DISK);
    put_word(a, ID_CYLINDERS, cylinders(a));
    put_word(a, ID_HEADS, HEADS);
    put_word(a, ID_TRACK, TRACK);
    put_text(a, ID_SERIAL, "0", 20);
    put_text(a, ID_FIRMWARE, "1", 8);
    put_text(a, ID_MODEL, "Trivisor disk", 40);
    put_word(a, ID_CAPABILITIES, ID_HAS_LBA);
    put_word(a, ID_VALID, 1);
    put_word(a, ID_NOW_CYLINDERS, cylinders(a));
    put_word(a, ID_NOW_HEADS, HEADS);
    put_word(a, ID_NOW_TRACK, TRACK);
    put_word(a, ID_NOW_SECTORS, in_tracks);
    put_word(a, ID_NOW_SECTORS + 1, in_tracks >> 16);
    put_word(a, ID_LBA_SECTORS, a->sectors);
    put_word(a, ID_LBA_SECTORS + 1, a->sectors >> 16);
    put_word(a, ID_VERSION, ID_ATA_4);
    a->left = 1;
    ask(a, ATA_TO_GUEST, true);
}

static void start(struct ata *a, u8 command)
{
    a->next = address(a);
    a->left = a->count ? a->count : 256;
    a->error = 0;
    switch (command) {
    case READ_SECTORS:
    case READ_SECTORS | NO_RETRY:
        load_sector(a);
        break;
    case WRITE_SECTORS:
    case WRITE_SECTORS | NO_RETRY:
        if (a->next >= a->sectors)
            finish(a, ERROR_NO_ID);
        else
            ask(a, ATA_FROM_GUEST, false);
        break;
    case VERIFY_SECTORS:
    case VERIFY_SECTORS | NO_RETRY:
        finish(a, a->next >= a->sectors || a->left > a->sectors - a->next ? ERROR_NO_ID : 0);
        break;
    case IDENTIFY:
        identify(a);
        break;
    case DIAGNOSTIC:
        set_signature(a);
        a->interrupt = true;
        break;
    case CHECK_POWER:
        a->count = POWER_ACTIVE;
        finish(a, 0);
        break;
    case RECALIBRATE:
    case SEEK:
    case SET_GEOMETRY:
    case STANDBY_NOW:
    case IDLE_NOW:
    case FLUSH:
    case SET_FEATURES:
        finish(a, 0);
        break;
    default:
        finish(a, ERROR_ABORTED);
        break;
    }
    update(a);
}

static bool second(const struct ata *a)
{
    return a->device & DEVICE_SECOND;
}

/* Whether the buffer holds, or has room for, so many bytes more: the usual case. */
static inline bool within(const struct ata *a, enum ata_phase phase, unsigned size)
{
    return a->phase == phase && a->at + size <= ATA_SECTOR;
}

u32 ata_read_data(struct ata *a, unsigned size)
{
    u32 value = 0;

    if (likely(within(a, ATA_TO_GUEST, size))) {
        value = get_bytes(a->buffer + a->at, size);
        a->at = (u16)(a->at + size);
        if (a->at == ATA_SECTOR)
            sector_moved(a);
        return value;
    }
    for (unsigned i = 0; i < size && a->phase == ATA_TO_GUEST; i++) {
        value |= (u32)a->buffer[a->at++] << 8 * i;
        if (a->at == ATA_SECTOR)
            sector_moved(a);
    }
    return value;
}

void ata_write_data(struct ata *a, unsigned size, u32 value)
{
    if (likely(within(a, ATA_FROM_GUEST, size))) {
        put_bytes(a->buffer + a->at, size, value);
        a->at = (u16)(a->at + size);
        if (a->at == ATA_SECTOR)
            sector_moved(a);
        return;
    }
    for (unsigned i = 0; i < size && a->phase == ATA_FROM_GUEST; i++) {
        a->buffer[a->at++] = (u8)(value >> 8 * i);
        if (a->at == ATA_SECTOR)
            sector_moved(a);
    }
}

u8 ata_read(struct ata *a, u16 port)
{
    if (port == ATA_DEVICE)
        return a->device | DEVICE_FIXED;
    if (second(a))
        return 0;
    switch (port) {
    case ATA_FEATURE:
        return a->error;
    case ATA_COUNT:
        return a->count;
    case ATA_LOW:
        return a->low;
    case ATA_MID:
        return a->mid;
    case ATA_HIGH:
        return a->high;
    case ATA_COMMAND: /* ends the interrupt; the alternate status does not */
        a->interrupt = false;
        update(a);
        return a->status;
    default:
        return a->status;
    }
}

static void write_control(struct ata *a, u8 value)
{
    if (a->control & ~value & CONTROL_RESET)
        set_signature(a);
    a->control = value;
    update(a);
}

/* Registers other than the control are not written while data moves. */
void ata_write(struct ata *a, u16 port, u8 value)
{
    if (port == ATA_CONTROL) {
        write_control(a, value);
        return;
    }
    if (a->phase != ATA_IDLE)
        return;
    switch (port) {
    case ATA_FEATURE:
        a->feature = value;
        break;
    case ATA_COUNT:
        a->count = value;
        break;
    case ATA_LOW:
        a->low = value;
        break;
    case ATA_MID:
        a->mid = value;
        break;
    case ATA_HIGH:
        a->high = value;
        break;
    case ATA_DEVICE:
        a->device = value;
        break;
    default:
        if (!second(a) || value == DIAGNOSTIC)
            start(a, value);
        break;
    }
}

static u8 read_byte(void *device, u16 port)
{
    return port == ATA_DATA ? (u8)ata_read_data(device, 1) : ata_read(device, port);
}

static void write_byte(void *device, u16 port, u8 value)
{
    if (port == ATA_DATA)
        ata_write_data(device, 1, value);
    else
        ata_write(device, port, value);
}

static u32 port_read_ata(void *device, u16 port, unsigned size)
{
    return port == ATA_DATA ? ata_read_data(device, size)
                            : read_bytes(device, port, size, read_byte);
}

static void port_write_ata(void *device, u16 port, unsigned size, u32 value)
{
    if (port == ATA_DATA)
        ata_write_data(device, size, value);
    else
        write_bytes(device, port, size, value, write_byte);
}

int ata_attach(struct domain *d)
{
    static const struct port_ops ops = {.read = port_read_ata, .write = port_write_ata};
    struct ata *a;
    int error;

    if (!d->disk)
        return 0;
    a = device_alloc(d, sizeof(*a), NULL);
    if (!a)
        return -ENOMEM;
    ata_init(a, d, (u8 *)module_bytes(d->disk), d->disk->end - d->disk->start);
    error = port_register(d, ATA_DATA, ATA_PORTS, &ops, a);
    return error ? error : port_register(d, ATA_CONTROL, 1, &ops, a);
}
