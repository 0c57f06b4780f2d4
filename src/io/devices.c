/*
 * The devices of a domain, in the order in which they are made: first who is interrupted.
 */
#include "devices.h"

#include "domain.h"
#include "lapic.h"

int devices_attach(struct domain *d)
{
    static int (*const attach[])(struct domain *) = {
        io_space_init,   pic_attach,  ioapic_attach,  lapic_attach, pit_attach,
        rtc_attach,      pci_attach,  acpi_pm_attach, kbc_attach,   board_attach,
        end_port_attach, uart_attach, ata_attach,
    };
    int error = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(attach) && !error; i++)
        error = attach[i](d);
    return error;
}
