/* The figures of `privileged` that are calls to a hypervisor. */
#ifndef PRIVILEGED_CALLS_H
#define PRIVILEGED_CALLS_H

#include "kit/types.h"

/* Asks for the use of ports where one must; returns whether they may be used. */
bool calls_allow_ports(void);
void calls_measure(void);

#endif
