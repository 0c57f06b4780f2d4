/* What stub_pv.c pretends, and what it counted. */
#ifndef STUB_PV_H
#define STUB_PV_H

#include "stub_pv_copy.h"

#include "../../src/pv/pv.h"

extern unsigned stub_pv_woken, stub_pv_drained;
extern u64 stub_pv_now; /* TSC */

#endif
