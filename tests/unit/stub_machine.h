/* What stub_machine.c counted, and which domains it says exist. */
#ifndef STUB_MACHINE_H
#define STUB_MACHINE_H

#include "types.h"

extern unsigned violations_seen;
extern u64 domains_that_exist; /* bit a domain id */

#endif
