/*
 * The rules of enterable.c, apart from the processor's registers, for a host test.
 */
#ifndef ENTERABLE_H
#define ENTERABLE_H

#include "virt.h"

/* In protected mode, outside virtual-8086 mode: do the segments, by enum seg, pass the checks of a
 * VM entry without `unrestricted guest`? */
bool vmx_segments_enterable(const struct segment segment[SEG_TR + 1]);

#endif
