/*
 * Building the ACPI tables. Source: ACPI Specification 6.4, "ACPI Software Programming Model".
 *
 * Layouts are those of the specification, packed; the numbers in the initializers are its names'.
 */
#include "acpi.h"

#include "acpi_pm.h"
#include "ioapic.h"
#include "irq.h"
#include "lapic.h"

#include <string.h>

#define PACKED __attribute__((packed))

struct acpi_rsdp {
    char signature[8]; /* "RSD PTR " */
    u8 checksum;       /* of the first 20 bytes */
    char oem[6];       /* who made it */
    u8 revision;       /* 2: what follows is there */
    u32 rsdt;          /* its address */
    u32 length;        /* of all of it */
    u64 xsdt;          /* its address */
    u8 checksum_all;   /* of all of it */
    u8 reserved[3];
} PACKED;
_Static_assert(sizeof(struct acpi_rsdp) == 36, "RSDP");

struct acpi_header {
    char signature[4]; /* the table's name */
    u32 length;        /* with this header */
    u8 revision;       /* of its layout */
    u8 checksum;       /* makes the sum of all bytes 0 */
    char oem[6];       /* who made it */
    char oem_table[8]; /* and what */
    u32 oem_revision;  /* of his */
    char creator[4];   /* the tool */
    u32 creator_revision;
} PACKED;
_Static_assert(sizeof(struct acpi_header) == 36, "header");

/* "Generic Address Structure" */
struct acpi_address {
    u8 space;  /* 1: ports */
    u8 width;  /* in bits */
    u8 offset; /* in bits */
    u8 access; /* 1: bytes, 2: 16 bits, 3: 32 bits */
    u64 address;
} PACKED;
_Static_assert(sizeof(struct acpi_address) == 12, "address");

struct acpi_fadt {
    struct acpi_header header;
    u32 facs, dsdt;       /* their addresses */
    u8 reserved, profile; /* preferred power management profile: 1, desktop */
    u16 sci;              /* the line of its events */
    u32 smi_command;      /* 0: always in ACPI mode */
    u8 modes[4];          /* commands for that port */
    u32 pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, pm_timer, gpe[2];
    u8 event_bytes, control_bytes, pm2_bytes, timer_bytes, gpe_bytes[2], gpe1_base, cstate_command;
    u16 c2_latency, c3_latency;                  /* too long: no such states */
    u16 flush[2];                                /* unused: WBINVD works */
    u8 duty[2], day_alarm, month_alarm, century; /* of the CMOS */
    u16 boot_flags;                              /* what of a PC there is */
    u8 reserved2;
    u32 flags; /* fixed features */
    struct acpi_address reset;
    u8 reset_value; /* to be written there */
    u16 arm_flags;
    u8 minor;
    u64 x_facs, x_dsdt;
    struct acpi_address x_pm1a_event, x_pm1b_event, x_pm1a_control, x_pm1b_control, x_pm2_control,
        x_pm_timer, x_gpe[2];
} PACKED;
_Static_assert(sizeof(struct acpi_fadt) == 244, "FADT, revision 4");

struct acpi_facs {
    char signature[4]; /* "FACS" */
    u32 length, hardware, waking_vector, lock, flags;
    u64 x_waking_vector;
    u8 version, reserved[31];
} PACKED;
_Static_assert(sizeof(struct acpi_facs) == 64, "FACS");

struct acpi_madt_lapic {
    u8 type, length, processor, id; /* 0 */
    u32 flags;                      /* 1: enabled */
} PACKED;
struct acpi_madt_ioapic {
    u8 type, length, id, reserved; /* 1 */
    u32 address, first_line;
} PACKED;
struct acpi_madt_override {
    u8 type, length, bus, source; /* 2: an ISA line that is wired or works otherwise */
    u32 line;
    u16 flags; /* 0xd: active high, level-triggered */
} PACKED;
struct acpi_madt_nmi {
    u8 type, length, processor; /* 4; 0xff: all */
    u16 flags;
    u8 lint;
} PACKED;
/* The processors' entries follow. */
struct acpi_madt {
    struct acpi_header header;
    u32 lapic; /* address of the local APICs */
    u32 flags; /* 1: there are 8259s, too */
    struct acpi_madt_ioapic ioapic;
    struct acpi_madt_override timer, sci;
    struct acpi_madt_nmi nmi;
} PACKED;
_Static_assert(sizeof(struct acpi_madt) == 44 + 12 + 20 + 6, "MADT");

enum fadt_values {
    PROFILE_DESKTOP = 1,
    LEGACY_DEVICES = 1 << 0,
    NO_VGA = 1 << 2,
    FLAG_WBINVD = 1 << 0,
    FLAG_C1 = 1 << 2,
    FLAG_NO_POWER_BUTTON = 1 << 4,
    FLAG_NO_SLEEP_BUTTON = 1 << 5,
    FLAG_TIMER_32 = 1 << 8,
    FLAG_RESET = 1 << 10,
    NO_C2 = 101,
    NO_C3 = 1001,
    CMOS_CENTURY = 0x32,
    RESET_PORT = 0xcf9,
    RESET_VALUE = 6,
    SPACE_PORTS = 1,
};

