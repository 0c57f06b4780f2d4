/*
 * PCI configuration space by its mechanism #1, with a host bridge and nothing behind it, and the
 * reset port beside it. Source: PCI Local Bus Specification 3.0, "Configuration Mechanism #1";
 * 82441FX (PMC) data sheet; 82371SB data sheet, "Reset Control Register".
 */
#ifndef PCI_H
#define PCI_H

#include "types.h"

struct domain;

enum pci_limits { PCI_CONFIG_BYTES = 256 };

struct pci {
    struct domain *domain;         /* whose */
    u32 address;                   /* port 0xcf8, as written */
    u8 reset;                      /* port 0xcf9 */
    u8 bridge[PCI_CONFIG_BYTES];   /* the host bridge's registers: 00:00.0 */
    u8 writable[PCI_CONFIG_BYTES]; /* bits of them that can be written */
};

void pci_init(struct pci *p, struct domain *d);
/* The ports 0xcf8 to 0xcff. */
u32 pci_read(struct pci *p, u16 port, unsigned size);
void pci_write(struct pci *p, u16 port, unsigned size, u32 value);

#endif
