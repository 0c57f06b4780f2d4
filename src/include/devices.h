/*
 * The devices that a fully virtualized domain finds: made at its building, freed at its end.
 */
#ifndef DEVICES_H
#define DEVICES_H

struct domain;

/* Guest-physical: no RAM from here to 4 GiB, but the IOAPIC and the local APIC. */
#define DEVICE_HOLE 0xfec00000ULL

/* A 16550 at the ports of COM1, whose output goes to the domain's console. 0 or -E. */
int uart_attach(struct domain *d);
/* Two 8259s, an 8254 with the speaker port, a clock with CMOS memory. 0 or -E. */
int pic_attach(struct domain *d);
int pit_attach(struct domain *d);
int rtc_attach(struct domain *d);
/* The keyboard controller with nothing but reset and A20; the ports 0x80, 0x92, 0xe9. 0 or -E. */
int kbc_attach(struct domain *d);
int board_attach(struct domain *d);
/* PCI configuration space with a host bridge, and the reset port; ACPI's fixed hardware. 0 or -E.
 */
int pci_attach(struct domain *d);
int acpi_pm_attach(struct domain *d);
/* An ATA disk over the module d->disk; nothing if there is none. 0 or -E. */
int ata_attach(struct domain *d);
/* All of these, and the table of ports and MMIO regions. 0 or -E. */
int devices_attach(struct domain *d);
/* The I/O APIC's memory. 0 or -E. */
int ioapic_attach(struct domain *d);
/* The ports that end the domain (docs/formats.md, "How a machine stops"). 0 or -E. */
int end_port_attach(struct domain *d);
/* The domain's table of ports and MMIO regions. 0 or -ENOMEM. */
int io_space_init(struct domain *d);

#endif