/*
 * The DSDT's program, as bytes (ACPI Specification, "ACPI Machine Language (AML) Specification"):
 *   Name (\_S5_, Package (4) {5, 5, 0, 0})
 *   Scope (\_SB_) { Device (PCI0) { Name (_HID, EisaId ("PNP0A03")) Name (_CRS, ...) } }
 * with _CRS: buses 0 to 0xff; ports 0xcf8 to 0xcff; ports 0 to 0xcf7 and 0xd00 to 0xffff behind it.
 */
static const u8 dsdt_program[] = {
    0x08, '_',
    'S',  '5',
    '_',  0x12,
    8,    4,
    0x0a, PM_SLEEP_OFF,
    0x0a, PM_SLEEP_OFF,
    0x00, 0x00,
    0x10, 0x4f,
    0x05, '\\',
    '_',  'S',
    'B',  '_', /* Scope: 95 bytes */
    0x5b, 0x82,
    0x46, 0x05,
    'P',  'C',
    'I',  '0', /* Device: 86 */
    0x08, '_',
    'H',  'I',
    'D',  0x0c,
    0x41, 0xd0,
    0x0a, 0x03, /* EisaId */
    0x08, '_',
    'C',  'R',
    'S',  0x11,
    0x40, 0x04,
    0x0a, 0x3c, /* Buffer: 64, with 60 */
    0x88, 0x0d,
    0,    2,
    0x0c, 0,
    0,    0,
    0,    0,
    0xff, 0,
    0,    0,
    0,    1, /* WordBusNumber */
    0x47, 0x01,
    0xf8, 0x0c,
    0xf8, 0x0c,
    1,    8, /* IO */
    0x88, 0x0d,
    0,    1,
    0x0c, 3,
    0,    0,
    0,    0,
    0xf7, 0x0c,
    0,    0,
    0xf8, 0x0c, /* WordIO */
    0x88, 0x0d,
    0,    1,
    0x0c, 3,
    0,    0,
    0x00, 0x0d,
    0xff, 0xff,
    0,    0,
    0,    0xf3, /* WordIO */
    0x79, 0x00,
    0x00, 0x00, /* EndTag, filled */
};

/* Where the next table goes. */
struct builder {
    u8 *out; /* ACPI_BYTES */
    u32 at;  /* guest-physical address of out[0] */
    u32 used;
};

static u8 negated_sum(const void *p, u32 n)
{
    const u8 *byte = p;
    u8 sum = 0;

    for (u32 i = 0; i < n; i++)
        sum += byte[i];
    return (u8)-sum;
}

/* Room for a table, at a multiple of 64; *gpa is where the guest finds it. */
static void *take(struct builder *b, u32 bytes, u32 *gpa)
{
    u8 *p = b->out + b->used;

    *gpa = b->at + b->used;
    b->used += (bytes + 63) & ~63u;
    return p;
}

static void head(struct acpi_header *h, const char *signature, u8 revision, u32 length)
{
    *h = (struct acpi_header){
        .length = length,
        .revision = revision,
        .oem = {'T', 'R', 'I', 'V', 'I', 'S'},
        .oem_table = {'T', 'R', 'I', 'V', 'I', 'S', 'O', 'R'},
        .oem_revision = 1,
        .creator = {'T', 'R', 'I', 'V'},
        .creator_revision = 1,
    };
    memcpy(h->signature, signature, sizeof(h->signature));
}

static void seal(struct acpi_header *h)
{
    h->checksum = 0;
    h->checksum = negated_sum(h, h->length);
}

static struct acpi_address port_address(u16 port, u8 bytes)
{
    return (struct acpi_address){.space = SPACE_PORTS,
                                 .width = (u8)(8 * bytes),
                                 .access = bytes == 4 ? 3 : bytes,
                                 .address = port};
}

static u32 build_dsdt(struct builder *b)
{
    u32 gpa, length = sizeof(struct acpi_header) + sizeof(dsdt_program);
    struct acpi_header *h = take(b, length, &gpa);

    head(h, "DSDT", 2, length);
    memcpy(h + 1, dsdt_program, sizeof(dsdt_program));
    seal(h);
    return gpa;
}

static u32 build_facs(struct builder *b)
{
    u32 gpa;
    struct acpi_facs *f = take(b, sizeof(*f), &gpa);

    *f = (struct acpi_facs){.signature = {'F', 'A', 'C', 'S'}, .length = sizeof(*f), .version = 2};
    return gpa;
}

