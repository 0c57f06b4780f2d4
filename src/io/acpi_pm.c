/*
 * ACPI's fixed hardware. The machine is always in ACPI mode. The PM timer has 32 bits; the change
 * of its top bit is an event, every twenty minutes. There is no button.
 */
#include "acpi_pm.h"

#include "devices.h"
#include "domain.h"
#include "errno.h"
#include "io_space.h"
#include "irq.h"
#include "sched.h"
#include "timer.h"

enum pm_bits {
    EVENT_TIMER_CARRY = 1 << 0,
    EVENT_WRITABLE = 0x0721, /* those that the specification has */
    CONTROL_ACPI = 1 << 0,   /* SCI_EN */
    CONTROL_TYPE_SHIFT = 10,
    CONTROL_TYPE = 7,
    CONTROL_SLEEP = 1 << 13,
    CONTROL_WRITABLE = 0x1c02, /* sleep type, bus master reload */
    CARRY_SHIFT = 31,
    LONGEST_WAIT = 1 << 28, /* clocks */
};

void acpi_pm_init(struct acpi_pm *p, struct domain *d, u64 now)
{
    *p = (struct acpi_pm){.domain = d, .control = CONTROL_ACPI};
    device_clock_init(&p->clock, PM_TIMER_HZ, now);
}

static void collect(struct acpi_pm *p, u64 now)
{
    u64 clock = device_clock_at(&p->clock, now);

    if (clock >> CARRY_SHIFT != p->seen >> CARRY_SHIFT)
        p->status |= EVENT_TIMER_CARRY;
    p->seen = clock;
}

/* Sets the line, or the timer for when it is to be set. */
static void arm(struct acpi_pm *p, u64 now)
{
    u64 left = (1ULL << CARRY_SHIFT) - (p->seen & ((1ULL << CARRY_SHIFT) - 1));

    timer_cancel(&p->timer);
    irq_set(p->domain, IRQ_ACPI, p->status & p->enable);
    if (p->enable & ~p->status & EVENT_TIMER_CARRY)
        timer_set(&p->timer, device_clock_deadline(&p->clock, now, MIN(left, (u64)LONGEST_WAIT)));
}

static void fire(struct timer *t, u64 now)
{
    struct acpi_pm *p = container_of(t, struct acpi_pm, timer);

    collect(p, now);
    arm(p, now);
}

static u8 byte_of(u64 value, unsigned i)
{
    return (u8)(value >> 8 * i);
}

u8 acpi_pm_read(struct acpi_pm *p, u16 port, u64 now)
{
    u16 at = (u16)(port - PM_EVENT);

    collect(p, now);
    if (port >= PM_TIMER)
        return byte_of(p->seen, port - PM_TIMER);
    if (port >= PM_CONTROL)
        return port < PM_CONTROL + PM_CONTROL_BYTES ? byte_of(p->control, port - PM_CONTROL) : 0xff;
    return byte_of((u32)p->enable << 16 | p->status, at);
}

static void write_control(struct acpi_pm *p, u16 value)
{
    if (value & CONTROL_SLEEP && (value >> CONTROL_TYPE_SHIFT & CONTROL_TYPE) == PM_SLEEP_OFF)
        domain_end(p->domain, END_POWEROFF, 0, "%s", "");
    p->control = (value & CONTROL_WRITABLE) | CONTROL_ACPI;
}

/* A register with one of its bytes replaced. */
static u16 with_byte(u16 old, unsigned i, u8 value)
{
    return (u16)((old & ~(0xffu << 8 * i)) | (u32)value << 8 * i);
}

void acpi_pm_write(struct acpi_pm *p, u16 port, u8 value, u64 now)
{
    unsigned i = port & 1;

    collect(p, now);
    if (port < PM_EVENT + 2)
        p->status &= (u16) ~((u32)value << 8 * i); /* what is written as 1 is cleared */
    else if (port < PM_CONTROL)
        p->enable = with_byte(p->enable, i, value) & EVENT_WRITABLE;
    else if (port < PM_CONTROL + PM_CONTROL_BYTES)
        write_control(p, with_byte(p->control, i, value));
    if (port < PM_CONTROL)
        arm(p, now);
}

static u32 port_read_pm(void *device, u16 port, unsigned size)
{
    u64 now = sched_now();
    u32 value = 0;

    for (unsigned i = 0; i < size; i++)
        value |= (u32)acpi_pm_read(device, (u16)(port + i), now) << 8 * i;
    return value;
}

static void port_write_pm(void *device, u16 port, unsigned size, u32 value)
{
    for (unsigned i = 0; i < size; i++)
        acpi_pm_write(device, (u16)(port + i), (u8)(value >> 8 * i), sched_now());
}

static void stop(void *device)
{
    timer_cancel(&((struct acpi_pm *)device)->timer);
}

int acpi_pm_attach(struct domain *d)
{
    static const struct port_ops ops = {.read = port_read_pm, .write = port_write_pm};
    struct acpi_pm *p = device_alloc(d, sizeof(*p), stop);

    if (!p)
        return -ENOMEM;
    acpi_pm_init(p, d, sched_now());
    p->timer.fire = fire;
    return port_register(d, PM_EVENT, PM_PORTS, &ops, p);
}
