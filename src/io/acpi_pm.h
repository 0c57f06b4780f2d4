/*
 * ACPI's fixed hardware: power-off, the PM timer, the event registers. Source: ACPI Specification
 * 6.4, "ACPI Hardware Specification", "Fixed Hardware Features".
 */
#ifndef ACPI_PM_H
#define ACPI_PM_H

#include "device_clock.h"
#include "types.h"
#include "vcpu.h"

struct domain;

/* The ports, as the FADT tells them, and what it tells of power-off. */
enum acpi_pm_layout {
    PM_EVENT = 0x600, /* status and enable, 16 bits each */
    PM_CONTROL = 0x604,
    PM_TIMER = 0x608,
    PM_PORTS = 0xc,
    PM_EVENT_BYTES = 4,
    PM_CONTROL_BYTES = 2,
    PM_TIMER_BYTES = 4,
    PM_TIMER_HZ = 3579545,
    PM_SLEEP_OFF = 5, /* \_S5's type */
};

struct acpi_pm {
    struct domain *domain;     /* whose */
    struct device_clock clock; /* the PM timer's crystal */
    struct timer timer;        /* the next change of its top bit, if that interrupts */
    u64 seen;                  /* clock up to which `status` is true */
    u16 status, enable;        /* PM1 event registers */
    u16 control;               /* PM1 control register */
};

void acpi_pm_init(struct acpi_pm *p, struct domain *d, u64 now);
/* A byte of PM_EVENT to PM_EVENT + PM_PORTS - 1. */
u8 acpi_pm_read(struct acpi_pm *p, u16 port, u64 now);
void acpi_pm_write(struct acpi_pm *p, u16 port, u8 value, u64 now);

#endif
