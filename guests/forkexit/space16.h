/* The figures of `forkexit` that are an address space without a process. */
#ifndef FORKEXIT_SPACE16_H
#define FORKEXIT_SPACE16_H

#include "kit/space.h"

/* Measures spaces of 16 pages; `home` is loaded before and after. */
void space16_measure(struct space *home);

#endif
