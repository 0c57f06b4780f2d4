/*
 * Which line reaches which interrupt controller, and whose output reaches the processor.
 *
 * Invariant: a line's level is the same at every controller that it is wired to.
 */
#include "irq.h"

#include "domain.h"
#include "io_space.h"
#include "ioapic.h"
#include "lapic.h"
#include "pic.h"
#include "pit.h"
#include "sched.h"
#include "wiring.h"

/* The IOAPIC's pin of a line: the timer's is 2, as on every PC; pin 0 is connected to nothing. */
static unsigned pin_of(unsigned line)
{
    enum { TIMER_PIN = 2 };

    return line == IRQ_TIMER ? TIMER_PIN : line;
}

void irq_set(struct domain *d, unsigned line, bool high)
{
    if (line < IRQ_PIC_LINES)
        pic_set_line(d->io->pic, line, high);
    if (line < IRQ_LINES && line != IRQ_CASCADE)
        ioapic_set_pin(d->io->ioapic, pin_of(line), high);
}

static bool ioapic_hears(struct domain *d, unsigned line)
{
    return line < IRQ_LINES && ioapic_heard(d->io->ioapic, pin_of(line));
}

bool irq_heard(struct domain *d, unsigned line)
{
    return ioapic_hears(d, line) || (line < IRQ_PIC_LINES && pic_heard(d->io->pic, line));
}

bool irq_pulse(struct domain *d, unsigned line)
{
    bool waits = false;

    if (ioapic_hears(d, line))
        waits = ioapic_requested(d->io->ioapic, pin_of(line));
    else if (line < IRQ_PIC_LINES)
        waits = pic_requested(d->io->pic, line);
    if (waits)
        return false;
    irq_set(d, line, false);
    irq_set(d, line, true);
    return irq_heard(d, line);
}

u8 irq_acknowledge(struct domain *d)
{
    return pic_acknowledge(d->io->pic);
}

/* INTR is the first processor's LINT0. It has none while the domain is being built. */
void wire_intr(struct domain *d, bool high)
{
    if (d->vcpu[0] && d->vcpu[0]->lapic)
        lapic_set_lint0(d->vcpu[0]->lapic, high);
}

void wire_end(struct domain *d, u8 vector)
{
    ioapic_end(d->io->ioapic, vector);
}

void wire_unmasked(struct domain *d)
{
    if (d->io->pit)
        pit_listen(d->io->pit, sched_now());
}

void irq_before_sleep(struct domain *d)
{
    if (d->io->pit)
        pit_before_sleep(d->io->pit, sched_now());
}
