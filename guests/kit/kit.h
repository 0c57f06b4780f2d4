/*
 * What a guest's main.c includes: the kit's whole public face.
 */
#ifndef KIT_H
#define KIT_H

#include "kit/boot.h"
#include "kit/check.h"
#include "kit/figure.h"
#include "kit/insn.h"
#include "kit/memory.h"
#include "kit/platform.h"
#include "kit/print.h"
#include "kit/probe.h"
#include "kit/space.h"
#include "kit/trap.h"
#include "kit/types.h"
#include "kit/user.h"

/* The guest itself. It may return early; its checks decide whether it succeeded. */
void guest_main(void);
/* Its name, as in guests/NAME. */
extern const char guest_name[];

#endif
