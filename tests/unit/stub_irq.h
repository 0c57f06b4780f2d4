/* Interrupt lines that only remember. */
#ifndef STUB_IRQ_H
#define STUB_IRQ_H

#include "irq.h"

extern bool stub_line[IRQ_LINES];      /* levels */
extern unsigned stub_edges[IRQ_LINES]; /* rises */
extern bool stub_merge[IRQ_LINES];     /* irq_pulse finds an earlier request */
extern bool stub_deaf[IRQ_LINES];      /* nobody listens */
void stub_irq_begin(void);

#endif