static u32 build_fadt(struct builder *b)
{
    u32 gpa, facs = build_facs(b), dsdt = build_dsdt(b);
    struct acpi_fadt *f = take(b, sizeof(*f), &gpa);

    *f = (struct acpi_fadt){
        .facs = facs,
        .dsdt = dsdt,
        .profile = PROFILE_DESKTOP,
        .sci = IRQ_ACPI,
        .pm1a_event = PM_EVENT,
        .pm1a_control = PM_CONTROL,
        .pm_timer = PM_TIMER,
        .event_bytes = PM_EVENT_BYTES,
        .control_bytes = PM_CONTROL_BYTES,
        .timer_bytes = PM_TIMER_BYTES,
        .c2_latency = NO_C2,
        .c3_latency = NO_C3,
        .century = CMOS_CENTURY,
        .boot_flags = LEGACY_DEVICES | NO_VGA,
        .flags = FLAG_WBINVD | FLAG_C1 | FLAG_NO_POWER_BUTTON | FLAG_NO_SLEEP_BUTTON |
                 FLAG_TIMER_32 | FLAG_RESET,
        .reset = port_address(RESET_PORT, 1),
        .reset_value = RESET_VALUE,
        .x_facs = facs,
        .x_dsdt = dsdt,
        .x_pm1a_event = port_address(PM_EVENT, PM_EVENT_BYTES),
        .x_pm1a_control = port_address(PM_CONTROL, PM_CONTROL_BYTES),
        .x_pm_timer = port_address(PM_TIMER, PM_TIMER_BYTES),
    };
    head(&f->header, "FACP", 4, sizeof(*f));
    seal(&f->header);
    return gpa;
}

static struct acpi_madt_override wired(u8 source, u32 line, u16 flags)
{
    return (struct acpi_madt_override){
        .type = 2, .length = 10, .source = source, .line = line, .flags = flags};
}

static u32 build_madt(struct builder *b, u32 vcpus)
{
    enum { TIMER_PIN = 2, LEVEL_HIGH = 0xd, LINT_NMI = 1 };
    u32 gpa, length = sizeof(struct acpi_madt) + vcpus * sizeof(struct acpi_madt_lapic);
    struct acpi_madt *m = take(b, length, &gpa);
    struct acpi_madt_lapic *processor = (struct acpi_madt_lapic *)(m + 1);

    *m = (struct acpi_madt){
        .lapic = (u32)LAPIC_DEFAULT_BASE,
        .flags = 1,
        .ioapic = {.type = 1, .length = 12, .address = (u32)IOAPIC_BASE},
        .timer = wired(IRQ_TIMER, TIMER_PIN, 0),
        .sci = wired(IRQ_ACPI, IRQ_ACPI, LEVEL_HIGH),
        .nmi = {.type = 4, .length = 6, .processor = 0xff, .lint = LINT_NMI},
    };
    for (u32 i = 0; i < vcpus; i++)
        processor[i] =
            (struct acpi_madt_lapic){.length = 8, .processor = (u8)i, .id = (u8)i, .flags = 1};
    head(&m->header, "APIC", 3, length);
    seal(&m->header);
    return gpa;
}

/* RSDT and XSDT: the same list, in 32 and in 64 bits. */
static u32 build_list(struct builder *b, const char *signature, u32 entry_bytes, const u32 *tables,
                      u32 n)
{
    u32 gpa, length = sizeof(struct acpi_header) + n * entry_bytes;
    struct acpi_header *h = take(b, length, &gpa);
    u8 *entry = (u8 *)(h + 1);

    memset(entry, 0, n * entry_bytes);
    for (u32 i = 0; i < n; i++)
        memcpy(entry + i * entry_bytes, &tables[i], sizeof(tables[i]));
    head(h, signature, 1, length);
    seal(h);
    return gpa;
}

u32 acpi_build(u8 *out, u32 at, u32 vcpus)
{
    struct builder b = {.out = out, .at = at};
    u32 gpa, tables[2];
    struct acpi_rsdp *r = take(&b, sizeof(*r), &gpa);

    tables[0] = build_fadt(&b);
    tables[1] = build_madt(&b, vcpus);
    *r = (struct acpi_rsdp){
        .signature = {'R', 'S', 'D', ' ', 'P', 'T', 'R', ' '},
        .oem = {'T', 'R', 'I', 'V', 'I', 'S'},
        .revision = 2,
        .length = sizeof(*r),
        .rsdt = build_list(&b, "RSDT", sizeof(u32), tables, ARRAY_SIZE(tables)),
        .xsdt = build_list(&b, "XSDT", sizeof(u64), tables, ARRAY_SIZE(tables)),
    };
    r->checksum = negated_sum(r, offsetof(struct acpi_rsdp, length));
    r->checksum_all = negated_sum(r, sizeof(*r));
    return b.used;
}
