/* Demand filling, a part of `pagetable`. */
#ifndef PAGETABLE_FILL_H
#define PAGETABLE_FILL_H

#include "kit/space.h"

/* Fills 16 MiB of the space, which is loaded, page by page from page faults; prints the figures. */
void fill_measure(struct space *s);

#endif
