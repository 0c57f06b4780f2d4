/* The parts of the guest events. */
#ifndef EVENTS_H
#define EVENTS_H

#include "kit/kit.h"

#endif
