/*
 * The wires between a domain's interrupt controllers and what is behind them: irq.c has both ends.
 */
#ifndef WIRING_H
#define WIRING_H

#include "types.h"

struct domain;

/* The first 8259's INTR output changed. */
void wire_intr(struct domain *d, bool high);
/* A local APIC has ended the service of a level-triggered vector. */
void wire_end(struct domain *d, u8 vector);
/* A controller has unmasked a line: who stopped ticking because nobody listened may go on. */
void wire_unmasked(struct domain *d);

#endif
