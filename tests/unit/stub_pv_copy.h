/* The bytes that stub_pv_copy.c does not reach. */
#ifndef STUB_PV_COPY_H
#define STUB_PV_COPY_H

#include "types.h"

extern u64 stub_pv_bad;       /* the first of them */
extern u64 stub_pv_bad_bytes; /* how many; 0: all memory is reached */

#endif
